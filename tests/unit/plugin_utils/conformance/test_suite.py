"""How the tests are started, and what counts as their end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Node,
    Reachable,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.processes import of
from ansible_collections.latihan.lab.plugins.plugin_utils.conformance import suite
from ansible_collections.latihan.lab.plugins.plugin_utils.conformance.suite import Choice, Suite
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Verdict

API = '{"subsets": [{"addresses": [{"ip": "192.0.2.2"}], "ports": [{"port": 6443}]}]}'
CASE = '<testcase name="{}" time="1">{}</testcase>'
SKIPPED = "<skipped></skipped>"
FAILED = '<failure type="Failure">no answer</failure>'
ALL = Choice("DNS", "", 2)


def report(**cases: str) -> str:
    written = "".join(CASE.format(name, result) for name, result in cases.items())
    return f"<testsuite>{written}</testsuite>"


@pytest.fixture
def listed(tmp_path: Path) -> Callable[[str], Suite]:
    """Makes a suite whose ``e2e.test`` lists the tests of a report, on a lab of this process."""

    def program(name: str, text: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    def make(text: str) -> Suite:
        (tmp_path / "listed.xml").write_text(text)
        program(
            "e2e.test",
            'for word; do case "$word" in --report-dir=*) folder="${word#*=}";; esac; done\n'
            f'mkdir -p "$folder" && cp {tmp_path}/listed.xml "$folder/junit_01.xml"',
        )
        program("kubectl", f"echo '{API}'")
        contract = Contract(
            profile="p",
            provider="embedded",
            kubeconfig="/kubeconfig",
            kubectl=str(tmp_path / "kubectl"),
            host_address="192.0.2.1",
            host=Reachable(("nsenter", "--all"), of(os.getpid())),
            nodes=(Node("p", "192.0.2.2", Stopped()),),
        )
        return Suite(tmp_path, contract)

    return make


Started = list[Sequence[str]]


def ending(monkeypatch: pytest.MonkeyPatch, text: str, *, failing: bool = False) -> Started:
    """Stands in for the run of the tests, which leaves that report, or none if it is empty."""
    started: Started = []

    def stream(argv: Sequence[str], on_line: Callable[[str], None], **_: Any) -> None:
        started.append(argv)
        on_line('[1] {"msg":"PASSED a"}')
        folder = Path(argv[-1].removeprefix("--report-dir="))
        folder.mkdir()
        if text:
            (folder / "junit_02.xml").write_text(text)
        if failing:
            raise LabError("ginkgo failed.")

    monkeypatch.setattr(suite, "stream", stream)
    return started


def test_the_tests_run_in_the_hosts_network_with_the_apis_own_address(
    listed: Callable[[str], Suite], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = ending(monkeypatch, report(a="", b=SKIPPED))
    (found,) = listed(report(a="", b=SKIPPED)).run(Choice("DNS", "Slow", 4))
    assert (found.id, found.title, found.verdict) == ("E1", "a", Verdict.PASS)
    (argv,) = started
    assert argv[:3] == ["nsenter", f"--net=/proc/{os.getpid()}/ns/net", "--"]
    assert {"-nodes=1", "-focus=DNS", "-skip=Slow", "--host=https://192.0.2.2:6443"} <= set(argv)


def test_a_failure_of_the_runner_is_that_of_the_tests_if_they_report(
    listed: Callable[[str], Suite], monkeypatch: pytest.MonkeyPatch
) -> None:
    ending(monkeypatch, report(a=FAILED), failing=True)
    found = listed(report(a="", b="")).run(ALL)
    assert [each.reason for each in found] == ["no answer", "It did not run to its end."]
    ending(monkeypatch, "", failing=True)
    with pytest.raises(LabError, match="ginkgo failed"):
        listed(report(a="")).run(ALL)


@pytest.mark.parametrize(
    ("names", "workers"), [(["a", "b", "c"], "-nodes=2"), (["a", "b [Serial]"], "-nodes=1")]
)
def test_a_test_that_expects_to_run_alone_does(
    listed: Callable[[str], Suite],
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    workers: str,
) -> None:
    text = report(**dict.fromkeys(names, ""))
    started = ending(monkeypatch, text)
    listed(text).run(ALL)
    assert workers in started[0]


def test_a_choice_of_no_test_is_refused(listed: Callable[[str], Suite]) -> None:
    with pytest.raises(LabError, match="No test is chosen") as raised:
        listed(report(a=SKIPPED)).run(ALL)
    assert raised.value.kind is Kind.INPUT
    with pytest.raises(LabError, match="can't run at a time"):
        listed(report(a="")).run(Choice("DNS", "", 0))


def test_what_the_tests_say_if_they_list_nothing(
    listed: Callable[[str], Suite], tmp_path: Path
) -> None:
    made = listed(report(a=""))
    (tmp_path / "e2e.test").write_text("#!/bin/sh\necho 'missing closing )'\nexit 2\n")
    with pytest.raises(LabError, match=r"can't be listed: missing closing \)"):
        made.run(ALL)
