"""A run that somebody asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latihan.inputs.playbooks import Playbook


@dataclass(frozen=True)
class Request:
    """A playbook to run, the lab, and how; all of it is checked before a request is made.

    Args:
        playbook: the playbook.
        profile: the lab to work on.
        provider: what makes its cluster.
        command_line: what asks for the same run again.
        variables: what ``-e`` sets, in the types of the variables.
        tags: only tasks with one of these, with commas between; None for all.
        skip_tags: no tasks with one of these; None for all tasks.
        limit: only these hosts of the inventory; None for all.
        check: whether to change nothing and say what would change.
        verbosity: how many ``-v`` were given.
    """

    playbook: Playbook
    profile: str
    provider: str
    command_line: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    tags: str | None = None
    skip_tags: str | None = None
    limit: str | None = None
    check: bool = False
    verbosity: int = 0
