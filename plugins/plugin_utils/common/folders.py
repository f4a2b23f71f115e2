"""Folders and files whose contents are secret, or are run as root."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter, whatever the umask; close one that is open."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600, exist_ok=False)
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def require_own(folder: Path) -> None:
    """Refuse a folder that somebody else could fill; one that doesn't exist is fine.

    Its owner must be root or whoever runs this. If it is theirs but others may write to it, nobody
    knows who wrote what, so it is not repaired.

    Raises:
        LabError: of the kind MACHINE.
    """
    try:
        status = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    if status.st_uid not in (0, os.geteuid()):
        wrong = f"belongs to the user with the number {status.st_uid}"
    elif status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid):
        wrong = "can be written by other users"
    else:
        return
    raise LabError(
        f"{folder} {wrong}, and the lab runs what is in it as root.",
        "Remove it or name another folder (LATIHAN_CACHE, LATIHAN_STATE); "
        "`chown` and `chmod` it only if you know all that is in it.",
        Kind.MACHINE,
    )
