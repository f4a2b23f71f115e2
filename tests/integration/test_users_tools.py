"""What people use kubectl for, besides what the article does, on a lab that is up."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.integration.labs import Lab, command

TOOLS = "amazon/amazon-ecs-network-sidecar"
WEB = ("p1", "-c", "p1-c1")
_WITHIN = 30.0


@pytest.fixture
def pod(lab: Lab) -> Iterator[Callable[..., str]]:
    """Makes a pod that removes itself: its name and how kubectl makes it; returns its name."""
    made: list[str] = []

    def make(name: str, *arguments: str) -> str:
        made.append(name)
        lab.kubectl(*arguments)
        lab.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
        return name

    yield make
    lab.kubectl("delete", "pod", *made, "--ignore-not-found", "--wait=false", "--grace-period=1")


@contextmanager
def running(lab: Lab, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """kubectl in the background, as a person has it in another terminal."""
    argv = command("--profile", lab.profile, "kubectl", *arguments)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as run:
        try:
            yield run
        finally:
            run.kill()


def line_with(run: subprocess.Popen[str], word: str) -> str:
    """The next line that has the word; fails if kubectl ends before."""
    assert run.stdout is not None
    for line in run.stdout:
        if word in line:
            return line
    raise AssertionError(f"kubectl ended with {run.wait()} without {word!r}")


def test_debug_makes_a_copy_with_a_container_that_has_tools(
    lab: Lab, pod: Callable[..., str]
) -> None:
    debug = ("debug", "p1", "--copy-to=p1-debug", "--share-processes", f"--image={TOOLS}")
    pod("p1-debug", *debug, "--container=debugger", "--", "/usr/local/bin/idle")
    processes = lab.kubectl("exec", "p1-debug", "-c", "debugger", "--", "ps", "-e")
    assert "nginx" in processes


def test_port_forward(lab: Lab) -> None:
    with running(lab, "port-forward", "pod/p1", ":80") as forwarding:
        address = line_with(forwarding, "127.0.0.1:").split()[2]
        with urlopen(f"http://{address}/", timeout=_WITHIN) as answer:
            assert answer.status == 200


def test_cp_there_and_back(lab: Lab, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(bytes(range(256)) * 4096)
    lab.kubectl("cp", str(there), "p1:/tmp/copied", "-c", "p1-c1")
    lab.kubectl("cp", "p1:/tmp/copied", str(back), "-c", "p1-c1")
    assert back.read_bytes() == there.read_bytes()


def test_logs_follow(lab: Lab) -> None:
    mark = f"/mark-{time.time_ns()}"
    with running(lab, "logs", "-f", "--since=1s", *WEB) as following:
        lab.kubectl("exec", "p1", "-c", "p1-c2", "--", "curl", "-s", f"localhost{mark}")
        assert line_with(following, f'{mark} HTTP/1.1" 404')


def test_attach(lab: Lab, pod: Callable[..., str]) -> None:
    run = ("run", "talker", f"--image={TOOLS}", "--restart=Never", "--stdin", "--attach=false")
    pod("talker", *run, "--", "cat")
    with running(lab, "attach", "-i", "talker") as attached:
        assert attached.stdin is not None
        attached.stdin.write("hello\n")
        attached.stdin.flush()
        assert line_with(attached, "hello") == "hello\n"


def test_auth_can_i(lab: Lab) -> None:
    pods = ("auth", "can-i", "create", "pods")
    assert lab.runner("kubectl", *pods).out == "yes\n"
    other = lab.runner("kubectl", *pods, "--as=system:serviceaccount:default:default")
    assert (other.code, other.out) == (1, "no\n")
