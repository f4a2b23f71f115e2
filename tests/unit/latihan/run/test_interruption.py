"""What is cleaned up after an interrupted run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Provider
from latihan.base.project import DEFAULT_PROVIDER, Project
from latihan.base.signals import on_signals
from latihan.inputs.playbooks import Playbook
from latihan.inputs.request import Request
from latihan.run import ansible, cleanup, stragglers


def program(*variables: str) -> subprocess.Popen[bytes]:
    """A process in its own session that ignores SIGTERM."""
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    started = subprocess.Popen(
        ["env", "-i", *variables, sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"\n"
    return started


def test_what_a_run_started_ends_and_the_labs_daemons_stay() -> None:
    mark = f"{stragglers.RUN_VARIABLE}={uuid.uuid4().hex}"
    mine, daemon, other = program(mark), program(mark, "LATIHAN_PROFILE=x"), program("A=b")
    try:
        stragglers.end(mark.partition("=")[2], patience=0.3)
        assert mine.wait(timeout=5) == -signal.SIGKILL
        assert daemon.poll() is None
        assert other.poll() is None
    finally:
        for each in (mine, daemon, other):
            each.kill()
            each.communicate()


def test_unmarked_children_end_with_the_session_of_their_parent() -> None:
    mark = uuid.uuid4().hex
    code = "import subprocess; subprocess.run(['env', '-i', 'sleep', '60.5'])"
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        env={stragglers.RUN_VARIABLE: mark, "PATH": os.environ["PATH"]},
        start_new_session=True,
    )
    stragglers.end(mark, patience=2)
    parent.wait(timeout=5)
    # The session leader's group was its own. The machine's first process may reap the child later.
    deadline = time.monotonic() + 10
    while has_group(parent.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def has_group(leader: int) -> bool:
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def test_what_must_not_stay_after_an_interruption(project: Project) -> None:
    def passing() -> list[str]:
        return [lab.name for lab in cleanup.leftovers(project, "latihan", DEFAULT_PROVIDER)]

    assert passing() == []
    project.profile("latihan").folder.mkdir(parents=True)
    assert passing() == ["latihan"]
    project.contract("latihan").write_text("{}", encoding="utf-8")
    assert passing() == []
    # A second lab goes also when it is complete.
    project.profile("latihan-c4").folder.mkdir()
    project.contract("latihan-c4").write_text("{}", encoding="utf-8")
    assert passing() == ["latihan-c4"]


def test_what_the_provider_calls_half_made_goes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another provider may keep what it makes elsewhere."""
    made: list[Profile] = []

    def is_half_made(_provider: Provider, profile: Profile) -> bool:
        made.append(profile)
        return True

    monkeypatch.setattr(Provider, "is_half_made", is_half_made)
    assert cleanup.leftovers(project, "latihan", DEFAULT_PROVIDER) == made
    assert made == [Profile("latihan", project.state)]


def test_a_half_made_lab_is_removed(project: Project) -> None:
    project.profile("latihan").folder.mkdir(parents=True)
    assert cleanup.remove(project.profile("latihan"), DEFAULT_PROVIDER) == ""
    assert not project.state.exists()


def test_the_removal_tells_why_it_failed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup, "_REMOVE", "no.such.module")
    assert "no.such" in cleanup.remove(project.profile("latihan"), DEFAULT_PROVIDER)


def test_signals_that_ask_to_end_are_handled_for_a_while() -> None:
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = [signal.getsignal(each) for each in numbers]
    handled: list[int] = []
    with suppress(KeyError), on_signals(lambda number, frame: handled.append(number)):
        # Unhandled, one would end the tests.
        assert not set(before) & {signal.getsignal(each) for each in numbers}
        for each in numbers:
            signal.raise_signal(each)
        raise KeyError
    assert handled == numbers
    assert [signal.getsignal(each) for each in numbers] == before


@pytest.mark.parametrize(
    ("fields", "given"),
    [
        ({}, {"tags": None, "skip_tags": None, "limit": None, "cmdline": None, "verbosity": None}),
        (
            {"tags": "a,b", "skip_tags": "c", "limit": "d", "check": True, "verbosity": 2},
            {"tags": "a,b", "skip_tags": "c", "limit": "d", "cmdline": "--check", "verbosity": 2},
        ),
    ],
)
def test_a_request_in_the_words_of_ansible_runner(
    project: Project, fields: dict[str, Any], given: dict[str, Any]
) -> None:
    playbook = Playbook("own", Path("/mine/own.yml"), "")
    request = Request(playbook, "second", "embedded", "", {"lab_nodes": 3}, **fields)
    made = ansible.arguments(project, request, "a mark", "/a/folder")
    assert {name: made[name] for name in given} == given
    assert made["playbook"] == "/mine/own.yml"
    assert made["inventory"] == str(project.root / "inventory" / "embedded.yml")
    assert made["extravars"] == {
        "lab_nodes": 3,
        "lab_profile": "second",
        "lab_cache": str(project.cache),
        "lab_state": str(project.state),
    }
    assert made["envvars"][stragglers.RUN_VARIABLE] == "a mark"
    assert {made["private_data_dir"], made["envvars"]["TMPDIR"]} == {"/a/folder"}


def test_the_environment_finds_the_labs_programs(project: Project) -> None:
    made = ansible.environment(project.root, {"PATH": "/usr/bin:/sbin"})
    folders = made["PATH"].split(":")
    assert folders[0] == str(Path(sys.executable).parent)
    assert folders[1:3] == ["/usr/bin", "/sbin"]
    assert "/usr/sbin" in folders
    assert folders.count("/sbin") == 1
