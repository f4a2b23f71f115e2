"""Ways into pods: by the API, by their node, beside them for want of tools; and their logs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject, Execution
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Reachable,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.engine import probe_all
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Probe, place
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import ProbeResult


class Pods:
    """Stands in for the API of a cluster whose pod p1 runs an image without tools.

    Args:
        said: what an exec comes to.
        state: the state of the pod's container.
        log: what it logs.
    """

    def __init__(
        self, said: Execution, state: str = "running", log: Path = Path("/nowhere")
    ) -> None:
        self.said = said
        self.state = state
        self.log = log

    def execute(self, *_call: object) -> Execution:
        return self.said

    def text(self, path: str, _query: object) -> str:
        assert path == "/api/v1/namespaces/default/pods/p1/log"
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def get(self, path: str) -> ApiObject:
        assert path == "/api/v1/namespaces/default/pods/p1"
        status = {"name": "c", "containerID": "containerd://abc", "state": {self.state: {}}}
        return {
            "metadata": {"name": "p1"},
            "spec": {"nodeName": "uji"},
            "status": {"containerStatuses": [status]},
        }


NO_SHELL = Execution("", "", None, 'exec: "sh": executable file not found in $PATH: unknown')
NO_SHELL_CRUN = Execution("", "", None, "executable file `sh` not found in $PATH: No such file")
NO_SHELL_ELSEWHERE = Execution("", "sh: not found", 127)


@pytest.fixture
def sidecar(contract: Contract, tmp_path: Path) -> Contract:
    """A contract whose tools container is this machine: it notes what it was asked for."""
    program = tmp_path / "tools"
    program.write_text(f'#!/bin/sh\necho "$1" >>{tmp_path}/asked\nshift\nexec "$@"\n')
    program.chmod(0o755)
    node = replace(contract.node("uji"), reach=Reachable(("env",)))
    return replace(contract, nodes=(node,), tools=(str(program),))


def ask(contract: Contract, api: Pods, *probes: Probe) -> list[ProbeResult]:
    return probe_all(Lab(api, contract, "default"), probes, {})  # type: ignore[arg-type]


@pytest.mark.parametrize("said", [NO_SHELL, NO_SHELL_CRUN, NO_SHELL_ELSEWHERE])
def test_what_the_pod_has_no_tool_for_runs_beside_it(
    sidecar: Contract, tmp_path: Path, said: Execution
) -> None:
    tcp = Probe("t", "tcp", place("pod/p1"), "127.0.0.1:1")
    own = Probe("e", "exec", place("pod/p1"), ("hostname",))
    asked, kept = ask(sidecar, Pods(said), tcp, own)
    assert asked.reason == "refused"
    assert re.fullmatch(r"uji\$ \S+/tools abc timeout 2 bash -c '.*'", asked.command)
    # What a container runs by itself says something of that container alone.
    assert kept.reason == "no_tool"
    assert kept.command == "kubectl exec p1 -- hostname"
    assert (tmp_path / "asked").read_text(encoding="utf-8") == "abc\n"


def test_a_provider_without_tools_can_not_be_asked(sidecar: Contract) -> None:
    (told,) = ask(
        replace(sidecar, tools=()), Pods(NO_SHELL), Probe("i", "icmp", place("pod/p1"), "127.0.0.1")
    )
    assert told.reason == "unavailable"
    assert "pod/p1 doesn't have the tools" in told.output


def test_a_pod_that_does_not_run_is_no_want_of_tools(sidecar: Contract) -> None:
    (told,) = ask(
        sidecar, Pods(NO_SHELL, "terminated"), Probe("i", "icmp", place("pod/p1"), "127.0.0.1")
    )
    assert (told.reason, told.output) == ("not_run", "No container of p1 is running.")


MANY = [Probe(f"h{n}", "http", place("pod/p1"), f"http://127.0.0.1:{n}/") for n in range(1, 9)]


def test_many_http_probes_of_a_pod_go_in_through_its_node(
    sidecar: Contract, tmp_path: Path
) -> None:
    """The API would say that there is no shell; the lab's node is this machine, and has curl."""
    told = ask(replace(sidecar, inside=sidecar.tools, tools=()), Pods(NO_SHELL), *MANY)
    assert [(one.reason, one.command[:23]) for one in told] == [
        ("refused", "kubectl exec p1 -- curl")
    ] * len(MANY)
    assert (tmp_path / "asked").read_text(encoding="utf-8") == "abc\n"


def test_a_probe_of_another_kind_takes_all_of_its_pod_in_by_the_api(
    sidecar: Contract, tmp_path: Path
) -> None:
    """What a command finds in its environment is the container's there."""
    other = Probe("i", "icmp", place("pod/p1"), "127.0.0.1")
    told = ask(replace(sidecar, inside=sidecar.tools, tools=()), Pods(NO_SHELL), *MANY, other)
    assert {one.reason for one in told} == {"unavailable"}
    assert not (tmp_path / "asked").exists()


def test_where_the_node_is_no_way_in_many_go_in_by_the_api(sidecar: Contract) -> None:
    broken = replace(sidecar, inside=("false",), tools=())
    told = ask(broken, Pods(NO_SHELL), *MANY)
    assert {one.reason for one in told} == {"unavailable"}


def test_a_log_is_read_when_the_others_have_ended(contract: Contract, tmp_path: Path) -> None:
    log = tmp_path / "log"
    slow = Probe("s", "exec", place("host"), ("sh", "-c", f"sleep 0.3; echo asked >{log}"))
    here = replace(contract, host=Reachable(()))
    told, _slow = ask(here, Pods(NO_SHELL, log=log), Probe("l", "log", None, "p1/c"), slow)
    assert (told.name, told.document()["lines"]) == ("l", ["asked"])
