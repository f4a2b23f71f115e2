"""``test``: lint, unit tests and integration tests, as one run of pytest."""

from __future__ import annotations

import argparse
import os
import sys

from latihan.commands.command import Context, become, need_tools

RAW = False

# The linters run beside the other tests; their results are collected at the end.
_PARTS = ("unit", "integration", "lint")
# These take minutes, and most of them need programs that few machines have.
_ON_DEMAND = ("container", "machines", "room", "faults")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``test``."""
    parser.add_argument("parts", nargs="*", metavar="PART", type=_part,
                        help=f"one or more of: {', '.join(_PARTS)} (default: these), "
                        f"{', '.join(_ON_DEMAND)}")  # fmt: skip
    parser.add_argument("-k", default="", metavar="WORDS", help="only tests whose names match")
    parser.add_argument("-x", action="store_true", help="stop at the first failure")


def _part(name: str) -> str:
    """The name of a part of the tests; argparse's ``choices`` would refuse an empty list."""
    if name not in (known := [*_PARTS, *_ON_DEMAND]):
        raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}")
    return name


def execute(context: Context, options: argparse.Namespace) -> int:
    """Become pytest, so that its summary is printed last and its exit code is ours."""
    need_tools()
    parts = options.parts or _PARTS
    folders = [f"tests/{part}" for part in (*_PARTS, *_ON_DEMAND) if part in parts]
    argv = [sys.executable, "-m", "pytest", "-v", *folders]
    argv += ["-k", options.k] if options.k else []
    argv += ["-x"] if options.x else []
    os.chdir(context.project.root)
    return become(argv)
