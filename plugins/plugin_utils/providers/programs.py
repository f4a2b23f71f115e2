"""Programs of this machine that the lab uses but doesn't bring."""

from __future__ import annotations

import shutil

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError


def path_of(name: str, asked: str, variable: str) -> str:
    """The path of a program.

    Args:
        name: what it is called.
        asked: the one that is asked for; empty for the first one in the PATH.
        variable: the variable that names another one.

    Raises:
        LabError: there is none.
    """
    if found := shutil.which(asked or name):
        return found
    raise LabError(
        f"There is no program {asked or name!r}.",
        f"Install {name}, or name it with `-e {variable}=PATH`.",
        Kind.MACHINE,
    )


def need_version(name: str, version: tuple[int, ...], oldest: tuple[int, ...]) -> None:
    """Refuse a version that is too old; LabError of the kind MACHINE."""
    if version < oldest:
        found, needed = (".".join(map(str, each)) for each in (version, oldest))
        raise LabError(
            f"{name} {found} is too old for the lab.",
            f"Install {name} {needed} or newer.",
            Kind.MACHINE,
        )


def in_one_line(text: str) -> str:
    """What a program said, in one line and without a full stop at its end."""
    return " ".join(text.split()).rstrip(".")
