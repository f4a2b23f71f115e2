"""A space's process manager: a real one, with a /run of its own as in a space."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.spaces import Space
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.supervision import (
    complete,
    start,
    stop,
)

CONFIG = """
[supervisord]
nodaemon=true
logfile=/run/log
pidfile=/run/pid
[unix_http_server]
file=/run/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix:///run/supervisor.sock
[program:first]
command=sleep 61.5
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:second]
command=sleep 61.5
startsecs=0
stdout_logfile=NONE
stderr_logfile=NONE
[program:stubborn]
command=sh -c "trap '' TERM; while :; do sleep 0.1; done"
startsecs=0
stopwaitsecs=2
stdout_logfile=NONE
stderr_logfile=NONE
"""

_NOBODY = 2**22 + 1  # More than the highest number of a process (proc(5), pid_max).

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
Control = Callable[..., str]


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    config = tmp_path / "supervisord.conf"
    config.write_text(CONFIG, encoding="utf-8")
    own_run = 'mount -t tmpfs tmpfs /run && exec "$@"'
    argv = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
    with subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", own_run, "sh", *argv], stdout=subprocess.DEVNULL
    ) as process:
        yield Space("one", process.pid)
        process.terminate()


@pytest.fixture
def control(space: Space, tmp_path: Path) -> Control:
    """supervisorctl in the space, once it answers."""
    enter = ["nsenter", f"--target={space.pid}", "--mount", "--"]
    config = str(tmp_path / "supervisord.conf")

    def run(*arguments: str) -> str:
        argv = [*enter, sys.executable, "-m", "supervisor.supervisorctl", "-c", config, *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    deadline = time.monotonic() + 20
    while run("status").count("RUNNING") != 3:
        assert time.monotonic() < deadline
    return run


def test_stopped_programs_are_started_again(space: Space, control: Control) -> None:
    assert not complete(space)
    assert "stopped" in control("stop", "second")
    assert complete(space)
    assert control("status").count("RUNNING") == 3
    assert not complete(space)


def test_a_program_is_stopped_and_started(space: Space, control: Control) -> None:
    for _again in range(2):
        stop(space, "second")
        assert control("status").count("STOPPED") == 1
    start(space, "second")
    assert control("status").count("RUNNING") == 3
    with pytest.raises(LabError, match="process manager of one doesn't work: .*ALREADY_STARTED"):
        start(space, "second")


def test_a_program_that_does_not_stop_is_told(space: Space, control: Control) -> None:
    with pytest.raises(LabError, match="stubborn of one doesn't stop"):
        stop(space, "stubborn", within=0.2)
    assert control("status").count("STOPPING") == 1


def test_a_space_whose_process_manager_is_silent_is_told() -> None:
    with pytest.raises(LabError, match="process manager of one doesn't work"):
        complete(Space("one", _NOBODY), within=0.2)


@pytest.mark.usefixtures("control")
def test_a_frozen_process_manager_is_told(space: Space) -> None:
    frozen = psutil.Process(space.pid)
    frozen.suspend()
    try:
        with pytest.raises(LabError, match="process manager of one doesn't work: timed out"):
            complete(space, within=0.2)
    finally:
        frozen.resume()
