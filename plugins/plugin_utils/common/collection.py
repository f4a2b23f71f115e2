"""The files of the collection itself, wherever it is installed."""

from __future__ import annotations

from pathlib import Path

_ROLES = Path(__file__).parents[3] / "roles"
# The lab's own values, as the role that all others depend on has them.
LAB_DEFAULTS = _ROLES / "lab" / "defaults" / "main.yml"


def outcome_files() -> list[Path]:
    """The files with the collection's own outcomes."""
    return sorted((_ROLES / "outcomes" / "files").glob("*.yml"))


def manifests() -> list[Path]:
    """The manifests that all roles apply."""
    return sorted(_ROLES.glob("*/files/*.yaml"))
