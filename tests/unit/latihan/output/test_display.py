"""What a person sees while a playbook runs, and that it never ends the run."""

from __future__ import annotations

import io

import pytest

from latihan.base import durations
from latihan.base.consoles import SteadyConsole
from latihan.base.exits import Exit
from latihan.output import summary
from latihan.output.display import Guarded, LineDisplay, LiveDisplay, lines_of, step_counts
from latihan.run.events import ProgressMade, Status, TaskEnded, TaskStarted
from latihan.run.failures import Failure
from latihan.run.model import (
    OutcomeFailed,
    RunModel,
    RunningTask,
    Step,
    StepDone,
    TaskFailed,
    Warned,
)
from latihan.run.outcomes import outcome_of

STEP = Step("cluster", "Make it", "cluster", started=10.0, ended=95.0, tasks=4, changed=2)
FAILURE = Failure(
    task="Start etcd",
    role="cluster",
    host="localhost",
    path="/roles/cluster/tasks/main.yml",
    line=12,
    kind="step",
    message="etcd does not answer.",
    hint="Look at its log.",
    detail="\n".join(f"line {number}" for number in range(30)) + "\netcd does not answer.",
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def texts(change: StepDone | TaskFailed | OutcomeFailed | Warned) -> list[str]:
    return [line.plain.rstrip() for line in lines_of(change)]


def test_a_finished_step_is_one_line() -> None:
    (line,) = texts(StepDone(STEP))
    assert line.split() == ["✔", "cluster", "4", "tasks,", "2", "changed", "1", "min", "25", "s"]
    failed = Step("x", "x", "x", 0, 1, tasks=1, failures=[FAILURE])
    assert texts(StepDone(failed))[0].startswith("✘ x")


def test_outcomes_are_counted_in_their_step() -> None:
    outcomes = [outcome_of({"id": "S1", "verdict": each}) for each in ("pass", "fail", "skip")]
    step = Step("verify", "", "", 0, 1, tasks=1, outcomes=outcomes)
    assert step_counts(step) == "1 task, 1 outcome holds, 1 FAILED, 1 skipped"
    assert texts(StepDone(step))[0].startswith("✘")


def test_a_failure_says_what_why_what_to_do_and_where() -> None:
    lines = texts(TaskFailed(FAILURE))
    assert lines[:4] == [
        "✘ Start etcd (cluster) failed",
        "  etcd does not answer.",
        "  → Look at its log.",
        "  at /roles/cluster/tasks/main.yml:12",
    ]
    assert lines[4] == "  | ... 18 lines before"
    # What the message says already is not said again.
    assert lines[-1] == "  | line 29"


def test_a_failed_outcome_says_expected_observed_and_reason() -> None:
    outcome = outcome_of(
        {
            "id": "S1",
            "title": "t",
            "verdict": "fail",
            "expected": "a",
            "observed": "5",
            "reason": "r",
        }
    )
    assert texts(OutcomeFailed(outcome)) == [
        "✘ S1 t",
        "  expected: a",
        "  observed: 5",
        "  reason: r",
    ]


def test_a_check_without_a_verdict_does_not_pass() -> None:
    outcome = outcome_of({"id": "S1", "verdict": "perhaps"})
    assert outcome.verdict == "fail"
    assert "'perhaps'" in outcome.reason


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    clock, output = Clock(), io.StringIO()
    display = LineDisplay(SteadyConsole(file=output, width=100), verbose=False, clock=clock)
    model = RunModel()
    for second in range(61):
        clock.now = float(second)
        model.progress = ProgressMade("packages compiled", second, 100)
        display.tick(model)
    lines = output.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0] == "  ... packages compiled: 20 of 100 (20.0 s)"


def test_the_live_line_tells_play_role_task_and_progress() -> None:
    clock, output = Clock(), io.StringIO()
    console = SteadyConsole(file=output, force_terminal=True, width=120, color_system=None)
    display = LiveDisplay(console, verbose=False, clock=clock)
    display.start("full-lab")
    model = RunModel(play="Provision")
    model.running["lab"] = RunningTask(TaskStarted("Compile", "kubernetes", ""), 0.0)
    model.running["beside"] = RunningTask(TaskStarted("Start it", "cluster", ""), 41.0)
    model.progress = ProgressMade("packages compiled", 3, 9)
    clock.now = 61.0
    display.tick(model)
    display.show([StepDone(STEP)])
    display.stop()
    said = output.getvalue()
    assert "Provision > kubernetes > Compile  1 min 01 s" in said
    assert "Provision > cluster > Start it  20.0 s  (total 1 min 01 s)" in said
    assert "packages compiled" in said
    assert "3 of 9" in said
    assert "✔ cluster" in said


def test_markup_in_what_others_say_is_text() -> None:
    output = io.StringIO()
    display = LineDisplay(SteadyConsole(file=output, width=100), verbose=True)
    display.printed("[/nonsense] [bold]x[/bold]")
    display.note("[/nonsense]")
    assert output.getvalue() == "[/nonsense] [bold]x[/bold]\n[/nonsense]\n"


def test_with_v_warnings_are_not_printed_twice() -> None:
    output = io.StringIO()
    display = LineDisplay(SteadyConsole(file=output, width=100), verbose=True)
    display.printed("[WARNING]: old")
    display.show([Warned("[WARNING]: old")])
    assert output.getvalue() == "[WARNING]: old\n"


def test_a_broken_display_falls_silent() -> None:
    class Broken(LineDisplay):
        def tick(self, model: RunModel) -> None:
            raise ValueError("no colours left")

    output = io.StringIO()
    guarded = Guarded(Broken(SteadyConsole(file=output), verbose=False))
    guarded.start("full-lab")
    guarded.tick(RunModel())
    guarded.tick(RunModel())
    guarded.show([StepDone(STEP)])
    guarded.stop()
    assert output.getvalue() == "full-lab\n"
    assert "no colours left" in guarded.trouble


def test_on_a_terminal_outcomes_are_a_table() -> None:
    output = io.StringIO()
    console = SteadyConsole(file=output, force_terminal=True, width=100, color_system=None)
    outcome = outcome_of({"id": "S1", "title": "It selects", "verdict": "pass", "observed": "[a]"})
    summary.print_outcomes(console, [outcome])
    assert "│ S1 │ It selects" in output.getvalue()
    assert "[a]" in output.getvalue()


def test_durations() -> None:
    assert [durations.text(each) for each in (0.04, 59.94, 59.96, 61, 3599.6, 7380)] == [
        "0.0 s",
        "59.9 s",
        "1 min 00 s",
        "1 min 01 s",
        "1 h 00 min",
        "2 h 03 min",
    ]


@pytest.mark.parametrize(
    ("verdicts", "code", "said"),
    [
        ("pass pass", Exit.HOLDS, "Done in 1.0 s; 2 outcomes: 2 hold; "),
        ("pass skip", Exit.HOLDS, "Done in 1.0 s; 2 outcomes: 1 holds, 1 skipped; "),
        (
            "skip skip",
            Exit.OUTCOME_FAILED,
            "None of 2 outcomes could be checked in 1.0 s; 2 outcomes: 0 hold, 2 skipped; ",
        ),
        (
            "fail skip",
            Exit.OUTCOME_FAILED,
            "An outcome does not hold in 1.0 s; 2 outcomes: 0 hold, 1 fails, 1 skipped; ",
        ),
    ],
)
def test_the_last_line_says_what_the_outcomes_came_to(verdicts: str, code: Exit, said: str) -> None:
    model = RunModel()
    outcomes = [
        {"id": f"X{number}", "verdict": each} for number, each in enumerate(verdicts.split())
    ]
    result = {"outcomes": outcomes}
    model.apply(TaskEnded("t", "r", "p:1", "lab", Status.OK, False, 0.1, result), 1.0)
    assert model.exit_code(0) is code
    assert summary.totals(model, code, 1.0).startswith(said)
