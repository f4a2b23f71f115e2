"""Faults as data: what can be put into a lab to be found, and how it is taken out again.

A catalogue is a YAML file. What was put in is noted beside the lab before anything is changed, so
that a fault can be taken out by whoever comes next.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import Field, TypeAdapter, ValidationError

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Reachable
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.templates import template
from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record, fault
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import (
    direct,
    search_path,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import place

NOTE = "faults.json"
_KUBECTL = "kubectl"
_SECONDS = 90


class FaultStep(Record):
    """A command and where it runs: host, node/NAME, pod/NAME, or kubectl."""

    at: str
    run: str


class Fault(Record):
    """A fault, with what must be seen of it.

    ``fails`` are outcomes. ``cause`` is the first cause's id, and ``says`` a regular expression
    that its sentence must match, with ``${...}`` as in steps.
    """

    name: str = Field(pattern="^[a-z0-9-]+$")
    title: str
    layer: str
    difficulty: int = Field(1, ge=1, le=3)
    put_in: list[FaultStep] = Field(min_length=1)
    undo: list[FaultStep] = Field(min_length=1)
    fails: list[str] = Field(default_factory=list)
    cause: str = ""
    says: str = ""


class Placed(Record):
    """A fault that is in place, with what takes it out again.

    ``lives`` says which process each node or the host ended with as it was put in, and ``uids`` of
    which pods it was: what ended since has taken its part of the fault with it. ``whole`` is
    whether all steps were taken and are still; if not, there may be nothing to undo. ``namespace``
    is the one whose pods and services are meant.
    """

    name: str
    title: str
    undo: list[FaultStep]
    lives: dict[str, str]
    uids: dict[str, str]
    whole: bool = False
    namespace: str = "default"


_PLACED = TypeAdapter(list[Placed])


def load(path: Path) -> dict[str, Fault]:
    """The faults of a catalogue, by name.

    Raises:
        LabError: it can't be read, or isn't a list of faults.
    """
    try:
        listed = [
            Fault.model_validate(each)
            for part in yaml_files.read(path, "a catalogue of faults")
            for each in part.value or []
        ]
    except ValidationError as error:
        raise LabError(f"{path} has a wrong fault: {fault(error)}.", kind=Kind.INPUT) from error
    return {each.name: each for each in listed}


def placed(folder: Path) -> list[Placed]:
    """The faults that are in place in a lab, the last one first."""
    try:
        return _PLACED.validate_json((folder / NOTE).read_bytes())
    except FileNotFoundError:
        return []


def put_in(lab: Lab, folder: Path, chosen: Fault, *, exercise: bool = False) -> None:
    """Put a fault into a lab.

    Args:
        lab: the lab.
        folder: the lab's folder, where it is noted.
        chosen: the fault.
        exercise: whether somebody is to mend it by hand, after which nothing is left to undo.

    Raises:
        LabError: a step failed, or a fact that it needs is missing.
    """
    found = facts.gather(lab.api, lab.contract, lab.namespace)
    known = found.plain()
    steps, undo = ([_filled(each, known) for each in part] for part in (chosen.put_in, chosen.undo))
    now = Placed(
        name=chosen.name,
        title=chosen.title,
        undo=undo,
        lives={each.at: _life(lab, each.at) for each in undo},
        uids=_uids(found, undo),
        namespace=lab.namespace,
    )
    others = placed(folder)
    _note(folder, [now, *others])
    for step in steps:
        _take(lab, step)
    _note(folder, [now.model_copy(update={"whole": not exercise}), *others])


def take_out(lab: Lab, folder: Path, name: str = "") -> list[Placed]:
    """Take a fault, or all of them, out of a lab; those that were, the last one first.

    A node that was stopped since, or a pod that was made again, has nothing left to undo.

    Raises:
        LabError: a step failed; the fault stays noted.
    """
    there = placed(folder)
    out = [each for each in there if name in ("", each.name)]
    for each in out:
        within = replace(lab, namespace=each.namespace)
        for step in _left(within, each):
            try:
                _take(within, step)
            except LabError as error:
                if each.whole:
                    raise _not_undone(each, step, error) from error
        there.remove(each)
        _note(folder, there)
    return out


def forget(folder: Path, name: str = "") -> list[Placed]:
    """Note a fault, or all of them, no longer, and undo nothing; those that were noted.

    Whoever mends a fault by hand leaves nothing to undo, and no way to see that from outside.
    """
    there = placed(folder)
    out = [each for each in there if name in ("", each.name)]
    _note(folder, [each for each in there if each not in out])
    return out


def filled(text: str, known: object) -> str:
    """A text of a fault with the lab's facts in it.

    Raises:
        MissingFactError: a fact is missing.
    """
    return str(template(text).value(known))


def _filled(step: FaultStep, known: object) -> FaultStep:
    return FaultStep(at=filled(step.at, known), run=filled(step.run, known))


def _life(lab: Lab, at: str) -> str:
    """The process that a node or the host ends with, if it has one that can be seen."""
    where = place(at) if at != _KUBECTL else None
    if where is None or where.kind == "pod":
        return ""
    reach = lab.contract.reach(where.name or "host")
    return repr(reach.process or "") if isinstance(reach, Reachable) else reach.state


def _uids(found: Facts, steps: Sequence[FaultStep]) -> dict[str, str]:
    """The pods that steps run in or name, by name, with their UIDs."""
    return {
        pod.name: pod.uid or ""
        for pod in found.pods.values()
        if any(_is_of(step, pod.name, pod.uid or "") for step in steps)
    }


def _is_of(step: FaultStep, name: str, uid: str) -> bool:
    """Whether a step runs in a pod, or names it by its UID."""
    return (uid != "" and uid in step.run) or step.at.split("/")[:2] == ["pod", name]


def _left(lab: Lab, there: Placed) -> list[FaultStep]:
    """The steps of a fault that still have something to undo."""
    now: dict[str, str] = {}
    if there.uids:
        found = facts.gather(lab.api, lab.contract, lab.namespace, networks=False)
        now = {pod.name: pod.uid or "" for pod in found.pods.values()}
    gone = [(name, uid) for name, uid in there.uids.items() if now.get(name) != uid]
    return [
        step
        for step in there.undo
        if there.lives[step.at] == _life(lab, step.at)
        and not any(_is_of(step, *each) for each in gone)
    ]


def _not_undone(there: Placed, step: FaultStep, error: LabError) -> LabError:
    """Why a fault could not be taken out, and what to do if there is nothing to undo."""
    return LabError(
        f"The fault {there.name!r} could not be taken out: `{step.run}` failed ({step.at}).",
        f"If you mended it by hand, run `python3 runner.py heal {there.name} --forget`.",
        error.kind,
        error.detail or error.message,
    )


def _note(folder: Path, there: Sequence[Placed]) -> None:
    path = folder / NOTE
    if there:
        path.write_text(json.dumps([each.plain() for each in there]) + "\n", encoding="utf-8")
    else:
        path.unlink(missing_ok=True)


def _take(lab: Lab, step: FaultStep) -> None:
    """Run a step; LabError if it fails."""
    if step.at == _KUBECTL:
        # A namespace that the step names itself comes later, so it counts.
        argv = lab.contract.kubectl_command("-n", lab.namespace, *shlex.split(step.run))
    else:
        where = place(step.at)
        inside = ["sh", "-c", step.run]
        if where.kind == "pod":
            chosen = ["-c", where.container] if where.container else []
            words = ["-n", lab.namespace, "exec", where.name, *chosen, "--", *inside]
            argv = lab.contract.kubectl_command(*words)
        else:
            # So that supervisorctl is found, which is not installed on the machine.
            path = search_path(Path(sys.executable).parent)
            argv = [*lab.contract.enter(where.name or "host"), "env", f"PATH={path}", *inside]
    run(argv, timeout=_SECONDS, env=direct())
