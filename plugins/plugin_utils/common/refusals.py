"""What a machine refuses when something runs out, as the kernel and programs say it."""

from __future__ import annotations

import errno
import os
import re
import signal
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

_MIB = 1 << 20
_A_MESSAGE = 4096
# With more than this free, another disk must be the one that was full.
_SCARCE = 16 * _MIB
# The reason is often a line or two above the last line.
_LAST_LINES = 3
_LONGEST_COMMAND = 200
# In the words of Go's tools and of Ansible, when a process below them was killed.
_KILLED = ("signal: killed", "found in a dead state")
_BY_THE_KERNEL = "was ended by the kernel, for lack of memory"


@dataclass(frozen=True)
class Shortage:
    """Something that a machine runs out of, or that is wrong with it.

    Args:
        name: it, as a sentence.
        hint: what to do about it.
        codes: the errors with which the kernel says so (errno(3)).
        said: how programs say so, in C's words or in Go's; a regular expression.
    """

    name: str
    hint: str
    codes: tuple[int, ...]
    said: str


SPACE = Shortage(
    "No space is left on a disk",
    "Free some space, or set LATIHAN_CACHE, LATIHAN_STATE or TMPDIR to a folder on a bigger disk.",
    (errno.ENOSPC, errno.EDQUOT),
    r"no space left on device|disk quota exceeded|don't have enough free space",
)
MEMORY = Shortage(
    "The machine is out of memory",
    "End other programs, or give the machine, or the control group that it runs in, more memory.",
    (errno.ENOMEM,),
    r"cannot allocate memory|out of memory|for lack of memory|MemoryError",
)
PROCESSES = Shortage(
    "The machine allows no more processes",
    "End other programs, or raise the limit: `ulimit -u`, or pids.max of the control group.",
    # fork(2); a read that would have to wait doesn't get as far as this.
    (errno.EAGAIN,),
    r"during fork[^\n]*EAGAIN|fork[^\n]*resource temporarily unavailable|cannot fork"
    r"|can't start new thread|failed to create new OS thread"
    r"|pthread_create[^\n]*(failed|unavailable)",
)
FILES = Shortage(
    "The machine allows no more open files or inotify instances",
    "End other programs, or raise the limit: `ulimit -n 65536`,"
    " `sysctl fs.inotify.max_user_instances=1024`, `sysctl fs.file-max`.",
    (errno.EMFILE, errno.ENFILE),
    r"too many open files",
)
PORTS = Shortage(
    "No port is free on the machine",
    "End what uses them (`ss -tan` shows it), or widen net.ipv4.ip_local_port_range.",
    (errno.EADDRNOTAVAIL, errno.EADDRINUSE),
    r"cannot assign requested address",
)
_SET_THE_CLOCK = "Set the clock right. If it is right, take the lab down and make it again."
# In the words of OpenSSL, of Go and of apt.
EARLY = Shortage(
    "The machine's clock is earlier than when this was made",
    _SET_THE_CLOCK,
    (),
    r"certificate is not yet valid|not yet valid: current time \S+ is before"
    r"|is not valid yet \(invalid for another",
)
LATE = Shortage(
    "A certificate has expired: the machine's clock is ahead, or the lab is too old",
    _SET_THE_CLOCK,
    (),
    r"certificate has expired(?! or)|not yet valid: current time \S+ is after",
)
# In etcd's words. A slow disk alone ends nothing, so it comes last.
SLOW = Shortage(
    "The disk is slow",
    "Set LATIHAN_STATE to a folder on a faster disk, or try again when the machine does less.",
    (),
    r"slow fdatasync|likely from slow disk",
)
_ALL = (SPACE, MEMORY, PROCESSES, FILES, PORTS, EARLY, LATE, SLOW)
_OWNER = "Run it as the user who owns it (root, for a lab)."
_ELSEWHERE = "Make it writable, or set LATIHAN_CACHE or LATIHAN_STATE to a folder elsewhere."
_HINTS = {
    errno.EACCES: _OWNER,
    errno.EPERM: _OWNER,
    errno.EROFS: _ELSEWHERE,
    errno.ENOTDIR: _ELSEWHERE,
    errno.EEXIST: _ELSEWHERE,
}


@contextmanager
def translated(*places: object) -> Iterator[None]:
    """Turn what the machine refuses into a LabError; ``places`` are as for ``refusal_of``."""
    try:
        yield
    except (OSError, MemoryError) as error:
        raise refusal_of(error, places) from error
    except RuntimeError as error:
        # A thread that can't be started has no type of its own.
        if shortage_of(error) is None:
            raise
        raise refusal_of(error, places) from error


def refusal_of(error: Exception, places: Iterable[object] = ()) -> LabError:
    """What the machine refused, and what to do.

    Args:
        error: an OSError, a MemoryError, or a thread that can't be started.
        places: what was worked on; of those that are paths, the one with the least free space is
            named if a disk is full and the error doesn't say which.
    """
    name = str(getattr(error, "filename", None) or "")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    shortage = shortage_of(error)
    if shortage is None:
        number = error.errno if isinstance(error, OSError) else None
        hint = _HINTS.get(number or 0, "Check what is there, and try again.")
        what = f"{name}: {reason}" if name else reason
        return LabError(f"{what}.", hint, Kind.MACHINE)
    where = _where(shortage, [name] if name else places)
    what = f"{shortage.name}{where}: {name}" if name else f"{shortage.name}{where}"
    return LabError(f"{what}.", shortage.hint, Kind.MACHINE)


def shortage_of(error: Exception) -> Shortage | None:
    """What ran out, by an error of Python; None if it is another error."""
    number = error.errno if isinstance(error, OSError) else None
    by_number = next((each for each in _ALL if number in each.codes), None)
    return by_number or said(repr(error))


def said(output: str) -> Shortage | None:
    """What ran out, by what a program printed; None if it says nothing of the kind."""
    return next((each for each in _ALL if re.search(each.said, output, re.IGNORECASE)), None)


def explained(message: str, hint: str, output: str, places: Iterable[object] = ()) -> LabError:
    """The error of something that failed: the machine's if its output says that something ran out.

    Args:
        message: what failed; it is said in any case.
        hint: what to do if nothing ran out.
        output: what was printed, or the end of it.
        places: as for ``refusal_of``; words that are no paths are ignored.
    """
    return _explained(said(output), message, hint, output, places)


def failed(
    command: str, code: int, output: str, killed_before: int, places: Iterable[object] = ()
) -> LabError:
    """The error of a program that failed, as ``explained`` has it.

    Args:
        command: the program.
        code: its exit code; negative for a signal, as subprocess has it.
        output: all that it printed, or the end of it.
        killed_before: what ``out_of_memory_kills`` was when it started.
        places: as for ``refusal_of``.
    """
    killed = code == -signal.SIGKILL or any(words in output for words in _KILLED)
    shortage, how = said(output), f"exited with {code}"
    if code < 0:
        how = f"was ended by {signal.Signals(-code).name}"
    if killed and out_of_memory_kills() > killed_before:
        shortage, how = MEMORY, _BY_THE_KERNEL
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    last = "; ".join(lines[-_LAST_LINES:]) or "it printed nothing"
    short = command if len(command) <= _LONGEST_COMMAND else f"{command[:_LONGEST_COMMAND]} ..."
    return _explained(shortage, f"`{short}` {how}: {last}", "", output, places)


def _explained(
    shortage: Shortage | None, message: str, hint: str, output: str, places: Iterable[object]
) -> LabError:
    if shortage is None and _is_full(places):
        shortage = SPACE  # There may have been no place to say so.
    if shortage is None:
        return LabError(message, hint, detail=output)
    what = f"{shortage.name}{_where(shortage, places)}: {message}"
    return LabError(what, shortage.hint, Kind.MACHINE, output)


def out_of_memory_kills() -> int:
    """How many processes the kernel has ended for lack of memory since the boot (proc(5))."""
    try:
        text = Path("/proc/vmstat").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(r"^oom_kill (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _where(shortage: Shortage, places: Iterable[object]) -> str:
    """The full disk, by the path on it, and its free space; empty if that isn't it."""
    fullest = _fullest([*places, tempfile.gettempdir()])
    if shortage is not SPACE or fullest is None:
        return ""
    folder, disk = fullest
    if disk.f_files and not disk.f_favail:
        return f" ({folder} can hold no more files)"
    free = _free(disk)
    return f" ({folder} has {free / _MIB:.1f} MiB free)" if free < _SCARCE else ""


def require_space(*places: object) -> None:
    """LabError if not even a message fits on the disk of one of the places."""
    if _is_full(places):
        raise LabError(f"{SPACE.name}{_where(SPACE, places)}.", SPACE.hint, Kind.MACHINE)


def _is_full(places: Iterable[object]) -> bool:
    """Whether not even a message fits on the disk any more."""
    fullest = _fullest(places)
    return fullest is not None and _free(fullest[1]) < _A_MESSAGE


def _fullest(places: Iterable[object]) -> tuple[Path, os.statvfs_result] | None:
    """The disk with the least free space; of two places on one disk the last, the target."""
    folders = [folder for place in places if (folder := _existing(place))]
    disks = [(folder, os.statvfs(folder)) for folder in reversed(folders)]
    # /proc has no blocks, and what can't be written is always full.
    real = [each for each in disks if each[1].f_blocks and not each[1].f_flag & os.ST_RDONLY]
    return min(real, key=lambda each: _free(each[1]), default=None)


def _free(disk: os.statvfs_result) -> int:
    return disk.f_bavail * disk.f_frsize


def _existing(place: object) -> Path | None:
    """The folder that a word means, or the nearest one that exists; None if it is no path."""
    text = str(place).rpartition("=")[2]
    if not text.startswith("/"):
        return None
    path = Path(text)
    return next((each for each in (path, *path.parents) if each.is_dir()), None)
