"""The page as text."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from latihan.reports.page import marked
from tests.unit.latihan.reports.page.sample import (
    CAUSE,
    FULL,
    asked,
    facts,
    failure,
    flow,
    outcome,
    path,
    rendered,
    report,
)

VOID = {"meta", "link", "br", "img", "input", "hr"}
SVG_EMPTY = {"path", "rect", "circle"}
HOSTILE = "<script>alert(1)</script><img src=http://192.0.2.9/x onerror=alert(2)>\"'&amp;</details>"


class Reader(HTMLParser):
    """Reads a page strictly: every element that is opened is closed, in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SVG_EMPTY
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def test_every_outcome_is_told_with_all_that_is_known() -> None:
    page = Reader(rendered(FULL))
    for each in FULL["outcomes"]:
        for field in ("id", "title", "expected", "observed", "reason"):
            assert each[field] in page.words, (each["id"], field)
        for answer in each["evidence"]:
            assert answer["command"] in page.words
            assert answer["output"] in page.words
    assert "p2 -> s1, to p3" in page.words
    assert "outcomes took 11.2 s, waits for Kubernetes 17.5 s, clusters 30.2 s" in page.words
    assert "-A KUBE-SERVICES -j KUBE-SVC-X" in page.words


def test_ids_are_there_once_and_links_lead_to_them() -> None:
    page = Reader(rendered(FULL))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] or "" for tag, attributes in page.tags if tag == "a"]
    assert len(links) >= len(FULL["outcomes"])
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_failures_come_first_and_are_open() -> None:
    text = rendered(FULL)
    first = text.index("What does not hold")
    places = {name: text.index(f'id="o-{name}"') for name in ("C1", "P10", "S1", "S3", "S4")}
    assert first < places["S1"] < places["S3"] < places["S4"] < text.index('id="outcomes"')
    assert text.index('id="outcomes"') < places["C1"] < places["P10"]
    folds = [
        attributes
        for tag, attributes in Reader(text).tags
        if tag == "details" and (attributes.get("class") or "").startswith("outcome")
    ]
    assert {each["class"]: "open" in each for each in folds} == {
        "outcome fail": True,
        "outcome pass": False,
        "outcome skip": False,
    }


def test_each_step_is_drawn_where_it_was_in_the_run() -> None:
    times = {"first": (0.0, 5.0), "beside": (2.5, 5.0)}
    steps = [
        {"name": name, "play": "x", "role": "", "tasks": 1, "changed": 0, "skipped": 0}
        | {"failed": False, "began_s": began, "duration_s": took}
        for name, (began, took) in times.items()
    ]
    tags = Reader(rendered(report(steps=steps, duration_s=10.0))).tags
    bars = [attrs for tag, attrs in tags if tag == "rect" and attrs.get("height") == "8"]
    assert [(bar["x"], bar["width"]) for bar in bars] == [("0.0", "50.0"), ("25.0", "50.0")]


def test_failures_of_one_cause_stand_together() -> None:
    text = rendered(FULL)
    words = Reader(text).words
    assert "Selector 2 outcomes: S1, S3 Likely cause: The selector of s1 matches no pod." in words
    assert words.count("The selector of s1 matches no pod.") == 1
    assert "No known cause" in words


def test_further_causes_stand_with_their_outcome() -> None:
    two = [*CAUSE, {"id": "dns", "cause": "DNS has no ready endpoint.", "fix": "See `kubectl`."}]
    text = rendered(report(outcome("S1", "fail", diagnosis=two)))
    assert "Other possible cause: DNS has no ready endpoint." in Reader(text).words
    assert "See <code>kubectl</code>." in text


def test_what_only_differs_is_told_apart_and_the_place_of_the_cause_stands_out() -> None:
    met = {"id": "no-route", "cause": "two has no route.", "fix": "Add it.", "place": "node/two"}
    other = {"id": "x", "cause": "A rule of yours.", "fix": "", "place": "host", "met": False}
    failed = {**FULL["outcomes"][2], "verdict": "fail", "diagnosis": [other, met]}
    text = rendered(report(failed))
    assert text.count(" departs") == 1
    assert '<g class="node departs"' in text
    words = Reader(text).words
    assert "Likely cause: two has no route." in words
    assert "Also different: A rule of yours." in words


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Run `a <b>`, then `c`.", "Run <code>a &lt;b&gt;</code>, then <code>c</code>."),
        ("`all`", "<code>all</code>"),
        ("a ` alone & more", "a ` alone &amp; more"),
        ("", ""),
    ],
)
def test_what_is_in_backticks_is_literal(text: str, html: str) -> None:
    assert marked(text) == html


def test_outcomes_stand_in_the_order_of_the_article() -> None:
    text = rendered(FULL)
    names = ["C1", "P2", "P9", "P10", "mine-1"]
    places = [text.index(f'id="o-{name}"') for name in names]
    assert places == sorted(places)
    assert text.index("<h3>Services</h3>") < text.index("<h3>More outcomes</h3>")


def test_nothing_hostile_gets_through() -> None:
    hostile = copy.deepcopy(FULL)
    hostile["outcomes"] = [
        outcome(
            HOSTILE,
            verdict,
            **dict.fromkeys(("title", "expected", "observed", "reason", "false_alarm"), HOSTILE),
            evidence=[asked("http", HOSTILE, HOSTILE, HOSTILE, HOSTILE)],
            paths=[path(HOSTILE, HOSTILE, HOSTILE, "pod/p1")],
            flows=[flow("host", HOSTILE, reason=HOSTILE, asked=HOSTILE)],
            why=[{"sentence": HOSTILE, "lines": [HOSTILE]}],
            diagnosis=[{"id": HOSTILE, "cause": HOSTILE, "fix": HOSTILE}],
        )
        for verdict in ("pass", "fail", "skip")
    ]
    for name in ("playbook", "profile", "provider", "command", "kubernetes_version"):
        hostile[name] = HOSTILE
    known = hostile["facts"][0]
    known["pods"] = {HOSTILE: known["pods"]["p1"] | {"name": HOSTILE, "message": HOSTILE}}
    known["nodes"]["two"]["os_image"] = HOSTILE
    known["services"] = {HOSTILE: known["services"]["s1"]}
    hostile["failures"] = [failure(**dict.fromkeys(("task", "message", "detail"), HOSTILE))]
    hostile["steps"][0]["name"] = hostile["slowest"][0]["task"] = HOSTILE
    page = Reader(rendered(hostile))
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "img", "iframe", "object"})
    assert not any(name.startswith("on") for _, names in page.tags for name in names)
    assert page.words.count("<script>alert(1)</script>") > 20


@pytest.mark.parametrize("document", [FULL, report(), report(outcome("C1"), facts=[])])
def test_the_page_asks_the_network_for_nothing(document: dict[str, object]) -> None:
    page = Reader(rendered(document))
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "img", "iframe", "base"})
    for _, attributes in page.tags:
        for name in ("href", "src", "xlink:href", "action", "srcset"):
            assert (attributes.get(name) or "#").startswith("#")
    style = rendered(document).partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_who_cannot_see_the_page_can_use_it() -> None:
    page = Reader(rendered(FULL))
    assert ("html", {"lang": "en"}) in page.tags
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert pictures
    assert all(each["role"] == "img" and each["aria-label"] for each in pictures)
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags
               if tag == "th")  # fmt: skip


def test_the_path_is_in_the_picture_and_in_words() -> None:
    text = rendered(report(FULL["outcomes"][2]))
    assert 'class="path"' in text
    assert "p1 to p3 by way of two and one: answered" in text
    words = Reader(text).words
    assert "The path from pod/p1" in words
    assert "node/two 10.9.9.9 on eth0" in words


def test_a_command_that_ran_often_is_told_once() -> None:
    many = [asked("http", "pod/p2", "http://s1/", output=f"p{1 + n % 2}") for n in range(12)]
    words = Reader(rendered(report(outcome("S3", evidence=many, probes=20)))).words
    assert words.count("http http://s1/") == 1
    assert "Run 12 times." in words
    assert "Printed 6 times:" in words
    assert "12 of 20 probes are shown." in words


@pytest.mark.parametrize(
    ("document", "headline"),
    [
        (report(outcome("C1"), outcome("C2")), "✓ All 2 outcomes hold"),
        (report(outcome("C1")), "✓ The outcome holds"),
        (report(outcome("C1"), outcome("C2", "skip")), "✓ 1 of 2 outcomes holds, 1 was skipped"),
        (report(outcome("C1", "fail"), outcome("C2")), "✗ 1 of 2 outcomes failed"),
        (
            report(outcome("C1", "skip"), outcome("C2", "skip"), exit_code=1),
            "✗ None of 2 outcomes could be checked",
        ),
        (report(failures=[failure()], exit_code=4), "✗ A step failed"),
        (report(failures=[failure(kind="outcome")], exit_code=1), "✗ The run failed"),
        (report(exit_code=130), "✗ Interrupted"),
        (report(), "✓ Done; no outcomes were checked"),
    ],
)
def test_the_headline_says_what_the_run_came_to(document: dict[str, object], headline: str) -> None:
    assert headline in Reader(rendered(document)).words


def test_a_step_that_failed_says_what_to_do() -> None:
    words = Reader(rendered(report(failures=[failure()], exit_code=4))).words
    assert "etcd does not answer. What to do: Look at its log." in words
    assert "roles/cluster/tasks/main.yml:7" in words


def test_the_version_is_the_nodes_where_the_run_brought_none() -> None:
    document = report(outcome("C1"), kubernetes_version=None)
    assert "Kubernetes v1.20.2" in Reader(rendered(document)).words
    assert "Kubernetes unknown" in Reader(rendered(document | {"facts": []})).words


def test_what_was_retried_is_shown() -> None:
    late = outcome("X1", attempts=3, retried=["0.1 s: no endpoint", "0.7 s: one of two"])
    words = Reader(rendered(report(late))).words
    assert "Earlier attempts 0.1 s: no endpoint 0.7 s: one of two" in words
    assert "3 attempts" in words
    failed = outcome("X1", verdict="fail", attempts=2, retried=["0.1 s: no endpoint"])
    assert "Earlier attempts" in Reader(rendered(report(failed))).words


def test_an_outcome_is_shown_with_the_facts_that_judged_it() -> None:
    later = facts()
    del later["pods"]["p3"]
    both = report(outcome("C1"), outcome("C2", moment=1), facts=[facts(), later])
    first, second = rendered(both).partition('id="o-C2"')[::2]
    assert "Pod p3" in first.partition('id="o-C1"')[2]
    assert "Pod p3" not in second


def test_an_outcome_without_facts_has_no_picture() -> None:
    text = rendered(report(outcome("C1", moment=7)))
    assert "The lab at that moment" not in text
    assert "what C1 saw" in text
