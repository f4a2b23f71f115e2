"""What a built-in command is."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from ansible_collections.latihan.lab.plugins.plugin_utils import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.contract import Contract
from latihan.project import Project


@dataclass(frozen=True)
class Context:
    """What a command works on, and where it prints."""

    project: Project
    profile: str
    provider: str
    console: Console

    def contract(self) -> Contract:
        """The cluster of the profile; LabError where there is none."""
        return contract.read(self.project.contract(self.profile))


def no_arguments(parser: argparse.ArgumentParser) -> None:
    """For commands without options of their own."""


@dataclass(frozen=True)
class Verb:
    """A built-in command.

    ``execute`` returns the exit code; a ``raw`` command gets what follows its name as it stands.
    """

    description: str
    execute: Callable[[Context, argparse.Namespace], int]
    add_arguments: Callable[[argparse.ArgumentParser], None] = no_arguments
    raw: bool = False
