"""What depends on the version of Kubernetes. Everything that does is decided here.

A version that was never tried is refused: from one to the next, programs lose options that the lab
uses. The facts are from Kubernetes' changelogs and from its code, such as ``cmd/kubeadm``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

AUTO = "auto"
# What Debian 12's source package has.
DEBIAN = "v1.20.2"
RANGES = f"{DEBIAN}, v1.35.x and v1.36.x"
_VERSION = re.compile(r"(?P<minor>v[0-9]+\.[0-9]+)\.[0-9]+(-[a-z0-9.]+)?")


@dataclass(frozen=True)
class Kubernetes:
    """What the lab must know about one version of Kubernetes.

    Settings are lines of YAML, for the top level of the configuration that they are named after.

    Args:
        version: the version, such as ``v1.20.2``.
        control_plane_roles: the roles that kubeadm labels a control plane's node with.
        kubelet_options: options of the kubelet's command line.
        kubelet_settings: those of its configuration.
        controller_manager_options: options of kube-controller-manager's command line.
        scheduler_options: options of kube-scheduler's command line.
        scheduler_api: the version of kube-scheduler's configuration.
        scheduler_settings: those of its configuration.
        proxy_modes: the kinds of rules that kube-proxy can write on Linux, of those that the lab
            knows (KEP-3866 for nftables).
        dual_stack_gates: the feature gates to open for addresses of two families (KEP-563).
        endpoint_slices: the path of all EndpointSlices in its API.
    """

    version: str
    control_plane_roles: tuple[str, ...]
    kubelet_options: tuple[str, ...]
    kubelet_settings: tuple[str, ...]
    controller_manager_options: tuple[str, ...]
    scheduler_options: tuple[str, ...]
    scheduler_api: str
    scheduler_settings: tuple[str, ...]
    proxy_modes: tuple[str, ...]
    dual_stack_gates: tuple[str, ...]
    endpoint_slices: str


_V1_20 = Kubernetes(
    version=DEBIAN,
    control_plane_roles=("control-plane", "master"),
    # Without it this kubelet looks for Docker.
    kubelet_options=("--container-runtime=remote",),
    kubelet_settings=(),
    # For their secure ports these programs make RSA keys at each start, in 1 to 2 s. Their other
    # ports ask for no certificate, so only the node itself may see them.
    controller_manager_options=("--secure-port=0", "--port=10252", "--address=127.0.0.1"),
    scheduler_options=("--secure-port=0",),
    scheduler_api="v1beta1",
    scheduler_settings=(
        "healthzBindAddress: 127.0.0.1:10251",
        "metricsBindAddress: 127.0.0.1:10251",
    ),
    proxy_modes=("iptables",),
    dual_stack_gates=("IPv6DualStack",),
    endpoint_slices="/apis/discovery.k8s.io/v1beta1/endpointslices",
)
_V1_35 = Kubernetes(
    version="v1.35.0",
    control_plane_roles=("control-plane",),
    kubelet_options=(),
    # Otherwise it refuses a machine that has control groups of version 1 alone.
    kubelet_settings=("failCgroupV1: false",),
    controller_manager_options=(),
    scheduler_options=(),
    scheduler_api="v1",
    scheduler_settings=(),
    proxy_modes=("iptables", "nftables"),
    dual_stack_gates=(),
    endpoint_slices="/apis/discovery.k8s.io/v1/endpointslices",
)
_MINORS = {"v1.35": _V1_35, "v1.36": _V1_35}


def of(version: str) -> Kubernetes:
    """What is to be known about a version; LabError if it isn't one, or the lab doesn't run it."""
    found = _VERSION.fullmatch(version)
    if not found:
        raise LabError(
            f"kubernetes_version is {version!r}, which is not a version.",
            f"Write {AUTO}, or a version such as {DEBIAN}.",
            Kind.INPUT,
        )
    if version == DEBIAN:
        return _V1_20
    if found["minor"] not in _MINORS:
        raise LabError(
            f"The lab does not run Kubernetes {version}.",
            f"It runs {RANGES}; no other version was tried.",
            Kind.INPUT,
        )
    return replace(_MINORS[found["minor"]], version=version)


def require_proxy_mode(kubernetes: Kubernetes, mode: str) -> None:
    """Raise a LabError unless the version's kube-proxy has that mode."""
    if mode not in kubernetes.proxy_modes:
        raise LabError(
            f"kube-proxy of Kubernetes {kubernetes.version} has no mode {mode!r}.",
            f"Leave lab_proxy_mode out, or set it to one of: {', '.join(kubernetes.proxy_modes)}.",
            Kind.INPUT,
        )


def number(version: str) -> tuple[int, ...]:
    """The numbers of a version, for comparing."""
    return tuple(int(part) for part in re.findall(r"[0-9]+", version))
