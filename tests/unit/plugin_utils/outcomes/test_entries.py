"""Entries are checked when they are loaded, and told with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import load
from tests.places import OUTCOME_FILES

GOOD = """\
---
- id: X1
  title: A page is there
  probes:
    page:
      from: host
      http: http://${pods.p1.ip}/
  expect:
    - probes.page.status == `200`
  expected: A page
  observed: ${probes.page.status}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "own.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_lab_s_own_outcomes() -> None:
    ids = [outcome.id for outcome in load(sorted(OUTCOME_FILES.glob("*.yml")))]
    required = {"C1", "C2", "C3"}
    required |= {f"P{number}" for number in range(1, 13)}
    required |= {f"S{number}" for number in range(1, 15)}
    assert required <= set(ids)


def test_every_refusal_of_the_lab_has_a_control() -> None:
    for outcome in load(sorted(OUTCOME_FILES.glob("*.yml"))):
        if any(probe.refusal for probe in outcome.probes.values()):
            assert outcome.control, outcome.id


def test_a_file_is_read_again_only_if_it_has_changed(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    [first], [second] = load([path]), load([path])
    assert first is second
    written(tmp_path, GOOD.replace("A page is there", "A page is here"))
    [third] = load([path])
    assert third.title == "A page is here"


def test_only_http_can_be_explained(tmp_path: Path) -> None:
    entry = GOOD.replace("http: http://${pods.p1.ip}/", "tcp: ${pods.p1.ip}:80")
    entry = entry.replace("status == `200`", "ok").replace("probes.page.status", "probes.page.ok")
    load([written(tmp_path, entry)])
    with pytest.raises(LabError, match="only a probe of the kind http can be explained"):
        load([written(tmp_path, f"{entry}  explain: [page]\n")])


def test_a_good_entry(tmp_path: Path) -> None:
    (outcome,) = load([written(tmp_path, GOOD)])
    assert outcome.probes["page"].kind == "http"
    assert outcome.probes["page"].want == ["ok"]
    assert not outcome.probes["page"].refusal


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("http: http", "https: http", 7, "probes.page.https: unknown field"),
        (
            "      http: http://${pods.p1.ip}/\n",
            "",
            5,
            "probes.page: a probe must have exactly one of",
        ),
        ("http: http", "icmp: x\n      http: http", 5, "a probe must have exactly one of"),
        ("from: host", "from: somewhere", 6, "probes.page.from: 'somewhere' is not a place"),
        ("      from: host\n", "", 5, "needs a place to start from"),
        (
            "from: host",
            "from: host\n      options: {server: x}",
            7,
            "probes.page.options.server: a probe of the kind http has no option 'server'",
        ),
        ("from: host", "from: host\n      count: 0", 7, "probes.page.count: Input should be"),
        ("from: host", "from: host\n      each: pods[", 7, "is not a valid expression"),
        ("${pods.p1.ip}", "${pods.p1.ip", 7, "has no closing brace"),
        ("${pods.p1.ip}", "${pots.p1.ip}", 7, "unknown fact 'pots'"),
        ("${pods.p1.ip}", "${item.ip}", 7, "unknown fact 'item'"),
        ("probes.page.status ==", "probes.pag.status ==", 9, "unknown probes.pag"),
        ("probes.page.status ==", "vars.x ==", 9, "unknown vars.x; known: none"),
        ("${pods.p1.ip}", "${pods.p1.ipp}", 7, "unknown pods.p1.ipp; known: containers,"),
        ("${pods.p1.ip}", "${before.pod.p1.ip}", 7, "unknown before.pod; known: addresses,"),
        ("${pods.p1.ip}", "${before.pods.p1.ipp}", 7, "unknown before.pods.p1.ipp"),
        ("${pods.p1.ip}", "${host.ip}", 7, "unknown host.ip; known: address"),
        ("probes.page.status ==", "probes.page.stat ==", 9, "unknown probes.page.stat;"),
        ("probes.page.status ==", "lab.pods ==", 9, "unknown lab.pods; known:"),
        ("from: host", "from: host\n      want: refussed", 7, "unknown reason 'refussed'"),
        ("from: host", "from: host\n      want: [ok, http_4]", 7, "unknown reason 'http_4'"),
        ("title: A", "skip: [{when: lab.nodes, reason: '${lab.x}'}]\n  title: A", 3, "lab.x"),
        ("probes.page.status ==", "nope(pods) ==", 9, "unknown function nope()"),
        ("`200`", "`200", 9, "is not a valid expression"),
        ("  expected: A page\n", "", 2, "expected: this field is missing"),
        ("observed: ${probes", "observed: ${things", 11, "unknown fact 'things'"),
        ("id: X1", "id: x 1", 2, "id: String should match"),
        ("from: host", "from: host\n      want: refused", 2, "control: a refusal is expected"),
        (
            "title: A",
            "evidence: [x]\n  title: A",
            3,
            "evidence.0: unknown vars.x; known: none",
        ),
        ("title: A", "titel: A", 3, "titel: unknown field"),
    ],
)
def test_a_bad_entry(tmp_path: Path, old: str, new: str, line: int, told: str) -> None:
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(LabError) as caught:
        load([path])
    assert caught.value.kind is Kind.INPUT
    every = f"{caught.value.message}\n{caught.value.detail}"
    assert told in every
    place = next(text for text in every.splitlines() if told in text)
    assert place.startswith(f"{path}:{line}: outcome "), place


@pytest.mark.parametrize(
    "that",
    [
        "probes.page[].stat == [`1`]",  # A list's members are known to the run alone.
        "nodes.latihan.interfaces.eth0.mtu == `1500` && nodes.latihan.routes[0].to == 'x'",
        "pods.p1.labels.anything == 'x' && before.pods.p1.uid != pods.p1.uid",
        "services.s1.url == 'x' && endpoints.s1.ready == `[]` && addresses.x.owner == 'host'",
    ],
)
def test_what_only_the_run_can_tell(tmp_path: Path, that: str) -> None:
    text = GOOD.replace("from: host", "from: host\n      count: 2")
    text = text.replace("probes.page.status == `200`", f"that: >-\n        {that}")
    assert load([written(tmp_path, text.replace("${probes.page.status}", "None"))])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- id: [", ":1: not valid YAML"),
        ("a: b\n", ":1: the file is not a list of outcomes"),
        ("", ":1: the file is not a list of outcomes"),
        ("- just text\n", "outcome 1, field (all)"),
        (GOOD + GOOD, ":13: the file is not a list of outcomes"),
        (GOOD.replace("http://${pods.p1.ip}/", "{{ url }}"), ":7: not valid YAML: found unhash"),
        (GOOD.replace("A page is", "!page"), ":3: not valid YAML: could not determine"),
        (GOOD.replace("A page is there", "2024-13-45"), ":3: not valid YAML: '2024-13-45' is not"),
        (
            GOOD.replace("A page is there", "!!bool maybe"),
            ":3: not valid YAML: 'maybe' is not a valid bool",
        ),
        (GOOD.replace("- id: X1", "- id: &X [*X]"), ":2: not valid YAML: it contains itself"),
        (GOOD + "  expect: [lab]\n", ":12: not valid YAML: the key 'expect' appears twice"),
        (
            GOOD.replace("  expect:", "    page: {from: host, tcp: 'a:1'}\n  expect:"),
            ":8: not valid YAML: the key 'page' appears twice",
        ),
        (GOOD + GOOD.removeprefix("---\n"), ":12: the outcome X1 appears twice"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(LabError) as caught:
        load([written(tmp_path, text)])
    assert caught.value.kind is Kind.INPUT
    assert told in caught.value.message


def test_a_key_that_an_anchor_brings_may_be_there_again(tmp_path: Path) -> None:
    text = GOOD.replace("    page:\n", "    page: &page\n").replace(
        "  expect:", "    other: {<<: *page, timeout: 1}\n    again: *page\n  expect:"
    )
    (outcome,) = load([written(tmp_path, text)])
    assert [outcome.probes[name].timeout for name in ("page", "other", "again")] == [2, 1, 2]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="can't be read"):
        load([tmp_path / "none.yml"])
