"""The load balancer: routes and addresses for services, and what is taken back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import RefusedError
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Reachable,
    Stopped,
    write,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.watching import (
    Changed,
    Listed,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import balancer

Document = dict[str, Any]
STATUS = "/api/v1/namespaces/default/services/{}/status"


class Services:
    """Stands in for the API; ``trouble`` is what it says to a change."""

    trouble: LabError | None = None

    def __init__(self, _kubeconfig: Path) -> None:
        self.patched: list[tuple[str, object]] = []
        self.items: list[Document] = []

    def get(self, path: str) -> Document:
        assert path == "/api/v1/services"
        return {"items": self.items}

    def patch(self, path: str, body: Document) -> None:
        if self.trouble:
            raise self.trouble
        self.patched.append((path, body["status"]["loadBalancer"]["ingress"]))


def service(name: str, address: str, kind: str = "LoadBalancer", external: str = "") -> Document:
    ingress = {"ingress": [{"ip": external}]} if external else {}
    return {
        "metadata": {"name": name, "namespace": "default", "uid": name},
        "spec": {"type": kind, "clusterIP": address},
        "status": {"loadBalancer": ingress},
    }


class Host:
    """A host that notes the routes it is asked to change."""

    def __init__(self, folder: Path) -> None:
        self._notes = folder / "notes"
        self._notes.touch()
        program = folder / "host"
        program.write_text(f'#!/bin/sh\necho "$@" >>{self._notes}\n', encoding="utf-8")
        program.chmod(0o755)
        self.reach = Reachable((str(program),))

    def routes(self) -> list[str]:
        """What was asked since the last time."""
        told = self._notes.read_text(encoding="utf-8").splitlines()
        self._notes.write_text("", encoding="utf-8")
        return [line.removeprefix("ip route ") for line in told]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def lab(contract: Contract, host: Host) -> Contract:
    return replace(contract, host=host.reach)


@pytest.fixture
def opened(
    lab: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[balancer._Balancer, Services]:
    monkeypatch.setattr(balancer, "Api", Services)
    write(tmp_path / "contract.json", lab)
    made = balancer._Balancer(tmp_path / "contract.json", lab, "")
    assert isinstance(made.api, Services)
    return made, made.api


Opened = tuple[balancer._Balancer, Services]


def test_a_balanced_service_gets_its_address_and_its_route(opened: Opened, host: Host) -> None:
    tunnel, api = opened
    tunnel.see(Listed([service("s1", "10.78.0.1"), service("s2", "10.78.0.2", "NodePort")]))
    tunnel.give()
    assert host.routes() == ["replace 10.78.0.1 via 192.168.77.2"]
    assert api.patched == [(STATUS.format("s1"), [{"ip": "10.78.0.1"}])]
    # That changes the service, which has all it needs by now.
    tunnel.give()
    tunnel.see(Changed(service("s1", "10.78.0.1", external="10.78.0.1"), gone=False))
    tunnel.give()
    assert (host.routes(), len(api.patched)) == ([], 1)


@pytest.mark.parametrize(
    "event",
    [
        Changed(service("s1", "10.78.0.1"), gone=True),
        Changed(service("s1", "10.78.0.1", "ClusterIP"), gone=False),
        Listed([service("s1", "10.78.0.1", "ClusterIP")]),
        Listed([]),
    ],
)
def test_the_route_of_a_service_that_is_gone_goes(
    opened: Opened, host: Host, event: Listed | Changed
) -> None:
    tunnel, _api = opened
    tunnel.see(Listed([service("s1", "10.78.0.1")]))
    tunnel.give()
    host.routes()
    tunnel.see(event)
    tunnel.give()
    assert host.routes() == ["delete 10.78.0.1 via 192.168.77.2"]


def test_at_its_end_all_is_taken_back(opened: Opened, host: Host) -> None:
    tunnel, api = opened
    api.items = [
        service("s1", "10.78.0.1", external="10.78.0.1"),
        service("other", "10.78.0.2", external="192.0.2.7"),
    ]
    tunnel.take()
    assert api.patched == [(STATUS.format("s1"), None)]
    assert host.routes() == ["delete 10.78.0.1 via 192.168.77.2"]


def test_a_host_that_was_started_anew_gets_its_routes_again(
    opened: Opened, host: Host, lab: Contract, tmp_path: Path
) -> None:
    tunnel, _api = opened
    path = tmp_path / "contract.json"
    tunnel.see(Listed([service("s1", "10.78.0.1", external="10.78.0.1")]))
    tunnel.give()
    write(path, replace(lab, host=Stopped()))
    tunnel.give()
    path.unlink()  # As a teardown does.
    tunnel.give()
    assert host.routes() == ["replace 10.78.0.1 via 192.168.77.2"]
    write(path, lab)
    tunnel.give()
    assert host.routes() == ["replace 10.78.0.1 via 192.168.77.2"]


def test_an_api_that_does_not_answer_is_asked_again(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tunnel, api = opened
    tunnel.see(Listed([service("s1", "10.78.0.1")]))
    monkeypatch.setattr(api, "trouble", LabError("no answer"))
    tunnel.give()
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(api, "trouble", None)
    tunnel.give()
    assert capsys.readouterr().out == "s1: 10.78.0.1\n"


def test_a_service_that_was_deleted_meanwhile_is_let_go(
    opened: Opened, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    tunnel, api = opened
    tunnel.see(Listed([service("s1", "10.78.0.1")]))
    monkeypatch.setattr(api, "trouble", RefusedError("gone", 404, "NotFound"))
    tunnel.give()
    host.routes()
    tunnel.give()
    assert host.routes() == ["delete 10.78.0.1 via 192.168.77.2"]


def test_what_the_api_refuses_is_told(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    tunnel, api = opened
    tunnel.see(Listed([service("s1", "10.78.0.1")]))
    monkeypatch.setattr(api, "trouble", RefusedError("forbidden", 403, "Forbidden"))
    with pytest.raises(RefusedError, match="forbidden"):
        tunnel.give()
