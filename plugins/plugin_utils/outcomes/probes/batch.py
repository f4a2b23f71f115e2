"""Many probes as one shell script, and its output split up again. Pure functions."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes import together
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kinds import KINDS
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Probe, Raw

# In memory if possible: making a file in a container's own layers takes half a millisecond.
# The /run of a node, and of the lab's host, is its own; its /dev/shm may be this machine's.
_POD_MEMORY, _MEMORY = "/dev/shm", "/run"  # noqa: S108 - mktemp makes a folder of its own there
_CLOCK = "${EPOCHREALTIME:-$(date +%s.%N)}"
_PARTS = 3  # out, err, end
# How long a process takes that does nothing, beside all the others.
_NOTHING = f'( s={_CLOCK}; ( : ); echo "$s {_CLOCK}" >"$d/nothing" ) &'


@dataclass(frozen=True)
class Batch:
    """A script that runs probes side by side.

    ``mark`` separates the parts of its output: first those of the ``alone`` probes, then those of
    each group that one curl asks ``together``; both are the probes' numbers.
    """

    script: str
    mark: str
    alone: tuple[int, ...]
    together: tuple[tuple[int, ...], ...]

    @property
    def count(self) -> int:
        """The number of probes."""
        return len(self.alone) + sum(map(len, self.together))


def batch(probes: Sequence[Probe], mark: str = "") -> Batch:
    """The script that runs these probes, all of one place, at the same time."""
    mark = mark or f"@{secrets.token_hex(8)}"
    groups = together.groups(probes)
    grouped = {number for group in groups for number in group}
    alone = [number for number in range(len(probes)) if number not in grouped]
    place = probes[0].place
    memory = _POD_MEMORY if place and place.kind == "pod" else _MEMORY
    run, tell = [f"d=$(mktemp -d -p {memory} 2>/dev/null || mktemp -d) || exit 70", _NOTHING], []
    for index, number in enumerate(alone):
        probe = probes[number]
        wait = f"sleep {probe.pause:g}; " if probe.delay else ""
        run.append(
            f'( {wait}s={_CLOCK}; ( {KINDS[probe.kind].script_of(probe)} ) >"$d/{index}.out"'
            f' 2>"$d/{index}.err" </dev/null; echo "$? $s {_CLOCK}" >"$d/{index}.end" ) &'
        )
    for index, group in enumerate(groups):
        ask, answer = together.script([probes[number] for number in group], f"g{index}", mark)
        run += ask
        tell += answer
    lines = [
        *run,
        "wait",
        f"i=0; while [ $i -lt {len(alone)} ]; do",
        f'for part in out err end; do cat "$d/$i.$part"; echo; echo "{mark}"; done',
        "i=$((i+1)); done",
        *tell,
        'cat "$d/nothing"; rm -r "$d"',
    ]
    return Batch("\n".join(lines), mark, tuple(alone), tuple(map(tuple, groups)))


def split(made: Batch, output: str, trouble: str = "") -> list[Raw]:
    """Each probe's part of the output; one that is cut off yields a Raw without exit code."""
    parts = output.split(f"\n{made.mark}\n")
    raws: dict[int, Raw] = {}
    for number in made.alone:
        raws[number], parts = _raw(parts[:_PARTS], trouble), parts[_PARTS:]
    for group in made.together:
        length = together.parts(len(group))
        answers = together.raws(parts[:length], len(group), made.mark, trouble)
        raws |= dict(zip(group, answers, strict=True))
        parts = parts[length:]
    lag = _between(*parts[0].split()) if parts else 0.0
    return [replace(raws[number], lag=lag) for number in sorted(raws)]


def _between(started: str = "", ended: str = "", *_more: str) -> float:
    """The seconds between two readings of the clock; 0 if one is missing."""
    try:
        return max(0.0, float(ended) - float(started))
    except ValueError:
        return 0.0


def _raw(parts: list[str], trouble: str) -> Raw:
    try:
        out, err, end = parts
    except ValueError:
        return Raw(error=trouble or "it printed nothing")
    try:
        code, *clock = end.split()
        return Raw(out, err, int(code), _between(*clock))
    except ValueError:
        return Raw(out, err, error="it did not end")
