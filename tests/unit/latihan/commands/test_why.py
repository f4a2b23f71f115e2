"""What ``why`` prints and returns, and what ``break``, ``heal`` and ``exercise`` refuse."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import Walk
from latihan.base.project import Project
from latihan.cli import main
from latihan.commands import why
from tests.unit.plugin_utils.outcomes.path import sample
from tests.unit.plugin_utils.outcomes.path.sample import FIRST, with_rules


def printed(walk: Walk) -> str:
    out = io.StringIO()
    why.show(Console(file=out, width=200), walk)
    return out.getvalue()


def test_packet_that_passes_is_told_step_by_step() -> None:
    text = printed(sample.walk(sample.world(), "pod/p2", "http://s1/"))
    assert text.count("Actual (50% of the packets)") == 2
    assert "10.111.139.255:80 becomes 10.244.1.2:80" in text
    assert "The packet passes, and so does its answer, as expected." in text
    assert "✘" not in text


def test_departure_is_told_with_what_to_do() -> None:
    seen = sample.world({FIRST: with_rules(("filter", "FORWARD -d 10.244.1.2/32 -j DROP"))})
    text = printed(sample.walk(seen, "pod/p1", "pod/p3"))
    assert "✘  node/latihan" in text
    assert f"The first departure, at {FIRST}" in text
    assert "mend it:  python3 runner.py shell latihan -- iptables -t filter -D FORWARD" in text


def test_refusal_that_should_be_is_no_departure() -> None:
    text = printed(sample.walk(sample.world(), "host", "pod/p1"))
    assert "It does not pass, as expected: no route." in text


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["break"], 0, "wrong-neighbour"),
        (["break", "nothing"], 2, "There is no fault 'nothing'"),
        (["break", "no-route"], 2, "has no cluster"),
        (["heal"], 2, "has no cluster"),
        (["exercise"], 2, "has no cluster"),
        (["exercise", "begin", "nothing"], 2, "There is no fault 'nothing'"),
        (["why", "host", "host"], 2, "has no cluster"),
    ],
)
def test_without_a_lab(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    says: str,
) -> None:
    project = Project(Path.cwd(), state=tmp_path, cache=tmp_path)
    assert main(arguments, project) == code
    shown = capsys.readouterr()
    assert says in shown.out + shown.err
