"""Whatever a program prints: a probe's reader has an answer, and a reason that it may have."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes import readers, together
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.batch import Batch, split
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Raw, Reading

READERS: list[Callable[[Raw], Reading]] = [
    *(readers.http, readers.tcp, readers.udp, readers.dns, readers.icmp, readers.path),
    *(readers.mtu, readers.command, readers.kubectl),
]
# What the tools print, to be cut, repeated and mixed.
WORDS = st.sampled_from(
    [
        *(
            "\n",
            " ",
            "  ",
            "\t",
            "0",
            "1",
            "-1",
            "9" * 5000,
            "²",
            "٣",
            "10.1.2.3",
            "999.9.9.9",
            "*",
        ),
        *("\n@http ", "200 10.1.2.3 10.1.2.4 80", "@mtu ", "\n@mtu 1500\n", "1 received", "e9"),
        *(
            "traceroute to 10.1.2.3 (10.1.2.3), 8 hops max, 60 byte packets\n",
            " 1  10.1.2.3  0.1 ms",
        ),
        *("!H", "!N", "message too long", "Connection refused", "timed out", "PING x (10.1.2.3)"),
        *(";; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN", "64 bytes from 10.1.2.3: icmp_seq=1"),
        *(
            "Response Body: {",
            '{"kind": "Status", "status": "Failure", "code": 404}',
            "}",
            "[",
            "{",
        ),
        *(
            "[" * 5000,
            '"\\ud800"',
            "null",
            "NaN",
            "Infinity",
            "1e999",
            "\x1b[31m",
            "\0",
            "curl: (28)",
        ),
    ]
)
OUTPUT = st.text() | st.lists(WORDS | st.text(max_size=3), max_size=15).map("".join)
CODES = (
    st.none() | st.sampled_from([0, 1, 2, 6, 28, 52, 56, 124, 126, 127, -9, 255]) | st.integers()
)
RAWS = st.builds(Raw, stdout=OUTPUT, stderr=OUTPUT, exit_code=CODES, error=OUTPUT)


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@given(raw=RAWS)
def test_fuzzed_readers(read: Callable[[Raw], Reading], raw: Raw) -> None:
    reading = readers.broken(raw) or read(raw)
    assert readers.is_reason(reading.reason) or raw.exit_code not in range(256)
    if reading.yields is not None:
        json.dumps(reading.yields.plain())


@pytest.mark.parametrize(
    ("read", "stdout"),
    [
        (readers.mtu, "@mtu \n1 received\n@mtu \nmessage too long"),  # There is no such interface.
        (readers.mtu, "@mtu x\n\n@mtu x\n"),
        (readers.http, "page\n@http "),
        (readers.http, "page\n@http x 1 2 3"),
        (readers.http, "page\n@http -1"),
        (readers.path, f"traceroute to 10.1.2.3\n {'9' * 5000}  10.1.2.3"),
        (readers.command, "[" * 5000),
        (readers.kubectl, "[" * 5000),
    ],
)
def test_readers(read: Callable[[Raw], Reading], stdout: str) -> None:
    for code in (0, 1, 124):
        assert read(Raw(stdout=stdout, exit_code=code)).reason


@given(OUTPUT, st.integers(0, 3), st.integers(0, 3))
def test_fuzzed_batches(output: str, alone: int, grouped: int) -> None:
    numbers = tuple(range(alone + grouped))
    made = Batch("", "\n@http", numbers[:alone], (numbers[alone:],) if grouped else ())
    assert len(split(made, output)) == alone + grouped


@given(st.lists(OUTPUT, max_size=6), st.integers(1, 4))
def test_fuzzed_groups(parts: list[str], count: int) -> None:
    exactly = parts[: together.parts(count)]
    assert len(together.raws(exactly, count, "\n", "")) == count
