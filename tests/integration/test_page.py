"""The page of a report in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.browser import Browser, chromium
from tests.integration.labs import Lab
from tests.unit.latihan.reports.page.sample import FULL, failure, outcome, rendered, report

Show = Callable[..., Browser]
PHONE = 360

# The contrast of each text with what is painted behind it, by the formulas of WCAG 2.1.
CONTRASTS = """
(() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = c => {
    const [r, g, b] = parse(c).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor, p = parse(c);
      if (p.length === 3 || p[3] === 1) return c;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || e.closest('svg, style, .hidden')) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), e.className + ' ' + walker.currentNode.data.trim()]);
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("There is no chromium, and only root can install it (Debian's chromium).")
    made = Browser(program, tmp_path_factory.mktemp("browser"))
    yield made
    made.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Show:
    """Shows the page of a report, on a screen of a desktop."""

    def shown(document: dict[str, Any] = FULL) -> Browser:
        page = tmp_path / "report.html"
        page.write_text(rendered(document), encoding="utf-8")
        browser.screen(1200, 900)
        browser.media()
        browser.open(page)
        return browser

    return shown


def unfold(browser: Browser) -> None:
    browser.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


@pytest.mark.parametrize("document", [FULL, report(failures=[failure()], exit_code=4), report()])
def test_the_browser_has_nothing_to_complain_of(show: Show, document: dict[str, Any]) -> None:
    browser = show(document)
    unfold(browser)
    asked = [each["request"]["url"] for each in browser.seen("Network.requestWillBeSent")]
    assert [url.partition(":")[0] for url in asked] == ["file"]
    assert browser.seen("Log.entryAdded") == []
    assert browser.seen("Runtime.consoleAPICalled") == []
    assert browser.seen("Runtime.exceptionThrown") == []
    assert browser.evaluate("document.compatMode") == "CSS1Compat"


def test_a_phone_needs_no_scrolling_sideways(show: Show) -> None:
    long = "x" * 300
    browser = show(report(*FULL["outcomes"], outcome("X1", observed=long, title=long)))
    browser.screen(PHONE, 740, mobile=True)
    for width in ("folded", "unfolded"):
        assert browser.evaluate("document.documentElement.scrollWidth") <= PHONE, width
        unfold(browser)
    # Nothing but the boxes that scroll for themselves reaches over the edge.
    wide = browser.evaluate(
        "[...document.body.querySelectorAll('*')]"
        ".filter(each => !each.closest('pre, .scroll, .hidden'))"
        f".filter(each => each.getBoundingClientRect().right > {PHONE}).map(each => each.outerHTML)"
    )
    assert wide == []


def test_the_picture_can_be_read_on_a_phone(show: Show) -> None:
    browser = show()
    browser.screen(PHONE, 740, mobile=True)
    heights = browser.evaluate(
        "[...document.querySelectorAll('figure svg text')].filter(each => each.checkVisibility())"
        ".map(each => each.getBoundingClientRect().height)"
    )
    assert heights
    assert min(heights) >= 9


def test_dark_mode_is_dark(show: Show) -> None:
    browser = show()
    colours = "getComputedStyle(document.body).backgroundColor"
    light = browser.evaluate(colours)
    browser.media(scheme="dark")
    dark = browser.evaluate(colours)
    assert light == "rgb(255, 255, 255)"
    assert max(int(part) for part in dark.strip("rgb()").split(",")) < 64


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(show: Show, scheme: str) -> None:
    browser = show(report(*FULL["outcomes"], failures=[failure()]))
    browser.media(scheme=scheme)
    unfold(browser)
    contrasts = browser.evaluate(CONTRASTS)
    assert len(contrasts) > 100
    assert [each for each in contrasts if each[0] < 4.5] == []


def test_the_keyboard_opens_a_folded_outcome(show: Show) -> None:
    browser = show()
    closed = "document.activeElement.matches('details.outcome.pass:not([open]) > summary')"
    for _ in range(100):
        browser.press("Tab")
        assert browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if browser.evaluate(closed):
            break
    assert browser.evaluate(closed)
    browser.press("Enter")
    assert browser.evaluate("document.activeElement.parentElement.open")
    assert browser.evaluate("document.activeElement.nextElementSibling.checkVisibility()")


def test_a_link_leads_into_a_folded_outcome(show: Show) -> None:
    browser = show()
    fold = "document.querySelector('#o-P9').parentElement"
    assert not browser.evaluate(f"{fold}.open")
    browser.evaluate("document.querySelector('.chips a[href=\"#o-P9\"]').click()")
    assert browser.evaluate(f"{fold}.open")
    assert browser.evaluate("document.querySelector('#o-P9').getBoundingClientRect().top") < 900


def test_every_outcome_can_be_seen(show: Show) -> None:
    browser = show()
    boxes = browser.evaluate(
        "[...document.querySelectorAll('.outcome, .chips a')].map(each => [each.innerText,"
        " each.getBoundingClientRect().left, each.getBoundingClientRect().width])"
    )
    assert len(boxes) == 2 * len(FULL["outcomes"]) + FULL["verdicts"]["fail"]
    assert [each for each in boxes if each[1] < 0 or each[2] < 20] == []


def test_failures_are_the_first_thing_one_sees(show: Show) -> None:
    browser = show()
    tops = browser.evaluate(
        "['#failing', '#lab', '#outcomes'].map("
        "each => document.querySelector(each).getBoundingClientRect().top)"
    )
    assert tops == sorted(tops)
    assert tops[0] < 900
    assert browser.evaluate(
        "[...document.querySelectorAll('details.outcome.fail .reason')].every("
        "each => each.checkVisibility())"
    )


def test_a_print_shows_all(show: Show) -> None:
    browser = show()
    hidden = (
        "[...document.querySelectorAll('.body, .body pre')].filter(each => !each.checkVisibility("
        "{contentVisibilityAuto: true}) || each.getBoundingClientRect().height < 5).length"
    )
    assert browser.evaluate(hidden) > 0
    browser.media("print", "dark")
    assert browser.evaluate(hidden) == 0
    assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)"
    )


def test_pictures_say_what_they_show(show: Show) -> None:
    browser = show()
    named = browser.send("Accessibility.getFullAXTree")["nodes"]
    names = [
        each["name"]["value"] for each in named if each.get("role", {}).get("value") == "image"
    ]
    drawn = "[...document.querySelectorAll('figure svg, .bar svg')]"
    assert len(names) == browser.evaluate(f"{drawn}.filter(each => each.checkVisibility()).length")
    assert all(names)


def test_the_page_of_a_real_lab_shows_its_paths(lab: Lab, browser: Browser) -> None:
    # Other tests may have run other playbooks on the lab since.
    run = max(lab.artifacts.parent.glob("*-full-lab"))
    shown = json.loads((run / "report.json").read_text(encoding="utf-8"))
    browser.open(run / "report.html")
    for each in shown["outcomes"]:
        assert browser.evaluate(f"!!document.querySelector('#o-{each['id']} svg')"), each["id"]
    assert browser.evaluate("document.querySelectorAll('#o-P7 svg .hop').length") == 2
    assert browser.evaluate("document.querySelectorAll('#o-P9 svg .hop').length") == 3
    assert browser.seen("Log.entryAdded") == []
