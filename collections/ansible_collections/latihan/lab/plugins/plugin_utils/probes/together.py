"""Many HTTP probes of one place by one curl, which asks them side by side. Pure functions.

A process for each would cost more than what it asks: 99 of them take half a second of a core.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from ansible_collections.latihan.lab.plugins.plugin_utils.probes import readers
from ansible_collections.latihan.lab.plugins.plugin_utils.probes.kinds import (
    HTTP_FIELDS,
    http_options,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.probes.model import Probe, Raw

_WORTH_IT = 8
_SIDE_BY_SIDE = 50
# curl(1), --write-out: errormsg and exitcode are there since 7.75.
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
    """The shell lines that ask these probes, and those that print what came of it.

    A probe that fails is asked once more by itself, for what curl says of the reason; that it
    failed stays.

    Args:
        probes: probes of one group.
        name: a file name that is the group's own.
        mark: what sets the parts of the output apart.
    """
    options = shlex.join(http_options(probes[0]))
    wait = f"sleep {probes[0].delay:g}; " if probes[0].delay else ""
    base = f'"$d/{name}"'
    many = f"-sg --parallel --parallel-immediate --parallel-max {_SIDE_BY_SIDE}"
    run = [
        f"( {wait}set -- {shlex.join(probe.text for probe in probes)}; i=0",
        'for u; do printf \'url = "%s"\\noutput = "%s"\\n\' "$u" ' + f"{base}.$i; i=$((i+1)); done"
        f" >{base}.urls",
        f"curl {many} {options} -w {shlex.quote(_TOLD)} -K {base}.urls >{base}.told",
        'while read -r i code rest; do if [ "$code" != 0 ]; then eval "u=\\${$((i+1))}"',
        f'curl -svg {options} -o /dev/null "$u" 2>{base}.$i.why & fi',
        f"done <{base}.told; wait ) </dev/null 2>/dev/null &",
    ]
    tell = [
        f"printf '\\n{mark}\\n' >{base}.mark; set -- {base}.told {base}.mark; i=0",
        f"while [ $i -lt {len(probes)} ]; do : >>{base}.$i; : >>{base}.$i.why",
        f'set -- "$@" {base}.$i {base}.mark {base}.$i.why {base}.mark; i=$((i+1)); done',
        'cat "$@"',
    ]
    return run, tell


def parts(count: int) -> int:
    """The number of parts that the output of so many probes has."""
    return 1 + 2 * count


def raws(found: Sequence[str], count: int, trouble: str) -> list[Raw]:
    """What became of each probe, out of the parts of a group's output."""
    if len(found) < parts(count):
        return [Raw(error=trouble or "it printed nothing")] * count
    told = {line.split(" ", 1)[0]: line for line in found[0].splitlines()}
    bodies = zip(found[1::2], found[2::2], strict=True)
    return [_raw(told.get(str(number), ""), *pair) for number, pair in enumerate(bodies)]


def _raw(told: str, body: str, why: str) -> Raw:
    fields = told.split(" ", _FIELDS - 1)
    if len(fields) < _FIELDS:
        # So that a container with a newer curl is used.
        return Raw(stderr="curl can't ask side by side here", exit_code=readers.NO_TOOL[-1])
    _number, code, seconds, *rest, message = fields
    written = f"{body}{readers.HTTP_MARK}{' '.join(rest)}"
    said = f"curl: {message}\n{why}" if code != "0" else ""
    return Raw(written, said, int(code), float(seconds))
