"""What providers do that make a cluster with another program: here one that only keeps a list."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Missing,
    Reachable,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import entering, memory
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Wanted
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.local import (
    Local,
    LocalSettings,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.memory import Memory

NETWORKS = ("192.168.49.0/24", "10.244.0.0/16", "10.96.0.0/12")
OPTIONS = {"driver": "d", "kubectl": "true", "enter_host": "env"}


class Nodes(http.server.BaseHTTPRequestHandler):
    """An API with the nodes ``a`` and ``b``, on the addresses of this machine's loopback."""

    def do_GET(self) -> None:
        items = [
            {
                "metadata": {"name": name},
                "spec": {},
                "status": {
                    "conditions": [{"type": "Ready", "status": "True"}],
                    "addresses": [{"type": "InternalIP", "address": address}],
                },
            }
            for name, address in (("a", "127.0.0.2"), ("b", "127.0.0.3"))
        ]
        body = json.dumps({"items": items}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class Listed:
    """A program whose cluster is a dictionary."""

    def __init__(self, profile: Profile, server: str) -> None:
        self.nodes: dict[str, bool] = {}
        self.there = False
        self.did: list[str] = []
        self.fails = ""
        self._kubeconfig, self._server = memory.kubeconfig(profile), server

    def need(self) -> None:
        """It is there."""

    def exists(self) -> bool:
        return self.there

    def create(self) -> None:
        self.did.append("create")
        self.there = True
        if self.fails:
            raise LabError(self.fails)
        self.start("")
        document = {
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": {"server": self._server}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
        }
        self._kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")

    def delete(self) -> None:
        self.did.append("delete")
        self.there, self.nodes = False, {}

    def states(self) -> dict[str, bool]:
        return dict(self.nodes)

    def start(self, node: str) -> None:
        self.did.append(f"start {node}".strip())
        self.nodes |= {node: True} if node else {"a": True, "b": True}

    def stop(self, node: str) -> None:
        self.did.append(f"stop {node}".strip())
        self.nodes |= {node: False} if node else {"a": False, "b": False}

    def enter(self) -> str:
        return "env NODE={node}"


class ByList(Local):
    """The provider with that program."""

    name = "by-list"
    named_by = "listed cluster"
    memory = Memory("by-list", LocalSettings)

    def __init__(self, program: Listed) -> None:
        self.program = program

    def tool(self, profile: Profile, settings: LocalSettings) -> Listed:
        return self.program


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return Profile("uji", tmp_path)


@pytest.fixture
def provider(profile: Profile) -> Iterator[ByList]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Nodes) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ByList(Listed(profile, f"http://127.0.0.1:{server.server_port}"))
        server.shutdown()


def make(provider: Local, profile: Profile, *, check: bool = False, **more: Any) -> bool:
    return provider.make(profile, Wanted(2, *NETWORKS, options={**OPTIONS, **more}), check=check)


def test_a_lab_from_its_making_to_its_end(provider: ByList, profile: Profile) -> None:
    program = provider.program
    assert make(provider, profile, check=True)
    assert program.did == []
    assert make(provider, profile)
    made = contract.read(profile.contract)
    assert [(node.name, node.reach) for node in made.nodes] == [
        ("a", Reachable(("env", "NODE=a"))),
        ("b", Reachable(("env", "NODE=b"))),
    ]
    assert (made.host, made.host_address) == (Reachable(("env",)), "127.0.0.1")
    assert made.workers == ("a", "b")
    assert made.cannot["host_name"]
    assert (make(provider, profile), program.did) == (False, ["create", "start"])
    assert provider.labs(profile.state) == {profile}
    assert provider.stop(profile, "b", check=True)
    assert provider.stop(profile, "b", check=False)
    assert contract.read(profile.contract).nodes[1].reach == Stopped()
    assert not provider.stop(profile, "b", check=False)
    assert make(provider, profile, check=True)
    assert make(provider, profile)
    assert contract.read(profile.contract) == made
    with pytest.raises(LabError, match="Unknown node 'c'"):
        provider.stop(profile, "c", check=False)
    assert provider.remove(profile, check=False)
    assert (program.there, profile.folder.exists()) == (False, False)
    assert not provider.remove(profile, check=False)
    assert program.did == ["create", "start", "stop b", "start", "delete"]


def test_what_somebody_did_to_it_by_hand_is_seen(provider: ByList, profile: Profile) -> None:
    make(provider, profile)
    provider.program.nodes["b"] = False
    assert not provider.stop(profile, "b", check=False)
    assert contract.read(profile.contract).nodes[1].reach == Stopped()
    provider.program.nodes = {}  # Its machines are gone.
    assert provider.start(profile, "", check=True)
    assert provider.start(profile, "", check=False)
    provider.program.there = False
    assert make(provider, profile)
    assert provider.program.did[-2:] == ["create", "start"]


def test_a_half_made_cluster_is_made_anew_and_leaves_nothing(
    provider: ByList, profile: Profile
) -> None:
    program = provider.program
    program.fails = "no disk"
    with pytest.raises(LabError, match="no disk"):
        make(provider, profile)
    assert (program.there, profile.folder.exists()) == (False, False)
    provider.memory.save(profile, LocalSettings(2, *NETWORKS, driver="d"))
    program.there, program.fails = True, ""
    assert provider.is_half_made(profile)
    assert make(provider, profile)
    assert program.did[-3:] == ["delete", "create", "start"]


def test_somebody_elses_and_another_one_are_refused(provider: ByList, profile: Profile) -> None:
    provider.program.there = True
    with pytest.raises(LabError, match="a listed cluster 'uji' that this lab didn't") as told:
        make(provider, profile)
    assert told.value.kind is Kind.INPUT
    provider.program.there = False
    make(provider, profile)
    with pytest.raises(LabError, match="made differently: driver is 'd', not 'e'"):
        make(provider, profile, driver="e")
    assert "delete" not in provider.program.did


def test_from_a_host_behind_a_router_nothing_is_asked(
    provider: ByList, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = entering.HostLink("192.0.2.9", direct=False)
    monkeypatch.setattr(entering, "link", lambda *_asked: far)
    make(provider, profile)
    host = contract.read(profile.contract).host
    assert isinstance(host, Missing)
    assert "behind a router" in host.reason
    make(provider, profile, enter_host="")
    assert contract.read(profile.contract).host == entering.NO_HOST
