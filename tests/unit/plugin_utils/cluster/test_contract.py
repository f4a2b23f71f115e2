"""The contract: what a provider writes is what others read, and what has ended is stopped."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Missing,
    Node,
    Reachable,
    Stopped,
    from_json,
    provider_of,
    read,
    write,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common import processes
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.processes import Process

# As it was before the three states of a place.
OLD = {
    "profile": "uji",
    "provider": "a",
    "kubeconfig": "k",
    "kubectl": "k",
    "host_address": "192.0.2.1",
    "host_enter": None,
    "nodes": [{"name": "uji", "address": "192.0.2.2", "enter": []}],
}


def me() -> Process:
    process = processes.of(os.getpid())
    assert process is not None
    return process


def written(path: Path, contract: Contract) -> Contract:
    write(path / "contract.json", contract)
    return read(path / "contract.json")


def test_what_is_written_is_read(contract: Contract, tmp_path: Path) -> None:
    whole = replace(contract, host=Reachable(("a", "b"), me()), tools=("t",), inside=("i",))
    assert written(tmp_path, whole) == whole
    assert from_json(json.dumps(asdict(contract)).encode()) == contract


def test_what_has_ended_is_stopped(contract: Contract, tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        there = Reachable(("env",), processes.of(process.pid))
        node = Node("uji", "192.0.2.2", there)
        made = replace(contract, host=there, nodes=(node,))
        assert written(tmp_path, made) == made
        process.kill()
        process.wait()
    told = read(tmp_path / "contract.json")
    assert (told.host, told.nodes[0].reach) == (Stopped(), Stopped())


@pytest.mark.parametrize(
    "other",
    [
        {"started": me().started - 1},  # Its number is another process's now.
        {"boot": "of another boot"},
        {"pid": 2**30},
    ],
)
def test_nobody_enters_another_process_of_that_number(
    contract: Contract, tmp_path: Path, other: dict[str, int | str]
) -> None:
    process = Process(**{**vars(me()), **other})
    assert written(tmp_path, replace(contract, host=Reachable((), process))).host == Stopped()


def test_a_process_that_only_waits_to_be_reaped_has_ended() -> None:
    with subprocess.Popen(["true"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert processes.stat(process.pid)[0] == "Z"
        assert processes.of(process.pid) is None


def test_a_process_without_a_known_end_is_left_as_it_is(contract: Contract, tmp_path: Path) -> None:
    place = Reachable(("ssh", "node"))
    assert written(tmp_path, replace(contract, host=place)).host == place


def test_ways_into_the_places(contract: Contract) -> None:
    assert contract.enter("uji") == ("nsenter", "--target=2", "--")
    assert contract.entries == {"uji": ("nsenter", "--target=2", "--")}
    with pytest.raises(LabError, match="^Nobody enters far"):
        contract.enter("far")
    with pytest.raises(LabError, match="node 'uji-m02' is stopped.*runner.py start"):
        contract.enter("uji-m02")
    with pytest.raises(LabError, match="host of the lab 'uji' is stopped"):
        replace(contract, host=Stopped()).enter("host")
    with pytest.raises(LabError, match="The lab 'uji' is stopped"):
        replace(contract, host=Stopped(), nodes=contract.nodes[1:2]).enter("host")
    with pytest.raises(LabError, match="Unknown node 'uji-m09'"):
        contract.enter("uji-m09")


def test_node_ports_are_asked_for_where_a_node_runs(contract: Contract) -> None:
    assert contract.outside(80) == "http://192.168.77.2:80"
    _first, stopped, far = contract.nodes
    assert replace(contract, nodes=(stopped, far)).outside(80) == "http://192.168.77.4:80"
    assert replace(contract, nodes=(stopped,)).outside(80) == "http://192.168.77.3:80"


def test_an_older_contract_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(OLD), encoding="utf-8")
    with pytest.raises(LabError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert "can't be read as a contract: host: Field required" in caught.value.message
    assert "runner.py teardown" in caught.value.hint
    assert provider_of(path) == "a"


@pytest.mark.parametrize("text", ["", "[]", "{}", "7"])
def test_what_is_no_contract(tmp_path: Path, text: str) -> None:
    path = tmp_path / "contract.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabError, match="can't be read as a contract"):
        read(path)
    assert provider_of(path) is None


def test_an_unknown_state_is_named(contract: Contract, tmp_path: Path) -> None:
    document = {**asdict(contract), "host": {"state": "asleep"}}
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(LabError, match="host: Input tag 'asleep'"):
        read(path)


def test_where_there_is_no_lab(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="The profile 'x' has no cluster"):
        read(tmp_path / "x" / "contract.json")
    assert provider_of(tmp_path / "x" / "contract.json") is None


def test_a_missing_place_says_why(contract: Contract) -> None:
    assert contract.reach("far") == Missing("Nobody enters far.")
