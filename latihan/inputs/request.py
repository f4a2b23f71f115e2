"""A requested run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latihan.inputs.playbooks import Playbook


@dataclass(frozen=True)
class Request:
    """What to run, on which lab, and how; all of it is checked before a request is made.

    Args:
        playbook: the playbook.
        profile: the lab to work on.
        provider: what makes its cluster.
        command_line: the command line that does the same again.
        variables: what ``-e`` sets, in the types of the variables.
        tags: only tasks with one of these, separated by commas; None for all.
        skip_tags: skip tasks with one of these; None to skip none.
        limit: only these hosts of the inventory; None for all.
        check: whether to change nothing and show what would change.
        verbosity: how many ``-v`` were given.
        inventory: the inventory; None for the provider's.
        forks: how many hosts at a time; None for what ansible.cfg says.
        passwords: the files that have passwords, by the names of ansible-playbook's options.
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
    inventory: Path | None = None
    forks: int | None = None
    passwords: Mapping[str, Path] = field(default_factory=dict)
