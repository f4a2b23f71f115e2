"""A lab's processes are found by what they say of themselves."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common import environments
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import PROFILE_VARIABLE
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import spaces

PROFILE = "of-a-test"


@pytest.fixture
def restless(tmp_path: Path) -> Iterator[int]:
    """A process of a lab that becomes another program all the time, and stays the same process."""
    program = tmp_path / "restless"
    program.write_text('#!/bin/sh\nexec "$0"\n', encoding="utf-8")
    program.chmod(0o755)
    lab = {PROFILE_VARIABLE: PROFILE, spaces.STATE_VARIABLE: str(tmp_path)}
    process = subprocess.Popen([program], env={**os.environ, **lab, spaces.SPACE_VARIABLE: "one"})
    yield process.pid
    process.kill()
    process.wait()


def test_a_process_that_becomes_another_program_is_not_overlooked(
    restless: int, tmp_path: Path
) -> None:
    found = [spaces.processes(PROFILE, tmp_path) for _ in range(100)]
    assert [pids for pids in found if pids != [restless]] == []


def test_processes_of_other_labs_are_not_found(restless: int, tmp_path: Path) -> None:
    assert spaces.processes("of-another", tmp_path) == []
    assert spaces.processes(PROFILE, tmp_path / "elsewhere") == []
    assert spaces.processes(PROFILE, tmp_path, "two") == []
    assert spaces.processes(PROFILE, tmp_path, "one") == [restless]
    # It is the first of no PID namespace, so it is no space.
    assert spaces.find(PROFILE, tmp_path) == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root")
def test_a_container_that_is_being_made_is_not_its_node(tmp_path: Path) -> None:
    lab = {PROFILE_VARIABLE: PROFILE, spaces.STATE_VARIABLE: str(tmp_path)}
    below = ["unshare", "--pid", "--fork", "--kill-child"]
    node = [*below, "sh", "-c", f"{' '.join(below)} sleep 60; true"]
    with subprocess.Popen(node, env={**os.environ, **lab, spaces.SPACE_VARIABLE: "one"}) as process:
        deadline = time.monotonic() + 10
        while len(told := spaces.processes(PROFILE, tmp_path)) < 4:
            assert time.monotonic() < deadline, told
        # By their numbers: what makes the node, the node, what makes the container, the container.
        found = spaces.find(PROFILE, tmp_path)
        process.kill()
    assert found == {"one": spaces.Space("one", sorted(told)[1])}


def test_a_process_without_an_environment_is_told_at_once() -> None:
    with subprocess.Popen(["sleep", "60"], env={}) as process:
        started = time.monotonic()
        assert environments.of(process.pid) == {}
        assert time.monotonic() - started < 1
        process.kill()
