"""Running one playbook through ansible-runner, as a stream of its raw events."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner

from latihan.base.signals import on_signals
from latihan.run import stragglers

# Debian's `su` leaves these out of the PATH, and the lab's programs are there.
_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_TICK = 0.2


@dataclass(frozen=True)
class Job:
    """What ansible-playbook is to run.

    ``variables`` are set as with its ``-e``; ``mark`` tells the run's processes from others.
    """

    root: Path
    playbook: Path
    inventory: Path
    variables: Mapping[str, Any] = field(default_factory=dict)
    tags: str = ""
    skip_tags: str = ""
    limit: str = ""
    check: bool = False
    verbosity: int = 0
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Ended:
    """How ansible-playbook ended: its exit code, and whether it was interrupted."""

    returned: int
    interrupted: bool


def run(
    job: Job,
    on_event: Callable[[Mapping[str, Any]], None],
    on_tick: Callable[[], None],
    on_interrupt: Callable[[], None],
) -> Ended:
    """Run a job to its end, or until somebody interrupts it.

    ansible-runner works in a thread of its own, which leaves this process's signal handlers and its
    main thread to us: an event is handled here, however long that takes, and never holds up the
    run. All callbacks are called in the calling thread.

    Args:
        job: what to run.
        on_event: takes each raw event.
        on_tick: called a few times a second.
        on_interrupt: called once, when a signal asks the run to end.
    """
    events: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
    cancel = threading.Event()
    worker = _Worker(job, events, cancel)
    announced = False
    with on_signals(lambda number, frame: cancel.set()):
        worker.start()
        while worker.is_alive() or not events.empty():
            with contextlib.suppress(queue.Empty):
                on_event(events.get(timeout=_TICK))
            if cancel.is_set() and not announced:
                announced = True
                on_interrupt()
            on_tick()
        worker.join()
        if cancel.is_set():
            stragglers.end(job.mark)
    if worker.error is not None:
        raise worker.error
    return Ended(worker.returned, cancel.is_set())


class _Worker(threading.Thread):
    """The thread in which ansible-runner works."""

    def __init__(
        self, job: Job, events: queue.SimpleQueue[Mapping[str, Any]], cancel: threading.Event
    ) -> None:
        super().__init__(name="ansible-runner", daemon=True)
        self.returned = 1
        self.error: BaseException | None = None
        self._job = job
        self._events = events
        self._cancel = cancel

    def run(self) -> None:
        try:
            self.returned = self._run()
        except BaseException as error:  # noqa: BLE001 - handed to the calling thread, which raises it
            self.error = error

    def _run(self) -> int:
        job = self._job
        # A used folder would bring its old settings along.
        with tempfile.TemporaryDirectory(prefix="latihan-run-") as folder:
            runner = ansible_runner.run(
                private_data_dir=folder,
                project_dir=str(job.root),
                playbook=str(job.playbook),
                inventory=str(job.inventory),
                extravars=dict(job.variables),
                envvars={**environment(job.root, os.environ), stragglers.RUN_VARIABLE: job.mark},
                settings={"pexpect_timeout": 0.3},
                cmdline="--check" if job.check else None,
                verbosity=job.verbosity or None,
                **{
                    name: value
                    for name, value in (
                        ("tags", job.tags),
                        ("skip_tags", job.skip_tags),
                        ("limit", job.limit),
                    )
                    if value
                },
                quiet=True,
                event_handler=self._take,
                cancel_callback=self._cancel.is_set,
            )
            return int(runner.rc) if runner.rc is not None else 1

    def _take(self, event: Mapping[str, Any]) -> bool:
        """Queue an event; ansible-runner stores it only where this is True."""
        self._events.put(event)
        return True


def environment(root: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """What ansible-playbook's environment has beside, or other than, what is inherited."""
    folders = [str(Path(sys.executable).parent), *inherited.get("PATH", os.defpath).split(":")]
    folders += [folder for folder in _SYSTEM_FOLDERS if folder not in folders]
    return {
        "ANSIBLE_CONFIG": str(root / "ansible.cfg"),
        "ANSIBLE_FORCE_COLOR": "false",
        "ANSIBLE_NOCOLOR": "true",
        # Ansible wants UTF-8, and the lab reads what programs print in English.
        "LC_ALL": "C.UTF-8",
        "PATH": ":".join(folders),
    }
