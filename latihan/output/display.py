"""What a person sees while a playbook runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OutcomeResult,
    Verdict,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.verdicts import count
from latihan.base import durations
from latihan.run.failures import Failure
from latihan.run.model import (
    Change,
    OutcomeFailed,
    RunModel,
    RunningTask,
    Step,
    StepDone,
    TaskFailed,
    Warned,
)

Clock = Callable[[], float]
_PLAIN_PROGRESS_EVERY = 20.0
_DETAIL_LINES = 12
_NAME_WIDTH = 27
_COUNT_WIDTH = 40


class Display(Protocol):
    """Something that shows a run while it goes on."""

    def start(self, title: str) -> None:
        """The run begins."""

    def show(self, changes: Iterable[Change]) -> None:
        """Something happened."""

    def tick(self, model: RunModel) -> None:
        """Some time has passed."""

    def printed(self, text: str) -> None:
        """Ansible printed this."""

    def note(self, text: str) -> None:
        """Show something that doesn't come from the playbook."""

    def stop(self) -> None:
        """The run is over."""


class LineDisplay:
    """Kept lines only: for files, pipes and CI logs.

    Args:
        console: where to print.
        verbose: also print what Ansible itself prints.
        clock: seconds of a clock that never goes back.
    """

    def __init__(self, console: Console, *, verbose: bool, clock: Clock = time.monotonic) -> None:
        self._console = console
        self._verbose = verbose
        self._clock = clock
        self._started = clock()
        self._last_progress = self._started

    def start(self, title: str) -> None:
        """Say what begins."""
        self._console.print(title)

    def show(self, changes: Iterable[Change]) -> None:
        """Print a line for each change."""
        for change in changes:
            # With -v it was printed already, as part of Ansible's own output.
            if not (self._verbose and isinstance(change, Warned)):
                self._console.print(*lines_of(change), sep="\n")

    def tick(self, model: RunModel) -> None:
        """Now and then, print how far a long step is."""
        progress = model.progress
        if progress is None or self._clock() - self._last_progress < _PLAIN_PROGRESS_EVERY:
            return
        self._last_progress = self._clock()
        of = f" of {progress.total}" if progress.total else ""
        self._console.print(
            f"  ... {progress.label}: {progress.done}{of} "
            f"({durations.text(self._clock() - self._started)})"
        )

    def printed(self, text: str) -> None:
        """With -v, pass on Ansible's own output."""
        if self._verbose and text:
            self._console.print(text)

    def note(self, text: str) -> None:
        """Print a line of our own."""
        self._console.print(Text(text, style="yellow"))

    def stop(self) -> None:
        """Nothing to clean up."""


class LiveDisplay(LineDisplay):
    """Kept lines, and under them one live line for what is going on."""

    def __init__(self, console: Console, *, verbose: bool, clock: Clock = time.monotonic) -> None:
        super().__init__(console, verbose=verbose, clock=clock)
        self._spinner = Spinner("dots")
        self._live = Live(console=console, refresh_per_second=5, transient=True)

    def start(self, title: str) -> None:
        """Say what begins, and open the live line."""
        super().start(title)
        self._live.start()

    def tick(self, model: RunModel) -> None:
        """Update the live line."""
        self._live.update(self._now(model))

    def stop(self) -> None:
        """Remove the live line."""
        self._live.stop()

    def _now(self, model: RunModel) -> RenderableType:
        now = self._clock()
        lines = [_doing(model, running, now) for running in model.running.values()]
        lines = lines or [Text(model.play if model.steps else "starting")]
        lines[-1].append(f"  (total {durations.text(now - self._started)})", style="dim")
        self._spinner.update(text=Group(*lines))
        progress = model.progress
        if progress is None:
            return self._spinner
        bar = Table.grid(padding=(0, 1))
        has_total = progress.total > 0
        bar.add_row(
            f"  {progress.label}",
            ProgressBar(
                total=progress.total if has_total else None, completed=progress.done, width=40
            ),
            f"{progress.done} of {progress.total}" if has_total else str(progress.done),
        )
        return Group(self._spinner, bar)


def _doing(model: RunModel, running: RunningTask, now: float) -> Text:
    """What a host is doing."""
    line = Text(no_wrap=True, overflow="ellipsis")
    parts = dict.fromkeys((model.play, running.task.role, running.task.name))
    line.append(" > ".join(part for part in parts if part))
    line.append(f"  {durations.text(now - running.since)}", style="cyan")
    return line


class Guarded:
    """A display whose errors never end a run: it goes silent instead.

    Args:
        inner: the display to guard.
    """

    def __init__(self, inner: Display) -> None:
        self._inner: Display | None = inner
        self.trouble = ""

    def start(self, title: str) -> None:
        """As the display does."""
        self._try(lambda display: display.start(title))

    def show(self, changes: Iterable[Change]) -> None:
        """As the display does."""
        self._try(lambda display: display.show(changes))

    def tick(self, model: RunModel) -> None:
        """As the display does."""
        self._try(lambda display: display.tick(model))

    def printed(self, text: str) -> None:
        """As the display does."""
        self._try(lambda display: display.printed(text))

    def note(self, text: str) -> None:
        """As the display does."""
        self._try(lambda display: display.note(text))

    def stop(self) -> None:
        """As the display does."""
        self._try(lambda display: display.stop())

    def _try(self, call: Callable[[Display], None]) -> None:
        if self._inner is None:
            return
        try:
            call(self._inner)
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on
            broken, self._inner = self._inner, None
            self.trouble = f"The display failed ({type(error).__name__}: {error}); the run went on."
            if not isinstance(error, BrokenPipeError):
                Guarded(broken).stop()


def lines_of(change: Change) -> list[Text]:
    """The kept lines about one change."""
    match change:
        case StepDone():
            return [step_line(change.step)]
        case TaskFailed():
            return failure_lines(change.failure)
        case OutcomeFailed():
            return outcome_lines(change.outcome)
        case Warned():
            return [Text(f"  {line}", style="yellow") for line in change.text.splitlines()]


def step_line(step: Step) -> Text:
    """A finished step: how it went, its name, what it did, how long it took."""
    holds = not step.failures and all(each.verdict is not Verdict.FAIL for each in step.outcomes)
    line = Text("✔ " if holds else "✘ ", style="green" if holds else "red")
    line.append(f"{step.name:<{_NAME_WIDTH}} ", style="bold")
    line.append(f"{step_counts(step):<{_COUNT_WIDTH}} ", style="default")
    line.append(f"{durations.text(step.duration):>12}", style="cyan")
    return line


def step_counts(step: Step) -> str:
    """What a step did, in numbers."""
    parts = [f"{step.tasks} task{'s' * (step.tasks != 1)}"]
    if step.changed:
        parts.append(f"{step.changed} changed")
    counts = count(step.outcomes)
    if counts[Verdict.PASS]:
        one = counts[Verdict.PASS] == 1
        parts.append("1 outcome holds" if one else f"{counts[Verdict.PASS]} outcomes hold")
    if counts[Verdict.FAIL]:
        parts.append(f"{counts[Verdict.FAIL]} FAILED")
    if counts[Verdict.SKIP]:
        parts.append(f"{counts[Verdict.SKIP]} skipped")
    return ", ".join(parts)


def failure_lines(failure: Failure) -> list[Text]:
    """A failed task: what, why, what to do, where, and the end of its raw output."""
    where = f" ({failure.role})" if failure.role else ""
    lines = [
        Text(f"✘ {failure.task}{where} failed", style="bold red"),
        Text(f"  {failure.message}", style="red"),
    ]
    if failure.hint:
        lines.append(Text(f"  → {failure.hint}", style="yellow"))
    if failure.place:
        lines.append(Text(f"  at {failure.place}", style="dim"))
    detail = [line for line in failure.detail.splitlines() if line.strip()]
    detail = [line for line in detail if line.strip() not in failure.message]
    if len(detail) > _DETAIL_LINES:
        lines.append(Text(f"  | ... {len(detail) - _DETAIL_LINES} lines before", style="dim"))
    lines += [Text(f"  | {line}", style="dim") for line in detail[-_DETAIL_LINES:]]
    return lines


def outcome_lines(outcome: OutcomeResult) -> list[Text]:
    """An outcome that doesn't hold: what was expected, what was seen, and why."""
    lines = [Text(f"✘ {outcome.id} {outcome.title}", style="bold red")]
    for word, text in (
        ("expected", outcome.expected),
        ("observed", outcome.observed),
        ("reason", outcome.reason),
    ):
        if text:
            lines.append(Text(f"  {word}: {text}", style="red"))
    return lines
