"""What commands answer with ``--output json``: one document of a fixed shape each."""

from __future__ import annotations

import argparse
import json
from typing import Literal

from pydantic import Field
from rich.console import Console
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record
from latihan.base.exits import Exit
from latihan.reports.models import VerdictCounts

JSON = "json"
_FORMATS = ("text", JSON)


class NameAndTitle(Record):
    """A playbook or a command."""

    name: str
    title: str


class ListAnswer(Record):
    """What ``list`` answers."""

    playbooks: list[NameAndTitle]
    commands: list[NameAndTitle]
    providers: list[str]


class CheckAnswer(Record):
    """One check of ``doctor``."""

    name: str
    ok: bool
    warning: bool
    message: str
    hint: str


class DoctorAnswer(Record):
    """What ``doctor`` answers."""

    exit_code: Exit = Field(description="0 if no check failed.")
    checks: list[CheckAnswer]


class NodeAnswer(Record):
    """A node of a lab."""

    name: str
    address: str
    state: str = Field(description="Ready, not ready, stopped or unknown.")


class LastRun(Record):
    """The last run on a profile; ``error`` says why its report can't be read, else it is empty."""

    run: str
    playbook: str = ""
    exit_code: Exit | None = None
    verdicts: VerdictCounts | None = None
    error: str = ""


class StatusAnswer(Record):
    """What ``status`` answers."""

    profile: str
    provider: str
    state: Literal["absent", "half_made", "made"]
    well: bool = Field(description="The API answers, and every node is Ready.")
    api: bool = Field(description="The API answers.")
    processes: int
    memory_bytes: int
    troubles: list[str]
    nodes: list[NodeAnswer]
    last_run: LastRun | None


class LabInShort(Record):
    """A lab of this machine; ``nodes`` are their states in a few words."""

    profile: str
    provider: str
    folder: str
    well: bool
    nodes: str
    memory_bytes: int


class LabsAnswer(Record):
    """What ``status --all`` answers."""

    labs: list[LabInShort]


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the option that asks for such a document."""
    parser.add_argument(
        "--output", choices=_FORMATS, default=_FORMATS[0], help="how to print it (default: text)"
    )


def print_json(console: Console, record: Record) -> None:
    """Print a document; its text is ASCII, so that no terminal or pipe changes it."""
    console.print(Text(json.dumps(record.plain(), indent=2)), soft_wrap=True)
