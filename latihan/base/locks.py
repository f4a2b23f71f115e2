"""One run at a time on one profile."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError


@contextlib.contextmanager
def held(folder: Path, profile: str, what: str) -> Iterator[None]:
    """Hold a profile while something works on it.

    The kernel lets go of the lock when the process ends, however it ends.

    Args:
        folder: where the locks are.
        profile: whose lock to take.
        what: what is done meanwhile, for the message that others get.

    Raises:
        LabError: another process holds it, or no lock can be made there.
    """
    # Beside the lock, since opening a lock file empties it.
    holder = folder / f"{profile}.holder"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{profile}.lock")
        lock.acquire(timeout=0)
    except Timeout as error:
        raise LabError(
            f"The profile {profile!r} is in use: {_described(holder)}.",
            "Wait until that has ended, or work on another one with --profile NAME.",
            Kind.INPUT,
        ) from error
    except OSError as error:
        raise LabError(
            f"No lock can be made in {folder}: {error.strerror}.",
            "Run it as root, or set LATIHAN_CACHE to a folder of yours.",
            Kind.MACHINE,
        ) from error
    try:
        note = {"pid": os.getpid(), "what": what, "since": time.strftime("%H:%M:%S")}
        holder.write_text(json.dumps(note), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _described(holder: Path) -> str:
    """Who holds a lock, as far as it can be told."""
    try:
        note = json.loads(holder.read_text(encoding="utf-8"))
        return f"`{note['what']}` runs since {note['since']} (process {note['pid']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another run works on it"
