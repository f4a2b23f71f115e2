"""Running one playbook through ansible-runner, as a stream of its raw events."""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import shlex
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_runner

from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import search_path
from latihan.base.project import Project
from latihan.base.signals import on_signals
from latihan.inputs.request import Request
from latihan.run import guard, stragglers, stuck

_TICK = 0.2


@dataclass(frozen=True)
class Ended:
    """How ansible-playbook ended: its exit code, and whether it was interrupted."""

    returned: int
    interrupted: bool


def run(
    project: Project,
    request: Request,
    on_event: Callable[[Mapping[str, Any]], None],
    on_tick: Callable[[], None],
    say: Callable[[str], None],
) -> Ended:
    """Run a playbook to its end, or until somebody interrupts it.

    ansible-runner works in its own thread, which leaves this process's signal handlers and its
    main thread to us: an event is handled here, however long that takes, without holding up the
    run. All callbacks are called in the calling thread.

    Args:
        project: the folders of the lab.
        request: what to run.
        on_event: takes each raw event.
        on_tick: called a few times a second.
        say: takes a line that says why the run is being ended early.
    """
    events: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
    cancel = threading.Event()
    lab = project.profile(request.profile).owner
    mark = stragglers.mark(lab.folder)
    watchdog = stuck.Watchdog(mark)
    announced = False
    with (
        on_signals(lambda number, frame: cancel.set()),
        _fresh_folder(lab.folder) as folder,
        guard.guarded(mark, folder),
    ):
        worker = _Worker(arguments(project, request, mark, folder), events, cancel)
        worker.start()
        while worker.is_alive() or not events.empty():
            with contextlib.suppress(queue.Empty):
                on_event(events.get(timeout=_TICK))
            if cancel.is_set() and not announced:
                announced = True
                say("Interrupted: ending the run ...")
            if watchdog.is_stuck():
                say("Ansible waits for a process that was killed: ending the run ...")
                stragglers.end(mark)
            on_tick()
        worker.join()
        if cancel.is_set():
            stragglers.end(mark)
    if worker.error is not None:
        raise worker.error
    return Ended(worker.returned, cancel.is_set())


def _fresh_folder(lab: Path) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder for one run: a used one would bring its old settings along.

    Those that killed runs on this lab left are removed. A lab of the same name in another state
    folder has a run of its own at the same time.
    """
    prefix = f"latihan-run-{lab.name}-{hashlib.sha256(bytes(lab)).hexdigest()[:12]}."
    for old in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        shutil.rmtree(old, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)


class _Worker(threading.Thread):
    """The thread in which ansible-runner works."""

    def __init__(
        self,
        arguments: Mapping[str, Any],
        events: queue.SimpleQueue[Mapping[str, Any]],
        cancel: threading.Event,
    ) -> None:
        super().__init__(name="ansible-runner", daemon=True)
        self.returned = 1
        self.error: BaseException | None = None
        self._arguments = arguments
        self._events = events
        self._cancel = cancel

    def run(self) -> None:
        try:
            self.returned = self._run()
        except BaseException as error:  # noqa: BLE001 - handed to the calling thread, which raises it
            self.error = error

    def _run(self) -> int:
        runner = ansible_runner.run(
            settings={"pexpect_timeout": 0.3},
            quiet=True,
            event_handler=self._take,
            cancel_callback=self._cancel.is_set,
            **self._arguments,
        )
        # It has no exit code if a signal ended Ansible, and doesn't say which.
        return int(runner.rc) if runner.rc is not None else -signal.SIGKILL

    def _take(self, event: Mapping[str, Any]) -> bool:
        """Queue an event; ansible-runner stores it only if this returns True."""
        self._events.put(event)
        return True


def arguments(project: Project, request: Request, mark: str, folder: str) -> dict[str, Any]:
    """ansible-runner's arguments.

    Args:
        project: the folders of the lab.
        request: what to run.
        mark: goes into the environment of all that it starts.
        folder: takes its settings and all temporary files, which a killed Ansible leaves behind.
    """
    temporary = dict.fromkeys(("TMPDIR", "ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TEMP"), folder)
    return {
        "private_data_dir": folder,
        "project_dir": str(project.root),
        "playbook": str(request.playbook.path),
        "inventory": str(request.inventory or project.inventory / f"{request.provider}.yml"),
        "extravars": {
            **request.variables,
            "lab_profile": request.profile,
            "lab_cache": str(project.cache),
            "lab_state": str(project.state),
        },
        "envvars": {
            **environment(project.root, os.environ),
            **temporary,
            stragglers.RUN_VARIABLE: mark,
        },
        "cmdline": shlex.join(_options(request)) or None,
        "forks": request.forks,
        "verbosity": request.verbosity or None,
        "tags": request.tags,
        "skip_tags": request.skip_tags,
        "limit": request.limit,
    }


def _options(request: Request) -> Iterator[str]:
    """The options of ansible-playbook for which ansible-runner has no argument."""
    if request.check:
        yield "--check"
    for name, path in request.passwords.items():
        yield f"--{name.replace('_', '-')}={path}"


def environment(root: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """What is added to, or changed in, the inherited environment for ansible-playbook."""
    own = Path(sys.executable).parent
    return {
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        "ANSIBLE_FORCE_COLOR": "false",
        "ANSIBLE_NOCOLOR": "true",
        # Ansible wants UTF-8.
        "LC_ALL": "C.UTF-8",
        "PATH": search_path(own, inherited=inherited),
    }
