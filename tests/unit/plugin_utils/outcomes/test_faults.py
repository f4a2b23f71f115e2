"""A fault is noted before anything is changed, and stays noted until it is taken out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Reachable,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts, PodInfo
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.processes import Process
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import entries, faults
from tests.places import OUTCOME_FILES, ROOT

FAULT = faults.Fault(
    name="x",
    title="A file is there",
    layer="link",
    put_in=[faults.FaultStep(at="host", run='echo ${pods.p1.ip} >"$FOLDER/fault"')],
    undo=[faults.FaultStep(at="host", run='rm "$FOLDER/fault"')],
)


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lab:
    """A lab whose host is this machine's shell."""
    monkeypatch.setenv("FOLDER", str(tmp_path))
    known = Facts(pods={"p1": PodInfo(name="p1", ip="10.0.0.5", uid="the-uid")})
    monkeypatch.setattr(facts, "gather", lambda *_given, **_more: known)
    contract = Contract("", "", "", "", "", Reachable(()), ())
    return Lab(object.__new__(Api), contract, "default")


def test_fault_is_put_in_and_taken_out(lab: Lab, tmp_path: Path) -> None:
    faults.put_in(lab, tmp_path, FAULT)
    assert (tmp_path / "fault").read_text() == "10.0.0.5\n"
    assert [each.name for each in faults.placed(tmp_path)] == ["x"]
    assert [each.name for each in faults.take_out(lab, tmp_path)] == ["x"]
    assert not (tmp_path / "fault").exists()
    assert list(tmp_path.iterdir()) == []


def test_fault_that_can_not_be_taken_out_stays_noted(lab: Lab, tmp_path: Path) -> None:
    faults.put_in(lab, tmp_path, FAULT)
    (tmp_path / "fault").unlink()
    with pytest.raises(LabError, match="'x' could not be taken out: .*heal x --forget"):
        faults.take_out(lab, tmp_path)
    assert [each.name for each in faults.placed(tmp_path)] == ["x"]


def test_fault_that_was_mended_by_hand_is_forgotten(lab: Lab, tmp_path: Path) -> None:
    for name in ("x", "y"):
        faults.put_in(lab, tmp_path, FAULT.model_copy(update={"name": name}))
    assert [each.name for each in faults.forget(tmp_path, "x")] == ["x"]
    assert (tmp_path / "fault").exists()
    assert [each.name for each in faults.take_out(lab, tmp_path)] == ["y"]
    assert [each.name for each in faults.forget(tmp_path)] == []
    assert list(tmp_path.iterdir()) == []


def test_fault_that_is_half_in_place_is_taken_out(lab: Lab, tmp_path: Path) -> None:
    steps = [*FAULT.put_in, faults.FaultStep(at="host", run='rm "$FOLDER/fault"; false')]
    with pytest.raises(LabError):
        faults.put_in(lab, tmp_path, FAULT.model_copy(update={"put_in": steps}))
    assert [each.name for each in faults.take_out(lab, tmp_path)] == ["x"]
    assert list(tmp_path.iterdir()) == []


def test_what_ended_with_its_place_or_pod_needs_no_undoing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "fault").touch()
    undo = [*FAULT.undo, faults.FaultStep(at="host", run=": the-uid; false")]
    faults.put_in(lab, tmp_path, FAULT.model_copy(update={"undo": undo}))
    again = Facts(pods={"p1": PodInfo(name="p1", ip="10.0.0.5", uid="another")})
    monkeypatch.setattr(facts, "gather", lambda *_given, **_more: again)
    faults.take_out(lab, tmp_path)
    faults.put_in(lab, tmp_path, FAULT.model_copy(update={"put_in": [FAULT.put_in[0]]}))
    later = Reachable((), Process(1, 2, "another boot"))
    restarted = replace(lab, contract=replace(lab.contract, host=later))
    faults.take_out(restarted, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["fault"]


def test_fault_is_undone_in_the_namespace_that_it_was_put_into(lab: Lab, tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n')
    kubectl.chmod(0o755)
    own = [
        faults.FaultStep(at="kubectl", run="label pod p1 a=b"),
        faults.FaultStep(at="kubectl", run="-n other get pods"),
    ]
    shop = replace(
        lab, namespace="shop", contract=replace(lab.contract, kubectl=str(kubectl), provider="x")
    )
    faults.put_in(shop, tmp_path, FAULT.model_copy(update={"put_in": own, "undo": own[:1]}))
    faults.take_out(replace(shop, namespace="default"), tmp_path)
    asked = [line.partition("-n ")[2] for line in (tmp_path / "asked").read_text().splitlines()]
    assert asked == ["shop label pod p1 a=b", "shop -n other get pods", "shop label pod p1 a=b"]


@pytest.mark.parametrize("wrong", [{"layer": None}, {"put_in": []}, {"colour": "red"}])
def test_wrong_fault_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    own = tmp_path / "own.yml"
    own.write_text(f"- {FAULT.plain() | wrong!r}".replace("None", "null"), encoding="utf-8")
    with pytest.raises(LabError, match="has a wrong fault"):
        faults.load(own)


@pytest.mark.parametrize("catalogue", ["catalogue.yml", "blind.yml"])
def test_faults_of_a_catalogue_fail_outcomes_that_exist_and_say_how(catalogue: str) -> None:
    known = {each.id for each in entries.load(sorted(OUTCOME_FILES.glob("*.yml")))}
    listed = faults.load(ROOT / "faults" / catalogue)
    assert {name for each in listed.values() for name in each.fails} <= known
    assert all(each.cause or each.says for each in listed.values())
