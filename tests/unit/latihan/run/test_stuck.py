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

# As Ansible's workers do: one takes a lock that they share, and is killed with it.
_WAITS = """
import multiprocessing, os, signal
lock = multiprocessing.get_context("fork").Lock()
if os.fork() == 0:
    lock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)
os.wait()
print(flush=True)
lock.acquire()
"""
# As Ansible does with the strategy free: it doesn't ask for the end of its worker.
_FORGETS = """
import os, signal, time
if (child := os.fork()) == 0:
    {worker}
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
print(flush=True)
time.sleep(60)
"""
_KILLED = _FORGETS.format(worker="os.kill(os.getpid(), signal.SIGKILL)")
_ENDED = _FORGETS.format(worker="os._exit(1)")
# Not Ansible's worker, but a program of a task: that one is asked for in time.
_OF_A_TASK = f"""
import os
if os.fork():
    os.wait()
{_KILLED}
"""
_SLEEPS = "import time; print(flush=True); time.sleep(60)"
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


def test_a_wait_without_end_is_noticed(mark: str) -> None:
    others = [program(_SLEEPS, mark), program(_HAS_THREADS, mark)]
    others.append(program(_WAITS, uuid.uuid4().hex))
    watch = stuck.Watchdog(mark, patience=0.3, pause=0.1)
    try:
        time.sleep(0.5)
        assert not looked(watch, 0.6)
        others.append(program(_WAITS, mark))
        assert not watch.is_stuck(), "it may only just have begun to wait"
        assert looked(watch, 10)
    finally:
        end(others)


def test_a_worker_that_was_killed_is_noticed(mark: str) -> None:
    others = [program(code, mark) for code in (_ENDED, _OF_A_TASK)]
    others.append(program(_KILLED, uuid.uuid4().hex))
    watch = stuck.Watchdog(mark, pause=0.1)
    try:
        assert not looked(watch, 0.6)
        others.append(program(_KILLED, mark))
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
