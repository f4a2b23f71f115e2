"""What is known about a run so far, built from its events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts, moment_of
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import verdicts
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OutcomeResult,
    Verdict,
)
from latihan.base.exits import Exit, exit_of
from latihan.run.events import (
    Event,
    PlayStarted,
    Printed,
    ProgressMade,
    RunEnded,
    Status,
    TaskEnded,
    TaskStarted,
)
from latihan.run.failures import OUTCOME, Failure, failure_of
from latihan.run.outcomes import outcomes_in

# Enough of Ansible's output to see why it ended before its first task.
_KEPT_LINES = 200
# This module returns the version of Kubernetes.
_KUBERNETES = "latihan.lab.kubernetes"
# Ansible runs these for any tags.
_VALIDATION = "ansible.builtin.validate_argument_spec"
_LEADS_ON = (_VALIDATION, "ansible.builtin.include_tasks", "ansible.builtin.include_role")
# ansible-playbook's exit codes before its first task: it can't find, read or understand what it is
# given (ansible: errors, ExitCode: generic, parser and options error).
_REFUSED = (1, 4, 5)
# What a task's time was for, by its module.
_SPENT = {
    "latihan.lab.outcomes": "outcomes",
    "latihan.lab.conformance": "outcomes",
    "latihan.lab.wait": "waits",
    "latihan.lab.cluster": "cluster",
}


@dataclass
class Step:
    """Consecutive tasks of one role on a host, or of a play outside roles; times are in seconds.

    The name has the host in brackets, if it isn't the first one.

    ``worked`` is false while it has only checked variables and included other tasks: with no more
    than that it is not a step.
    """

    name: str
    play: str
    role: str
    started: float
    ended: float
    tasks: int = 0
    changed: int = 0
    skipped: int = 0
    worked: bool = False
    outcomes: list[OutcomeResult] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """Seconds from the first task's start to the last one's end."""
        return self.ended - self.started


@dataclass(frozen=True)
class Task:
    """A task that ended; ``duration`` is in seconds, ``action`` the full name of its module."""

    name: str
    step: str
    place: str
    duration: float
    action: str = ""


@dataclass(frozen=True)
class RunningTask:
    """A task that runs on a host, and when it began, in seconds of the run's clock."""

    task: TaskStarted
    since: float


@dataclass(frozen=True)
class StepDone:
    """A step is over."""

    step: Step


@dataclass(frozen=True)
class TaskFailed:
    """A task failed; a rescue may still follow."""

    failure: Failure


@dataclass(frozen=True)
class OutcomeFailed:
    """An outcome doesn't hold."""

    outcome: OutcomeResult


@dataclass(frozen=True)
class Warned:
    """Ansible printed something outside its tasks."""

    text: str


Change = StepDone | TaskFailed | OutcomeFailed | Warned


@dataclass
class RunModel:
    """A run, as its events so far describe it; ``apply`` takes the next one.

    Hosts may be at different tasks; ``running`` has each one's task. ``began`` is when the run did,
    in seconds of its clock.
    """

    began: float = 0.0
    play: str = ""
    running: dict[str, RunningTask] = field(default_factory=dict)
    progress: ProgressMade | None = None
    steps: list[Step] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    outcomes: dict[str, OutcomeResult] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)
    kubernetes_version: str | None = None
    # The different facts that judged outcomes, and the place of the last of them.
    facts: list[Facts] = field(default_factory=list)
    last_moment: int | None = None
    _open: dict[str, Step] = field(default_factory=dict)
    _first_host: str = ""
    _failures: list[Failure] = field(default_factory=list)
    _rescued: Mapping[str, int] = field(default_factory=dict)

    def apply(self, event: Event, now: float) -> list[Change]:
        """Take one event in.

        Args:
            event: what happened.
            now: when, in seconds of a clock that never goes back.

        Returns:
            What a person should see of it.
        """
        match event:
            case PlayStarted():
                self.play = event.name
                return self.finish()
            case TaskStarted():
                return self._start(event, now)
            case TaskEnded():
                return self._end(event, now)
            case ProgressMade():
                self.progress = event
                return []
            case RunEnded():
                self._rescued = event.rescued
                return self.finish()
            case Printed():
                self.printed = [*self.printed, event.text][-_KEPT_LINES:]
                return [Warned(event.text)]

    def finish(self) -> list[Change]:
        """End the current steps; returns what a person should see of them."""
        self.running, self.progress = {}, None
        return [change for host in [*self._open] for change in self._close(host)]

    @property
    def failures(self) -> list[Failure]:
        """The failures that stand: all but those that the playbook rescued.

        Ansible only counts the rescued ones. After a failure that stands a host runs only
        ``always`` blocks, so the rescued ones are the host's first.
        """
        left = Counter(self._rescued)
        standing = []
        for failure in self._failures:
            if left[failure.host] > 0:
                left[failure.host] -= 1
            else:
                standing.append(failure)
        return standing

    @property
    def step_failures(self) -> list[Failure]:
        """The failures of the lab itself, without those that only repeat a failed outcome."""
        return [failure for failure in self.failures if failure.kind != OUTCOME]

    @property
    def spent(self) -> dict[str, float]:
        """The seconds of the tasks by what they were for; ``other`` are all those not named."""
        found = dict.fromkeys([*_SPENT.values(), "other"], 0.0)
        for task in self.tasks:
            found[_SPENT.get(task.action, "other")] += task.duration
        return found

    @property
    def slowest(self) -> list[Task]:
        """The ten tasks that took longest."""
        return sorted(self.tasks, key=lambda task: -task.duration)[:10]

    def exit_code(self, returned: int) -> Exit:
        """The exit code of the run.

        Args:
            returned: the exit code of ansible-playbook.
        """
        if self.step_failures:
            return exit_of(self.step_failures[0].kind)
        if any(outcome.verdict is Verdict.FAIL for outcome in self.outcomes.values()):
            return Exit.OUTCOME_FAILED
        if self.failures or verdicts.nothing_proven(self.outcomes):
            return Exit.OUTCOME_FAILED
        if returned != 0:
            refused = returned in _REFUSED and not self.steps
            return Exit.BAD_INPUT if refused else Exit.STEP_FAILED
        return Exit.HOLDS if self.worked else Exit.BAD_INPUT

    @property
    def worked(self) -> bool:
        """Whether there was any task to do besides checking the roles' variables."""
        skipped = any(step.skipped for step in self.steps)
        return skipped or any(task.action != _VALIDATION for task in self.tasks)

    def _start(self, event: TaskStarted, now: float) -> list[Change]:
        name = self._step_name(event)
        changes: list[Change] = []
        step = self._open.get(event.host)
        if step is None or (step.name, step.play) != (name, self.play):
            changes = self._close(event.host)
            self._open[event.host] = Step(name, self.play, event.role, started=now, ended=now)
            self.steps.append(self._open[event.host])
        self.running[event.host], self.progress = RunningTask(event, now), None
        return changes

    def _step_name(self, event: TaskStarted | TaskEnded) -> str:
        self._first_host = self._first_host or event.host
        name = event.role or self.play
        return name if event.host == self._first_host else f"{name} ({event.host})"

    def _close(self, host: str) -> list[Change]:
        step = self._open.pop(host, None)
        if step is None or not step.tasks:
            return []
        if not step.worked:
            self.steps = [each for each in self.steps if each is not step]
            return []
        return [StepDone(step)]

    def _end(self, event: TaskEnded, now: float) -> list[Change]:
        changes: list[Change] = []
        self.running.pop(event.host, None)
        new = Step(self._step_name(event), self.play, event.role, now, now)
        step = self._open.get(event.host, new)
        step.ended = now
        if event.status is Status.SKIPPED:
            step.skipped += 1
            return changes
        step.tasks += 1
        step.worked |= event.action not in _LEADS_ON or event.status is not Status.OK
        step.changed += event.changed
        self.tasks.append(Task(event.name, step.name, event.path, event.duration, event.action))
        if event.action == _KUBERNETES and event.result.get("version"):
            self.kubernetes_version = str(event.result["version"])
        for outcome in self._outcomes(event.result):
            step.outcomes.append(outcome)
            self.outcomes[outcome.id] = verdicts.counting(self.outcomes.get(outcome.id), outcome)
            if outcome.verdict is Verdict.FAIL:
                changes.append(OutcomeFailed(outcome))
        if event.status in (Status.FAILED, Status.UNREACHABLE):
            failure = failure_of(event)
            step.failures.append(failure)
            self._failures.append(failure)
            # The outcome's own result has said it already.
            if failure.kind != OUTCOME:
                changes.append(TaskFailed(failure))
        return changes

    def _outcomes(self, result: Mapping[str, Any]) -> Iterator[OutcomeResult]:
        """A task's outcomes; ``moment`` says which of the run's facts judged them."""
        for outcome, facts in outcomes_in(result):
            moment = moment_of(facts, self.facts)
            self.last_moment = self.last_moment if moment is None else moment
            yield outcome.model_copy(update={"moment": moment})
