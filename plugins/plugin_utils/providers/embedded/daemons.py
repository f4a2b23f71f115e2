"""The daemons of a lab that don't run: which, why, and the last that they said."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    cgroups,
    files,
    spaces,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import Layout

# A program that ended this often lately doesn't run, even if it was just started again.
_OFTEN, _LATELY = 3, 120.0
_TAIL = 1 << 14
_LONGEST, _BEGINNING, _REASON = 300, 90, 200
# What the others need comes first.
_NEEDED = (
    *("etcd", "kube-apiserver", "containerd", "registry", "names"),
    *("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"),
)
_HINT = "Run it again; the ends of the daemons' logs are in this run's report."
# supervisor: process.py, spawn, finish and transition; loggers.py has the time.
_BEGUN = re.compile(r" INFO supervisord started with pid ")
_SPAWNED = re.compile(r" INFO spawned: '(?P<name>[^']+)'")
_ENDED = (
    re.compile(r" exited: (?P<name>\S+) \((?P<how>[^;)]*)"),
    re.compile(r" spawnerr: (?P<how>[^']*'(?P<name>[^']+)'.*)"),
)
_STAMP = "%Y-%m-%d %H:%M:%S"
# klog, zap, logrus, Go itself, nginx and dnsmasq.
_FATAL = re.compile(r'^F\d{4} |"level":"(?:fatal|panic)"|level=fatal|^panic:|\[emerg\]|^dnsmasq: ')


@dataclass(frozen=True)
class Fallen:
    """A daemon that ended: where, which, how often lately, and how at last."""

    place: str
    name: str
    times: int
    how: str


def fallen(place: str, log: str, now: float) -> Iterator[Fallen]:
    """The daemons of a space that don't run, or that end again and again.

    Args:
        place: the space.
        log: supervisord's log.
        now: the time, in seconds since the epoch.
    """
    ends: dict[str, list[str]] = {}
    down: set[str] = set()
    for line in _BEGUN.split(log)[-1].splitlines():
        if spawned := _SPAWNED.search(line):
            down.discard(spawned["name"])
        for ended in filter(None, (each.search(line) for each in _ENDED)):
            down.add(ended["name"])
            if now - _time(line) < _LATELY:
                ends.setdefault(ended["name"], []).append(ended["how"])
    for name, ways in ends.items():
        if name in down or len(ways) >= _OFTEN:
            yield Fallen(place, name, len(ways), ways[-1])


def _time(line: str) -> float:
    """The time of a line of supervisord's log, in seconds since the epoch; 0 if it has none."""
    try:
        return time.mktime(time.strptime(line[:19], _STAMP))
    except ValueError:
        return 0.0


def last_words(log: str) -> str:
    """The line of a daemon's log that says why it ended: the last fatal one, else the last."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    told = [line for line in lines if _FATAL.search(line) or refusals.said(line)]
    return (told or lines or ["it printed nothing"])[-1]


def troubles(layout: Layout) -> list[str]:
    """What is wrong with a lab's daemons: those that don't run, and memory that ran out."""
    found = [each for place in _places(layout) for each in _fallen(layout, place)]
    said = [_sentence(layout, found[0])] if found else []
    if found[1:]:
        others = ", ".join(f"{each.name} of {each.place} ({each.times})" for each in found[1:])
        said.append(f"others ended too: {others}")
    for place in _places(layout):
        kills = cgroups.out_of_memory_kills(files.cgroup(layout, place))
        if kills:
            times = f"{kills} processes" if kills > 1 else "a process"
            said.append(f"the kernel ended {times} of {place} for lack of memory")
    return said


def late(layout: Layout, message: str, seen: str) -> LabError:
    """The error of a lab that isn't ready in time, with what its daemons say about it.

    Args:
        layout: the lab.
        message: what isn't ready, with its full stop.
        seen: what was last seen of it.
    """
    running = spaces.find(layout.settings.profile, Path(layout.settings.state))
    gone = [f"{place} has ended" for place in _places(layout) if place not in running]
    found = [*gone, *troubles(layout)]
    logs = {path: _tail(path) for path in _logs(layout)}
    told = [line for text in logs.values() for line in text.splitlines() if refusals.said(line)]
    why = "; ".join(found) or (_cut(told[-1]) if told else "")
    error = refusals.explained(
        f"{message.removesuffix('.')}: {why}." if why else message,
        _HINT,
        "\n".join([seen, *found, *told]),
        [layout.folder],
    )
    error.detail = "\n".join([seen, *_ends(logs)])
    return error


def _sentence(layout: Layout, each: Fallen) -> str:
    often = f"{each.times} times, at last with" if each.times > 1 else "with"
    words = _cut(last_words(_tail(_log_folder(layout, each.place) / f"{each.name}.log")))
    return f"{each.name} of {each.place} ended {often} {each.how}, and its log with: {words}"


def _cut(line: str) -> str:
    """A line that is not too long; programs begin with the time and end with the reason."""
    line = line.strip()
    return line if len(line) <= _LONGEST else f"{line[:_BEGINNING]} ... {line[-_REASON:]}"


def _fallen(layout: Layout, place: str) -> list[Fallen]:
    """The daemons of a space that don't run, first those that the others need."""
    log = _tail(_log_folder(layout, place) / "supervisord.log")
    return sorted(fallen(place, log, time.time()), key=lambda each: _NEEDED.index(each.name))


def _places(layout: Layout) -> list[str]:
    return [HOST, *(node.name for node in layout.nodes)]


def _log_folder(layout: Layout, place: str) -> Path:
    folder = layout.host_folder if place == HOST else layout.node(place).folder
    return folder / "var" / "log"


def _logs(layout: Layout) -> list[Path]:
    return [
        path
        for place in _places(layout)
        for path in sorted(_log_folder(layout, place).glob("*.log"))
    ]


def _ends(logs: dict[Path, str]) -> Iterable[str]:
    """The last lines of each log, since a lab that can't be made leaves no logs behind."""
    for path, text in logs.items():
        yield f"--- {path}"
        yield from text.splitlines()[-10:]


def _tail(path: Path) -> str:
    """The end of a log; empty if there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
