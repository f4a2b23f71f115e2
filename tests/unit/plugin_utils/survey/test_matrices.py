"""Which answers are right, and what a matrix says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes import judge
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.entries import load
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.observation import Observation
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Cell, Verdict
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing import namespace
from ansible_collections.latihan.lab.plugins.plugin_utils.survey import matrices, objects
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.asking import read
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.matrices import SurveyAnswer
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.objects import Agents, Site
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.questions import (
    REFUSALS,
    Made,
    Served,
    SurveyQuestion,
    Want,
    of_policy,
    questions,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.surveying import (
    ONE_FAMILY,
    judged_together,
)
from tests.places import ROOT

SITES = (Site("n1", 1, ("10.0.0.1", "fd00::1")), Site("n2", 2, ("10.0.0.2", "fd00::2")))
AGENTS = Agents("pass", "python", 18471)
OUTCOMES = {each.id: each for each in load([ROOT / "roles" / "survey" / "files" / "survey.yml"])}


def made(sites: tuple[Site, ...] = SITES, families: int = 2) -> Made:
    names = [each["metadata"]["name"] for each in objects.services(SITES, AGENTS)]
    pods = [name for site in sites for name in (site.pod, site.host)]
    return Made(
        sites=sites,
        pods={name: (f"10.1.0.{n}", f"fd01::{n}")[:families] for n, name in enumerate(pods)},
        hosts=frozenset(site.host for site in sites),
        services={
            name: Served((f"10.2.0.{n}", f"fd02::{n}")[:families], {"tcp": 30000 + n, "udp": 31000})
            for n, name in enumerate(names)
        },
        port=18471,
        namespace="lab",
        outside=("example.org",),
    )


def right(question: SurveyQuestion) -> SurveyAnswer:
    """The answer of a network where all is well."""
    want = question.want
    if want.reasons[0] != "ok":
        return SurveyAnswer(want.reasons[0])
    names = sorted(want.names) or ["a", "b"][: want.answerers or 1]
    said: list[dict[str, Any]] = [
        {
            "name": name,
            "seen": next(iter(want.seen), ""),
            "addresses": sorted(want.addresses),
            "mtu": 1500,
        }
        for name in names
    ]
    return SurveyAnswer("ok", seconds=(0.001,), answers=tuple(said))


def handed_over(*wrong: str, reason: str = "timeout", enforced: bool = True) -> dict[str, Any]:
    """What a survey hands over; all cells of the named matrices have that reason."""
    here, pairs = made(), [("n1", "n2"), ("n2", "n1")]
    asked = [*questions(here, pairs), *of_policy(here, pairs, allowed=True)]
    denied = of_policy(here, pairs, allowed=False)
    answered = [(each, right(each)) for each in asked]
    answered += judged_together(
        [(each, right(each) if enforced else SurveyAnswer("ok")) for each in denied]
    )
    found = matrices.matrices(
        (each, SurveyAnswer(reason, "why") if each.matrix in wrong else answer)
        for each, answer in answered
    )
    cell = {"row": "n1", "column": "pod", "reason": "ok", "right": True}
    found["agents"] = matrices.matrix("agents", [Cell.model_validate(cell)])
    return {**matrices.plain(found), "sample": "2 nodes", "skipped_nodes": []}


def verdict(name: str, variables: dict[str, Any]) -> tuple[Verdict, str]:
    outcome = OUTCOMES[name]
    handed = {each: variables[each] for each in outcome.vars}
    found = judge.judge(outcome, Observation({"vars": handed}))
    return found.verdict, found.reason


def test_every_matrix_is_asked_and_judged() -> None:
    names = {each.matrix for each in questions(made(), [("n1", "n2")])}
    names |= {"agents", "policy_allowed", "policy_denied"}
    assert names == set(matrices.TITLES)
    shown = [name for outcome in OUTCOMES.values() for name in outcome.matrices]
    assert sorted(shown) == sorted(matrices.TITLES)


@pytest.mark.parametrize("name", OUTCOMES)
def test_an_outcome_holds_where_all_is_well(name: str) -> None:
    assert verdict(name, handed_over()) == (Verdict.PASS, "")


FAILING = [
    (outcome.id, name)
    for outcome in OUTCOMES.values()
    for name in outcome.matrices
    # Without an answer nobody is seen, and a pair that isn't answered is denied.
    if name not in ("agents", "source_tcp", "source_udp", "policy_denied", "alone")
]


@pytest.mark.parametrize(("name", "matrix"), FAILING)
def test_it_fails_and_names_each_pair_if_one_of_its_matrices_is_wrong(
    name: str, matrix: str
) -> None:
    found, reason = verdict(name, handed_over(matrix))
    assert found is Verdict.FAIL
    assert "n1 to " in reason
    assert "n2 to " in reason
    assert "timeout (why)" in reason


def test_a_refusal_needs_its_control() -> None:
    found, reason = verdict("N9", handed_over("alone"))
    assert (found, "at its own node" in reason) == (Verdict.FAIL, True)


def test_a_network_without_policies_is_no_failure() -> None:
    found, reason = verdict("N13", handed_over(enforced=False))
    assert found is Verdict.SKIP
    assert reason.startswith("This CNI doesn't enforce policies")


def test_a_policy_that_denies_what_it_allows_is_a_failure() -> None:
    assert verdict("N13", handed_over("policy_allowed"))[0] is Verdict.FAIL
    assert verdict("N13", handed_over("policy_denied", reason="ok"))[0] is Verdict.FAIL


def test_echo_requests_that_are_not_permitted_are_not_measured() -> None:
    variables = handed_over("pod_icmp", reason="not_permitted")
    assert verdict("N2", variables)[0] is Verdict.PASS
    assert variables["pod_icmp"]["measured"] == 0
    assert variables["pod_icmp"]["unmeasured"] == "why"
    assert verdict("N2", handed_over("pod_tcp", reason="not_permitted"))[0] is Verdict.FAIL


def test_one_node_and_one_family_are_skipped_with_the_reason() -> None:
    here = made(SITES[:1], families=1)
    answered = [(q, right(q)) for q in questions(here, [])]
    found = matrices.matrices(answered, "Only one node.", ONE_FAMILY)
    variables = matrices.plain(found)
    assert verdict("N2", variables) == (Verdict.SKIP, "Only one node.")
    assert verdict("N12", variables) == (Verdict.SKIP, ONE_FAMILY)
    assert verdict("N6", variables)[0] is Verdict.PASS


def asked(want: Want, kind: str = "tcp") -> SurveyQuestion:
    return SurveyQuestion("pod_tcp", "n1", "n2", "agent", kind, "10.1.0.1", want=want)


@pytest.mark.parametrize(
    ("want", "said", "detail"),
    [
        (Want(names=frozenset(["b"])), [{"name": "c"}], "answered by c"),
        (Want(seen=frozenset(["10.1.0.1"])), [{"seen": "10.0.0.1"}], "seen as 10.0.0.1"),
        (Want(answerers=1), [{"name": "a"}, {"name": "b"}], "answered by a, b"),
        (Want(answerers=2), [{"name": "a"}, {"name": "a"}], "only a answered"),
        (Want(addresses=frozenset(["10.2.0.1"])), [{"addresses": []}], "the name leads to nothing"),
        (
            Want(addresses=frozenset(["10.2.0.1", "10.2.0.2"])),
            [{"addresses": ["10.2.0.2"]}],
            "the name leads to 10.2.0.2 alone",
        ),
    ],
)
def test_a_wrong_answer(want: Want, said: Sequence[dict[str, Any]], detail: str) -> None:
    cell = matrices.cell(asked(want), SurveyAnswer("ok", answers=tuple(said)))
    assert (cell.right, cell.reason, cell.detail) == (False, "wrong_answer", detail)


def test_a_resolver_may_ask_for_one_family_alone() -> None:
    want = Want(addresses=frozenset(["10.2.0.1", "fd02::1"]))
    assert matrices.cell(
        asked(want), SurveyAnswer("ok", answers=({"addresses": ["10.2.0.1"]},))
    ).right


def test_what_should_be_refused_is_wrong_if_it_is_answered() -> None:
    cell = matrices.cell(asked(Want(REFUSALS)), SurveyAnswer("ok", answers=({"name": "b"},)))
    assert (cell.right, cell.detail) == (False, "It was answered, and should not be.")


def test_percentiles() -> None:
    found = matrices.latency([number / 100 for number in range(100, 0, -1)])
    assert found is not None
    assert (found.p50, found.p90, found.p99, found.most) == (0.5, 0.9, 0.99, 1.0)
    assert matrices.latency([]) is None


def test_an_agent_that_prints_something_else_has_not_answered() -> None:
    (answer,) = read("Traceback", "warning\nOCI runtime exec failed", 1)
    assert answer.reason == "not_run"
    assert answer.said == "The agent does not answer: OCI runtime exec failed"
    assert len(read("[]", "", 2)) == 2


def test_the_labs_own_policy_leaves_the_survey_to_its_own() -> None:
    assert namespace.SURVEY == objects.LABEL
