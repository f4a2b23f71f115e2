"""Long-running programs: their lines, their failures, and their end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.streaming import stream

WORKER = """
from ansible_collections.latihan.lab.plugins.plugin_utils.common.streaming import stream
stream(["sh", "-c", "echo $$; sleep 300"], lambda line: print(line, flush=True))
"""
# A parent that starts a worker and waits, as ansible-playbook does.
PARENT = f"""
import os, time
if os.fork():
    time.sleep(300)
os.setsid()
{WORKER}
"""


def test_lines_of_both_streams_come_as_they_are_printed() -> None:
    lines: list[str] = []
    stream(["sh", "-c", "echo out; echo; echo err >&2; printf end"], lines.append)
    assert lines == ["out", "", "err", "end"]


def test_many_lines_come_whole() -> None:
    lines: list[str] = []
    stream(["seq", "50000"], lines.append)
    assert lines == [str(number) for number in range(1, 50001)]


def test_a_failure_says_what_was_printed_last() -> None:
    with pytest.raises(LabError, match="exited with 3: before; the reason") as raised:
        stream(["sh", "-c", "echo before; echo the reason; exit 3"], lambda line: None)
    assert raised.value.detail == "before\nthe reason"


def test_a_program_that_is_not_installed() -> None:
    with pytest.raises(LabError, match="'no-such-program' is not installed"):
        stream(["no-such-program"], lambda line: None)


def test_a_line_that_is_refused_ends_the_program() -> None:
    started = time.monotonic()

    def refuse(line: str) -> None:
        raise KeyError(line)

    with pytest.raises(KeyError):
        stream(["sh", "-c", "echo x; exec sleep 60"], refuse)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("code", [WORKER, PARENT], ids=["worker killed", "its parent killed"])
def test_the_program_dies_with_the_one_that_started_it(code: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
    ) as child:
        assert child.stdout
        program = int(child.stdout.readline())
        assert _alive(program)
        child.send_signal(signal.SIGKILL)
        child.stdout.read()
    deadline = time.monotonic() + 10
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
