"""Playing one playbook from start to end: checks, lock, run, display, report, exit code."""

from __future__ import annotations

import contextlib
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common import profiles
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import PREFIX
from latihan.base import locks
from latihan.base.exits import Exit
from latihan.base.logs import Log
from latihan.base.project import Project, checked_profile, need_root
from latihan.base.signals import on_signals
from latihan.inputs import playbooks, variables
from latihan.inputs.request import Request
from latihan.output import summary
from latihan.output.display import Display, Guarded, LineDisplay, LiveDisplay
from latihan.reports import junit, page, report
from latihan.run import ansible, cleanup, events
from latihan.run.model import RunModel

_TEARDOWN = "teardown"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def play(project: Project, request: Request, console: Console) -> Exit:
    """Play a playbook and report on it.

    Raises:
        LabError: it was not even begun, and nothing was touched.
    """
    job = checked(project, request)
    request = replace(request, name=job.playbook.stem)
    need_root(request.provider)
    what = shlex.join(["runner.py", request.name, "--profile", request.profile])
    # A second lab is made and removed by runs on the lab that it belongs to.
    with locks.held(project.cache / "locks", profiles.owner_of(request.profile), what):
        return Playing(project, request, job, console).play()


def checked(project: Project, request: Request) -> ansible.Job:
    """What ansible-playbook is to run, once all that was asked for is known to make sense."""
    playbook = playbooks.find(project, request.name, request.verbs)
    profile = checked_profile(request.profile, second=request.name == _TEARDOWN)
    provider = playbooks.checked_provider(project, request.provider)
    chosen = variables.chosen(project, request.extra)
    return ansible.Job(
        root=project.root,
        playbook=playbook.path,
        inventory=project.inventory / f"{provider}.yml",
        variables={
            **chosen,
            "lab_profile": profile,
            "lab_cache": str(project.cache),
            "lab_state": str(project.state),
        },
        tags=request.tags,
        skip_tags=request.skip_tags,
        limit=request.limit,
        check=request.check,
        verbosity=request.verbosity,
    )


class Playing:
    """One run of a playbook, with what it shows and what it leaves behind.

    Args:
        project: the folders.
        request: what was asked for.
        job: the same for Ansible.
        console: where to show it.
    """

    def __init__(
        self, project: Project, request: Request, job: ansible.Job, console: Console
    ) -> None:
        self._project = project
        self._request = request
        self._job = job
        self._console = console
        self._model = RunModel()
        self._display = Guarded(display_for(console, verbose=request.verbosity > 0))
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()

    def play(self) -> Exit:
        """Run it, put away what an interruption left, and write the report."""
        request = self._request
        artifacts = self._project.artifacts(request.profile)
        folder = report.new_folder(artifacts, request.name, self._started)
        log_file = folder / "ansible.log"
        with contextlib.closing(Log(log_file)) as log:
            try:
                ended = self._run(log)
            finally:
                self._display.stop()
        code = Exit.INTERRUPTED if ended.interrupted else self._model.exit_code(ended.returned)
        if not ended.interrupted:
            self._display.show(self._model.finish())
        for line in self._explained(code, log_file):
            self._say(line, "red")
        if ended.interrupted:
            self._put_away()
        about = self._about(code)
        self._write(folder, about)
        summary.print_end(self._console, self._model, about, folder)
        for trouble in filter(None, (self._display.trouble, log.trouble)):
            self._say(trouble, "yellow")
        return code

    def _run(self, log: Log) -> ansible.Ended:
        request = self._request
        self._display.start(
            f"{request.name} (profile {request.profile}, provider {request.provider})"
        )

        def on_event(raw: Mapping[str, Any]) -> None:
            text = _COLOUR.sub("", str(raw.get("stdout") or "")).replace("\r", "")
            if text and not text.startswith(PREFIX):
                log.write(text)
                self._display.printed(text)
            event = events.parse(raw)
            if event is not None:
                self._display.show(self._model.apply(event, time.monotonic()))

        return ansible.run(
            self._job,
            on_event,
            on_tick=lambda: self._display.tick(self._model),
            on_interrupt=lambda: self._display.note("Interrupted: ending the run ..."),
        )

    def _explained(self, code: Exit, log_file: Path) -> Iterator[str]:
        """What no task told: why the run comes to that."""
        if code is Exit.STEP_FAILED and not self._model.failures:
            yield f"Ansible ended with an error of its own: see above, or {log_file}"
        if code is Exit.BAD_INPUT and not self._model.failures:
            tags = self._request.tags
            wanted = f"has the tag {tags!r}" if tags else "is left"
            yield f"Nothing was run: no task {wanted}."
            yield "  → Without --tags, --skip-tags and --limit a playbook runs all that it has."

    def _put_away(self) -> None:
        """Remove what must not stay, and say what is left."""
        request = self._request
        waiting = "Still removing it; that takes a few seconds ..."
        with on_signals(lambda number, frame: self._say(waiting, "yellow")):
            for profile in cleanup.passing(self._project, request.profile, request.provider):
                self._say(f"Removing what was made of {profile!r} ...", "yellow")
                trouble = cleanup.remove(self._project, profile)
                if trouble:
                    self._say(f"It can't all be removed: {trouble}", "red")
                    self._say("Run `python3 runner.py teardown`.", "yellow")
        if self._project.contract(request.profile).exists():
            self._say(f"The cluster {request.profile!r} is as the interruption left it.", "yellow")
            self._say("  → `python3 runner.py status` shows it, `teardown` removes it.", "yellow")

    def _about(self, code: Exit) -> report.About:
        request = self._request
        return report.About(
            playbook=request.name,
            profile=request.profile,
            provider=request.provider,
            command=request.command,
            started=self._started,
            duration=time.monotonic() - self._clock,
            code=code,
        )

    def _write(self, folder: Path, about: report.About) -> None:
        report.write(folder / "junit.xml", junit.xml(about.playbook, self._model))
        made = report.made(about, self._model)
        report.write(folder / "report.json", report.dumped(made))
        report.write(folder / "report.html", page.render(made))
        report.point_latest(folder)

    def _say(self, text: str, style: str) -> None:
        self._console.print(Text(text, style=style))


def display_for(console: Console, *, verbose: bool) -> Display:
    """A live display on a terminal, plain lines elsewhere."""
    kind = LiveDisplay if console.is_terminal else LineDisplay
    return kind(console, verbose=verbose)
