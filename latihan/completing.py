"""What a shell may offer next on the command line: ``runner.py`` becomes this if a shell asks.

It imports no more than that needs, since a person waits for it at each Tab.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import argcomplete
from argcomplete.completers import FilesCompleter, SuppressCompleter

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST
from latihan.base.project import DEFAULT_PROFILE, Project, from_environment
from latihan.commands import COMMANDS
from latihan.inputs import playbooks
from latihan.inputs.options import add_options

# What shells set when they ask (argcomplete, "Debugging").
LINE = "COMP_LINE"
_FILES = ("kubeconfig", "export", "file", "catalogue", "extra_vars")


def main() -> None:
    """Answer the shell."""
    parser = argparse.ArgumentParser(add_help=False)
    try:
        fill(parser, from_environment(), os.environ.get(LINE, "").split())
    except LabError:
        return  # The command itself will say it.
    argcomplete.autocomplete(
        parser, always_complete_options=False, default_completer=SuppressCompleter()
    )


def fill(parser: argparse.ArgumentParser, project: Project, words: Iterable[str]) -> None:
    """Give a parser all names, and the options of the one that is on the line.

    Args:
        parser: an empty one.
        project: where playbooks and labs are.
        words: the words that are on the line already.
    """
    line = list(words)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--container", choices=("docker", "podman"))
    _add_place(parser, project)
    names = parser.add_subparsers(dest="name")
    for each in playbooks.all_of(project, COMMANDS):
        one = names.add_parser(each.name, help=each.title, add_help=False)
        if each.name in line:
            add_options(one, each.name)
            _complete(one, project, line)
    for command in COMMANDS.values():
        one = names.add_parser(command.name, help=command.help, add_help=False)
        if command.name in line:
            command.load().add_arguments(one)
            _complete(one, project, line)


def _add_place(parser: argparse.ArgumentParser, project: Project) -> None:
    profiles = parser.add_argument("--profile")
    provider = parser.add_argument("--provider")
    _offer(profiles, [DEFAULT_PROFILE, *_folders(project.state)])
    _offer(provider, providers.names())


def _complete(parser: argparse.ArgumentParser, project: Project, line: list[str]) -> None:
    """Add what stands before a name or after it, and what values there are."""
    _add_place(parser, project)
    profile = DEFAULT_PROFILE
    if "--profile" in line[:-1]:
        profile = line[line.index("--profile") + 1]
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to read them
        if action.dest in _FILES:
            action.completer = FilesCompleter()  # type: ignore[attr-defined]
        elif action.dest == "node":
            _offer(action, _places(project, profile))
        elif action.dest in ("run", "diff"):
            _offer(action, ["latest", *_folders(project.artifacts(profile))])


def _offer(action: argparse.Action, values: Iterable[str]) -> None:
    offered = list(values)
    action.completer = lambda **_about: offered  # type: ignore[attr-defined]


def _folders(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir() if each.is_dir())
    except OSError:
        return []


def _places(project: Project, profile: str) -> list[str]:
    """The nodes of a lab and its host, as far as anybody can read them."""
    try:
        contract = json.loads(project.contract(profile).read_text(encoding="utf-8"))
        return [HOST, *(str(node["name"]) for node in contract["nodes"])]
    except (OSError, ValueError, LookupError, TypeError, LabError):
        return [HOST]


if __name__ == "__main__":
    main()
    sys.exit(1)
