"""Long programs: their lines, their failures, and their end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.streaming import stream

# stream() binds the life of its own process to that of its parent, so it runs in a child here.
CHILD = """
import sys
from ansible_collections.latihan.lab.plugins.plugin_utils.streaming import stream
stream(["sh", "-c", "echo $$; sleep 300"], lambda line: print(line, flush=True))
"""


def test_lines_of_both_streams_come_as_they_are_printed() -> None:
    lines: list[str] = []
    stream(["sh", "-c", "echo out; echo err >&2"], lines.append)
    assert sorted(lines) == ["err", "out"]


def test_a_failure_says_what_was_printed_last() -> None:
    with pytest.raises(LabError, match="ended with 3: the reason") as raised:
        stream(["sh", "-c", "echo before; echo the reason; exit 3"], lambda line: None)
    assert raised.value.detail == "before\nthe reason\n"


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(LabError, match="'no-such-program' is not on this machine"):
        stream(["no-such-program"], lambda line: None)


def test_the_program_dies_with_the_one_that_started_it() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    ) as child:
        assert child.stdout
        program = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 5
    while _alive(program) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(program)


def _alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped doesn't."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        return stat.rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
