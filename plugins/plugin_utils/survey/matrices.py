"""Answers as matrices: which cells are right, and how long answers took. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    Cell,
    Latency,
    Matrix,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.objects import HOSTS
from ansible_collections.latihan.lab.plugins.plugin_utils.survey.questions import (
    OK,
    SurveyQuestion,
    Want,
)

TITLES = {
    "agents": "What runs",
    "pod_tcp": "Pod to pod, TCP",
    "pod_udp": "Pod to pod, UDP",
    "pod_icmp": "Pod to pod, echo requests",
    "source_tcp": "The address that a pod is seen at, TCP",
    "source_udp": "The address that a pod is seen at, UDP",
    "mtu": "The largest packet of the pod's interface",
    "pod_node_tcp": "Pod to node, TCP",
    "pod_node_udp": "Pod to node, UDP",
    "pod_node_icmp": "Pod to node, echo requests",
    "node_pod_tcp": "Node to pod, TCP",
    "node_pod_udp": "Node to pod, UDP",
    "node_pod_icmp": "Node to pod, echo requests",
    "node_node_tcp": "Node to node, TCP",
    "node_node_udp": "Node to node, UDP",
    "node_node_icmp": "Node to node, echo requests",
    "service_tcp": "Pod to the service of the pod on each node, TCP",
    "service_udp": "Pod to the service of the pod on each node, UDP",
    "headless": "The addresses of a headless service",
    "pod_port_tcp": "Pod to the node port of each node, TCP",
    "pod_port_udp": "Pod to the node port of each node, UDP",
    "node_port_tcp": "Node to the node port of each node, TCP",
    "node_port_udp": "Node to the node port of each node, UDP",
    "local": "Node to the node port of each node, externalTrafficPolicy Local",
    "alone": "The same, with a pod on one node only",
    "pod_names": "Names that a pod resolves",
    "node_names": "Names that a pod in the node's network resolves",
    "outside_names": "Names outside the cluster",
    "sticky": "A service with sessionAffinity ClientIP",
    "spread": "The same pods without it",
    "second_tcp": "Pod to pod in the second address family, TCP",
    "second_udp": "Pod to pod in the second address family, UDP",
    "second_icmp": "Pod to pod in the second address family, echo requests",
    "second_mtu": "The largest packet in the second address family",
    "second_service": "Pod to service in the second address family, TCP",
    "policy_open": "The second port, without a policy",
    "policy_allowed": "The first port, which the policy allows",
    "policy_denied": "The second port, which the policy denies",
}
# What a matrix's name ends in, and how its cells were asked.
_BY = {"tcp": " (TCP)", "udp": " (UDP)", "icmp": " (echo requests)"}
NOT_RUN, NOT_PERMITTED, NOT_ENFORCED = "not_run", "not_permitted", "not_enforced"


@dataclass(frozen=True)
class SurveyAnswer:
    """What an agent answered to a question, or why it wasn't asked.

    Args:
        reason: ok, refused, timeout, ...
        said: what there is to say of it.
        seconds: how long each answer took.
        answers: what was answered each time.
        attempts: how many times it was asked.
    """

    reason: str
    said: str = ""
    seconds: tuple[float, ...] = ()
    answers: tuple[ApiObject, ...] = ()
    attempts: int = 1

    def again(self, attempts: int) -> SurveyAnswer:
        """The same, after so many attempts."""
        return replace(self, attempts=attempts)


def cell(question: SurveyQuestion, answer: SurveyAnswer) -> Cell:
    """A question and its answer as a cell."""
    right, reason, detail = _judged(question, answer)
    found = Cell(
        row=question.row,
        column=question.column,
        reason=reason,
        right=right,
        detail=detail,
        attempts=answer.attempts,
    )
    return found if right is not False else found.model_copy(update=_asked(question))


def _asked(question: SurveyQuestion) -> dict[str, str]:
    """How to ask the same again, in the words of a probe."""
    to = f"[{question.to}]" if ":" in question.to else question.to
    target = f"{to}:{question.port}" if question.kind in ("tcp", "udp") else question.to
    inside = f"pod/{question.agent}"
    start = f"node/{question.row}" if question.agent.startswith(HOSTS) else inside
    return {"from_": start, "kind": question.kind, "target": target}


def _judged(question: SurveyQuestion, answer: SurveyAnswer) -> tuple[bool | None, str, str]:
    """Whether an answer is right, its reason, and what there is to say of it."""
    want, reason = question.want, answer.reason
    unmeasurable = {NOT_RUN, NOT_ENFORCED, *([NOT_PERMITTED] if question.kind == "icmp" else [])}
    if reason in unmeasurable or (want.if_answered and reason != OK):
        return None, reason, answer.said
    if reason not in want.reasons:
        detail = answer.said if reason != OK else "It was answered, and should not be."
        return False, reason, detail
    if reason != OK:
        return True, reason, answer.said
    if wrong := _fault(want, answer):
        return False, "wrong_answer", wrong
    return True, reason, _told(question, answer)


def _fault(want: Want, answer: SurveyAnswer) -> str:
    """What is wrong with what was answered; empty if nothing is."""
    names = _said(answer, "name")
    if want.names and not names <= want.names:
        return f"answered by {_listed(names - want.names)}"
    if want.answerers == 1 and len(names) > 1:
        return f"answered by {_listed(names)}"
    if want.answerers > 1 and len(names) < want.answerers:
        return f"only {_listed(names)} answered"
    seen = _said(answer, "seen")
    if want.seen and not seen <= want.seen:
        return f"seen as {_listed(seen - want.seen)}"
    return _fault_of_name(want, answer)


def _fault_of_name(want: Want, answer: SurveyAnswer) -> str:
    found = {each for one in answer.answers for each in one.get("addresses") or []}
    if want.addresses and (not found or not found <= want.addresses):
        return f"the name leads to {_listed(found) or 'nothing'}"
    if len(want.addresses) > len(found) and not _one_family(want.addresses, found):
        return f"the name leads to {_listed(found)} alone"
    return ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _one_family(wanted: Iterable[str], found: Iterable[str]) -> bool:
    """Whether only those of a family that the resolver doesn't ask for are missing."""
    missing = {":" in each for each in set(wanted) - set(found)}
    return len(missing) == 1 and not missing & {":" in each for each in found}


def _said(answer: SurveyAnswer, key: str) -> set[str]:
    return {str(each[key]) for each in answer.answers if key in each}


def _told(question: SurveyQuestion, answer: SurveyAnswer) -> str:
    """What a right answer tells besides."""
    for each in answer.answers:
        if question.kind == "mtu" and "mtu" in each:
            return f"{each['mtu']} bytes"
        if question.kind == "dns":
            return ", ".join(each.get("addresses") or [])
    return ""


def matrices(
    answered: Iterable[tuple[SurveyQuestion, SurveyAnswer]], why: str = "", second: str = ""
) -> dict[str, Matrix]:
    """All matrices, by their names; those of which nothing was asked are empty.

    Args:
        answered: the questions and their answers.
        why: why those that nobody asked were not asked.
        second: the same for those of the second address family, if that has another reason.
    """
    groups: dict[str, list[tuple[SurveyQuestion, SurveyAnswer]]] = {name: [] for name in TITLES}
    for question, answer in answered:
        groups[question.matrix].append((question, answer))
    found = {}
    for name, group in groups.items():
        timed = [each for _question, answer in group for each in answer.seconds]
        cells = [cell(question, answer) for question, answer in group]
        reason = second if second and name.startswith("second_") else why
        found[name] = matrix(name, cells, timed if name.endswith(("tcp", "udp")) else (), reason)
    return found


def matrix(name: str, cells: Sequence[Cell], timed: Sequence[float] = (), why: str = "") -> Matrix:
    """Cells as a matrix.

    Args:
        name: its name.
        cells: its cells.
        timed: how long answers took, in seconds.
        why: what to say if there are no cells.
    """
    unmeasured = [each for each in cells if each.right is None]
    rows, columns = ({str(getattr(each, end)): None for each in cells} for end in ("row", "column"))
    if columns.keys() <= rows.keys():
        columns = {name: None for name in rows if name in columns}
    reasons = dict.fromkeys(each.detail or each.reason for each in unmeasured)
    return Matrix(
        name=name,
        title=TITLES[name],
        rows=list(rows),
        columns=list(columns),
        cells=list(cells),
        measured=len(cells) - len(unmeasured),
        wrong=[_sentence(name, each) for each in cells if each.right is False],
        unmeasured="; ".join(reasons) if cells else why,
        latency=latency(timed),
    )


def _sentence(name: str, wrong: Cell) -> str:
    by = _BY.get(name.rpartition("_")[2], "")
    detail = f" ({wrong.detail.rstrip('.')})" if wrong.detail else ""
    return f"{wrong.row} to {wrong.column}{by}: {wrong.reason.replace('_', ' ')}{detail}"


def latency(timed: Sequence[float]) -> Latency | None:
    """Percentiles of times in seconds, by the nearest rank; None if there are none."""
    if not timed:
        return None
    ordered = sorted(timed)

    def rank(percent: int) -> float:
        return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]

    return Latency(p50=rank(50), p90=rank(90), p99=rank(99), most=ordered[-1])


def plain(found: Mapping[str, Matrix]) -> dict[str, ApiObject]:
    """Matrices as JSON's types."""
    return {name: each.plain() for name, each in found.items()}
