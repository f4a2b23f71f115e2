"""Many probes as one shell script, and its output taken apart again. Pure functions."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.probes.kinds import KINDS
from ansible_collections.latihan.lab.plugins.plugin_utils.probes.model import Probe, Raw

_START = "d=$(mktemp -d 2>/dev/null || mktemp -d -p /dev/shm) || exit 70"
_CLOCK = "${EPOCHREALTIME:-$(date +%s.%N)}"


@dataclass(frozen=True)
class Batch:
    """A script that runs probes side by side; ``mark`` sets the parts of its output apart."""

    script: str
    mark: str
    count: int


def batch(probes: Sequence[Probe], mark: str = "") -> Batch:
    """The script that runs these probes, all of one place, at the same time."""
    mark = mark or f"@{secrets.token_hex(8)}"
    lines = [_START]
    for number, probe in enumerate(probes):
        wait = f"sleep {probe.delay:g}; " if probe.delay else ""
        lines.append(
            f'( {wait}s={_CLOCK}; ( {KINDS[probe.kind].run(probe)} ) >"$d/{number}.out"'
            f' 2>"$d/{number}.err" </dev/null; echo "$? $s {_CLOCK}" >"$d/{number}.end" ) &'
        )
    lines += [
        "wait",
        f"i=0; while [ $i -lt {len(probes)} ]; do",
        f'for part in out err end; do cat "$d/$i.$part"; echo; echo "{mark}"; done',
        "i=$((i+1)); done",
        'rm -r "$d"',
    ]
    return Batch("\n".join(lines), mark, len(probes))


def split(made: Batch, output: str, trouble: str = "") -> list[Raw]:
    """Each probe's part of the output; one that is cut off yields a Raw without exit code."""
    parts = output.split(f"\n{made.mark}\n")
    return [_raw(parts[3 * number : 3 * number + 3], trouble) for number in range(made.count)]


def _raw(parts: list[str], trouble: str) -> Raw:
    try:
        out, err, end = parts
    except ValueError:
        return Raw(error=trouble or "it printed nothing")
    try:
        code, started, ended = end.split()
        return Raw(out, err, int(code), max(0.0, float(ended) - float(started)))
    except ValueError:
        return Raw(out, err, error="it did not end")
