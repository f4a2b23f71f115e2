"""Keys, certificates and kubeconfigs of an embedded cluster.

Their names, users and groups are those that kubeadm gives them: "PKI certificates and requirements"
in Kubernetes' documentation, and "Implementation details" in kubeadm's.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.certificates import (
    Authority,
    Holder,
    Key,
    Signed,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import (
    API_PORT,
    Layout,
    NodeLayout,
)

_DOMAIN = "cluster.local"
_LOCALHOST = "127.0.0.1"
# The group that may do everything, whatever the cluster's roles say.
_MASTERS = ("system:masters",)


def make(layout: Layout) -> None:
    """Make the keys, certificates and kubeconfigs of all parts of the cluster.

    Args:
        layout: the cluster.
    """
    cluster, etcd, front = map(Authority.new, ("kubernetes", "etcd-ca", "front-proxy-ca"))
    for name, authority, holders in (
        ("ca", cluster, _of_the_api(layout)),
        ("etcd/ca", etcd, _of_etcd(layout)),
        ("front-proxy-ca", front, {"front-proxy-client": Holder("front-proxy-client")}),
    ):
        _write(layout.pki / name, authority)
        for signed, holder in holders.items():
            _write(layout.pki / signed, authority.sign(holder))
    accounts = Key.new()
    _secret(layout.pki / "sa.key", accounts.pem())
    (layout.pki / "sa.pub").write_text(accounts.public_pem(), encoding="utf-8")
    for node in layout.nodes:
        folder = node.etc / "kubernetes" / "pki"
        _write(folder / "kubelet", cluster.sign(_kubelet(node)))
        if not node.control_plane:
            (folder / "ca.crt").write_text(cluster.pem(), encoding="utf-8")
    for path, user in _users(layout):
        _secret(path, _kubeconfig(layout, cluster, user))


def write_kubeconfig(layout: Layout, port: int) -> None:
    """Write the administrator's kubeconfig for this machine, with the API on 127.0.0.1.

    Args:
        layout: the cluster.
        port: the port on 127.0.0.1.
    """
    admin = layout.control_plane.etc / "kubernetes" / "admin.conf"
    document = yaml.safe_load(admin.read_text(encoding="utf-8"))
    profile = layout.settings.profile
    document["clusters"][0]["cluster"]["server"] = f"https://{_LOCALHOST}:{port}"
    document["users"][0]["name"] = profile
    document["contexts"][0] = {"name": profile, "context": {"cluster": profile, "user": profile}}
    document["current-context"] = profile
    _secret(layout.kubeconfig, yaml.safe_dump(document, sort_keys=False))


def _of_the_api(layout: Layout) -> dict[str, Holder]:
    """kube-apiserver's certificates that the cluster's authority signs, by the file's name."""
    node = layout.control_plane
    service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
    return {
        "apiserver": Holder(
            "kube-apiserver",
            client=False,
            server=True,
            names=(*service, f"{service[-1]}.{_DOMAIN}", node.name, "localhost"),
            addresses=(layout.api_service, *node.addresses, _LOCALHOST),
        ),
        "apiserver-kubelet-client": Holder("kube-apiserver-kubelet-client", _MASTERS),
    }


def _of_etcd(layout: Layout) -> dict[str, Holder]:
    """The certificates that etcd's authority signs, by the file's name."""
    node = layout.control_plane
    member = Holder(
        node.name,
        server=True,
        names=(node.name, "localhost"),
        addresses=(*node.addresses, _LOCALHOST, "::1"),
    )
    return {
        "etcd/server": member,
        "etcd/peer": member,
        "etcd/healthcheck-client": Holder("kube-etcd-healthcheck-client"),
        "apiserver-etcd-client": Holder("kube-apiserver-etcd-client"),
    }


def _kubelet(node: NodeLayout) -> Holder:
    """What a kubelet serves with, as the signer kubernetes.io/kubelet-serving wants it."""
    return Holder(
        f"system:node:{node.name}",
        ("system:nodes",),
        client=False,
        server=True,
        names=(node.name,),
        addresses=node.addresses,
    )


def _users(layout: Layout) -> Iterator[tuple[Path, Holder]]:
    """The kubeconfigs' paths, and whom they are for."""
    etc = layout.control_plane.etc / "kubernetes"
    yield etc / "admin.conf", Holder("kubernetes-admin", _MASTERS)
    for part in ("controller-manager", "scheduler"):
        yield etc / f"{part}.conf", Holder(f"system:kube-{part}")
    for node in layout.nodes:
        etc = node.etc / "kubernetes"
        yield etc / "kube-proxy.conf", Holder("system:kube-proxy")
        yield etc / "kubelet.conf", Holder(f"system:node:{node.name}", ("system:nodes",))


def _kubeconfig(layout: Layout, authority: Authority, user: Holder) -> str:
    """A kubeconfig for a user (client-go: tools/clientcmd/api/v1)."""
    signed, cluster = authority.sign(user), layout.settings.profile
    context = f"{user.name}@{cluster}"
    server = f"https://{layout.control_plane.address}:{API_PORT}"
    certificates = {"certificate-authority-data": _encoded(authority.pem()), "server": server}
    shown = {
        "client-certificate-data": _encoded(signed.pem()),
        "client-key-data": _encoded(signed.key.pem()),
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": certificates}],
        "users": [{"name": user.name, "user": shown}],
        "contexts": [{"name": context, "context": {"cluster": cluster, "user": user.name}}],
        "current-context": context,
    }
    return yaml.safe_dump(document, sort_keys=False)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _write(path: Path, signed: Signed) -> None:
    """Write a certificate and its key, to ``path`` with ``.crt`` and ``.key``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".crt").write_text(signed.pem(), encoding="utf-8")
    _secret(path.with_suffix(".key"), signed.key.pem())


def _secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
