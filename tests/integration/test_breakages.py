"""One thing in a running lab is broken at a time: outcomes fail, with reason and cause.

The checks are those of ``verify``, but run in this process, without starting Ansible.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import live
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import checking, entries, faults
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import OutcomeResult
from tests.integration import breakages
from tests.integration.breakages import BREAKAGES, Breakage
from tests.integration.labs import Lab
from tests.places import OUTCOME_FILES, ROOT

Results = dict[str, OutcomeResult]
Settled = Callable[[Results], bool]

ENTRIES = {entry.id: entry for entry in entries.load(sorted(OUTCOME_FILES.glob("*.yml")))}
_SETTLES_WITHIN = 20.0


def check(lab: Lab, ids: Sequence[str], within: float = 0.0, **variables: Any) -> Results:
    """The outcomes' results; each is checked again for up to that many seconds while it fails."""
    chosen = [ENTRIES[name].model_copy(update={"within": within}) for name in ids]
    place = live.lab(str(lab.contract_path), "default")
    return {result.id: result for result in checking.check(place, chosen, variables).results}


def check_until(lab: Lab, ids: Sequence[str], settled: Settled) -> Results:
    """The results once they are as they should be, or the last ones; some things break slowly."""
    deadline = time.monotonic() + _SETTLES_WITHIN
    while not settled(results := check(lab, ids)) and time.monotonic() < deadline:
        time.sleep(0.3)
    return results


def seen(breakage: Breakage, results: Results) -> dict[str, Any]:
    """What the results say about each field of a breakage."""
    first = results[next(iter(breakage.fails))]
    reasons = {str(each.reason) for each in first.evidence}
    causes = [found.id for found in first.diagnosis]
    return {
        "verdicts": {name: result.verdict for name, result in results.items()},
        "reasons": {name: part in results[name].reason for name, part in breakage.fails.items()},
        "cause": not breakage.cause or causes[:1] == [breakage.cause],
        "sees": sorted(reasons & breakage.sees),
    }


def expected(breakage: Breakage) -> dict[str, Any]:
    fails = dict.fromkeys(breakage.fails, "fail")
    return {
        "verdicts": fails | dict.fromkeys(breakage.holds, "pass"),
        "reasons": dict.fromkeys(breakage.fails, True),
        "cause": True,
        "sees": sorted(breakage.sees),
    }


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.name)
def test_what_is_broken_is_seen_and_what_is_repaired_holds(lab: Lab, breakage: Breakage) -> None:
    ids = [*breakage.fails, *breakage.holds]
    with breakage.breaking(lab):
        broken = check_until(lab, ids, lambda found: seen(breakage, found) == expected(breakage))
    repaired = check(lab, ids, _SETTLES_WITHIN)
    assert seen(breakage, broken) == expected(breakage), broken
    assert {result.verdict for result in repaired.values()} == {"pass"}, repaired


def test_what_is_broken_stays_broken_while_an_outcome_may_wait(lab: Lab) -> None:
    with breakages.selector_of_no_pod(lab):
        result = check(lab, ["S1"], within=2)["S1"]
    assert result.verdict == "fail"
    assert result.attempts > 1


def test_a_pod_that_is_gone_answers_nothing(lab: Lab) -> None:
    result = check(lab, ["P3"], mark="x", changed="x", old_uid="1", peer="pod/nobody")["P3"]
    asked = next(each for each in result.evidence if "nobody" in each.command)
    assert (result.verdict, asked.reason) == ("fail", "not_run")
    assert "not found" in asked.output


def test_verify_prints_reason_and_cause_and_exits_with_1(lab: Lab) -> None:
    with breakages.selector_of_no_pod(lab):
        done = lab.runner("verify")
        report = lab.report()
    assert done.code == 1, done.out
    failed = {each["id"] for each in report["outcomes"] if each["verdict"] == "fail"}
    assert "S1" in failed
    assert {"C1", "C2", "C3", "P7", "P9"}.isdisjoint(failed)
    assert "The ready endpoints of s1 are" in done.out
    assert "but no pod has such labels" in done.out
    assert "kubectl get pods --show-labels" in done.out


def test_fault_that_is_put_in_is_shown_by_why_until_it_is_taken_out(lab: Lab) -> None:
    asked = ("why", "pod/p3", "pod/p1")
    assert lab.runner(*asked).code == 0
    broken = lab.runner("break", "blackhole")
    try:
        shown = lab.runner(*asked)
        again = lab.runner("break", "blackhole")
    finally:
        healed = lab.runner("heal")
    assert (broken.code, shown.code, again.code, healed.code) == (0, 1, 2, 0), shown.out
    assert "has the route blackhole" in shown.out
    assert "Mended: A node throws packets for p1 away." in healed.out
    assert lab.runner(*asked).code == 0
    assert lab.runner("why", "pod/nobody", "pod/p1").code == 2


def test_faults_of_different_layers_are_told_apart(lab: Lab) -> None:
    """They are in place at once, each where only its own outcome meets it."""
    known = faults.load(ROOT / "faults" / "catalogue.yml")
    chosen = {
        "P2": "host-reaches-a-pod",
        "P10": "small-uplink",
        "P13": "masquerade-between-pods",
        "S2": "resolv-conf",
        "C2": "ping-ignored",
    }
    place, folder = live.lab(str(lab.contract_path), "default"), lab.contract_path.parent
    try:
        for name in chosen.values():
            faults.put_in(place, folder, known[name])
        broken = check(lab, list(chosen))
    finally:
        faults.take_out(place, folder)
    named = {name: each.cause and each.cause.id for name, each in broken.items()}
    assert named == {name: known[fault].cause for name, fault in chosen.items()}
    assert {each.verdict for each in check(lab, list(chosen), _SETTLES_WITHIN).values()} == {"pass"}


def test_a_pod_whose_image_has_no_tools(lab: Lab, tmp_path: Path) -> None:
    """A container with tools is put beside the pod's own, with the pod's network and names."""
    own = tmp_path / "own.yml"
    own.write_text(
        "- id: X1\n"
        "  title: A pod without a shell reaches p1\n"
        "  probes:\n"
        "    page: {from: pod/bare, http: 'http://${pods.p1.ip}/'}\n"
        "    path: {from: pod/bare, path: '${pods.p1.ip}'}\n"
        "    name: {from: pod/bare, dns: s1}\n"
        "    mtu: {from: pod/bare, mtu: '${pods.p1.ip}'}\n"
        "    own: {from: pod/bare, exec: [hostname], want: no_tool}\n"
        "    nobody: {from: pod/bare, http: 'http://${pods.bare.ip}/', want: refused}\n"
        "  control: [probes.page.ok]\n"
        "  expect:\n"
        "    - probes.page.local_ip == pods.bare.ip\n"
        "    - probes.path.hops[-1].owner == 'pod/p1'\n"
        "    - probes.name.addresses == [services.s1.cluster_ip]\n"
        "  expected: An answer\n"
        "  observed: ${trim(probes.page.body)}\n",
        encoding="utf-8",
    )
    lab.kubectl("run", "bare", "--image=registry.k8s.io/pause:3.2")
    try:
        lab.wait("pods.bare.ready")
        place = live.lab(str(lab.contract_path), "default")
        (result,) = checking.check(place, entries.load([own]), {}).results
    finally:
        lab.kubectl("delete", "pod", "bare", "--force", "--grace-period=0")
    assert result.verdict == "pass", result.reason
    asked = next(each for each in result.evidence if each.kind == "http")
    assert "$ sh /etc/latihan/tools.sh " in asked.command


def state(lab: Lab) -> str:
    """What these breakages change, and nothing that pods change when they come and go."""
    shown = "ip route show type unicast | grep via; iptables -S FORWARD"
    places = ["host", *(each["name"] for each in lab.contract["nodes"])]
    spec = breakages.get(lab, "service", "s1")["spec"]
    return json.dumps([spec, *(lab.enter(place, "sh", "-c", shown).stdout for place in places)])


def interrupt(lab: Lab, breaking: breakages.Breaking, before: str) -> None:
    with breaking(lab):
        assert state(lab) != before
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["selector_of_another_pod", "route", "dropping_rule"])
def test_an_interrupted_test_repairs_the_lab(lab: Lab, name: str) -> None:
    before = state(lab)
    with pytest.raises(KeyboardInterrupt):
        interrupt(lab, getattr(breakages, name), before)
    assert state(lab) == before
