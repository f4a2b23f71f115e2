"""A kubelet that can't be reached is given up on; one that is slow is waited for."""

from __future__ import annotations

import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject, Execution
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes import engine, kubelets
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Probe, place

FINE = Execution("hello", "", 0)


@pytest.fixture
def lab(contract: Contract, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab with one pod on each of its two nodes; commands there take longer than usual."""
    monkeypatch.setattr(kubelets, "_SOON", 0.01)
    nodes = {"near": "uji", "far": "uji-m02"}

    def get(path: str) -> ApiObject:
        node = nodes[path.rpartition("/")[2]]
        return {"spec": {"nodeName": node}, "status": {"hostIP": contract.node(node).address}}

    return Lab(SimpleNamespace(get=get), contract, "default")  # type: ignore[arg-type]


class Late:
    """A command that ends when it may."""

    def __init__(self) -> None:
        self.may = threading.Event()

    def __call__(self) -> Execution:
        self.may.wait(10)
        return FINE


def test_kubelet_that_is_not_reached_is_asked_about_once_and_given_up_on(lab: Lab) -> None:
    asked: list[tuple[str, str]] = []

    def connects(node: str, target: str) -> str:
        asked.append((node, target))
        return "timeout"

    slow, found = Late(), kubelets.Kubelets(lab, connects)
    assert found.known_silence("far") == ""
    given_up = [found.run("far", slow) for _ in range(2)]
    slow.may.set()
    assert [(each.exit_code, "uji-m02: timeout" in each.error) for each in given_up] == [
        (None, True)
    ] * 2
    assert asked == [("uji", f"{lab.contract.node('uji-m02').address}:10250")]
    assert found.known_silence("far")
    assert not found.known_silence("near")


@pytest.mark.parametrize("pod", ["near", "far"])
def test_slow_command_is_waited_for(lab: Lab, pod: str) -> None:
    slow = Late()

    def connects(_node: str, _target: str) -> str:
        slow.may.set()
        return ""

    if pod == "near":  # The API server's own node is not asked about.
        threading.Timer(0.1, slow.may.set).start()
    assert kubelets.Kubelets(lab, connects).run(pod, slow) == FINE


def test_what_the_command_raises_is_raised(lab: Lab) -> None:
    def broken() -> Execution:
        raise LabError("no such pod")

    with pytest.raises(LabError, match="no such pod"):
        kubelets.Kubelets(lab, lambda *_: "").run("far", broken)


def test_probes_in_a_pod_whose_kubelet_is_not_reached_never_ran(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Late()
    api = SimpleNamespace(get=lab.api.get, execute=lambda *_: slow())
    monkeypatch.setattr(engine, "_unconnected", lambda *_: "refused")
    probes = [
        Probe("i", "icmp", place("pod/far"), "127.0.0.1"),
        Probe("l", "log", None, "far"),
    ]
    told = engine.probe_all(replace(lab, api=api), probes, {})  # type: ignore[arg-type]
    slow.may.set()
    assert [each.reason for each in told] == ["not_run", "not_run"]
    assert "error dialing backend" in told[0].output
