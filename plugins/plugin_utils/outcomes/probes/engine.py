"""Runs probes, all at the same time; those that start in one place share one shell."""

from __future__ import annotations

import functools
import os
import re
import shlex
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import UNFINISHED
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract, Missing
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import AddressOwner
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes import readers
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.batch import (
    Batch,
    batch,
    split,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kinds import KINDS
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kubelets import (
    UNDIALLED,
    Kubelets,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import (
    Place,
    Probe,
    Raw,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.tools import through_node
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    OK,
    PathYield,
    ProbeResult,
    Yield,
)

Addresses = Mapping[str, AddressOwner]

_WORKERS = 32
# Places with many probes keep the processors busy; more of them at once would only time out.
_BUSY_PLACES = 2 * (os.cpu_count() or 1)
# How much longer a batch, and each of its probes, may take on a busy machine.
_SECONDS_MORE, _SECONDS_EACH = 5.0, 0.1
_TOOLS_START = 20.0
_UNCONNECTED = frozenset({"timeout", "refused", "unreachable", "no_route"})
# What runc and crun say if a program is missing; here the shell that runs a batch.
_NO_SHELL = re.compile(r"executable file (`\S+` )?not found")


def probe_all(lab: Lab, probes: Sequence[Probe], addresses: Addresses) -> list[ProbeResult]:
    """Run probes at the same time, except logs, which come last, and read their answers.

    Args:
        lab: the lab.
        probes: the probes; a log shows what the others did.
        addresses: who has which address, from the facts, to label hops.

    Returns:
        A result for each probe, in their order.
    """
    groups: dict[object, list[int]] = {}
    for number, probe in enumerate(probes):
        alone = probe.place is None
        groups.setdefault(number if alone else probe.place, []).append(number)
    results: dict[int, ProbeResult] = {}
    turns = threading.BoundedSemaphore(_BUSY_PLACES)
    kubelets = Kubelets(lab, functools.partial(_unconnected, lab))
    with ThreadPoolExecutor(max_workers=min(_WORKERS, max(1, len(groups)))) as pool:
        for last in (False, True):
            running = [
                (
                    numbers,
                    pool.submit(
                        _answers, lab, [probes[n] for n in numbers], addresses, turns, kubelets
                    ),
                )
                for numbers in groups.values()
                if KINDS[probes[numbers[0]].kind].tells_of_others == last
            ]
            for numbers, future in running:
                results |= zip(numbers, future.result(), strict=True)
    return [results[number] for number in range(len(probes))]


def result(probe: Probe, raw: Raw, namespace: str, addresses: Addresses) -> ProbeResult:
    """A probe's answer."""
    kind = KINDS[probe.kind]
    longest = probe.limit + kind.seconds
    reading = readers.broken(raw) or readers.timely(kind.read(raw), raw, probe.limit, longest)
    return ProbeResult(
        name=probe.name,
        kind=probe.kind,
        from_=str(probe.place) if probe.place else "",
        target=probe.text,
        item=probe.item,
        command=command(probe, namespace, raw.way),
        output=reading.output,
        exit_code=raw.exit_code,
        reason=reading.reason,
        ok=reading.reason == OK,
        duration_s=round(raw.seconds, 3),
        yields=_labelled(reading.yields or kind.yields(), addresses),
    )


def _labelled(yields: Yield, addresses: Addresses) -> Yield:
    """The hops of a path with their owners."""
    if not isinstance(yields, PathYield) or not yields.hops:
        return yields
    known = [addresses.get(hop.address or "") for hop in yields.hops]
    return PathYield(
        hops=[
            hop.model_copy(update={"owner": has.owner, "interface": has.interface}) if has else hop
            for hop, has in zip(yields.hops, known, strict=True)
        ]
    )


def command(probe: Probe, namespace: str, way: str = "") -> str:
    """What a person would type; a prompt says where, as in ``host$ curl ...``.

    Args:
        probe: the probe.
        namespace: the namespace that is meant.
        way: what to type before the probe's own command, if its place alone doesn't say that.
    """
    kind = KINDS[probe.kind]
    inner = kind.shown(probe)
    kubectl = ["kubectl"] if namespace == "default" else ["kubectl", "-n", namespace]
    if kind.placeless:
        return f"{shlex.join(kubectl)} {inner}"
    place = probe.place or Place("host")
    if place.kind != "pod":
        return f"{place.name or 'host'}$ {inner}"
    chosen = ["-c", place.container] if place.container else []
    if kind.script:
        inner = shlex.join(["sh", "-c", inner])
    if way:
        return f"{way} {inner}"
    return f"{shlex.join([*kubectl, 'exec', place.name, *chosen])} -- {inner}"


def _answers(
    lab: Lab,
    probes: Sequence[Probe],
    addresses: Addresses,
    turns: AbstractContextManager[object],
    kubelets: Kubelets,
) -> list[ProbeResult]:
    """Run the probes of one place and read their answers."""
    return [
        result(probe, raw, lab.namespace, addresses)
        for probe, raw in zip(probes, _run_group(lab, probes, turns, kubelets), strict=True)
    ]


def _run_group(
    lab: Lab, probes: Sequence[Probe], turns: AbstractContextManager[object], kubelets: Kubelets
) -> list[Raw]:
    first = probes[0]
    if ask := KINDS[first.kind].ask:
        logs = KINDS[first.kind].tells_of_others
        silent = kubelets.known_silence(first.text.partition("/")[0]) if logs else ""
        return [Raw(error=silent) if silent else ask(lab, first)]
    place = first.place or Place("host")
    made = batch(probes)
    with turns if made.together else nullcontext():
        return _run_batch(lab, place, probes, made, kubelets)


def _run_batch(
    lab: Lab, place: Place, probes: Sequence[Probe], made: Batch, kubelets: Kubelets
) -> list[Raw]:
    limit = max(KINDS[probe.kind].seconds + probe.timeout + probe.delay for probe in probes)
    limit += _SECONDS_MORE + _SECONDS_EACH * len(probes)
    if place.kind == "pod":
        return _in_pod(lab, probes, made, limit, kubelets)
    try:
        enter = way_in(lab.contract, place)
    except LabError as error:
        return [Raw(error=error.message)] * made.count
    if isinstance(enter, Missing):
        return [Raw(error=enter.reason, missing=True)] * made.count
    return _run_in(enter, made, limit)


def _run_in(enter: Sequence[str], made: Batch, limit: float) -> list[Raw]:
    """Run a batch by a command that enters the place."""
    argv = [*enter, "sh", "-c", made.script]
    try:
        done = run(argv, check=False, timeout=limit)
    except LabError as error:
        return [Raw(error=error.message)] * made.count
    return split(made, done.stdout, done.stderr.strip())


def _in_pod(
    lab: Lab, probes: Sequence[Probe], made: Batch, limit: float, kubelets: Kubelets
) -> list[Raw]:
    """Run a batch in the pod's container, or beside it if the container is missing a tool."""
    place = probes[0].place or Place("host")
    raws = None if made.alone else _inside(lab, place, made, limit)
    raws = raws or _execute(lab, place, made, limit, kubelets)
    lacking = [
        number
        for number, (probe, raw) in enumerate(zip(probes, raws, strict=True))
        if raw.exit_code in readers.NO_TOOL and not KINDS[probe.kind].brings_tools
    ]
    instead = _beside(lab, place, [probes[number] for number in lacking], limit)
    for number, raw in zip(lacking, instead, strict=True):
        raws[number] = raw
    return raws


def _execute(lab: Lab, place: Place, made: Batch, limit: float, kubelets: Kubelets) -> list[Raw]:
    """Run a batch by the API's exec, or by ``kubectl exec`` if its websocket fails."""
    argv = ["sh", "-c", made.script]
    done = kubelets.run(
        place.name,
        lambda: lab.api.execute(lab.namespace, place.name, place.container, argv, limit),
    )
    stdout, code, said = done.stdout, done.exit_code, done.error or done.stderr.strip()
    answered = stdout or said.startswith(UNFINISHED) or UNDIALLED in said or _NO_SHELL.search(said)
    if code is None and not answered:
        chosen = ["-c", place.container] if place.container else []
        words = ["-n", lab.namespace, "exec", place.name, *chosen, "--", *argv]
        try:
            other = run(lab.contract.kubectl_command(*words), check=False, timeout=limit)
        except LabError as error:
            return [Raw(error=error.message)] * made.count
        stdout, said = other.stdout, other.stderr.strip() or said
    if not stdout and (code in readers.NO_TOOL or _NO_SHELL.search(said)):
        return [Raw(stderr=said, exit_code=readers.NO_TOOL[-1])] * made.count
    return split(made, stdout, said)


def _inside(lab: Lab, place: Place, made: Batch, limit: float) -> list[Raw] | None:
    """Run a batch in the pod's container by way of its node; None if no answer comes that way.

    Only for many HTTP probes: running a command through the API, the kubelet and the runtime takes
    more of the machine than the command itself, but gives it the container's environment.
    """
    try:
        way = through_node(lab.api, lab.contract, lab.namespace, place, lab.contract.inside)
    except LabError:
        return None
    raws = _run_in(way.enter, made, limit) if way else []
    return raws if any(raw.exit_code is not None for raw in raws) else None


def _beside(lab: Lab, place: Place, probes: Sequence[Probe], limit: float) -> list[Raw]:
    """Run probes in a container with tools that shares the network of the pod's container."""
    if not probes:
        return []
    made = batch(probes)
    try:
        tools = through_node(lab.api, lab.contract, lab.namespace, place, lab.contract.tools)
        if tools is None:
            trouble = f"{place} doesn't have the tools, and this provider can't add them."
            return [Raw(error=trouble, missing=True)] * made.count
    except LabError as error:
        return [Raw(error=error.message)] * made.count
    raws = _run_in(tools.enter, made, limit + _TOOLS_START)
    return [replace(raw, way=tools.shown) for raw in raws]


def _unconnected(lab: Lab, node: str, target: str) -> str:
    """Why a node gets no connection; empty if it does, or if it can't be asked in time."""
    probe = Probe("", "tcp", Place("node", node), target)
    made = batch([probe])
    try:
        enter = way_in(lab.contract, Place("node", node))
    except LabError:
        return ""
    if isinstance(enter, Missing):
        return ""
    (raw,) = _run_in(enter, made, probe.timeout + _SECONDS_MORE)
    reason = result(probe, raw, lab.namespace, {}).reason
    return reason if reason in _UNCONNECTED else ""


def way_in(contract: Contract, place: Place) -> tuple[str, ...] | Missing:
    """The command line that enters the host or a node; Missing if the provider has no such place.

    Raises:
        LabError: it is stopped, or no node has that name.
    """
    name = place.name or HOST
    reach = contract.reach(name)
    return reach if isinstance(reach, Missing) else contract.enter(name)
