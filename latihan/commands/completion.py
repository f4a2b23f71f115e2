"""``completion``: what a shell needs to complete the lab's command lines."""

from __future__ import annotations

import argparse
import shlex

from argcomplete.shell_integration import shellcode

from latihan.base.exits import Exit
from latihan.commands.command import Context

RAW = False

_SHELLS = ("bash", "zsh", "fish")
# A function of that name, so that no path has to be typed, and the program itself.
_NAME = "latihan"
_ALSO = ("runner.py", "./runner.py")
_FUNCTIONS = {
    "bash": '{name}() {{ python3 {program} "$@"; }}',
    "zsh": '{name}() {{ python3 {program} "$@"; }}',
    "fish": "function {name}; python3 {program} $argv; end",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``completion``."""
    parser.add_argument("shell", nargs="?", choices=_SHELLS, default=_SHELLS[0])


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print shell code: the function ``latihan``, and how to complete what follows it."""
    program = str(context.project.root / "runner.py")
    function = _FUNCTIONS[options.shell].format(name=_NAME, program=shlex.quote(program))
    code = shellcode([_NAME, *_ALSO], shell=options.shell, argcomplete_script=program)
    print(function, code, sep="\n")
    return Exit.HOLDS
