"""Watches lists of the API: first the whole list, then each change as it comes."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError

_RETRY = 0.3
_LONGEST = 300.0


@dataclass(frozen=True)
class Listed:
    """All objects of the list, as they are now."""

    items: list[ApiObject]


@dataclass(frozen=True)
class Changed:
    """An object was added or changed, or deleted (``gone``)."""

    item: ApiObject
    gone: bool


@dataclass(frozen=True)
class Trouble:
    """The API doesn't answer; it will be asked again."""

    message: str


Event = Listed | Changed | Trouble


def follow(api: Api, path: str, stop: threading.Event, seconds: float) -> Iterator[Event]:
    """The events of a list; it is listed again whenever a watch breaks off.

    Args:
        api: the cluster's API.
        path: the list's path, as in /api/v1/pods.
        stop: set it to end this with the next event.
        seconds: when to end.
    """
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0 and not stop.is_set():
        try:
            listed = api.get(path)
            yield Listed(listed.get("items") or [])
            version = str(listed["metadata"]["resourceVersion"])
            for event in api.watch(path, version, min(left, _LONGEST)):
                if stop.is_set() or event["type"] == "ERROR":
                    break
                if event["type"] != "BOOKMARK":
                    yield Changed(event["object"], gone=event["type"] == "DELETED")
        except (LabError, KeyError, TypeError, ValueError) as error:
            yield Trouble(error.message if isinstance(error, LabError) else f"no list: {error!r}")
            stop.wait(_RETRY)


Arrived = tuple[str, Event]


class Watch:
    """Follows several lists at the same time, in the background.

    Args:
        api: the cluster's API.
        paths: the lists' paths, by a name for each.
        seconds: when to end; without it only ``stop`` ends it.
    """

    def __init__(self, api: Api, paths: Mapping[str, str], seconds: float = math.inf) -> None:
        self._stop = threading.Event()
        self._arrived: queue.Queue[Arrived] = queue.Queue()
        for name, path in paths.items():
            events = follow(api, path, self._stop, seconds)
            threading.Thread(target=self._take, args=(name, events), daemon=True).start()

    def stop(self) -> None:
        """End it soon."""
        self._stop.set()

    def arrived(self, seconds: float) -> list[Arrived]:
        """What comes next, and all that has come meanwhile; empty if the time is up."""
        found: list[Arrived] = []
        with contextlib.suppress(queue.Empty):
            found.append(self._arrived.get(timeout=seconds))
            while True:
                found.append(self._arrived.get_nowait())
        return found

    def _take(self, name: str, events: Iterator[Event]) -> None:
        for event in events:
            self._arrived.put((name, event))
