"""One run at a time on a profile."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import make_private


@contextlib.contextmanager
def lock_profile(folder: Path, profile: str, what: str) -> Iterator[None]:
    """Lock a profile while something works on it.

    The kernel releases the lock when the process ends, however it ends.

    Args:
        folder: the folder of the locks.
        profile: the profile to lock.
        what: the command that works on it, for the message that others get.

    Raises:
        LabError: another process holds it, or the lock can't be made.
    """
    # Beside the lock, since opening a lock file empties it.
    holder = folder / f"{profile}.holder"
    try:
        # Whoever may read a file may lock it (flock(2)), and so stop the lab.
        make_private(folder)
        lock = FileLock(folder / f"{profile}.lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise LabError(
            f"The profile {profile!r} is in use: {_holder_of(holder)}.",
            "Wait for that to end, or use another lab with --profile NAME.",
            Kind.INPUT,
        ) from error
    except OSError as error:
        raise LabError(
            f"Can't make a lock in {folder}: {error.strerror}.",
            "Run it as root, or set LATIHAN_CACHE to a folder of your own.",
            Kind.MACHINE,
        ) from error
    try:
        note = {"pid": os.getpid(), "what": what, "since": time.strftime("%H:%M:%S")}
        holder.write_text(json.dumps(note), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder_of(holder: Path) -> str:
    """Who holds a lock, as far as that is known."""
    try:
        note = json.loads(holder.read_text(encoding="utf-8"))
        return f"`{note['what']}` has been running since {note['since']} (process {note['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run is using it"
