"""What somebody asked to be played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """What somebody asked to be played; ``command`` is the command line that asks for it again."""

    name: str
    profile: str
    provider: str
    command: str
    extra: Sequence[str] = ()
    tags: str = ""
    skip_tags: str = ""
    limit: str = ""
    check: bool = False
    verbosity: int = 0
    verbs: tuple[str, ...] = ()
