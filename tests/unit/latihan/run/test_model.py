"""The result of a run, from recorded events of ansible-runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import verdicts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Verdict
from latihan.base import durations
from latihan.base.exits import Exit, exit_of
from latihan.run import events
from latihan.run.events import Printed, ProgressMade, Status, TaskEnded, TaskStarted
from latihan.run.model import Change, OutcomeFailed, RunModel, StepDone, TaskFailed
from latihan.run.outcomes import outcome_of

Recorded = Callable[[str], RunModel]


def test_steps_are_roles_and_plays_outside_roles(recorded: Recorded) -> None:
    steps = recorded("holds").steps
    assert [(step.name, step.play, step.role) for step in steps] == [
        ("greet", "Greeting", "greet"),
        ("Checks", "Checks", ""),
    ]
    greet = steps[0]
    # The check of the role's options is a task of its own.
    assert (greet.tasks, greet.changed, greet.skipped) == (3, 1, 1)
    assert greet.duration > 0


def test_rescued_and_ignored_failures_are_none(recorded: Recorded) -> None:
    model = recorded("holds")
    assert model.failures == []
    assert model.exit_code(0) is Exit.HOLDS


def test_outcomes_come_from_results(recorded: Recorded) -> None:
    model = recorded("holds")
    assert {each.id: each.verdict for each in model.outcomes.values()} == {
        "P10": Verdict.PASS,
        "P2": Verdict.SKIP,
    }
    (evidence,) = model.outcomes["P10"].evidence
    assert (evidence.command, evidence.output) == ("ping", "0% lost")


def test_what_is_no_result_does_not_pass() -> None:
    model = RunModel()
    model.apply(ended(outcomes=[{"id": "X1", "verdict": "pass", "probes": "many"}]), 1.0)
    assert model.outcomes["X1"].verdict is Verdict.FAIL
    assert "probes: Input should be a valid integer" in model.outcomes["X1"].reason
    assert model.exit_code(0) is Exit.OUTCOME_FAILED


MIXTURES = [list(mixture) for length in (1, 2, 3) for mixture in product(Verdict, repeat=length)]


@pytest.mark.parametrize("mixture", MIXTURES, ids="-".join)
@pytest.mark.parametrize("same", [False, True], ids=["several", "one"])
def test_the_run_comes_to_what_the_verdict_task_says(mixture: list[Verdict], same: bool) -> None:
    """Of several outcomes, and of one that was checked several times."""
    model, standings = RunModel(), dict[str, verdicts.Standing]()
    for second, verdict in enumerate(mixture):
        name = "X1" if same else f"X{second}"
        model.apply(ended(outcomes=[{"id": name, "verdict": verdict.value}]), float(second))
        standings = verdicts.gathered(standings, [outcome_of({"id": name, "verdict": verdict})])
    try:
        said, code = verdicts.concluded(standings), Exit.HOLDS
    except LabError as error:
        said, code = error.message, exit_of(error.kind)
    assert model.exit_code(0) is code
    assert {name: each.verdict for name, each in model.outcomes.items()} == {
        name: each.verdict for name, each in standings.items()
    }
    assert said.startswith(verdicts.summed(model.outcomes))


def test_an_outcome_that_failed_once_has_failed(recorded: Recorded) -> None:
    model = recorded("does-not-hold")
    assert model.outcomes["S1"].verdict is Verdict.FAIL
    assert model.outcomes["S1"].reason == "The selector misses p3."
    assert model.exit_code(2) is Exit.OUTCOME_FAILED
    assert model.step_failures == []


def test_a_failed_item_of_a_loop_tells_why(recorded: Recorded) -> None:
    model = recorded("fails")
    (failure,) = model.failures
    assert failure.message == "b can't be copied."
    assert failure.hint == "Look at the disk."
    assert failure.detail == "line 1\nline 2 of b"
    assert failure.place == "/lab/playbooks/fails.yml:6"
    assert model.exit_code(2) is Exit.STEP_FAILED


def test_wrong_options_of_a_role_are_bad_input(recorded: Recorded) -> None:
    model = recorded("greets-badly")
    (failure,) = model.failures
    assert "greet_count" in failure.message
    assert model.exit_code(2) is Exit.BAD_INPUT


def test_an_error_before_the_first_task_is_bad_input(recorded: Recorded) -> None:
    model = recorded("no-such-role")
    assert model.tasks == []
    assert "the role 'nowhere' was not found" in model.printed[0]
    assert [model.exit_code(code) for code in (1, 4, 5)] == [Exit.BAD_INPUT] * 3
    # Killed, say.
    assert model.exit_code(250) is model.exit_code(-9) is Exit.STEP_FAILED


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("input", Exit.BAD_INPUT),
        ("machine", Exit.MACHINE_NOT_READY),
        ("step", Exit.STEP_FAILED),
        ("outcome", Exit.OUTCOME_FAILED),
        ("never heard of", Exit.STEP_FAILED),
    ],
)
def test_the_kind_of_a_failure_is_the_exit_code(kind: str, code: Exit) -> None:
    model = RunModel()
    model.apply(TaskStarted("work", "", "/a.yml:1", "h"), 0.0)
    model.apply(failed(latihan_error=kind), 1.0)
    assert model.exit_code(2) is code


def test_a_failed_step_outweighs_a_failed_outcome() -> None:
    model = RunModel()
    model.apply(ended(outcomes=[{"id": "S1", "verdict": "fail"}]), 1.0)
    model.apply(failed(latihan_error="machine"), 2.0)
    assert model.exit_code(2) is Exit.MACHINE_NOT_READY


def test_of_several_failures_the_last_ones_stand() -> None:
    model = RunModel()
    model.apply(failed(msg="rescued"), 1.0)
    model.apply(failed(msg="stands"), 2.0)
    model.apply(events.RunEnded({"h": 1}, {"h": 1}), 3.0)
    assert [failure.message for failure in model.failures] == ["stands"]


def test_changes_tell_of_failures_at_once_and_of_steps_when_they_end() -> None:
    model = RunModel()
    assert model.apply(TaskStarted("one", "first", "/a.yml:1", "h"), 0.0) == []
    assert model.apply(ended(), 1.0) == []
    (change,) = model.apply(failed(msg="no"), 2.0)
    assert isinstance(change, TaskFailed)
    (change,) = model.apply(ended(outcomes=[{"id": "S1", "verdict": "fail"}]), 3.0)
    assert isinstance(change, OutcomeFailed)
    (change,) = model.apply(TaskStarted("two", "second", "/a.yml:2", "h"), 4.0)
    assert isinstance(change, StepDone)
    assert change.step.name == "first"
    assert change.step.duration == 3.0
    # A step in which nothing ran is not worth a line.
    assert model.finish() == []


def test_hosts_that_go_on_side_by_side_have_steps_of_their_own() -> None:
    model, changes = RunModel(), list[Change]()
    changes += model.apply(TaskStarted("a", "pods", "", "first"), 0.0)
    changes += model.apply(TaskStarted("b", "cluster", "", "second"), 1.0)
    assert [each.task.name for each in model.running.values()] == ["a", "b"]
    changes += model.apply(replace(ended(), host="second"), 2.0)
    changes += model.apply(replace(ended(), host="first"), 3.0)
    assert changes == [] == list(model.running)
    changes += model.apply(TaskStarted("c", "services", "", "first"), 4.0)
    changes += model.finish()
    assert changes == [StepDone(step) for step in model.steps[:2]]
    assert [(step.name, step.duration) for step in model.steps[:2]] == [
        ("pods", 3.0),
        ("cluster (second)", 1.0),
    ]


def test_a_failed_verdict_is_not_told_twice() -> None:
    assert RunModel().apply(failed(latihan_error="outcome"), 1.0) == []


def test_the_version_of_kubernetes_is_what_its_programs_tell() -> None:
    model = RunModel()
    data = {"host": "localhost", "res": {"version": "v1.20.2"}}
    for action, known in (("other.one.kubernetes", None), ("latihan.lab.kubernetes", "v1.20.2")):
        raw = {"event": "runner_on_ok", "event_data": {**data, "resolved_action": action}}
        event = events.parse(raw)
        assert event is not None
        model.apply(event, 1.0)
        assert model.kubernetes_version == known


def test_progress_is_of_the_task_that_runs() -> None:
    model = RunModel()
    raw = {"event": "verbose", "stdout": 'latihan-progress {"label": "x", "done": 3, "total": 9}'}
    event = events.parse(raw)
    assert event == ProgressMade("x", 3, 9)
    model.apply(event, 1.0)
    assert model.progress == event
    model.apply(TaskStarted("next", "", "", "h"), 2.0)
    assert model.progress is None


@pytest.mark.parametrize("text", ["latihan-progress {", 'latihan-progress {"label": 1}', "", " "])
def test_damaged_progress_and_empty_lines_are_passed_over(text: str) -> None:
    assert events.parse({"event": "verbose", "stdout": text}) is None


def test_unknown_events_are_passed_over_and_others_are_kept() -> None:
    assert events.parse({"event": "playbook_on_vars_prompt"}) is None
    assert events.parse({}) is None
    assert events.parse({"event": "warning", "stdout": "[WARNING]: old"}) == Printed(
        "[WARNING]: old"
    )


def test_an_unreachable_host_is_a_failure() -> None:
    event = events.parse(
        {"event": "runner_on_unreachable", "event_data": {"host": "m1", "res": {}}}
    )
    assert isinstance(event, TaskEnded)
    model = RunModel()
    model.apply(event, 0.0)
    assert model.failures[0].message == "the host can't be reached"


def ended(status: Status = Status.OK, **result: object) -> TaskEnded:
    return TaskEnded("work", "", "/a.yml:1", "h", status, False, 0.1, result)


def failed(**result: object) -> TaskEnded:
    return ended(Status.FAILED, **result)


def test_where_the_time_went() -> None:
    model = RunModel()
    for action, seconds in (("outcomes", 2.0), ("wait", 1.5), ("outcomes", 0.5), ("kubectl", 0.25)):
        ended = TaskEnded("t", "r", "p:1", "lab", Status.OK, changed=False, duration=seconds,
                          action=f"latihan.lab.{action}")  # fmt: skip
        model.apply(ended, 1.0)
    assert model.spent == {"outcomes": 2.5, "waits": 1.5, "cluster": 0.0, "other": 0.25}
    assert durations.spent(model.spent) == (
        "Added up, outcomes took 2.5 s, waits for Kubernetes 1.5 s, clusters 0.0 s."
    )


def test_a_role_that_only_leads_on_to_others_is_no_step() -> None:
    model, changes = RunModel(), list[Change]()
    check, include = "ansible.builtin.validate_argument_spec", "ansible.builtin.include_role"
    ran = [("whole", check), ("whole", include), ("part", check), ("part", "latihan.lab.kubectl")]
    ran += [("whole", include), ("whole", "latihan.lab.cluster")]
    for role, action in ran:
        changes += model.apply(TaskStarted("x", role, "", "h"), 0.0)
        ended = TaskEnded("x", role, "", "h", Status.OK, False, 0.1, action=action)
        changes += model.apply(ended, 1.0)
    changes += model.finish()
    assert [(step.name, step.tasks) for step in model.steps] == [("part", 2), ("whole", 2)]
    assert changes == [StepDone(step) for step in model.steps]


def test_a_role_whose_options_are_wrong_is_a_step() -> None:
    model = RunModel()
    model.apply(TaskStarted("x", "whole", "", "h"), 0.0)
    check = "ansible.builtin.validate_argument_spec"
    model.apply(TaskEnded("x", "whole", "", "h", Status.FAILED, False, 0.1, action=check), 1.0)
    model.finish()
    assert [step.name for step in model.steps] == ["whole"]
