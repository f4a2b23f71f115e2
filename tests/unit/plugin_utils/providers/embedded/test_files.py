"""What a cluster's programs and configuration are, for each version of Kubernetes."""

from __future__ import annotations

import json
from configparser import ConfigParser, SectionProxy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import choose
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    files,
    layout,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import Layout
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import versions
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.versions import Kubernetes
from tests.unit.plugin_utils.providers.embedded.test_layout import SETTINGS

OLD, NEW = versions.of("v1.20.2"), versions.of("v1.36.2")
EACH = pytest.mark.parametrize("kubernetes", [OLD, NEW], ids=lambda each: each.version)


def plan(folder: Path, nodes: int = 2) -> Layout:
    return layout.plan(replace(SETTINGS, state=str(folder), binaries=str(folder), nodes=nodes))


def written(folder: Path, kubernetes: Kubernetes) -> dict[str, Any]:
    """The control plane's configuration in /etc/kubernetes, by the file's name."""
    cluster = plan(folder)
    files.write_node(cluster, cluster.control_plane, kubernetes)
    etc = cluster.control_plane.etc / "kubernetes"
    return {path.name: yaml.safe_load(path.read_text()) for path in etc.glob("*.yaml")}


def words(folder: Path, kubernetes: Kubernetes) -> list[str]:
    cluster = plan(folder)
    programs = files.node_programs(cluster, cluster.control_plane, kubernetes)
    return [word for program in programs for word in program.argv]


@EACH
def test_a_port_that_asks_for_no_certificate_is_on_loopback(
    tmp_path: Path, kubernetes: Kubernetes
) -> None:
    given = words(tmp_path, kubernetes)
    assert not any("http://" in word for word in given)
    assert {"--client-cert-auth=true", "--peer-client-cert-auth=true"} <= set(given)


def test_only_old_programs_have_such_ports(tmp_path: Path) -> None:
    addresses = {"healthzBindAddress": "127.0.0.1:10251", "metricsBindAddress": "127.0.0.1:10251"}
    group = "kubescheduler.config.k8s.io"
    old, new = (written(tmp_path, each)["kube-scheduler.yaml"] for each in (OLD, NEW))
    assert old == {**new, **addresses, "apiVersion": f"{group}/v1beta1"}
    assert new["apiVersion"] == f"{group}/v1"
    assert addresses.keys().isdisjoint(new)


def test_what_else_a_version_is_told(tmp_path: Path) -> None:
    old, new = set(words(tmp_path, OLD)), set(words(tmp_path, NEW))
    plain = {"--secure-port=0", "--port=10252", "--address=127.0.0.1"}
    assert (old - new, new - old) == ({"--container-runtime=remote", *plain}, set())
    before, since = (written(tmp_path, each)["kubelet.yaml"] for each in (OLD, NEW))
    assert (before | {"failCgroupV1": False}, "failCgroupV1" in before) == (since, False)


def test_a_gate_is_opened_where_two_families_need_one(tmp_path: Path) -> None:
    cluster = layout.plan(replace(SETTINGS, state=str(tmp_path), binaries="/bin", ip_family="dual"))
    node, told = cluster.control_plane, {}
    for kubernetes in (OLD, NEW):
        files.write_node(cluster, node, kubernetes)
        read = [
            yaml.safe_load((node.etc / "kubernetes" / f"{name}.yaml").read_text())
            for name in ("kubelet", "kube-proxy")
        ]
        programs = files.control_plane_programs(cluster, kubernetes)
        words = [word for program in programs for word in program.argv]
        told[kubernetes] = [each.get("featureGates") for each in read], words
        assert read[1]["clusterCIDR"] == "10.244.0.0/16,fd00:af4::/32"
        assert words.count("--service-cluster-ip-range=10.96.0.0/12,fd00:a60::/112") == 2
    assert told[OLD][0] == [{"IPv6DualStack": True}] * 2
    assert told[OLD][1].count("--feature-gates=IPv6DualStack=true") == 2
    assert told[NEW][0] == [None, None]
    assert not any("feature-gates" in word for word in told[NEW][1])
    conflist = json.loads((node.etc / "cni" / "net.d" / "10-latihan.conflist").read_text())
    assert conflist["plugins"][0]["ipam"]["ranges"] == [
        [{"subnet": "10.244.0.0/24"}],
        [{"subnet": "fd00:af4::/64"}],
    ]


def test_the_api_server_may_ask_kubelets() -> None:
    binding = next(yaml.safe_load_all(files.system_manifest(plan(Path("/state")), NEW)))
    assert binding["kind"] == "ClusterRoleBinding"
    assert binding["roleRef"]["name"] == "system:kubelet-api-admin"
    assert [each["name"] for each in binding["subjects"]] == ["kube-apiserver-kubelet-client"]


@pytest.mark.parametrize(
    ("patience", "waiting"),
    [(1, set()), (10, {"kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"})],
)
def test_on_a_slow_machine_the_api_is_not_asked_while_it_starts(
    tmp_path: Path, patience: float, waiting: set[str]
) -> None:
    choose(patience)
    programs = supervised(plan(tmp_path))
    assert {name for name, each in programs.items() if each["autostart"] == "false"} == waiting


@pytest.mark.parametrize(
    ("nodes", "sparing"), [(10, set()), (11, {"containerd", "kubelet", "kube-proxy"})]
)
def test_in_a_lab_of_many_nodes_what_runs_on_each_spares_memory(
    tmp_path: Path, nodes: int, sparing: set[str]
) -> None:
    programs = supervised(plan(tmp_path, nodes))
    assert {name for name, each in programs.items() if "GOGC" in each["environment"]} == sparing
    assert all('PATH="' in each["environment"] for each in programs.values())


def supervised(cluster: Layout) -> dict[str, SectionProxy]:
    """What the control plane's process manager is told, by the name of the program."""
    files.write_node(cluster, cluster.control_plane, NEW)
    told = ConfigParser(interpolation=None)
    told.read(cluster.control_plane.etc / "supervisord.conf")
    sections = (name for name in told.sections() if name.startswith("program:"))
    return {name.removeprefix("program:"): told[name] for name in sections}
