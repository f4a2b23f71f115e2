"""Pods that wait for an image which can't be pulled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import PodInfo

NOT_PULLED = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName"})
"""Why a container waits for its image in vain (kubelet, pkg/kubelet/images/types.go)."""

_BACK_OFF = "ImagePullBackOff"
"""Between two attempts; its message doesn't have the registry's words."""


@dataclass(frozen=True)
class Unpulled:
    """An image that a pod has waited for in vain, since that second, and the registry's words."""

    pod: str
    image: str
    since: float
    words: str


class Pulls:
    """What pods wait for. An attempt may fail once and the next one succeed.

    Args:
        patience: after how many seconds an image counts as one that can't be pulled.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._waiting: dict[tuple[str | None, str], Unpulled] = {}

    def see(self, pods: Iterable[PodInfo], now: float) -> Unpulled | None:
        """Take in what pods wait for now; the image that one has waited for too long."""
        before, self._waiting = self._waiting, {}
        for pod in pods:
            for container in pod.containers.values():
                if container.reason not in NOT_PULLED or container.state != "waiting":
                    continue
                key = (pod.uid, container.name)
                known = before.get(key)
                said = "" if container.reason == _BACK_OFF else container.message
                words = said or (known.words if known else "") or container.message
                since = known.since if known else now
                self._waiting[key] = Unpulled(pod.name, container.image or "", since, words)
        return next((each for each in self._waiting.values() if self._left(each, now) <= 0), None)

    def due(self, now: float) -> float | None:
        """The seconds until one has waited for too long; None if none waits."""
        return min((self._left(each, now) for each in self._waiting.values()), default=None)

    def _left(self, waiting: Unpulled, now: float) -> float:
        return waiting.since + self._patience - now
