"""Reports of Kubernetes' end-to-end tests, and the outcomes that they become."""

from __future__ import annotations

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.conformance import results
from ansible_collections.latihan.lab.plugins.plugin_utils.conformance.results import Ran, State
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Verdict

DNS = "[sig-network] DNS should provide DNS for the cluster  [Conformance]"
LATENCY = "[sig-network] Service endpoints latency should not be very high  [Conformance]"
SCTP = "[sig-network] SCTP should create a ClusterIP Service"
# As ginkgo 1 writes it.
REPORT = f"""\
<?xml version="1.0" encoding="UTF-8"?>
  <testsuite name="Kubernetes e2e suite" tests="2" failures="1" errors="0" time="21.5">
      <testcase name="{DNS}" classname="Kubernetes e2e suite" time="10.25">
          <failure type="Failure">/tree/test/e2e/framework/framework.go:640&#xA;Nov 26 21:00:00.1: \
Lookups failed&#xA;for: [wheezy_udp]&#xA;/tree/test/e2e/network/dns_common.go:463</failure>
          <system-out>first&#xA;last</system-out>
      </testcase>
      <testcase name="{LATENCY}" classname="Kubernetes e2e suite" time="11.25"></testcase>
      <testcase name="{SCTP}" classname="Kubernetes e2e suite" time="0">
          <skipped></skipped>
      </testcase>
  </testsuite>
""".encode()


def test_a_report_says_how_each_test_ended() -> None:
    report = results.read(REPORT, "junit_01.xml")
    assert {name: (ran.state, ran.seconds) for name, ran in report.items()} == {
        DNS: (State.FAILED, 10.25),
        LATENCY: (State.PASSED, 11.25),
        SCTP: (State.SKIPPED, 0.0),
    }
    assert report[DNS].log == "first\nlast"


@pytest.mark.parametrize("text", [b"", b"<testsuite", b"<html/>", b"\xff"])
def test_what_is_no_report_is_named(text: bytes) -> None:
    with pytest.raises(LabError, match=r"junit_02\.xml is not a report"):
        results.read(text, "junit_02.xml")


def test_a_test_that_another_worker_ran_counts() -> None:
    one = {DNS: Ran(State.SKIPPED), SCTP: Ran(State.SKIPPED), LATENCY: Ran(State.FAILED)}
    other = {DNS: Ran(State.PASSED, 3), SCTP: Ran(State.SKIPPED), LATENCY: Ran(State.PASSED)}
    for reports in ((one, other), (other, one)):
        states = {name: ran.state for name, ran in results.merged(reports).items()}
        assert states == {DNS: State.PASSED, SCTP: State.SKIPPED, LATENCY: State.FAILED}


def test_an_id_does_not_depend_on_the_choice() -> None:
    listed = dict.fromkeys((SCTP, LATENCY, DNS), Ran(State.PASSED))
    assert results.chosen(listed) == {"E1": DNS, "E2": SCTP, "E3": LATENCY}
    assert results.chosen(listed | {DNS: Ran(State.SKIPPED)}) == {"E2": SCTP, "E3": LATENCY}


@pytest.mark.parametrize(
    ("line", "ended"),
    [
        ('{"msg":"PASSED [sig-network] DNS","total":2,"completed":1}', True),
        ('[3] {"msg":"FAILED [sig-network] DNS","total":2,"completed":1}', True),
        ('{"msg":"Test Suite starting","total":2}', False),
        ("[1] STEP: creating a pod to probe DNS", False),
        ("[1] 5", False),
        ('{"msg":5}', False),
    ],
)
def test_the_end_of_a_test_is_seen(line: str, ended: bool) -> None:
    assert results.finished(line) is ended


def test_each_chosen_test_is_an_outcome() -> None:
    tests = {"E1": DNS, "E2": LATENCY, "E3": SCTP}
    found = {each.id: each for each in results.outcomes(tests, results.read(REPORT, "j.xml"))}
    verdicts = {key: each.verdict for key, each in found.items()}
    assert verdicts == {"E1": Verdict.FAIL, "E2": Verdict.PASS, "E3": Verdict.SKIP}
    assert found["E1"].reason == "Lookups failed for: [wheezy_udp]"
    assert found["E1"].evidence[0].output.endswith("first\nlast")
    assert found["E2"].title == " ".join(LATENCY.split())


def test_a_test_that_is_missing_in_the_report_fails() -> None:
    (found,) = results.outcomes({"E1": DNS}, {})
    assert (found.verdict, found.reason) == (Verdict.FAIL, "It did not run to its end.")


def test_a_conformance_test_may_not_skip_itself() -> None:
    (found,) = results.outcomes({"E1": DNS}, {DNS: Ran(State.SKIPPED)})
    assert found.verdict is Verdict.FAIL


def test_a_failure_before_all_tests_is_an_outcome_too() -> None:
    report = {"BeforeSuite": Ran(State.FAILED, failure="x.go:1\nno nodes"), DNS: Ran(State.PASSED)}
    found = results.outcomes({"E1": DNS}, report)
    assert [(each.id, each.reason) for each in found] == [
        ("E0-BeforeSuite", "no nodes"),
        ("E1", ""),
    ]


def test_last_words_of_a_test_that_said_nothing() -> None:
    assert results.last_words("/a/b.go:1\n\n/c/d.go:2") == "It gave no reason."
    assert results.last_words("a.go:1\nNov  6 21:00:00.1: FAIL: no answer") == "no answer"
