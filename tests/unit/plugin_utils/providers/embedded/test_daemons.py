"""Daemons that don't run: which, why, and what is said about it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    cgroups,
    daemons,
    layout,
    spaces,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.daemons import Fallen
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.layout import Layout

NOW = time.mktime(time.strptime("2026-11-26 18:31:00", "%Y-%m-%d %H:%M:%S"))
EARLIER = """\
2026-11-26 18:29:50,120 INFO supervisord started with pid 1
2026-11-26 18:29:58,120 WARN exited: kubelet (exit status 255; not expected)
"""
LOG = """\
2026-11-26 18:30:01,120 INFO supervisord started with pid 1
2026-11-26 18:30:02,121 INFO spawned: 'etcd' with pid 7
2026-11-26 18:30:02,122 INFO spawned: 'kubelet' with pid 8
2026-11-26 18:30:03,123 INFO success: etcd entered RUNNING state, process has stayed up for ...
2026-11-26 18:30:04,124 WARN exited: etcd (terminated by SIGKILL; not expected)
2026-11-26 18:30:05,125 INFO spawned: 'etcd' with pid 9
"""
DOWN = "2026-11-26 18:30:06,126 WARN exited: etcd (exit status 1; not expected)\n"
NO_PROCESS = (
    "2026-11-26 18:30:06,126 INFO spawnerr: unknown error during fork for 'kube-proxy': EAGAIN\n"
)
LOOPING = "".join(
    f"2026-11-26 18:30:1{second},1 WARN exited: kubelet (exit status 255; not expected)\n"
    f"2026-11-26 18:30:1{second},9 INFO spawned: 'kubelet' with pid {second}\n"
    for second in range(3)
)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", []),
        (LOG, []),
        (EARLIER + LOG, []),
        (LOG + DOWN, [Fallen("n", "etcd", 2, "exit status 1")]),
        (LOG + LOOPING, [Fallen("n", "kubelet", 3, "exit status 255")]),
        (
            LOG + NO_PROCESS,
            [Fallen("n", "kube-proxy", 1, "unknown error during fork for 'kube-proxy': EAGAIN")],
        ),
    ],
)
def test_what_does_not_run(log: str, expected: list[Fallen]) -> None:
    assert list(daemons.fallen("n", log, NOW)) == expected


def test_what_ended_often_long_ago_runs() -> None:
    assert list(daemons.fallen("n", LOG + LOOPING, NOW + 3600)) == []


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "it printed nothing"),
        ("one\ntwo\n\n", "two"),
        (
            "I1126 fine\nF1126 18:30:06.1 server.go:1] no port\ngoroutine 1 [running]:\n",
            "F1126 18:30:06.1 server.go:1] no port",
        ),
        ('{"level":"fatal","msg":"x"}\n{"level":"info"}\n', '{"level":"fatal","msg":"x"}'),
        ("mkdir /x: no space left on device\nbye\n", "mkdir /x: no space left on device"),
    ],
)
def test_the_last_words(log: str, words: str) -> None:
    assert daemons.last_words(log) == words


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A lab of one node, whose spaces run, and whose logs are empty."""
    monkeypatch.setattr(cgroups, "CGROUPS", tmp_path / "cgroups")
    monkeypatch.setattr(spaces, "find", lambda profile, state: {"host": 1, "uji": 1})
    networks = ("192.168.77.0/24", "10.77.0.0/16", "10.78.0.0/16")
    made = layout.plan(layout.Settings("uji", str(tmp_path), 1, *networks, "/b", "/d", "/r"))
    (made.control_plane.var / "log").mkdir(parents=True)
    return made


def says(lab: Layout, name: str, text: str) -> None:
    (lab.control_plane.var / "log" / f"{name}.log").write_text(text, encoding="utf-8")


def stamped(text: str) -> str:
    return f"{time.strftime('%Y-%m-%d %H:%M:%S')},1 {text}\n"


def test_a_lab_that_is_late_for_no_known_reason(lab: Layout) -> None:
    error = daemons.late(lab, "It isn't ready.", "seen")
    assert (error.message, error.kind) == ("It isn't ready.", Kind.STEP)
    assert error.detail == "seen"


def test_a_daemon_that_ended_is_named(lab: Layout) -> None:
    says(lab, "supervisord", stamped("WARN exited: etcd (exit status 1; not expected)"))
    says(lab, "etcd", "first\nlast\n")
    error = daemons.late(lab, "It isn't ready.", "seen")
    assert error.message == (
        "It isn't ready: etcd of uji ended with exit status 1, and its log with: last."
    )
    assert error.kind is Kind.STEP
    assert "last" in error.detail.splitlines()


def test_a_full_disk_in_a_daemons_log_is_the_machines_trouble(lab: Layout) -> None:
    says(lab, "containerd", 'level=error error="write /x: no space left on device"\n')
    error = daemons.late(lab, "It isn't ready.", "seen")
    assert error.kind is Kind.MACHINE
    assert error.message.startswith("No space is left on a disk: It isn't ready: level=error")


def test_a_clock_that_is_behind(lab: Layout) -> None:
    error = daemons.late(
        lab, "It isn't ready.", "certificate verify failed: certificate is not yet valid"
    )
    assert error.kind is Kind.MACHINE
    assert "clock is earlier" in error.message


def test_a_space_that_ended_is_named(lab: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces, "find", lambda profile, state: {"host": 1})
    assert daemons.late(lab, "It isn't ready.", "").message == "It isn't ready: uji has ended."


@pytest.mark.parametrize(
    ("files", "kills"),
    [
        (
            {
                "memory/latihan/uji/uji/memory.oom_control": "under_oom 0\noom_kill 1\n",
                "memory/latihan/uji/uji/kubepods/memory.oom_control": "oom_kill 2\n",
            },
            3,
        ),
        (
            {
                "cgroup.controllers": "memory",
                "latihan/uji/uji/memory.events": "oom 9\noom_kill 2\n",
            },
            2,
        ),
        ({"memory/latihan/uji/uji/memory.oom_control": "oom_kill 0\n"}, 0),
    ],
)
def test_memory_that_ran_out(
    lab: Layout, tmp_path: Path, files: dict[str, str], kills: int
) -> None:
    for name, text in files.items():
        path = tmp_path / "cgroups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert cgroups.out_of_memory_kills("latihan/uji/uji") == kills
    error = daemons.late(lab, "It isn't ready.", "")
    assert (error.kind is Kind.MACHINE) == (kills > 0)
    assert (f"ended {kills} processes of uji for lack of memory" in error.message) == (kills > 1)
