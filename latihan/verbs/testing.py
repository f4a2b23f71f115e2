"""``test``: lint, unit tests and integration tests, as one run of pytest."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from latihan.verbs.base import Context

RAW = False

_PARTS = ("lint", "unit", "integration")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``test``."""
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[*_PARTS, []],
                        help=f"some of: {', '.join(_PARTS)} (all)")  # fmt: skip
    parser.add_argument("-k", default="", metavar="WORDS", help="only tests whose names match")
    parser.add_argument("-x", action="store_true", help="end at the first failure")


def execute(context: Context, options: argparse.Namespace) -> int:
    """Run the tests; pytest's exit code is ours, and its closing line the last thing printed."""
    root = context.project.root
    folders = [f"tests/{part}" for part in _PARTS if part in (options.parts or _PARTS)]
    argv = [sys.executable, "-m", "pytest", "-v", *folders]
    argv += ["-k", options.k] if options.k else []
    argv += ["-x"] if options.x else []
    folder = os.path.dirname(sys.executable)  # noqa: PTH120 - a string is what the PATH takes
    environment = {**os.environ, "PATH": f"{folder}:{os.environ.get('PATH', os.defpath)}"}
    return subprocess.run(argv, cwd=root, env=environment, check=False).returncode
