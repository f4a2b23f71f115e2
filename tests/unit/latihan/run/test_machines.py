"""How far the machines of a room are, from raw events."""

from __future__ import annotations

from typing import Any

from latihan.run.machines import RoomProgress


def event(kind: str, host: str, task: str, **result: Any) -> dict[str, Any]:
    return {"event": kind, "event_data": {"host": host, "task": task, "res": result}}


def said(progress: RoomProgress, *events: dict[str, Any]) -> list[str]:
    return [line for each in events for line in progress.apply(each, 1.0)]


def test_a_labs_news_are_lines() -> None:
    progress = RoomProgress()
    news = '[sudo] password:\n{"step": "pods", "held": 7, "running": true}'
    start = event("runner_on_start", "pc1", "latihan.lab.lab_machine : Wait for the lab")
    retry = event("runner_retry", "pc1", "Wait for the lab", stdout=news)
    assert said(progress, start, retry, retry) == ["pc1: pods, 7 outcomes so far"]
    assert (progress.machines["pc1"].step, progress.machines["pc1"].held) == ("pods", 7)


def test_trouble_is_said_once_with_the_machines_name() -> None:
    progress = RoomProgress()
    away = event("runner_on_unreachable", "pc2", "Reach the machine",
                 msg="Failed to connect to the host via ssh: Connection refused")  # fmt: skip
    noted = event("runner_on_ok", "pc2", "Note", ansible_facts={"lab_machine_trouble": "Gone."})
    (line,) = said(progress, away, noted)
    assert line.startswith("✘ pc2: It doesn't answer at pc2.")
    assert progress.machines["pc2"].away


def test_other_output_is_no_news() -> None:
    progress = RoomProgress()
    others = [event("runner_on_ok", "pc1", "x", stdout=text) for text in ("", "[1]", "{}", "text")]
    assert said(progress, *others, event("runner_on_ok", "localhost", "x")) == []
    assert progress.machines.keys() == {"pc1"}
