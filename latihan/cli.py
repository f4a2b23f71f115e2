"""The command line: which command is meant, and errors as one line each."""

from __future__ import annotations

import argparse
import errno
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base import consoles
from latihan.base.exits import Exit, exit_of
from latihan.base.project import (
    DEFAULT_PROFILE,
    DEFAULT_PROVIDER,
    Project,
    checked_profile,
    from_environment,
)
from latihan.commands import VERBS, Context
from latihan.inputs import playbooks
from latihan.inputs.request import Request

PROGRAM = "python3 runner.py"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are a LabError, as all bad input is."""

    def error(self, message: str) -> NoReturn:
        """Refuse a command line."""
        raise LabError(f"{message}.", f"See `{self.prog} --help`.", Kind.INPUT)


@dataclass(frozen=True)
class Line:
    """A command line, split: what stands before the command's name, the name, what follows."""

    profile: str
    provider: str
    name: str
    rest: list[str]


def main(arguments: Sequence[str], project: Project | None = None) -> int:
    """Do what a command line asks.

    Args:
        arguments: the command line without the program's name.
        project: the folders to work on; the project this file belongs to where not given.

    Returns:
        The exit code.
    """
    errors = consoles.for_errors()
    try:
        return int(dispatch(list(arguments), project or from_environment()))
    except LabError as error:
        return told(errors, error)
    except OSError as error:
        return told(errors, lacking(error))
    except KeyboardInterrupt:
        errors.print(Text("runner.py: interrupted.", style="yellow"))
        return Exit.INTERRUPTED


def told(errors: Console, error: LabError) -> Exit:
    """Say why nothing is done, and return the exit code for that."""
    errors.print(Text(f"runner.py: {error.message}", style="red"))
    if error.hint:
        errors.print(Text(f"  → {error.hint}", style="yellow"))
    errors.print(Text(error.detail, style="dim"), end="\n" if error.detail else "")
    return exit_of(error.kind.value)


def lacking(error: OSError) -> LabError:
    """What the machine lacks where the system refused something that a lab's own files need."""
    where = f"{error.filename}: " if error.filename else ""
    hint = {
        errno.ENOSPC: "Free some space on that disk.",
        errno.EACCES: "Run it as the user who owns that (root, for a lab).",
    }.get(error.errno or 0, "See what the system has there, and try again.")
    return LabError(f"{where}{error.strerror or error}.", hint, Kind.MACHINE)


def dispatch(arguments: list[str], project: Project) -> int:
    """Find the command that is meant and do it."""
    line = split(arguments)
    console = consoles.for_results()
    if not line.name:
        top_parser(project).print_help()
        return Exit.HOLDS if arguments else Exit.BAD_INPUT
    verb = VERBS.get(line.name)
    if verb is None:
        # Ansible takes a quarter of a second to import, and commands need none of it.
        from latihan.commands import play  # noqa: PLC0415

        return play.play(project, request_of(line, arguments), console)
    command = verb.load()
    if command.RAW:
        playbooks.checked_provider(project, line.provider)
        profile = checked_profile(line.profile, second=True)
        context = Context(project, profile, line.provider, console)
        return command.execute(context, argparse.Namespace(arguments=line.rest))
    parser = Parser(prog=f"{PROGRAM} {line.name}", description=verb.description)
    add_place(parser, line)
    command.add_arguments(parser)
    options = parser.parse_args(line.rest)
    playbooks.checked_provider(project, options.provider)
    profile = checked_profile(options.profile, second=True)
    returned = command.execute(Context(project, profile, options.provider, console), options)
    if console.lost is not None:
        raise console.lost
    return returned


def split(arguments: list[str]) -> Line:
    """Split a command line at the command's name; an unknown option before it is refused."""
    parser = Parser(prog=PROGRAM, add_help=False)
    parser.add_argument("--profile", default=DEFAULT_PROFILE)
    parser.add_argument("--provider", default=DEFAULT_PROVIDER)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("rest", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    name = "" if options.help or not options.rest else str(options.rest[0])
    return Line(options.profile, options.provider, name, options.rest[1:])


def request_of(line: Line, arguments: list[str]) -> Request:
    """What a command line asks to be played."""
    parser = Parser(
        prog=f"{PROGRAM} {line.name}",
        description=f"Run the playbook {line.name}. docs/commands.md has the exit codes.",
    )
    add_place(parser, line)
    add = parser.add_argument
    add("-e", "--extra-vars", action="append", default=[], metavar="NAME=VALUE|@FILE",
        help="set a variable of the lab or of a role")  # fmt: skip
    add("--tags", default="", help="only tasks with one of these tags")
    add("--skip-tags", default="", help="no tasks with one of these tags")
    add("--limit", default="", help="only these hosts of the inventory")
    add("--check", action="store_true", help="change nothing, tell what would change")
    add("-v", "--verbose", action="count", default=0, help="show Ansible's own output; -vv more")
    options = parser.parse_args(line.rest)
    return Request(
        name=line.name,
        profile=options.profile,
        provider=options.provider,
        command=f"{PROGRAM} {shlex.join(arguments)}",
        extra=options.extra_vars,
        tags=options.tags,
        skip_tags=options.skip_tags,
        limit=options.limit,
        check=options.check,
        verbosity=options.verbose,
        verbs=tuple(VERBS),
    )


def add_place(parser: argparse.ArgumentParser, line: Line) -> None:
    """The options that every command has; what stood before its name is their default."""
    parser.add_argument("--profile", default=line.profile, help="the lab to work on")
    parser.add_argument("--provider", default=line.provider, help="what makes the cluster")


def top_parser(project: Project) -> argparse.ArgumentParser:
    """The parser that only tells what there is."""
    names = [(each.name, each.title) for each in playbooks.all_of(project)]
    verbs = [(name, verb.description) for name, verb in VERBS.items()]
    width = max(len(name) for name, _ in [*names, *verbs]) + 2
    lines = ["playbooks:", *(f"  {name:<{width}}{title}" for name, title in names), ""]
    lines += ["commands:", *(f"  {name:<{width}}{title}" for name, title in verbs), ""]
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [--profile NAME] [--provider NAME] NAME [options]",
        description="A Kubernetes networking lab that builds itself and proves what it teaches.",
        epilog="\n".join([*lines, "Each has its own --help."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", help=f"the lab to work on ({DEFAULT_PROFILE})")
    parser.add_argument("--provider", help=f"what makes the cluster ({DEFAULT_PROVIDER})")
    return parser
