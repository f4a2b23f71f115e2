"""Reports with a wrong part, and artifacts that are full of other things."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from latihan.base import durations
from latihan.base.exits import Exit
from latihan.base.project import Project
from latihan.cli import main
from latihan.reports import report
from latihan.reports.compare import differences
from latihan.reports.page import render
from latihan.run.model import RunModel
from latihan.run.outcomes import by_id, outcome_of
from tests.wrong import is_refusal, is_refused, mutations, tree

WHOLE = report.build(
    report.About("x", "uji", "embedded", "x", datetime(2026, 1, 2, tzinfo=UTC), 1.5, Exit.HOLDS),
    RunModel(),
).plain()
WHOLE["outcomes"] = [
    outcome_of(
        {
            "id": "X1",
            "verdict": "fail",
            "evidence": [{"command": "c", "output": "o"}],
            "paths": [{"from": "host", "target": "t", "arrived": True, "hops": [{}]}],
            "flows": [{"stops": ["host"], "goal": "pod/p1"}],
            "why": [{"sentence": "s"}],
            "diagnosis": [{"id": "i", "cause": "c", "fix": "f"}],
        }
    ).plain()
]
WHOLE["steps"] = [
    {"name": "n", "play": "p", "role": "r", "tasks": 1, "changed": 0, "skipped": 0, "failed": True,
     "duration_s": 1.5}
]  # fmt: skip
WHOLE["slowest"] = [{"task": "t", "step": "s", "place": "p:1", "duration_s": 1.5}]
# What an outcome has no default for.
REQUIRED = {
    *("id", "verdict", "command", "output", "from", "target", "arrived", "hops", "stops", "goal"),
    *("sentence", "cause", "fix"),
}
# What is right too.
RIGHT = {
    *("kubernetes_version 'x'", "started 7", "started 1.5", "exit_code True", "last_moment 7"),
    *("outcomes.0.moment 7", "outcomes.0.evidence.0.exit_code 7"),
    *("outcomes.0.evidence.0.duration_s 1.5", "outcomes.0.evidence.0.from missing"),
    *("outcomes.0.evidence.0.target missing",),
    *(f"outcomes.0.paths.0.hops.0.{name} 'x'" for name in ("address", "owner", "interface")),
}


def is_wrong(name: str) -> bool:
    field = name.split(maxsplit=1)[0].rpartition(".")[2]
    if name.startswith("outcomes.0.") and name.endswith(" missing") and field not in REQUIRED:
        return False
    seconds = "_s" in name.split(maxsplit=1)[0] and name.endswith(" 7")  # A whole number of them.
    return name not in RIGHT and not seconds


MUTATED = {name: each for name, each in mutations(WHOLE) if is_wrong(name)}
VALUES: list[dict[str, Any]] = [
    *({"version": each} for each in (0, 1, 3, -1, 10**30, "2", 2.5, None)),
    *({"exit_code": each} for each in (-1, 5, 256, "x")),
    *({"started": each} for each in ("", "now", "2026-01-02", "2026-13-01T00:00:00Z", "1e999")),
    *({"duration_s": each} for each in (-1, float("nan"), float("inf"), "1.5")),
    *({"playbook": ""}, {"profile": ""}, {"provider": ""}, {"last_moment": -1}),
    {"slowest": WHOLE["slowest"] * 11},
    {"facts": [{"nodes": 1}]},
]
TEXTS = [
    *(b"", b" ", b"{", b"[]", b"null", b"1", b"NaN", b"{}", b"\xff", b"\0", b"[" * 100_000),
    *(b'{"version": 2}', json.dumps(WHOLE).encode()[:-9], b"<html></html>", bytes(range(256))),
]


@pytest.fixture
def runs(project: Project) -> Path:
    folder = project.artifacts("latihan") / "one"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(WHOLE), encoding="utf-8")
    report.point_latest(folder)
    return folder.parent


def refused(folder: Path, content: str | bytes) -> None:
    path = folder / "report.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(LabError) as caught:
        report.load(folder)
    is_refusal(caught.value, path)


def test_the_whole_one_is_right(
    project: Project, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report"], project) == 0
    assert main(["report", "--diff", "one", "latest"], project) == 0
    assert "X1" in capsys.readouterr().out


@pytest.mark.parametrize("name", MUTATED)
def test_documents(tmp_path: Path, name: str) -> None:
    refused(tmp_path, json.dumps(MUTATED[name]))


@pytest.mark.parametrize("change", VALUES, ids=[repr(each)[1:40] for each in VALUES])
def test_values(tmp_path: Path, change: dict[str, Any]) -> None:
    refused(tmp_path, json.dumps({**WHOLE, **change}))


@pytest.mark.parametrize("content", TEXTS, ids=[repr(text)[:30] for text in TEXTS])
def test_contents(
    project: Project, runs: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    path = runs / "one" / "report.json"
    refused(path.parent, content)
    for line in (["report"], ["report", "one"], ["report", "--diff", "one", "latest"]):
        is_refused(main(line, project), capsys, str(path))


def folder(path: Path) -> None:
    path.mkdir()


def text(path: Path) -> None:
    path.write_text("x", encoding="utf-8")


def dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)))


def elsewhere(path: Path) -> None:
    path.symlink_to("/proc/self")


THINGS: tuple[Callable[[Path], None], ...] = (folder, text, dangling, loop, binary, elsewhere)
PLACES = ("other", ".other", "20260102T030405Z-verify", "report.json", "one/x", "latest.new", "é\n")


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("place", PLACES)
def test_other_things_beside_runs(
    project: Project,
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    thing: Callable[[Path], None],
    place: str,
) -> None:
    thing(runs / place)
    before = tree(runs)
    assert main(["report"], project) == 0
    assert main(["report", "--diff", "one", "one"], project) == 0
    capsys.readouterr()
    is_refused(main(["report", place], project), capsys, "There is no run")
    is_refused(main(["report", "never"], project), capsys, "There is no run 'never'")
    assert tree(runs) == before


@pytest.mark.parametrize("thing", THINGS)
def test_other_things_in_the_place_of_a_report(
    project: Project, runs: Path, capsys: pytest.CaptureFixture[str], thing: Callable[[Path], None]
) -> None:
    path = runs / "one" / "report.json"
    path.unlink()
    thing(path)
    is_refused(main(["report", "one"], project), capsys, "")
    is_refused(main(["report"], project), capsys, "")


@pytest.mark.parametrize("thing", THINGS)
def test_the_link_to_the_last_run_is_made_whatever_was_there(
    tmp_path: Path, thing: Callable[[Path], None]
) -> None:
    thing(tmp_path / "latest")
    run = report.new_folder(tmp_path, "verify", datetime(2026, 1, 2, tzinfo=UTC))
    if thing is folder:
        assert "is a folder" in report.point_latest(run)
        assert (tmp_path / "latest").is_dir()
    else:
        assert report.point_latest(run) == ""
        assert (tmp_path / "latest").resolve() == run
    assert not list(tmp_path.glob(".*"))


TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(WHOLE)), ANY)
def test_fuzzed_documents(name: str, value: Any) -> None:
    """What is taken can be shown and compared."""
    try:
        loaded = report.from_text(json.dumps({**WHOLE, name: value}))
    except ValueError:
        return
    durations.text(loaded.duration_s)
    by_id(loaded.outcomes)
    differences(loaded, report.from_text(json.dumps(WHOLE)))
    if name in ("outcomes", "facts"):  # Drawing takes longer than all the rest.
        render(loaded)
    report.to_json(loaded)


@given(st.lists(st.fixed_dictionaries({"id": TEXT | st.integers().map(str)}, optional={
    "title": ANY, "verdict": ANY | st.sampled_from(["pass", "fail", "skip"]), "evidence": ANY,
    "flows": ANY, "moment": ANY,
})))  # fmt: skip
def test_fuzzed_outcomes(documents: list[dict[str, Any]]) -> None:
    by_id([outcome_of(document) for document in documents])
