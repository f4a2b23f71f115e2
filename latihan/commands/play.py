"""Playing one playbook from start to end: request, lock, run, display, report, exit code."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils import providers
from ansible_collections.latihan.lab.plugins.plugin_utils.common import patience, refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.progress import PREFIX
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import need_open_files
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.base import Provider
from latihan.base import locks
from latihan.base.exits import Exit, exit_of
from latihan.base.logs import Log
from latihan.base.project import Project, need_root
from latihan.base.signals import on_signals
from latihan.base.visible import all_visible, visible
from latihan.commands.command import Context
from latihan.inputs import variables
from latihan.inputs.playbooks import Playbook
from latihan.inputs.request import Request
from latihan.output import summary
from latihan.output.display import Display, Guarded, LineDisplay, LiveDisplay
from latihan.reports import junit, page, report
from latihan.run import ansible, cleanup, events, stragglers
from latihan.run.model import RunModel

# What says where a cluster is; each is a variable of the role lab too.
_OF_A_PLACE = ("kubeconfig", "context", "helpers")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def place_of(provider: Provider, options: argparse.Namespace) -> list[str]:
    """The options that say where the cluster is, as ``-e`` takes them.

    Raises:
        LabError: the provider doesn't take one that was given.
    """
    given = {name: getattr(options, name) for name in _OF_A_PLACE if getattr(options, name)}
    for name in given.keys() - provider.takes:
        takers = [each for each in providers.names() if name in providers.named(each).takes]
        raise LabError(
            f"The provider {provider.name!r} takes no --{name}.",
            f"Leave it out, or use --provider {' or '.join(takers)}.",
            Kind.INPUT,
        )
    return [json.dumps({f"lab_{name}": value for name, value in given.items()})] if given else []


def play(
    context: Context, playbook: Playbook, options: argparse.Namespace, command_line: str
) -> Exit:
    """Play a playbook and report on it.

    Args:
        context: the lab to work on, and where to print.
        playbook: what to play.
        options: the values of ``inputs.options``.
        command_line: the command line that does the same again.

    Raises:
        LabError: the run can't begin; nothing was touched.
    """
    request = Request(
        playbook=playbook,
        profile=context.profile,
        provider=context.provider.name,
        command_line=command_line,
        variables=variables.chosen(
            context.project, [*options.extra_vars, *place_of(context.provider, options)]
        ),
        tags=options.tags,
        skip_tags=options.skip_tags,
        limit=options.limit,
        check=options.check,
        verbosity=options.verbose,
    )
    patience.choose(request.variables.get(patience.VARIABLE, patience.AUTO))
    need_root(context.provider)
    need_open_files()
    what = shlex.join(["runner.py", playbook.name, "--profile", request.profile])
    # Runs on a lab make and remove its second lab, so both have one lock.
    owner = context.lab.owner
    with locks.lock_profile(context.project.locks, owner.name, what):
        # The kernel gave a killed run's lock back, but not what that run started.
        if stragglers.end_earlier(owner.folder):
            context.console.print(
                Text("An earlier run was still working on this lab. It is ended.", style="yellow")
            )
        return Playing(context.project, request, context.console).play()


class Playing:
    """One run of a playbook, with what it shows and what it leaves behind.

    Args:
        project: the folders.
        request: what to run.
        console: where to show it.
    """

    def __init__(self, project: Project, request: Request, console: Console) -> None:
        self._project = project
        self._request = request
        self._console = console
        self._display = Guarded(display_for(console, verbose=request.verbosity > 0))
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self._model = RunModel(began=self._clock)
        self._killed = refusals.out_of_memory_kills()

    def play(self) -> Exit:
        """Run it, remove what an interruption left half made, and write the report."""
        request = self._request
        artifacts = self._project.artifacts(request.profile)
        folder = report.new_folder(artifacts, request.playbook.name, self._started)
        log_file = folder / report.LOG
        with contextlib.closing(Log(log_file)) as log:
            try:
                ended = self._run(log)
            finally:
                self._display.stop()
        code = Exit.INTERRUPTED if ended.interrupted else self._model.exit_code(ended.returned)
        died = self._died(code, ended.returned)
        if died:
            code = exit_of(died.kind.value)
        if not ended.interrupted:
            self._display.show(self._model.finish())
        if died:
            self._say(died.message, "red")
            self._say(f"  → {died.hint}", "yellow")
        else:
            for line in self._reasons(code, ended.returned, log_file):
                self._say(line, "red")
        if ended.interrupted:
            self._clean_up()
        about = self._about(code)
        unlinked, unwritten = "", None
        try:
            with refusals.translated(folder):
                unlinked = self._write(folder, about)
        except LabError as error:
            unwritten = error
        summary.print_end(self._console, self._model, about, None if unwritten else folder)
        for trouble in filter(None, (self._display.trouble, log.trouble, unlinked)):
            self._say(trouble, "yellow")
        if unwritten:
            self._say(f"There is no report of this run. {unwritten.message}", "red")
            self._say(f"  → {report.ELSEWHERE}", "yellow")
            return code or exit_of(unwritten.kind.value)
        return code

    def _run(self, log: Log) -> ansible.Ended:
        request = self._request
        self._display.start(
            f"{request.playbook.name} (profile {request.profile}, provider {request.provider})"
        )

        def on_event(raw: Mapping[str, Any]) -> None:
            text = visible(_COLOUR.sub("", str(raw.get("stdout") or "")).replace("\r", ""))
            if text and not text.startswith(PREFIX):
                log.write(text)
                self._display.printed(text)
            event = events.parse(all_visible(raw))
            if event is not None:
                self._display.show(self._model.apply(event, time.monotonic()))

        return ansible.run(
            self._project,
            self._request,
            on_event,
            on_tick=lambda: self._display.tick(self._model),
            say=self._display.note,
        )

    def _died(self, code: Exit, returned: int) -> LabError | None:
        """What Ansible itself died of, if it did, and no task says why."""
        if code not in (Exit.STEP_FAILED, Exit.BAD_INPUT) or self._model.failures:
            return None
        printed = "\n".join(self._model.printed)
        error = refusals.failed("ansible-playbook", returned, printed, self._killed)
        if returned < 0:
            error.hint = error.hint or "Run it again."
        return error if returned < 0 or error.kind is Kind.MACHINE else None

    def _reasons(self, code: Exit, returned: int, log_file: Path) -> Iterator[str]:
        """Why a run ends with this code, if no task says so."""
        if self._model.failures:
            return
        if code is Exit.STEP_FAILED:
            yield f"Ansible itself failed: see above, or {log_file}"
        elif code is Exit.BAD_INPUT and returned != 0:
            yield f"Nothing was run, since Ansible refused it: see above, or {log_file}"
        elif code is Exit.BAD_INPUT:
            tags = self._request.tags
            none = f"has the tag {tags!r}" if tags else "is left"
            yield f"Nothing was run: no task {none}."
            yield "  → Leave out --tags, --skip-tags and --limit to run the whole playbook."

    def _clean_up(self) -> None:
        """Remove what must not stay after an interruption, and say what is left."""
        request = self._request
        waiting = "Still removing it; this takes a few seconds ..."
        with on_signals(lambda number, frame: self._say(waiting, "yellow")):
            for lab in cleanup.leftovers(self._project, request.profile, request.provider):
                self._say(f"Removing what there is of {lab.name!r} ...", "yellow")
                trouble = cleanup.remove(lab, request.provider)
                if trouble:
                    self._say(f"Can't remove all of it: {trouble}", "red")
                    self._say("Run `python3 runner.py teardown`.", "yellow")
        if self._project.contract(request.profile).exists():
            self._say(f"The cluster {request.profile!r} is as the interruption left it.", "yellow")
            self._say("  → `python3 runner.py status` shows it, `teardown` removes it.", "yellow")

    def _about(self, code: Exit) -> report.About:
        request = self._request
        return report.About(
            playbook=request.playbook.name,
            profile=request.profile,
            provider=request.provider,
            command=request.command_line,
            started=self._started,
            duration=time.monotonic() - self._clock,
            code=code,
        )

    def _write(self, folder: Path, about: report.About) -> str:
        """Write the reports; returns why the link to the last run can't be made, or nothing."""
        report.write(folder / "junit.xml", junit.xml(about.playbook, self._model))
        built = report.build(about, self._model)
        report.write(folder / "report.json", report.to_json(built))
        report.write(folder / "report.html", page.render(built))
        unlinked = report.point_latest(folder)
        report.remove_old(folder.parent, self._project.kept)
        return unlinked

    def _say(self, text: str, style: str) -> None:
        self._console.print(Text(text, style=style))


def display_for(console: Console, *, verbose: bool) -> Display:
    """A live display on a terminal, else plain lines."""
    kind = LiveDisplay if console.is_terminal else LineDisplay
    return kind(console, verbose=verbose)
