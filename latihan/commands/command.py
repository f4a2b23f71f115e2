"""What a built-in command is."""

from __future__ import annotations

import argparse
import importlib
import os
from dataclasses import dataclass
from typing import Protocol, cast

from rich.console import Console

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
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
    provider: str
    console: Console

    @property
    def lab(self) -> Profile:
        """The profile with its folder."""
        return self.project.profile(self.profile)

    def allowed(self) -> Provider:
        """The lab's provider; LabError without the rights that it needs."""
        provider = providers.of(self.lab, self.provider)
        need_root(provider)
        return provider

    def contract(self) -> Contract:
        """The cluster of the profile; LabError if there is none, or without the rights for it."""
        self.allowed()
        return contract.read(self.lab.contract)


class Command(Protocol):
    """The module of a command; ``RAW`` where it takes what follows its name as it stands."""

    RAW: bool

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own options."""

    def execute(self, context: Context, options: argparse.Namespace) -> int:
        """Do it, and return the exit code."""


@dataclass(frozen=True)
class Verb:
    """A built-in command: a line about it, and the module of this package that does it."""

    description: str
    module: str

    def load(self) -> Command:
        """The command's module."""
        return cast("Command", importlib.import_module(f"latihan.commands.{self.module}"))


def become(argv: list[str]) -> int:
    """Become another program, so that its exit code and its terminal are its own."""
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        raise LabError(
            f"{argv[0]} can't be run: {error.strerror}.",
            "Make the cluster again with `python3 runner.py provision`.",
            Kind.MACHINE,
        ) from error
