"""Many HTTP probes of one place by one curl, which asks them in parallel. Pure functions.

A process for each would cost more than its request: 99 of them take half a second of a core.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes import readers
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kinds import (
    HTTP_FIELDS,
    http_options,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Probe, Raw

_WORTH_IT = 8
_SIDE_BY_SIDE = 50
# curl(1), --write-out: errormsg and exitcode exist since 7.75.
_TOLD = rf"%{{urlnum}} %{{exitcode}} %{{time_total}} {HTTP_FIELDS} %{{errormsg}}\n"
_FIELDS = len(_TOLD.split())
_UNQUOTABLE = frozenset('"\\ \n')


def groups(probes: Sequence[Probe]) -> list[list[int]]:
    """The numbers of the probes that one curl may ask, a list for each curl.

    Those that ask for the same URL stay apart: curl would ask them over one connection.
    """
    alike: dict[object, dict[str, int]] = {}
    for number, probe in enumerate(probes):
        if probe.kind == "http" and not _UNQUOTABLE & set(probe.text):
            key = (probe.timeout, probe.delay, probe.options)
            alike.setdefault(key, {}).setdefault(probe.text, number)
    return [list(urls.values()) for urls in alike.values() if len(urls) >= _WORTH_IT]


def script(probes: Sequence[Probe], name: str, mark: str) -> tuple[list[str], list[str]]:
    """The shell lines that ask these probes, and those that print the answers.

    A probe that fails is asked once more by itself, for curl's message; it counts as failed anyway.

    Args:
        probes: probes of one group.
        name: a file name that only this group has.
        mark: what separates the parts of the output.
    """
    options = shlex.join(http_options(probes[0]))
    wait = f"sleep {probes[0].pause:g}; " if probes[0].delay else ""
    asked = "".join(
        f'url = "{probe.text}"\noutput = "{name}.{number}"\n' for number, probe in enumerate(probes)
    )
    many = f"-sg --parallel --parallel-immediate --parallel-max {_SIDE_BY_SIDE}"
    again = f'sed -n "$((2*i+1))p" {name}.urls | curl -svg {options} -o /dev/null -K -'
    run = [
        f'( {wait}cd "$d"; printf %s {shlex.quote(asked)} >{name}.urls',
        f"curl {many} {options} -w {shlex.quote(_TOLD)} -K {name}.urls >{name}.told",
        f'while read -r i code rest; do if [ "$code" != 0 ]; then {again} 2>{name}.$i.why & fi',
        f"done <{name}.told; wait ) </dev/null 2>/dev/null &",
    ]
    bodies = " ".join(f"{name}.{number} {name}.mark" for number in range(len(probes)))
    # A missing body is left out; the mark after it stays.
    tell = [
        f"( cd \"$d\"; printf '\\n{mark}\\n' >{name}.mark",
        f"cat {name}.told {name}.mark {bodies}",
        f'for f in {name}.*.why; do [ -e "$f" ] && echo "{mark} $f" && cat "$f"; done',
        f"printf '\\n{mark}\\n' ) 2>/dev/null",
    ]
    return run, tell


def parts(count: int) -> int:
    """How many parts that many probes print: a list, the bodies, the reasons."""
    return count + 2


def raws(found: Sequence[str], count: int, mark: str, trouble: str) -> list[Raw]:
    """Each probe's answer, from the parts of a group's output."""
    if len(found) < parts(count):
        return [Raw(error=trouble or "it printed nothing")] * count
    told = {line.split(" ", 1)[0]: line for line in found[0].splitlines()}
    reasons = dict(_reasons(found[-1], mark))
    return [
        _raw(told.get(str(number), ""), body, reasons.get(str(number), ""))
        for number, body in enumerate(found[1:-1])
    ]


def _reasons(text: str, mark: str) -> Iterator[tuple[str, str]]:
    """The number of each probe that was asked once more, and what curl said about it."""
    for part in f"\n{text}".split(f"\n{mark} ")[1:]:
        file, _, said = part.partition("\n")
        yield "".join(file.split(".")[-2:-1]), said


def _raw(told: str, body: str, why: str) -> Raw:
    fields = told.split(" ", _FIELDS - 1)
    if len(fields) < _FIELDS:
        # This makes the engine use a container with a newer curl.
        return Raw(stderr="this curl can't ask in parallel", exit_code=readers.NO_TOOL[-1])
    _number, code, seconds, *rest, message = fields
    try:
        exit_code, took = int(code), float(seconds)
    except ValueError:
        return Raw(error=f"curl reported {told!r}")
    written = f"{body}{readers.HTTP_MARK}{' '.join(rest)}"
    said = f"curl: {message}\n{why}" if code != "0" else ""
    return Raw(written, said, exit_code, took)
