"""What kind takes and prints, as data (kind 0.33: pkg/cmd/kind, pkg/apis/config/v1alpha4)."""

from __future__ import annotations

import re
from typing import Any

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.local import LocalSettings
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.programs import in_one_line

KINDNET = "kindnet"
_VERSION = re.compile(r"(?:kind v)?(\d{1,4})\.(\d{1,4})\.(\d{1,4})\b")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = "ERROR: "
_BALANCER = "-external-load-balancer"
_CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


def version(text: str) -> tuple[int, ...]:
    """The version in what ``kind version`` prints; LabError if there is none."""
    found = _VERSION.match(text.strip())
    if found is None:
        said = in_one_line(text)[:200] or "it is empty"
        raise LabError(
            f"The answer of `kind version` can't be read: {said}.",
            "See what `kind version` prints.",
        )
    return tuple(map(int, found.groups()))


def listed(text: str) -> list[str]:
    """The names in what ``kind get clusters`` or ``kind get nodes`` prints.

    A load balancer before several control planes is a container, but no node.
    """
    names = [line.strip() for line in text.splitlines()]
    return [name for name in names if name and not name.endswith(_BALANCER)]


def reason(stderr: str) -> str:
    """Why kind gave up: its last error, else its last line."""
    lines = [in_one_line(line) for line in _COLOURS.sub("", stderr).splitlines() if line.strip()]
    errors = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
    return (errors or lines or ["it doesn't say why"])[-1]


def config(settings: LocalSettings) -> str:
    """The configuration of the cluster that is asked for, as YAML."""
    roles = ["control-plane", *["worker"] * (settings.nodes - 1)]
    document: dict[str, Any] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": role} for role in roles],
        "networking": {
            "podSubnet": settings.pod_network,
            "serviceSubnet": settings.service_network,
            "disableDefaultCNI": settings.cni != KINDNET,
        },
    }
    return yaml.safe_dump(document, sort_keys=False)


def without_control_plane(taints: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The taints of a node without the one that keeps pods from a control plane."""
    return [taint for taint in taints if taint.get("key") not in _CONTROL_PLANE]
