"""Processes that keep a run waiting for ever are found; others are left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from latihan.run import stragglers, stuck

# As Ansible with a worker that is at work.
_WORKS = """
import os, time
if os.fork() == 0:
    time.sleep(60)
    os._exit(0)
{more}
print(flush=True)
os.wait()
"""
# As Ansible's workers do: one takes a lock that they share, and is killed with it.
_WAITS = """
import multiprocessing, os, signal
lock = multiprocessing.get_context("fork").Lock()
if os.fork() == 0:
    lock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
if os.fork() == 0:
    print(flush=True)
    lock.acquire()
os.wait()
"""
# As Ansible does with the strategy free: it doesn't ask whether its worker lives.
_FORGETS = """
import os, signal, time
if (child := os.fork()) == 0:
    os.kill(os.getpid(), signal.SIGKILL)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
print(flush=True)
while True:
    time.sleep(0.001)
"""
_HAS_THREADS = """
import threading, time
threading.Thread(target=time.sleep, args=[60]).start()
lock = threading.Lock()
lock.acquire()
print(flush=True)
lock.acquire()
"""


@pytest.fixture
def mark() -> Iterator[str]:
    run = stragglers.mark(Path("/a/lab"))
    yield run
    stragglers.end(run, patience=1)


def program(code: str, mark: str) -> subprocess.Popen[bytes]:
    started = subprocess.Popen(
        [sys.executable, "-c", code],
        env={stragglers.RUN_VARIABLE: mark, "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"\n"
    return started


@pytest.mark.parametrize("code", [_WAITS, _FORGETS])
def test_a_wait_without_end_is_noticed(mark: str, code: str) -> None:
    others = [program(_WORKS.format(more=more), mark) for more in ("", _HAS_THREADS)]
    others.append(program(code, uuid.uuid4().hex))
    watch = stuck.Watchdog(mark, patience=0.3, pause=0.1)
    try:
        time.sleep(0.5)
        assert not looked(watch, 0.6)
        others.append(program(code, mark))
        assert not watch.is_stuck(), "it may only just have begun to wait"
        assert looked(watch, 10)
    finally:
        end(others)


def end(programs: list[subprocess.Popen[bytes]]) -> None:
    for each in programs:
        os.killpg(each.pid, signal.SIGKILL)
        each.communicate()


def looked(watch: stuck.Watchdog, seconds: float) -> bool:
    """Whether the watch notices something within that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if watch.is_stuck():
            return True
        time.sleep(0.05)
    return False
