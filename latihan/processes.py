"""The processes of a lab, found by what is written in their environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_MARK = b"LATIHAN_PROFILE="
_KIB = 1024


@dataclass(frozen=True)
class Usage:
    """How many processes there are, and the memory they take together, in bytes.

    Memory that several share is counted once (the kernel's "proportional set size").
    """

    processes: int
    memory: int


def usage(profile: str, proc: Path = Path("/proc")) -> Usage:
    """What the processes of a profile take."""
    folders = (folder for folder in proc.iterdir() if folder.name.isdigit())
    sizes = [_memory(folder) for folder in folders if _of(folder, profile)]
    return Usage(len(sizes), sum(sizes))


def _of(folder: Path, profile: str) -> bool:
    try:
        marks = (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return _MARK + profile.encode() in marks


def _memory(folder: Path) -> int:
    try:
        lines = (folder / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * _KIB for line in lines if line.startswith("Pss:"))
