"""Manifests as one lab needs them: its images, its nodes, its node label. Pure functions."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.kubectl import verb
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

# A pod with this annotation runs on the lab's first, second, ... node that takes pods.
NODE = "latihan.lab/node"
# The node label that manifests are written with, as in the article.
WRITTEN = ("name", "latihan")
_MAKES = frozenset(["apply", "create", "replace"])
_IMAGE = "--image="

Object = dict[str, Any]


@dataclass(frozen=True)
class Adaptation:
    """What is different from how manifests are written.

    Args:
        images: images by the name that manifests write.
        node_label: the label that p3 and others select, as in ``name=latihan``.
        worker: the name of the lab's n-th node that takes pods, from 1.
    """

    images: Mapping[str, str]
    node_label: str
    worker: Callable[[int], str]


def makes_objects(arguments: Sequence[str]) -> bool:
    """Whether the command makes what its manifests say."""
    return verb(arguments) in _MAKES


def arguments(given: Sequence[str], images: Mapping[str, str]) -> list[str]:
    """The arguments of kubectl, with the images that ``--image`` names replaced."""
    return [
        f"{_IMAGE}{images.get(name, name)}" if (name := each.removeprefix(_IMAGE)) != each else each
        for each in given
    ]


def adapted(objects: Sequence[Object], to: Adaptation) -> list[Object]:
    """The objects of manifests, adapted.

    Raises:
        LabError: a pod asks for a node by something that is no number.
    """
    return [_adapted(copy.deepcopy(each), to) for each in objects]


def _adapted(item: Object, to: Adaptation) -> Object:
    for metadata, spec in _pods(item):
        for container in [*spec["containers"], *(spec.get("initContainers") or [])]:
            if isinstance(container, dict) and container.get("image") in to.images:
                container["image"] = to.images[container["image"]]
        _select(spec, to.node_label)
        if number := (metadata.get("annotations") or {}).get(NODE):
            spec.setdefault("affinity", {})["nodeAffinity"] = _on(to.worker(_counted(number)))
    return item


def _pods(item: Any) -> Iterator[tuple[Object, Object]]:
    """The metadata and spec of each pod in an object, also of those that a controller makes."""
    match item:
        case {"spec": {"containers": [*_]} as spec}:
            yield item.get("metadata") or {}, spec
        case {"kind": "List", "items": [*items]}:
            for each in items:
                yield from _pods(each)
        case {"spec": {"template": template}}:
            yield from _pods(template)
        case {"spec": {"jobTemplate": template}}:
            yield from _pods(template)


def _select(spec: Object, label: str) -> None:
    """Let a pod select the lab's own label, if it selects the one that manifests write."""
    selector = spec.get("nodeSelector") or {}
    name, value = WRITTEN
    if selector.get(name) == value:
        del selector[name]
        own, _, its_value = label.partition("=")
        selector[own] = its_value


def _counted(number: object) -> int:
    if str(number).isdecimal() and int(str(number)) > 0:
        return int(str(number))
    raise LabError(
        f"A pod asks for the node {number!r} by its annotation {NODE}.",
        "Write the number of a node, from 1.",
        Kind.INPUT,
    )


def _on(node: str) -> Object:
    """The affinity of a pod to one node, as Kubernetes gives it to the pods of a DaemonSet."""
    named = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [named]}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": terms}
