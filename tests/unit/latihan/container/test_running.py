"""A command in a container is as if it ran here: streams, exit codes, signals.

The engine is a script beside this file, and its container this machine, so that all processes and
signals are real ones.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from latihan.container.place import ContainerPlace
from tests.places import ROOT

HERE = Path(__file__).parent
OUTSIDE = """
import os, sys
from pathlib import Path
from latihan.container import running
from latihan.container.engine import ContainerError
try:
    sys.exit(running.run(Path(sys.argv[1]), "docker", [], sys.argv[2:], os.environ))
except ContainerError as error:
    print(error, file=sys.stderr)
    sys.exit(error.code)
"""
INSIDE = """
import os, signal, sys, time
from pathlib import Path
here = Path(__file__).parent
def end(number, frame):
    (here / "signal").write_text(signal.Signals(number).name)
    sys.exit(130)
name = sys.argv[1]
if name == "say":
    print("said", *sys.argv[2:])
    print("aside", file=sys.stderr)
    sys.exit(7)
elif name == "copy":
    sys.stdout.write(sys.stdin.read())
elif name == "much":
    for number in range(100_000):
        print("line", number)
    (here / "done").touch()
elif name == "wait":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    (here / "ready").touch()
    time.sleep(60)
"""

RIGHTS = "docs/containers.md lists the rights that it needs."
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose runner.py does little, and whose container has its folders here."""
    (tmp_path / "runner.py").write_text(INSIDE, encoding="utf-8")
    (tmp_path / "Containerfile").touch()
    (tmp_path / "collections/ansible_collections/latihan/lab").mkdir(parents=True)
    (tmp_path / "collections/ansible_collections/latihan/lab/galaxy.yml").touch()
    for name in ("engine", "runs", "groups", "labs", "latihan/container"):
        (tmp_path / name).mkdir(parents=True)
    script = (ROOT / "latihan/container/inside.sh").read_text(encoding="utf-8")
    for path, name in (
        ("/run/latihan/runs", "runs"),
        ("/sys/fs/cgroup", "groups"),
        ("/var/lib/latihan", "labs"),
    ):
        assert path in script
        script = script.replace(path, str(tmp_path / name))
    (tmp_path / "latihan/container/inside.sh").write_text(script, encoding="utf-8")
    return tmp_path


@pytest.fixture
def start(project: Path) -> Start:
    """Start a command line in the project's container."""

    def started(*arguments: str, before: str = "") -> subprocess.Popen[str]:
        python = [sys.executable, "-c", OUTSIDE, str(project), *arguments]
        shell = ["sh", "-c", f'{before} exec "$@"', "sh"]
        return subprocess.Popen(
            [*shell, *python],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PATH": f"{HERE}:{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "ENGINE": str(project / "engine"),
            },
        )

    return started


def eventually(holds: Callable[[], bool], within: float = 20.0) -> bool:
    deadline = time.monotonic() + within
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def ready(project: Path) -> None:
    assert eventually((project / "ready").exists)


def test_streams_and_the_exit_code(project: Path, start: Start) -> None:
    out, err = start("say", "a b", "*", "").communicate(timeout=60)
    assert out == "said a b * \n"
    assert err.splitlines() == [f"Making the container {ContainerPlace(project).name} ...", "aside"]
    copying = start("copy")
    assert copying.communicate("what\nis given", timeout=60)[0] == "what\nis given"
    again = start("say")
    again.communicate(timeout=60)
    assert again.returncode == 7
    asked = (project / "engine/asked").read_text(encoding="utf-8")
    assert asked.count("\nrun ") == 1, "the container outlives a command"
    assert not list((project / "runs").iterdir())


def test_nobody_reads_any_more(project: Path, start: Start) -> None:
    running = start("much")
    assert running.stdout is not None
    running.stdout.readline()
    running.stdout.close()
    assert running.wait(60) == 0
    assert (project / "done").exists(), "the command goes on to its end"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_reaches_the_command(project: Path, start: Start, name: str) -> None:
    running = start("wait")
    ready(project)
    running.send_signal(signal.Signals[name])
    assert running.wait(20) == 130
    assert (project / "signal").read_text(encoding="utf-8") == name


def test_what_a_killed_command_began_is_ended(project: Path, start: Start) -> None:
    running = start("wait")
    ready(project)
    running.kill()
    assert eventually((project / "signal").exists)
    assert (project / "signal").read_text(encoding="utf-8") == "SIGHUP"
    assert eventually(lambda: not list((project / "runs").iterdir()))


def test_with_version_2_a_command_leaves_the_root_group(project: Path, start: Start) -> None:
    (project / "groups/cgroup.controllers").touch()
    running = start("say")
    running.communicate(timeout=60)
    assert (project / "groups/init/cgroup.procs").read_text(encoding="utf-8").strip().isdecimal()


def test_a_container_that_was_stopped_is_started_again(project: Path, start: Start) -> None:
    for state, words in (("exited", "Starting the container"), ("paused", "is paused: see")):
        (project / "engine/state").write_text(f"{state}\n", encoding="utf-8")
        running = start("say")
        _out, err = running.communicate(timeout=60)
        assert words in err
        assert running.returncode == (7 if state == "exited" else 3)


def test_a_right_that_is_refused(project: Path, start: Start) -> None:
    said = "docker: Error response from daemon: OCI runtime: operation not permitted\n"
    (project / "engine/refuses").write_text(said, encoding="utf-8")
    running = start("say")
    _out, err = running.communicate(timeout=60)
    assert running.returncode == 3
    assert err.splitlines()[1:] == [f"The container can't be made: {said.strip()}. {RIGHTS}"]


def test_a_teardown_of_the_last_lab_removes_the_container(project: Path, start: Start) -> None:
    (project / "labs/second").mkdir()
    start("teardown").communicate(timeout=60)
    assert (project / "engine/state").exists()
    (project / "labs/second").rmdir()
    start("teardown").communicate(timeout=60)
    asked = (project / "engine/asked").read_text(encoding="utf-8").splitlines()
    name = ContainerPlace(project).name
    assert asked[-2:] == [f"rm --force {name}", f"volume rm {name}-state"]


def test_folders_that_the_container_does_not_see(project: Path, start: Start) -> None:
    running = start("say", before="LATIHAN_ARTIFACTS=/elsewhere")
    _out, err = running.communicate(timeout=60)
    assert (running.returncode, "Name a folder in" in err) == (2, True)
    (project / "collections/ansible_collections/latihan/lab/galaxy.yml").unlink()
    running = start("say")
    _out, err = running.communicate(timeout=60)
    assert (running.returncode, "core.symlinks=true" in err) == (3, True)
