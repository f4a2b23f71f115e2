"""Every configuration file of an embedded cluster, written before any part of it runs."""

from __future__ import annotations

import math
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import factor, seconds
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    cgroups,
    unknown_images,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import (
    API_PORT,
    REGISTRY_PORT,
    Layout,
    NodeLayout,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.blobs import MANIFEST_TYPE
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.versions import Kubernetes

NAMES_FILE = "/etc/latihan/names.conf"
SANDBOX_IMAGE = "registry.k8s.io/pause:3.2"
INSIDE_FILE = "/etc/latihan/inside.sh"
TOOLS_FILE = "/etc/latihan/tools.sh"
PULL_SOCKET = "/run/pull-through.sock"
_UNKNOWN_FILE = Path("/etc/latihan/unknown_images.py")
_UNKNOWN_SOCKET = "/run/unknown-images.sock"
_TOOLS_IMAGE = "docker.io/amazon/amazon-ecs-network-sidecar:latest"
_TEMPLATES = Path(__file__).parent / "templates"
# How long a program may take to stop, in seconds.
_STOPS_WITHIN = 5.0
# From this factor of patience on, what asks the API waits until it is ready. Started together, they
# take the processor that it needs to get ready within its own 30 s, and it begins again and again
# (kubernetes: pkg/registry/rbac/rest/storage_rbac.go, PostStartHook). The engine starts them then.
_SLOW = 4.0
_ASK_THE_API = frozenset({"kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"})
# With more nodes than that, what runs on each collects its garbage sooner: a node then takes 52 MiB
# instead of 57 to 61, and a lab a tenth more time (https://pkg.go.dev/runtime, GOGC).
_MANY_NODES = 10
_ON_EVERY_NODE = frozenset({"containerd", "kubelet", "kube-proxy"})


@dataclass(frozen=True)
class Program:
    """A program that a space's process manager runs."""

    name: str
    argv: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command line as supervisord reads it: quoted, and without its %-expansion."""
        return shlex.join(self.argv).replace("%", "%%")


def render(template: str, **values: object) -> str:
    """A template of this package, filled in; a missing value is an error."""
    # Only making a cluster needs it, and it takes longer to import than all the rest.
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(  # noqa: S701 - configuration files, not HTML
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{template}.j2").render(**values)


def cgroup(layout: Layout, space: str) -> str:
    """The control group of a space, relative to a hierarchy's root."""
    return cgroups.of(layout.settings.profile, space)


def write_host(layout: Layout) -> None:
    """Write the files of the lab's host: names, the image registry, the name server."""
    etc = layout.host_folder / "etc"
    _write_names(layout, etc, HOST)
    registry = f"{layout.host_address}:{REGISTRY_PORT}"
    _write(
        etc / "latihan" / "registry.conf",
        render(
            "registry.conf",
            listen=registry,
            folder=layout.settings.registry,
            own=layout.own_images,
            manifest_type=MANIFEST_TYPE,
            unknown=PULL_SOCKET if layout.settings.pull_through else _UNKNOWN_SOCKET,
            pulled=layout.pulled,
        ),
    )
    # The project's folder may be hidden from the space.
    unknown = Path(unknown_images.__file__).read_text(encoding="utf-8")
    _write(etc / _UNKNOWN_FILE.relative_to("/etc"), unknown)
    nginx = f"{layout.settings.daemons}/usr/sbin/nginx"
    dnsmasq = f"{layout.settings.daemons}/usr/sbin/dnsmasq"
    _write(etc / "latihan" / "names.conf", "")
    programs = [
        Program("registry", (nginx, "-c", "/etc/latihan/registry.conf", "-g", "daemon off;")),
        Program(
            "unknown-images",
            (sys.executable, "-I", str(_UNKNOWN_FILE), _UNKNOWN_SOCKET),
        ),
        Program(
            "names",
            (
                *(*_with_libraries(layout), dnsmasq, "--keep-in-foreground"),
                *(f"--conf-file={NAMES_FILE}", "--no-resolv", "--domain-needed", "--bogus-priv"),
                # It asks no other server: names that it doesn't know don't exist.
                "--local=/#/",
                *("--user=root", "--bind-interfaces", f"--listen-address={layout.host_address}"),
                *("--expand-hosts", f"--domain={layout.settings.profile}", "--log-facility=-"),
            ),
        ),
    ]
    _write_supervisor(layout, etc, HOST, programs)


def write_node(layout: Layout, node: NodeLayout, kubernetes: Kubernetes) -> None:
    """Write the files of a node: names, container runtime, pod network, and its programs."""
    _write_names(layout, node.etc, node.name)
    shared = {"daemons": layout.settings.daemons, "sandbox_image": SANDBOX_IMAGE}
    registry = f"{layout.host_address}:{REGISTRY_PORT}"
    etc = node.etc
    _write(etc / "containerd" / "config.toml", render("containerd.toml", **shared))
    mirrors = etc / "containerd" / "certs.d" / "_default" / "hosts.toml"
    _write(mirrors, render("hosts.toml", registry=registry))
    conflist = render("cni.conflist", pod_blocks=node.pod_blocks)
    _write(etc / "cni" / "net.d" / "10-latihan.conflist", conflist)
    folder = etc / "kubernetes"
    kubelet = render(
        "kubelet.yaml",
        cgroup=cgroup(layout, node.name),
        dns_service=layout.dns_service,
        kubernetes=kubernetes,
        gates=_gates(layout, kubernetes),
    )
    _write(folder / "kubelet.yaml", kubelet)
    proxy = render("kube-proxy.yaml", node=node, layout=layout, gates=_gates(layout, kubernetes))
    _write(folder / "kube-proxy.yaml", proxy)
    if node.control_plane:
        scheduler = render("kube-scheduler.yaml", kubernetes=kubernetes)
        _write(folder / "kube-scheduler.yaml", scheduler)
    tools = render(
        "tools.sh",
        path=_path(layout),
        image=_TOOLS_IMAGE,
        crun=f"{layout.settings.daemons}/usr/bin/crun",
        cgroup=cgroup(layout, node.name),
    )
    for path, script in ((TOOLS_FILE, tools), (INSIDE_FILE, render("inside.sh"))):
        _write(etc / Path(path).relative_to("/etc"), script)
    _write_supervisor(layout, etc, node.name, node_programs(layout, node, kubernetes))


def system_manifest(layout: Layout, kubernetes: Kubernetes) -> str:
    """The objects that a cluster starts with: rights of the API server, and the cluster's DNS."""
    dns = render(
        "dns.yaml",
        node=layout.control_plane.name,
        dns_service=layout.dns_service,
        endpoint_slices=kubernetes.endpoint_slices,
    )
    return render("kubelet-access.yaml") + dns


def node_programs(layout: Layout, node: NodeLayout, kubernetes: Kubernetes) -> list[Program]:
    """The programs of a node, the control plane's first."""
    binaries, daemons = layout.settings.binaries, layout.settings.daemons
    config = "/etc/kubernetes"
    programs = [
        # The libraries are for crun, which containerd starts.
        Program("containerd", (*_with_libraries(layout), f"{daemons}/usr/bin/containerd")),
        Program(
            "kubelet",
            (
                f"{binaries}/kubelet",
                f"--config={config}/kubelet.yaml",
                f"--kubeconfig={config}/kubelet.conf",
                f"--hostname-override={node.name}",
                f"--node-ip={','.join(node.addresses)}",
                *kubernetes.kubelet_options,
                "--container-runtime-endpoint=unix:///run/containerd/containerd.sock",
                "--runtime-cgroups=/" + cgroup(layout, node.name),
            ),
        ),
        Program("kube-proxy", (f"{binaries}/kube-proxy", f"--config={config}/kube-proxy.yaml")),
    ]
    return (
        [*control_plane_programs(layout, kubernetes), *programs] if node.control_plane else programs
    )


def control_plane_programs(layout: Layout, kubernetes: Kubernetes) -> list[Program]:
    """etcd, kube-apiserver, kube-controller-manager and kube-scheduler, as kubeadm runs them."""
    settings, pki = layout.settings, "/etc/kubernetes/pki"
    address = layout.control_plane.address
    services = f"--service-cluster-ip-range={','.join(layout.service_networks)}"
    gates = [f"--feature-gates={name}=true" for name in _gates(layout, kubernetes)]
    etcd, peer = "https://127.0.0.1:2379", "https://127.0.0.1:2380"
    return [
        Program(
            "etcd",
            (
                f"{settings.daemons}/usr/bin/etcd",
                f"--name={layout.control_plane.name}",
                "--data-dir=/var/lib/etcd",
                f"--listen-client-urls={etcd}",
                f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster={layout.control_plane.name}={peer}",
                f"--cert-file={pki}/etcd/server.crt",
                f"--key-file={pki}/etcd/server.key",
                f"--trusted-ca-file={pki}/etcd/ca.crt",
                "--client-cert-auth=true",
                f"--peer-cert-file={pki}/etcd/peer.crt",
                f"--peer-key-file={pki}/etcd/peer.key",
                f"--peer-trusted-ca-file={pki}/etcd/ca.crt",
                "--peer-client-cert-auth=true",
                "--logger=zap",
            ),
        ),
        Program(
            "kube-apiserver",
            (
                f"{settings.binaries}/kube-apiserver",
                f"--advertise-address={address}",
                f"--secure-port={API_PORT}",
                "--allow-privileged=true",
                "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction",
                f"--client-ca-file={pki}/ca.crt",
                f"--tls-cert-file={pki}/apiserver.crt",
                f"--tls-private-key-file={pki}/apiserver.key",
                f"--etcd-servers={etcd}",
                f"--etcd-cafile={pki}/etcd/ca.crt",
                f"--etcd-certfile={pki}/apiserver-etcd-client.crt",
                f"--etcd-keyfile={pki}/apiserver-etcd-client.key",
                f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
                f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
                "--kubelet-preferred-address-types=InternalIP",
                *(services, *gates),
                "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
                f"--service-account-key-file={pki}/sa.pub",
                f"--service-account-signing-key-file={pki}/sa.key",
                f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
                f"--proxy-client-key-file={pki}/front-proxy-client.key",
                f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
                "--requestheader-allowed-names=front-proxy-client",
                "--requestheader-extra-headers-prefix=X-Remote-Extra-",
                "--requestheader-group-headers=X-Remote-Group",
                "--requestheader-username-headers=X-Remote-User",
            ),
        ),
        Program(
            "kube-controller-manager",
            (
                f"{settings.binaries}/kube-controller-manager",
                "--kubeconfig=/etc/kubernetes/controller-manager.conf",
                "--authentication-kubeconfig=/etc/kubernetes/controller-manager.conf",
                "--authorization-kubeconfig=/etc/kubernetes/controller-manager.conf",
                "--bind-address=127.0.0.1",
                *kubernetes.controller_manager_options,
                # It starts before the API has the roles that permit the lookup, and would exit.
                "--authentication-tolerate-lookup-failure=true",
                # At the default of 20 requests a second its controllers take 4 s to start.
                "--kube-api-qps=200",
                "--kube-api-burst=400",
                # The engine gives each node its block, and has already set the routes to it.
                "--allocate-node-cidrs=false",
                *(services, *gates),
                f"--client-ca-file={pki}/ca.crt",
                f"--cluster-signing-cert-file={pki}/ca.crt",
                f"--cluster-signing-key-file={pki}/ca.key",
                f"--root-ca-file={pki}/ca.crt",
                f"--service-account-private-key-file={pki}/sa.key",
                "--controllers=*,bootstrapsigner,tokencleaner",
                "--use-service-account-credentials=true",
                "--leader-elect=false",
            ),
        ),
        Program(
            "kube-scheduler",
            (
                f"{settings.binaries}/kube-scheduler",
                "--config=/etc/kubernetes/kube-scheduler.yaml",
                "--authentication-kubeconfig=/etc/kubernetes/scheduler.conf",
                "--authorization-kubeconfig=/etc/kubernetes/scheduler.conf",
                "--bind-address=127.0.0.1",
                *kubernetes.scheduler_options,
            ),
        ),
    ]


def _gates(layout: Layout, kubernetes: Kubernetes) -> tuple[str, ...]:
    """The feature gates to open for what the cluster is."""
    return kubernetes.dual_stack_gates if layout.settings.dual_stack else ()


def _write_names(layout: Layout, etc: Path, name: str) -> None:
    """Write a space's host name, and where it looks names up: its hosts file and the lab's host."""
    _write(etc / "hostname", name + "\n")
    hosts = render("hosts", host_address=layout.host_address, nodes=layout.nodes)
    _write(etc / "hosts", hosts)
    _write(etc / "resolv.conf", f"nameserver {layout.host_address}\n")


def _path(layout: Layout) -> str:
    """The PATH of a space: the lab's programs first, then the machine's."""
    daemons = layout.settings.daemons
    folders = [layout.settings.binaries, f"{daemons}/usr/sbin", f"{daemons}/usr/bin"]
    return ":".join([*folders, "/usr/sbin", "/usr/bin", "/sbin", "/bin"])


def _write_supervisor(layout: Layout, etc: Path, name: str, programs: list[Program]) -> None:
    conf = render(
        "supervisord.conf",
        name=name,
        programs=programs,
        path=_path(layout),
        stop=math.ceil(seconds(_STOPS_WITHIN)),
        later=_ASK_THE_API if factor() >= _SLOW else (),
        sparing=_ON_EVERY_NODE if len(layout.nodes) > _MANY_NODES else (),
    )
    _write(etc / "supervisord.conf", conf)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _with_libraries(layout: Layout) -> tuple[str, str]:
    """The words before a program that needs libraries of the lab's."""
    # This imports Ansible, which takes a quarter of a second; most commands don't need it.
    from ansible_collections.latihan.lab.plugins.plugin_utils.supply.packages import (  # noqa: PLC0415
        libraries,
    )

    return "env", f"LD_LIBRARY_PATH={libraries(layout.settings.daemons)}"
