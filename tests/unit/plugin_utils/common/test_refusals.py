"""What a machine refuses: by errors of the kernel, and by what programs print."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common import process, refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.refusals import (
    EARLY,
    FILES,
    LATE,
    MEMORY,
    PORTS,
    PROCESSES,
    SLOW,
    SPACE,
    Shortage,
)

X509 = "x509: certificate has expired or is not yet valid: current time"


@pytest.mark.parametrize(
    ("output", "shortage"),
    [
        ("tar: ./usr/bin/x: Cannot write: No space left on device", SPACE),
        ("E: Write error - write (28: No space left on device)", SPACE),
        ("E: You don't have enough free space in /x/archives/.", SPACE),
        ("write $WORK/b001/_pkg_.a: no space left on device", SPACE),
        ("fork/exec /x/compile: cannot allocate memory", MEMORY),
        ("fatal error: runtime: out of memory", MEMORY),
        ("unshare: fork failed: Resource temporarily unavailable", PROCESSES),
        ("runtime: failed to create new OS thread (have 5 already; errno=11)", PROCESSES),
        ("spawnerr: unknown error during fork for 'etcd': EAGAIN", PROCESSES),
        ("failed to create fsnotify watcher: too many open files", FILES),
        ("dial tcp 127.0.0.1:6443: connect: cannot assign requested address", PORTS),
        ("certificate verify failed: certificate is not yet valid (_ssl.c:1006)", EARLY),
        (
            f"{X509} 2026-01-01T00:00:00Z is before 2026-01-02T00:00:00Z",
            EARLY,
        ),
        (
            f"{X509} 2028-01-01T00:00:00Z is after 2027-01-02T00:00:00Z",
            LATE,
        ),
        ("certificate verify failed: certificate has expired (_ssl.c:1006)", LATE),
        ("E: Could not get lock /x/lock. It is held by process 7", None),
        ("E: lock - open (11: Resource temporarily unavailable)", None),
        ('{"level":"warn","msg":"slow fdatasync","took":"1.2s"}', SLOW),
        ("404  Not Found", None),
    ],
)
def test_what_programs_say(output: str, shortage: Shortage | None) -> None:
    assert refusals.said(output) is shortage
    error = refusals.explained("It failed.", "Look.", output)
    assert error.kind is (Kind.MACHINE if shortage else Kind.STEP)
    assert error.hint == (shortage.hint if shortage else "Look.")
    assert error.message.endswith("It failed.")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/y"),
            "No space is left on a disk: /x/y.",
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "No space is left on a disk."),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "The machine is out of memory."),
        (MemoryError(), "The machine is out of memory."),
        (BlockingIOError(errno.EAGAIN, "again"), "The machine allows no more processes."),
        (RuntimeError("can't start new thread"), "The machine allows no more processes."),
        (
            OSError(errno.EMFILE, "many"),
            "The machine allows no more open files or inotify instances.",
        ),
        (OSError(errno.EADDRNOTAVAIL, "no"), "No port is free on the machine."),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x: Permission denied."),
    ],
)
def test_errors_of_the_kernel(error: Exception, message: str) -> None:
    with pytest.raises(LabError) as raised, refusals.translated():
        raise error
    assert raised.value.message == message
    assert raised.value.kind is Kind.MACHINE
    assert raised.value.hint


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="a bug"), refusals.translated():
        raise RuntimeError("a bug")


def test_the_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk(free: int, blocks: int = 1 << 20, flags: int = 0) -> SimpleNamespace:
        return SimpleNamespace(
            f_bavail=free >> 12, f_frsize=4096, f_blocks=blocks, f_files=9, f_favail=9, f_flag=flags
        )

    (tmp_path / "read-only").mkdir()
    disks = {tmp_path: disk(3 << 20), tmp_path / "read-only": disk(0, flags=os.ST_RDONLY)}
    disks[Path("/proc")] = disk(0, blocks=0)
    monkeypatch.setattr(os, "statvfs", lambda path: disks.get(path, disk(1 << 40)))
    places = ["--file=/", "word", 7, tmp_path / "not" / "there", "/proc", tmp_path / "read-only"]
    error = refusals.refusal_of(OSError(errno.ENOSPC, "No space left on device"), places)
    assert error.message == f"No space is left on a disk ({tmp_path} has 3.0 MiB free)."
    refusals.require_space(*places)
    disks[tmp_path] = disk(0)
    with pytest.raises(LabError, match=r"has 0\.0 MiB free"):
        refusals.require_space(*places)
    # Then a program may have had no place to say why.
    assert refusals.explained("It failed.", "", "", places).kind is Kind.MACHINE


def test_a_program_that_the_kernel_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    kills = iter([4, 5])
    monkeypatch.setattr(refusals, "out_of_memory_kills", lambda: next(kills))
    with pytest.raises(LabError, match="ended by the kernel, for lack of memory") as raised:
        process.run(["sh", "-c", "kill -KILL $$"])
    assert raised.value.kind is Kind.MACHINE


def test_a_program_that_somebody_killed() -> None:
    with pytest.raises(LabError, match="was ended by SIGKILL") as raised:
        process.run(["sh", "-c", "kill -KILL $$"])
    assert raised.value.kind is Kind.STEP
