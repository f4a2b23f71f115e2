"""What a cluster's programs and configuration are, for each version of Kubernetes."""

from __future__ import annotations

import json
import stat
from configparser import ConfigParser, SectionProxy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import choose
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    files,
    layout,
    pki,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import (
    Layout,
    NodeLayout,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import versions
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.versions import Kubernetes
from tests.unit.plugin_utils.providers.embedded.test_layout import SETTINGS

OLD, NEW = versions.of("v1.20.2"), versions.of("v1.36.2")
EACH = pytest.mark.parametrize("kubernetes", [OLD, NEW], ids=lambda each: each.version)
# It notes how it was called, and makes the kubeconfigs that its version makes.
KUBEADM = """#!/bin/sh -e
echo "$*" >>"$0.log"
case "$*" in
  *" user "*) echo "kubeconfig" ;;
  *"phase certs all"*) pki=$(dirname "${{5#*=}}")/pki; mkdir "$pki"; touch "$pki/ca.crt" ;;
  *"phase kubeconfig all"*) for one in {makes}; do
    echo "{{admin: $one, users: [{{}}], clusters: [cluster: {{}}], contexts: [0]}}" >"$7/$one.conf"
  done ;;
esac
"""


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


class Told(NamedTuple):
    """What a version's kubeadm is told, and what it makes."""

    kubernetes: Kubernetes
    api: str
    keys: dict[str, Any]
    command: str
    makes: tuple[str, ...]


TOLD = [
    Told(
        *(OLD, "kubeadm.k8s.io/v1beta2", {"featureGates": {"PublicKeysECDSA": True}}),
        *("alpha kubeconfig user --config=", ("admin",)),
    ),
    Told(
        *(NEW, "kubeadm.k8s.io/v1beta4", {"encryptionAlgorithm": "ECDSA-P256"}),
        *("kubeconfig user --config=", ("admin", "super-admin")),
    ),
]


@pytest.mark.parametrize("told", TOLD, ids=[told.kubernetes.version for told in TOLD])
def test_kubeadm_is_asked_in_its_version_s_words(tmp_path: Path, told: Told) -> None:
    kubeadm = tmp_path / "kubeadm"
    kubeadm.write_text(KUBEADM.format(makes=" ".join(told.makes)))
    kubeadm.chmod(0o755)
    cluster = plan(tmp_path)
    pki.make(cluster, told.kubernetes)
    etc = cluster.control_plane.etc / "kubernetes"
    init, whole = yaml.safe_load_all((etc / "kubeadm.yaml").read_text())
    assert init["apiVersion"] == whole["apiVersion"] == told.api
    assert whole == {**whole, "kubernetesVersion": told.kubernetes.version, **told.keys}
    called = (tmp_path / "kubeadm.log").read_text().splitlines()
    users = [line for line in called if "--client-name=" in line]
    assert [line.startswith(told.command) for line in users] == [True, True]
    for node in cluster.nodes:
        certified(node)
    pki.write_kubeconfig(cluster, 6443)
    assert yaml.safe_load(cluster.kubeconfig.read_text())["admin"] == told.makes[-1]


def certified(node: NodeLayout) -> None:
    """The kubelet's serving certificate is for its node, and for the key beside it."""
    folder = node.etc / "kubernetes" / "pki"
    assert stat.S_IMODE((folder / "kubelet.key").stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate((folder / "kubelet.crt").read_bytes())
    key = load_pem_private_key((folder / "kubelet.key").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    assert certificate.public_key() == key.public_key()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [node.name]
    addresses = names.get_values_for_type(x509.IPAddress)
    assert [str(address) for address in addresses] == list(node.addresses)


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
