"""A survey from its beginning to its matrices; what it makes stays until it is removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import Cell, Matrix
from ansible_collections.latihan.lab.plugins.plugin_utils.survey import making
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.asking import (
    Answered,
    ask,
    ask_until,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.making import Running
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.matrices import (
    NOT_ENFORCED,
    NOT_PERMITTED,
    NOT_RUN,
    SurveyAnswer,
    cell,
    matrices,
    matrix,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.objects import Agents, Site
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.plan import Sample, choose
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.questions import (
    OK,
    Made,
    of_policy,
    questions,
)

_POLICY_WITHIN = 10.0
_PAUSE = 1.0
ONE_FAMILY = "The pods have addresses of one family."


@dataclass(frozen=True)
class Options:
    """What a survey is asked for.

    Args:
        seed: by what nodes and pairs are chosen if there are too many.
        nodes: how many nodes take part at most.
        pairs: how many pairs are asked at most.
        outside: names outside the cluster to resolve.
    """

    seed: int
    nodes: int
    pairs: int
    outside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Surveyed:
    """What a survey found.

    Args:
        matrices: all of them, by their names.
        sample: what it is of, in a sentence.
        skipped: why nodes did not take part, by their names.
    """

    matrices: Mapping[str, Matrix]
    sample: str
    skipped: Mapping[str, str]


def survey(
    lab: Lab, agents: Agents, options: Options, tell: Callable[[int, int], None]
) -> Surveyed:
    """Make what it needs, and ask.

    Args:
        lab: the lab.
        agents: what the pods run.
        options: what is asked for.
        tell: is told how many pods of how many answer.

    Raises:
        LabError: no node takes part, or something can't be made.
    """
    nodes = {
        item["metadata"]["name"]: item for item in lab.api.get("/api/v1/nodes").get("items") or []
    }
    choice = choose(nodes.values(), options.seed, options.nodes, options.pairs)
    if not choice.nodes:
        reasons = " ".join(f"{name}: {why}" for name, why in choice.skipped.items())
        raise LabError(f"No node takes part in a survey. {reasons}", kind=Kind.INPUT)
    sites = tuple(
        Site(name, number, internal_addresses(nodes[name]))
        for number, name in enumerate(choice.nodes, 1)
    )
    making.remove(lab)
    # Without it, a policy of the namespace that denies everything would hide what the network does.
    making.allow(lab)
    running, services = making.make(lab, sites, agents, lambda done: tell(done, 2 * len(sites)))
    made = Made(
        sites=tuple(site for site in sites if site.pod in running.addresses),
        pods=running.addresses,
        hosts=frozenset(site.host for site in sites if site.host in running.addresses),
        services=services,
        port=agents.port,
        namespace=lab.namespace,
        outside=options.outside,
    )
    answered: Answered = []
    why = _why_nothing(made, running)
    if made.sites:
        answered += ask(lab, questions(made, choice.pairs))
        refused = making.guard(lab, made.port)
        why = refused or why
        answered += [] if refused else _of_policies(lab, made, choice)
    silent = {
        question.agent: answer.said for question, answer in answered if answer.reason == NOT_RUN
    }
    second = ONE_FAMILY if made.families == 1 else ""
    found = {**matrices(answered, why, second), "agents": _agents(sites, running, silent)}
    return Surveyed(found, sample(choice, options.seed), choice.skipped)


def _of_policies(lab: Lab, made: Made, choice: Sample) -> Answered:
    """What is allowed and denied while a policy says so."""
    denied = of_policy(made, choice.pairs, allowed=False)
    if not denied:
        return []

    def enforced(found: Answered) -> bool:
        return all(cell(question, answer).right for question, answer in found)

    refusals = judged_together(ask_until(lab, denied, enforced, _POLICY_WITHIN, _PAUSE))
    return [*refusals, *ask(lab, of_policy(made, choice.pairs, allowed=True))]


def judged_together(refusals: Answered) -> Answered:
    """Where all that a policy denies is answered, nobody enforces it. Pure.

    Args:
        refusals: what was asked while a policy denied it.
    """
    if any(answer.reason != OK for _question, answer in refusals):
        return refusals
    nobody = (
        "This CNI doesn't enforce policies: "
        f"{_POLICY_WITHIN:g} s after one was made, all that it denies is answered."
    )
    return [(question, SurveyAnswer(NOT_ENFORCED, nobody)) for question, _answer in refusals]


def internal_addresses(node: ApiObject) -> tuple[str, ...]:
    """A node's own addresses, one of each family, in the API's order. Pure."""
    listed = (node.get("status") or {}).get("addresses") or []
    own = [each["address"] for each in listed if each["type"] == "InternalIP"]
    return tuple({":" in address: address for address in reversed(own)}.values())[::-1]


def _why_nothing(made: Made, running: Running) -> str:
    """Why a matrix is empty. Pure."""
    if not made.sites:
        return "No pod of the survey runs."
    if not made.hosts:
        return f"No pod runs in a node's network: {next(iter(running.troubles.values()), '')}"
    return "Only one node takes part." if len(made.sites) == 1 else "Nobody asked."


def _agents(sites: tuple[Site, ...], running: Running, silent: Mapping[str, str]) -> Matrix:
    """Which pods run and answer. One that the cluster doesn't take can't be measured. Pure."""
    cells = []
    for site in sites:
        for column, name in (("pod", site.pod), ("node", site.host)):
            why = running.troubles.get(name) or silent.get(name, "")
            refused = name in running.refused and name == site.host
            reason = "ok" if not why else NOT_PERMITTED if refused else NOT_RUN
            right = None if refused else not why
            cells.append(Cell(row=site.node, column=column, reason=reason, right=right, detail=why))
    return matrix("agents", cells)


def sample(choice: Sample, seed: int) -> str:
    """What the survey is of, in words. Pure."""
    total, pairs = len(choice.nodes), len(choice.pairs)
    nodes = f"{total} node{'s' if total != 1 else ''}"
    if pairs == choice.possible:
        return f"{nodes}, all {pairs} pairs" if pairs else nodes
    return f"{nodes}, {pairs} of {choice.possible} pairs, chosen by the seed {seed}"
