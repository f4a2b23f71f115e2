"""Keys, certificates and kubeconfigs of an embedded cluster, nearly all made by kubeadm."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.files import render
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import (
    Layout,
    NodeLayout,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.versions import Kubernetes

# As long as kubeadm's certificates.
_VALID_FOR = timedelta(days=365)


def make(layout: Layout, kubernetes: Kubernetes) -> None:
    """Make the keys, certificates and kubeconfigs of all parts of the cluster.

    Args:
        layout: the cluster.
        kubernetes: what depends on its version.

    Raises:
        LabError: kubeadm failed.
    """
    control = layout.control_plane
    etc = control.etc / "kubernetes"
    etc.mkdir(parents=True, exist_ok=True)
    config = etc / "kubeadm.yaml"
    text = render(
        "kubeadm.yaml",
        name=control.name,
        address=control.address,
        profile=layout.settings.profile,
        kubernetes=kubernetes,
        pki=layout.pki,
        pod_network=layout.settings.pod_network,
        service_network=layout.settings.service_network,
    )
    config.write_text(text, encoding="utf-8")
    kubeadm = f"{layout.settings.binaries}/kubeadm"
    run([kubeadm, "init", "phase", "certs", "all", f"--config={config}"])
    run(
        [
            kubeadm,
            "init",
            "phase",
            "kubeconfig",
            "all",
            f"--config={config}",
            "--kubeconfig-dir",
            str(etc),
        ]
    )
    user = [kubeadm, *kubernetes.kubeconfig_user, f"--config={config}"]
    proxy = _user(user, "system:kube-proxy")
    for node in layout.nodes:
        folder = node.etc / "kubernetes"
        (folder / "pki").mkdir(parents=True, exist_ok=True)
        _secret(folder / "kube-proxy.conf", proxy)
        certificate, key = _serving(node)
        _secret(folder / "pki" / "kubelet.key", key)
        (folder / "pki" / "kubelet.crt").write_text(certificate, encoding="utf-8")
        if not node.control_plane:
            shutil.copy(layout.pki / "ca.crt", folder / "pki" / "ca.crt")
            kubelet = _user(user, f"system:node:{node.name}", "system:nodes")
            _secret(folder / "kubelet.conf", kubelet)


def write_kubeconfig(layout: Layout, port: int) -> None:
    """Write the administrator's kubeconfig for this machine, with the API on 127.0.0.1.

    Args:
        layout: the cluster.
        port: the port on 127.0.0.1.
    """
    etc = layout.control_plane.etc / "kubernetes"
    # Beside this one admin.conf may do nothing: only a full `kubeadm init` binds its group.
    admin = etc / "super-admin.conf"
    if not admin.exists():
        admin = etc / "admin.conf"
    document = yaml.safe_load(admin.read_text(encoding="utf-8"))
    profile = layout.settings.profile
    document["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{port}"
    document["users"][0]["name"] = profile
    document["contexts"][0] = {"name": profile, "context": {"cluster": profile, "user": profile}}
    document["current-context"] = profile
    _secret(layout.kubeconfig, yaml.safe_dump(document, sort_keys=False))


def _serving(node: NodeLayout) -> tuple[str, str]:
    """Make a kubelet's serving certificate and its key, as PEM.

    A kubelet without one signs its own too, but with an RSA key, which takes 0.7 s of each node's
    start (kubernetes: cmd/kubelet/app/server.go, InitializeTLS).
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, node.name)])
    addresses = [x509.IPAddress(ip_address(address)) for address in node.addresses]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(node.name), *addresses]), False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    written = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(pem).decode(), written.decode()


def _user(command: Sequence[str], name: str, *groups: str) -> str:
    """Make a kubeconfig for one more user."""
    return run([*command, f"--client-name={name}", *(f"--org={group}" for group in groups)]).stdout


def _secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
