"""The whole lab in a container, as a user runs it: `python3 runner.py test container`."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys

import pytest

from latihan.container.place import CACHE, ContainerPlace
from tests.container.conftest import Docker
from tests.integration.labs import Done
from tests.places import ROOT

PROFILE = "latihan-container"
HERE = ContainerPlace(ROOT)
OUTCOMES = 35


def run(engine: Docker, *arguments: str, given: str = "") -> Done:
    done = engine.runner("--profile", PROFILE, *arguments, given=given)
    return Done(done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def lab(engine: Docker) -> Docker:
    """Docker, with a lab that stands in the container."""
    made = run(engine, "full-lab")
    assert made.code == 0, made.out
    return engine


@pytest.mark.parametrize(
    ("also", "words"),
    [
        ({"LATIHAN_CONTAINER_OPTIONS": "--cap-add=NO_SUCH"}, "The container can't be made: "),
        ({"LATIHAN_CONTAINER_OPTIONS": "--network=no-such"}, "The container can't be made: "),
        ({"DOCKER_HOST": "unix:///no/such/socket"}, "Docker doesn't answer: "),
    ],
)
def test_what_docker_refuses_is_one_line(engine: Docker, also: dict[str, str], words: str) -> None:
    done = engine.runner("status", also=also)
    assert done.returncode == 3
    (line,) = (each for each in done.stderr.splitlines() if not each.startswith("Making"))
    assert line.startswith(f"runner.py: {words}")
    assert engine.docker("ps", "--all", "--quiet") == ""


def test_every_outcome_holds(lab: Docker) -> None:
    report = json.loads((ROOT / "artifacts" / PROFILE / "latest" / "report.json").read_text())
    verdicts = {each["id"]: each["verdict"] for each in report["outcomes"]}
    assert verdicts == dict.fromkeys(verdicts, "pass")
    assert len(verdicts) == OUTCOMES


def test_the_lab_outlives_its_command(lab: Docker) -> None:
    status = run(lab, "status")
    assert status.code == 0, status.out
    nodes = run(lab, "kubectl", "get", "nodes", "--output=name").out.split()
    assert nodes == [f"node/{PROFILE}", f"node/{PROFILE}-m02"]
    address = run(lab, "url", "s1").out.strip()
    asked = run(lab, "shell", "host", "--", "curl", "--silent", "--fail", address)
    assert (asked.code, "p" in asked.out) == (0, True)
    assert run(lab, "shell", "host", "--", "sh", "-c", "exit 42").code == 42
    manifest = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "given"}}'
    applied = run(lab, "kubectl", "apply", "--filename=-", given=manifest)
    assert applied.out == "configmap/given created\n"


def test_a_terminal(lab: Docker) -> None:
    ours, theirs = pty.openpty()
    argv = [sys.executable, str(ROOT / "runner.py"), "--profile", PROFILE, "shell", "host", "--"]
    running = subprocess.Popen(
        [*argv, "sh", "-c", "tty; sleep 60"],
        cwd=ROOT,
        env=lab.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    said = os.read(ours, 1000)
    assert said.startswith(b"/dev/pts/"), said
    os.write(ours, b"\x03")
    assert running.wait(20) == 130
    os.close(ours)


def test_ctrl_c_removes_what_is_half_made(lab: Docker) -> None:
    argv = [sys.executable, str(ROOT / "runner.py"), "--profile", "half-made", "provision"]
    with subprocess.Popen(
        [*argv, "-e", "lab_network=192.168.57.0/24"],
        cwd=ROOT,
        env=lab.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if "images" in line:
                break
        while not labs(lab) >= {"half-made"}:
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        said = running.stdout.read()
    assert (running.returncode, "Removing what there is of 'half-made'" in said) == (130, True)
    assert labs(lab) == {PROFILE}


def labs(engine: Docker) -> set[str]:
    return set(engine.docker("exec", HERE.name, "ls", "/var/lib/latihan").split())


def test_a_stopped_container_is_a_power_cut(lab: Docker) -> None:
    lab.docker("stop", "--time=1", HERE.name)
    assert run(lab, "status").code == 1
    started = run(lab, "start")
    assert started.code == 0, started.out
    assert run(lab, "status").code == 0


def test_a_teardown_leaves_the_caches_alone(lab: Docker) -> None:
    done = run(lab, "teardown")
    assert done.code == 0, done.out
    assert lab.docker("ps", "--all", "--quiet") == ""
    volumes = lab.docker("volume", "ls", "--quiet").split()
    assert volumes == sorted([CACHE, f"{HERE.name}-python"])
