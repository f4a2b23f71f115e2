"""Patience: one factor for every time limit, chosen or measured."""

from __future__ import annotations

import os
import re
import time
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from ansible_collections.latihan.lab.plugins.action import missing_packages
from ansible_collections.latihan.lab.plugins.plugin_utils.common import patience
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from latihan.base.project import from_environment
from latihan.cli import main
from tests.places import ROOT

LIMIT = re.compile(r"\btime\.monotonic\(\) \+ (?!seconds\()")


@pytest.fixture(autouse=True)
def _not_chosen(_fast_enough: None) -> None:
    patience.choose(patience.AUTO)


@pytest.mark.parametrize("value", [0, "0", -1, "-0.5", "nan", "inf", "1e9", "", "slow", None, True])
def test_what_is_no_number_above_0_is_refused(value: object) -> None:
    with pytest.raises(LabError) as refused:
        patience.choose(value)
    assert refused.value.kind is Kind.INPUT
    assert refused.value.message == f"lab_patience can't be {value!r}."


@pytest.mark.parametrize("command", ["doctor", "provision"])
def test_the_command_line_refuses_it_too(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "-e", "lab_patience=0"], from_environment({})) == 2
    assert "lab_patience can't be '0'." in "".join(capsys.readouterr())


@pytest.mark.parametrize(("took", "factor"), [(0.001, 1.0), (0.01, 1.0), (0.015, 1.5), (0.2, 20.0)])
def test_a_slow_machine_has_more_time(took: float, factor: float) -> None:
    assert patience.of_speed(took) == factor


@pytest.mark.parametrize(("load", "crowding"), [(0.3, 1.0), (8.0, 2.0), (100.0, 6.0)])
def test_processes_that_wait_for_a_processor_take_longer(
    monkeypatch: pytest.MonkeyPatch, load: float, crowding: float
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert patience.crowding() == crowding


def test_it_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.025])
    monkeypatch.setattr(patience, "measured", lambda: next(times))
    assert [patience.seconds(60), patience.seconds(2)] == [150, 5]


def test_it_measures_processor_time() -> None:
    started = time.thread_time()
    took = patience.measured()
    assert 0 < took <= time.thread_time() - started


@pytest.mark.parametrize(
    ("rounds", "best", "left"),
    [
        ([0.009, 0.001], 0.009, 1),
        ([0.03, 0.01, 0.001], 0.01, 1),
        ([0.04, 0.02, 0.03, 0.001], 0.02, 1),
    ],
)
def test_it_measures_until_a_round_is_fast_enough_and_three_times_at_most(
    monkeypatch: pytest.MonkeyPatch, rounds: list[float], best: float, left: int
) -> None:
    times = iter(rounds)
    monkeypatch.setattr(patience, "_round", lambda: next(times))
    assert patience.measured() == best
    assert len(list(times)) == left


def test_a_program_may_take_longer() -> None:
    patience.choose("0.1")
    with pytest.raises(LabError, match=r"took more than 0\.1 s"):
        run(["sleep", "5"], timeout=1)
    patience.choose(100)
    assert run(["sleep", "0.1"], timeout=0.05).returncode == 0


def told(monkeypatch: pytest.MonkeyPatch, variables: dict[str, Any]) -> tuple[float, Any]:
    """The factor that a task works with, and the facts that it hands on."""
    found: list[float] = []

    def execute(self: object, args: dict[str, Any]) -> dict[str, Any]:
        found.append(patience.factor())
        return {"changed": False}

    monkeypatch.setattr(missing_packages.ActionModule, "execute", execute)
    monkeypatch.setattr(ActionBase, "run", lambda *ignored: {})
    monkeypatch.setattr(patience, "measured", lambda: 0.03)
    plugin = object.__new__(missing_packages.ActionModule)
    plugin._task = SimpleNamespace(args={"packages": []})
    plugin._loader = DataLoader()
    plugin._templar = Templar(plugin._loader, variables)
    result = plugin.run(task_vars=variables)
    assert "failed" not in result, result
    return found[0], result.get("ansible_facts")


def test_the_first_task_measures_and_tells_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, {}) == (3.0, {patience.FACT: 3.0})
    known = {"ansible_facts": {patience.FACT: 7.0}}
    assert told(monkeypatch, {"lab_patience": "auto", **known}) == (7.0, None)
    assert told(monkeypatch, {"lab_patience": "2.5", **known}) == (2.5, None)


def test_no_limit_goes_its_own_way() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("plugins", "latihan")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "in_cluster" not in path.parts  # Programs in pods try again by themselves.
        for line in path.read_text(encoding="utf-8").splitlines()
        if LIMIT.search(line)
    ]
    # Each gets a limit that is multiplied already.
    assert found == [
        "plugins/plugin_utils/cluster/api.py: ends = time.monotonic() + timeout",
        "plugins/plugin_utils/cluster/watching.py: ends = time.monotonic() + seconds",
        "plugins/plugin_utils/providers/embedded/api.py: deadline = time.monotonic() + within",
        "plugins/plugin_utils/providers/embedded/api.py: deadline = time.monotonic() + within",
    ]


def test_what_takes_a_moment_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    patience.choose(1)
    looks = iter([False, False, True])
    assert patience.until(lambda: next(looks), within=60)
    assert next(looks, None) is None
    assert not patience.until(lambda: False, within=0.05)
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("It need not wait."))
    assert patience.until(lambda: True, within=0)
