"""Which certificates a cluster's parts get, who signs them, and for what they are good."""

from __future__ import annotations

import base64
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import layout, pki
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import Layout
from tests.unit.plugin_utils.providers.embedded.test_layout import SETTINGS

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
MASTERS, NODES = ["system:masters"], ["system:nodes"]
SERVICE = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    state = tmp_path_factory.mktemp("state")
    made = layout.plan(replace(SETTINGS, state=str(state), nodes=2, ip_family="dual"))
    pki.make(made)
    return made


class Shown(NamedTuple):
    """What is to be in a certificate of the control plane: file, authority, holder, uses, names."""

    file: str
    authority: str
    name: str
    groups: list[str]
    uses: set[x509.ObjectIdentifier]
    names: list[str]


SHOWN = [
    Shown("apiserver-kubelet-client", "ca", "kube-apiserver-kubelet-client", MASTERS, {CLIENT}, []),
    Shown("apiserver-etcd-client", "etcd/ca", "kube-apiserver-etcd-client", [], {CLIENT}, []),
    Shown("etcd/healthcheck-client", "etcd/ca", "kube-etcd-healthcheck-client", [], {CLIENT}, []),
    Shown("front-proxy-client", "front-proxy-ca", "front-proxy-client", [], {CLIENT}, []),
    *(
        Shown(f"etcd/{name}", "etcd/ca", "latihan", [], {CLIENT, SERVER}, ["latihan", "localhost"])
        for name in ("server", "peer")
    ),
    Shown(
        *("apiserver", "ca", "kube-apiserver", [], {SERVER}),
        [*SERVICE, "kubernetes.default.svc.cluster.local", "latihan", "localhost"],
    ),
    Shown("kubelet", "ca", "system:node:latihan", NODES, {SERVER}, ["latihan"]),
]


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def of_subject(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[Any]:
    return [attribute.value for attribute in certificate.subject.get_attributes_for_oid(oid)]


def alternatives(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


@pytest.mark.parametrize("shown", SHOWN, ids=[shown.file for shown in SHOWN])
def test_each_part_has_its_certificate(cluster: Layout, shown: Shown) -> None:
    certificate = read(cluster.pki / f"{shown.file}.crt")
    certificate.verify_directly_issued_by(read(cluster.pki / f"{shown.authority}.crt"))
    assert of_subject(certificate, NameOID.COMMON_NAME) == [shown.name]
    assert of_subject(certificate, NameOID.ORGANIZATION_NAME) == shown.groups
    extensions = certificate.extensions
    assert set(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == shown.uses
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    if shown.names:
        assert alternatives(certificate).get_values_for_type(x509.DNSName) == shown.names


@pytest.mark.parametrize("name", ["ca", "etcd/ca", "front-proxy-ca"])
def test_an_authority_signs_for_itself_and_others(cluster: Layout, name: str) -> None:
    certificate = read(cluster.pki / f"{name}.crt")
    certificate.verify_directly_issued_by(certificate)
    extensions = certificate.extensions
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    longest = (read(path).not_valid_after_utc for path in cluster.pki.glob("**/*-client.crt"))
    assert certificate.not_valid_after_utc > max(longest)


def test_a_server_is_known_by_its_addresses(cluster: Layout) -> None:
    node, other = cluster.nodes
    api, etcd, kubelet = (
        list(map(str, alternatives(read(path)).get_values_for_type(x509.IPAddress)))
        for path in (
            cluster.pki / "apiserver.crt",
            cluster.pki / "etcd" / "server.crt",
            other.etc / "kubernetes" / "pki" / "kubelet.crt",
        )
    )
    assert api == [cluster.api_service, *node.addresses, "127.0.0.1"]
    assert etcd == [*node.addresses, "127.0.0.1", "::1"]
    assert kubelet == list(other.addresses)


def test_every_key_is_its_certificate_s_and_secret(cluster: Layout) -> None:
    keys = [path for node in cluster.nodes for path in node.etc.glob("kubernetes/pki/**/*.key")]
    assert len(keys) == 13
    for path in keys:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        public = load_pem_private_key(path.read_bytes(), None).public_key()
        assert isinstance(public, EllipticCurvePublicKey)
        if path.stem == "sa":
            assert public == load_pem_public_key(path.with_suffix(".pub").read_bytes())
        else:
            assert public == read(path.with_suffix(".crt")).public_key()


@pytest.mark.parametrize(
    ("node", "file", "name", "groups"),
    [
        (0, "admin", "kubernetes-admin", MASTERS),
        (0, "controller-manager", "system:kube-controller-manager", []),
        (0, "scheduler", "system:kube-scheduler", []),
        (0, "kubelet", "system:node:latihan", NODES),
        (1, "kubelet", "system:node:latihan-m02", NODES),
        (1, "kube-proxy", "system:kube-proxy", []),
    ],
)
def test_a_kubeconfig_is_for_its_user(
    cluster: Layout, node: int, file: str, name: str, groups: list[str]
) -> None:
    path = cluster.nodes[node].etc / "kubernetes" / f"{file}.conf"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    document = yaml.safe_load(path.read_text())
    reached = document["clusters"][0]["cluster"]
    assert reached["server"] == f"https://{cluster.control_plane.address}:6443"
    authority = base64.b64decode(reached["certificate-authority-data"])
    assert authority == (cluster.pki / "ca.crt").read_bytes()
    user = document["users"][0]["user"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
    certificate.verify_directly_issued_by(read(cluster.pki / "ca.crt"))
    assert of_subject(certificate, NameOID.COMMON_NAME) == [name]
    assert of_subject(certificate, NameOID.ORGANIZATION_NAME) == groups
    key = load_pem_private_key(base64.b64decode(user["client-key-data"]), None)
    written = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    shown = certificate.public_key()
    assert written == shown.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_the_administrator_s_kubeconfig_is_for_this_machine(cluster: Layout) -> None:
    pki.write_kubeconfig(cluster, 40123)
    document = yaml.safe_load(cluster.kubeconfig.read_text())
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:40123"
    assert document["current-context"] == document["users"][0]["name"] == "latihan"
