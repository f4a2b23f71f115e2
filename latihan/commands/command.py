"""What a built-in command is."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from rich.console import Console

import runner
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Provider
from latihan.base.project import Project, need_root


@dataclass(frozen=True)
class Context:
    """What a command works on, and where it prints."""

    project: Project
    profile: str
    provider: Provider
    console: Console

    @property
    def lab(self) -> Profile:
        """The profile with its folder."""
        return self.project.profile(self.profile)

    def contract(self) -> Contract:
        """The cluster of the profile; LabError if there is none, or without the rights for it."""
        need_root(self.provider)
        return contract.read(self.lab.contract)


class Module(Protocol):
    """The module of a command; ``RAW`` if it takes all that follows its name unparsed."""

    RAW: bool

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own options."""

    def execute(self, context: Context, options: argparse.Namespace) -> int:
        """Run the command, and return its exit code."""


@dataclass(frozen=True)
class Command:
    """A built-in command: its name, a line about it, and its module if that has another name."""

    name: str
    help: str
    module: str = ""

    def load(self) -> Module:
        """Import the command's module."""
        return cast(
            "Module", importlib.import_module(f"latihan.commands.{self.module or self.name}")
        )


def need_tools() -> None:
    """Install what only tests and documentation need; LabError if that can't be done."""
    try:
        runner.prepare(runner.TEST_REQUIREMENTS)
    except runner.BootstrapError as error:
        raise LabError(str(error), kind=Kind.MACHINE) from error


def become(argv: list[str], environment: Mapping[str, str] = os.environ) -> int:
    """Become another program, which then has the terminal and gives the exit code."""
    try:
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        raise LabError(
            f"{argv[0]} can't be run: {error.strerror}.",
            "Make the cluster again with `python3 runner.py provision`.",
            Kind.MACHINE,
        ) from error
