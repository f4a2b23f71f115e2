"""The command line: finds the command, and prints each error in one line."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Sequence
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import require_own
from ansible_collections.latihan.lab.plugins.plugin_utils.common.secrets import masked
from latihan.base import consoles
from latihan.base.exits import Exit, exit_of
from latihan.base.project import (
    DEFAULT_PROFILE,
    DEFAULT_PROVIDER,
    Project,
    checked_lab,
    from_environment,
)
from latihan.commands import COMMANDS, Command, Context
from latihan.inputs import playbooks
from latihan.inputs.options import SETTING, TEARDOWN, add_options
from latihan.inputs.playbooks import Playbook

PROGRAM = "python3 runner.py"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are a LabError, as all bad input is."""

    def error(self, message: str) -> NoReturn:
        """Refuse a command line."""
        raise LabError(f"{message}.", f"See `{self.prog} --help`.", Kind.INPUT)


def main(arguments: Sequence[str], project: Project | None = None) -> int:
    """Run a command line.

    Args:
        arguments: the command line without the program's name.
        project: the folders to work on; by default the project that this file belongs to.

    Returns:
        The exit code.
    """
    errors = consoles.for_errors()
    try:
        project = project or from_environment()
        with refusals.translated(project.cache, project.state, project.root):
            return int(dispatch(_readable(arguments), project))
    except LabError as error:
        return print_error(errors, error)
    except KeyboardInterrupt:
        errors.print(Text("runner.py: interrupted.", style="yellow"))
        return Exit.INTERRUPTED
    except Exception as error:
        # As soon as it is imported, Ansible makes a folder in the user's home.
        if type(error).__name__ != "AnsibleError":
            raise
        hint = "Set HOME, or ANSIBLE_HOME, to a folder that you may write to."
        return print_error(errors, LabError(f"{error}.", hint, Kind.MACHINE))


def _readable(arguments: Sequence[str]) -> list[str]:
    """The arguments; LabError if one is not text, since reports and logs are."""
    for argument in arguments:
        if any("\ud800" <= each <= "\udfff" for each in argument):
            raise LabError(
                f"The argument {argument!r} is not valid UTF-8.", "Write it anew.", Kind.INPUT
            )
    return list(arguments)


def print_error(console: Console, error: LabError) -> Exit:
    """Print what went wrong and what to do about it; returns the exit code for it."""
    console.print(Text(masked(f"runner.py: {_in_one_line(error.message)}"), style="red"))
    if error.hint:
        console.print(Text(masked(f"  → {_in_one_line(error.hint)}"), style="yellow"))
    if error.detail:
        console.print(Text(masked(error.detail), style="dim"))
    return exit_of(error.kind.value)


def _in_one_line(text: str) -> str:
    """Text that may quote any input: what isn't printable is shown as Python writes it."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def dispatch(arguments: list[str], project: Project) -> int:
    """Find the playbook or command that is meant, and run it."""
    parser = Parser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [--container ENGINE] [--profile NAME] [--provider NAME] NAME [options]",
        description="A Kubernetes networking lab that builds itself and proves what it teaches.",
        epilog="NAME is one of these, or the path of a playbook; each has its own --help.",
        add_help=False,
    )
    _add_place(parser)
    parser.add_argument("-h", "--help", action="store_true", help="show this help")
    parser.add_argument("name", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parser.set_defaults(profile=DEFAULT_PROFILE, provider=None)
    given = parser.parse_args(arguments)
    console = consoles.for_results()
    if given.help or not arguments:
        # It imports rich's tables, which would slow every other command down.
        from latihan.commands import listing  # noqa: PLC0415

        parser.print_help()
        console.print()
        listing.print_all(console, project)
        return Exit.HOLDS if given.help else Exit.BAD_INPUT
    if given.name is None:
        parser.error("the name of a playbook or command is missing")
    command = COMMANDS.get(given.name)
    if command is not None:
        return run_command(command, given, project, console)
    playbook = playbooks.find(project, given.name, COMMANDS)
    command_line = f"{PROGRAM} {shlex.join(masked(each) for each in arguments)}"
    return run_playbook(playbook, given, command_line, project, console)


def run_command(
    command: Command, given: argparse.Namespace, project: Project, console: consoles.SteadyConsole
) -> int:
    """Run a built-in command."""
    module = command.load()
    if not module.RAW:
        given = _parsed(given, command.help, module.add_arguments)
    context = _context(given, project, console, second=True)
    returned = module.execute(context, given)
    if console.lost is not None:
        raise console.lost
    return returned


def run_playbook(
    playbook: Playbook,
    given: argparse.Namespace,
    command_line: str,
    project: Project,
    console: Console,
) -> int:
    """Play a playbook."""
    # Ansible takes a tenth of a second to import, and commands need none of it.
    from latihan.commands import play, teardown_all  # noqa: PLC0415

    options = _parsed(given, playbook.title, lambda parser: add_options(parser, playbook.name))
    if playbook.name == TEARDOWN and options.all:
        return teardown_all.teardown_all(project, console)
    for name in SETTING.get(playbook.name, {}):
        if (value := getattr(options, name)) is not None:
            options.extra_vars.append(json.dumps({f"{playbook.name}_{name}": value}))
    context = _context(options, project, console, second=given.name == TEARDOWN)
    return play.play(context, playbook, options, command_line)


def _add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options that may stand before or after a command's name."""
    parser.add_argument("--profile", metavar="NAME", default=argparse.SUPPRESS,
                        help=f"the lab to work on (default: {DEFAULT_PROFILE})")  # fmt: skip
    parser.add_argument("--provider", metavar="NAME", default=argparse.SUPPRESS,
                        help=f"what makes the cluster (default: {DEFAULT_PROVIDER})")  # fmt: skip


def _parsed(
    given: argparse.Namespace,
    description: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
) -> argparse.Namespace:
    """The options after a command's name, together with those before it."""
    parser = Parser(
        prog=f"{PROGRAM} {given.name}",
        description=description,
        epilog="See docs/commands.md for more, also for the exit codes.",
    )
    _add_place(parser)
    add_arguments(parser)
    return parser.parse_args(given.arguments, given)


def _context(
    options: argparse.Namespace, project: Project, console: Console, *, second: bool
) -> Context:
    """What a command works on, checked; ``second`` allows a profile's second lab too."""
    for folder in (project.cache, project.state):
        require_own(folder)
    provider = checked_lab(project, options.profile, options.provider, second=second)
    return Context(project, options.profile, provider, console)
