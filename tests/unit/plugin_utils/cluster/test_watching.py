"""Watching: a list, its changes, and a list anew where a watch breaks off."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import watching
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.watching import (
    Changed,
    Listed,
    Trouble,
    Watch,
    follow,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError

Document = dict[str, Any]
A, B = {"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}


class Lists:
    """Stands in for the API: each list is followed by the watch of the same number."""

    def __init__(self, lists: list[list[Document] | None], watches: list[list[Document]]) -> None:
        self.lists = iter(lists)
        self.watches = iter(watches)
        self.seconds: list[float] = []

    def get(self, path: str) -> Document:
        items = next(self.lists, None)
        if items is None:
            raise LabError(f"{path} can't be read")
        return {"metadata": {"resourceVersion": 7}, "items": items}

    def watch(self, path: str, version: str, seconds: float) -> Iterator[Document]:
        assert version == "7"
        self.seconds.append(seconds)
        yield from next(self.watches)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_RETRY", 0.01)


def events(api: Lists, number: int) -> list[watching.Event]:
    found = follow(api, "/x", threading.Event(), 60)  # type: ignore[arg-type]
    return list(itertools.islice(found, number))


def test_changes_follow_the_list() -> None:
    changes = [
        {"type": "ADDED", "object": B},
        {"type": "BOOKMARK", "object": {}},
        {"type": "MODIFIED", "object": A},
        {"type": "DELETED", "object": B},
    ]
    assert events(Lists([[A]], [changes]), 4) == [
        Listed([A]),
        Changed(B, gone=False),
        Changed(A, gone=False),
        Changed(B, gone=True),
    ]


def test_it_is_listed_anew_after_a_watch_and_after_trouble() -> None:
    api = Lists([[A], [B], None, []], [[{"type": "ERROR", "object": {}}, {}], [], []])
    told = events(api, 4)
    assert told == [Listed([A]), Listed([B]), Trouble("/x can't be read"), Listed([])]


def test_it_ends_in_time_and_when_it_is_told_to() -> None:
    stop = threading.Event()
    api = Lists([[A], [B]], [[{"type": "ADDED", "object": B}], []])
    for event in follow(api, "/x", stop, 60):  # type: ignore[arg-type]
        assert event == Listed([A])
        stop.set()
    assert list(follow(Lists([], []), "/x", threading.Event(), 0)) == []  # type: ignore[arg-type]


def test_no_watch_is_for_ever() -> None:
    api = Lists([[A], [B]], [[], []])
    found = follow(api, "/x", threading.Event(), float("inf"))  # type: ignore[arg-type]
    assert [next(found), next(found)] == [Listed([A]), Listed([B])]
    assert api.seconds == [300.0]


class Still:
    """Stands in for the API of a cluster in which nothing changes."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def get(self, path: str) -> Document:
        return {"metadata": {"resourceVersion": 7}, "items": [{"metadata": {"name": path}}]}

    def watch(self, _path: str, _version: str, seconds: float) -> Iterator[Document]:
        self.over.wait(seconds)
        yield from ()


def test_several_lists_are_followed_at_once() -> None:
    api = Still()
    watch = Watch(api, {"one": "/1", "two": "/2"}, 30)  # type: ignore[arg-type]
    found: list[watching.Arrived] = []
    while len(found) < 2:
        arrived = watch.arrived(5)
        assert arrived, found
        found += arrived
    assert watch.arrived(0.01) == []
    watch.stop()
    api.over.set()
    lists = [("one", Listed([{"metadata": {"name": "/1"}}]))]
    lists += [("two", Listed([{"metadata": {"name": "/2"}}]))]
    assert sorted(found, key=str) == lists
