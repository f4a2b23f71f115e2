"""Find the causes of failed outcomes: follow the packets that failed, and say where they part."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import RefusedError
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import (
    Contract,
    Stopped,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import (
    asking,
    beyond,
    read,
    services,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.asking import Question
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.commands import shown
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.read import World
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import (
    ApiState,
    cluster,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import (
    PASSES,
    Departure,
    each_once,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes import kubelets
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.readers import NOT_RUN
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    Cause,
    ProbeResult,
    Why,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.targets import address_and_port

# In a larger lab only the pods that the failed probes are about are looked into.
_MOST_PODS = 30
# Of many alike the first ones say it all.
_MOST_QUESTIONS, _MOST_BESIDE = 40, 8
_MOST_SHOWN = 3
_NODE_DOWN = "node-down"
# Other first words of what is told are names.
_WORDS = frozenset({"a", "it", "no", "nobody", "nothing", "packets", "the", "they"})
# What is wrong says what should be, and should be is told of one packet among many alike.
_PLAIN_LAYERS = frozenset({"filter", "service", "program", "setting"})
_PLAIN_IDS = frozenset({"no-route", "blackhole-route", "extra-route"})
_KINDS = {
    "http": ("tcp", 80),
    "tcp": ("tcp", 0),
    "udp": ("udp", 0),
    "icmp": ("icmp", 0),
    "path": ("icmp", 0),
    "mtu": ("icmp", 0),
    "dns": ("tcp", 0),
}


@dataclass(frozen=True)
class Asked:
    """A probe's answer, whether it had to be ok, and whether it was wrong."""

    result: ProbeResult
    wanted: bool
    wrong: bool


@dataclass(frozen=True)
class FailedOutcome:
    """An outcome that failed.

    Args:
        services: the services that it is about.
        down: a node that is down on purpose.
        asked: its probes, with their answers.
    """

    services: Collection[str] = ()
    down: str = ""
    asked: Sequence[Asked] = ()


@dataclass(frozen=True)
class Diagnosis:
    """What is known of a failure.

    Args:
        causes: first those that its packets meet, nearest to them first, then what else isn't as
            the lab was made.
        compared: what was compared and found as it should be, if its packets meet no cause.
        settled: whether waiting changes nothing about the failure.
    """

    causes: list[Cause]
    compared: list[Why] = field(default_factory=list)
    settled: bool = False


def diagnose(lab: Lab, failures: Sequence[FailedOutcome]) -> list[Diagnosis]:
    """A diagnosis for each failed outcome, from one look into the lab."""
    if not failures:
        return []
    try:
        known = cluster(lab.contract, lab.namespace, read.objects(lab.api, lab.namespace))
        questions = [_questions(known, each) for each in failures]
        world = read.places(lab.contract, known, _pods(known, failures, questions))
    except RefusedError as error:
        return [Diagnosis([_refused(error)]) for _ in failures]
    except LabError:
        silent = [_silent(lab.contract, each.down) for each in failures]
        return [Diagnosis([each], settled=each.id == _NODE_DOWN) for each in silent]
    beside = {down: beyond.departures(world, down) for down in {each.down for each in failures}}
    found = []
    for failed, asked in zip(failures, questions, strict=True):
        likely = causes(world, failed, asked, beside[failed.down])
        unexplained = not any(each.met for each in likely)
        why = compared(world, asked) if unexplained else []
        found.append(Diagnosis(likely, why, settled(world, failed, asked)))
    return found


def settled(world: World, failed: FailedOutcome, asked: Sequence[Question]) -> bool:
    """Whether what nothing in a cluster puts right by itself explains each wrong answer.

    Args:
        world: the lab.
        failed: the outcome.
        asked: what its probes asked; if no answer is wrong, the first cause must explain it.
    """
    wrong = dict.fromkeys(
        (each.wanted, tuple(_questions_of(world.cluster, each)))
        for each in failed.asked
        if each.wrong
    )
    if not wrong:
        return any(each.settled for each in _first(world, failed, asked)[:1])
    return all(
        any(_stays(world, question, failed.down, wanted=wanted) for question in questions)
        for wanted, questions in wrong
    )


def _stays(world: World, question: Question, down: str, *, wanted: bool) -> bool:
    """Whether what keeps an answer away, or brings one that should not come, stays as it is."""
    walk = asking.follow(world, question, down)
    ways = [way for way in walk.ways if not wanted or way.end != PASSES]
    met = [each for way in ways for each in way.departures[:1]] or walk.departures[:1]
    first = [each for each in met if not _small(each, question)]
    return bool(ways and first) and all(each.settled for each in first)


def causes(
    world: World,
    failed: FailedOutcome,
    asked: Sequence[Question],
    beside: Sequence[Departure],
) -> list[Cause]:
    """The causes of one failed outcome.

    Args:
        world: the lab.
        failed: the outcome.
        asked: what its probes asked, the wrong answers first.
        beside: all that isn't as the lab was made.
    """
    first = _first(world, failed, asked)
    places = {(each.place, each.actual) for each in first}
    rest = [each for each in beside if (each.place, each.actual) not in places]
    told = [_cause(each, met=True) for each in first] or list(_answering(world.cluster, failed))
    more = [_cause(each, met=False) for each in rest if not _same_rule(each, first)]
    return [*_one_each(told), *_one_each(more)[:_MOST_BESIDE]]


def _first(world: World, failed: FailedOutcome, asked: Sequence[Question]) -> list[Departure]:
    """What the packets of a failed outcome meet, nearest to them first, then what the API says."""
    met: list[Departure] = []
    # A service whose pods aren't ready may be the consequence of a node that isn't.
    late: list[Departure] = list(beyond.unready_nodes(world, failed.down))
    for question in asked:
        for each in asking.follow(world, question, failed.down).departures:
            if not _small(each, question):
                (late if each.layer == "service" else met).append(each)
    for name in failed.services:
        service = world.cluster.services.get(f"{world.cluster.namespace}/{name}")
        if service is not None:
            late += services.departures(world, service, failed.down)
    return [each for each in each_once([*met, *late]) if not _on_purpose(each, failed.down)]


def _answering(known: ApiState, failed: FailedOutcome) -> Iterator[Cause]:
    """Web servers that were reached as they should be, but answer with an error."""
    for each in failed.asked:
        error = each.result.reason.removeprefix("http_")
        if not each.wrong or error == each.result.reason:
            continue
        name, _ = address_and_port(each.result.target)
        pods = [pod.place for pod in known.pods.values() if name and pod.info.ip == name]
        service = known.services.get(f"{known.namespace}/{name}")
        for port in service.backends.values() if service and not pods else ():
            pods += [f"pod/{service.namespace}/{one.pod}" for one in port if service]
        who = " or ".join(shown(pod) for pod in dict.fromkeys(pods)) or name
        yield Cause(
            id="answers-with-an-error",
            cause=f"The web server of {who} is reached, and answers with the error {error}.",
            fix="Look at its configuration and its log.",
            place=shown(pods[0]) if len(pods) == 1 else "",
            shows=each.result.command,
        )


def compared(world: World, asked: Sequence[Question]) -> list[Why]:
    """What was looked at for a failure that it doesn't explain."""
    found = []
    walks = [asking.follow(world, question) for question in asked[:_MOST_SHOWN]]
    for walk in (each for each in walks if each.as_expected):
        steps = [step for way in walk.ways for step in way.steps]
        unread = "; ".join(walk.unread)
        found.append(
            Why(
                sentence=f"{walk.start} -> {walk.target}: names, translations, rules, routes, "
                f"neighbours, links, settings and listeners are as they should be"
                + (f", except what was not looked into: {unread}" if unread else ""),
                lines=list(dict.fromkeys(f"{step.place}: {step.actual}" for step in steps)),
            )
        )
    return found


def _small(departure: Departure, question: Question) -> bool:
    """Whether only larger packets than the question's would meet it."""
    return departure.id == "mtu-too-large" and not question.large


def _same_rule(departure: Departure, told: Iterable[Departure]) -> bool:
    """Whether a rule, a setting or a process has been told of already."""
    return any(each.fix and each.fix == departure.fix for each in told)


def _on_purpose(departure: Departure, down: str) -> bool:
    return bool(down) and departure.place == f"node/{down}"


def _one_each(found: Sequence[Cause]) -> list[Cause]:
    return list({(each.id, each.cause): each for each in found}.values())


def _cause(departure: Departure, *, met: bool) -> Cause:
    """A departure as a cause: the place and what is there, what should be, and what to do."""
    word = departure.actual.partition(" ")[0]
    actual = departure.actual
    if word in _WORDS:
        actual = actual[:1].upper() + actual[1:]
    where = shown(departure.place)
    here = "" if departure.layer == "service" or where in actual else f" ({where})"
    fix = departure.fix or departure.shows
    plain = departure.layer in _PLAIN_LAYERS or departure.id in _PLAIN_IDS
    expected = "" if plain else f" Expected: {departure.expected}."
    return Cause(
        id=departure.id,
        cause=f"{actual}{here}.{expected}",
        fix=f"Mend it: `{fix}`." if fix.startswith("python3 ") else fix,
        place=where,
        shows=departure.shows,
        met=met,
    )


def _pods(
    known: ApiState, failures: Sequence[FailedOutcome], asked: Sequence[Sequence[Question]]
) -> set[str]:
    """The pods to look into."""
    own = {name for name, pod in known.pods.items() if pod.info.namespace == known.namespace}
    found = asking.places_of(known, [each for questions in asked for each in questions])
    for failed in failures:
        for name in failed.services:
            service = known.services.get(f"{known.namespace}/{name}")
            backends = service.backends.values() if service else ()
            namespace = service.namespace if service else ""
            found |= {f"{namespace}/{each.pod}" for port in backends for each in port}
    return found | own if len(own) <= _MOST_PODS else found


def _questions(known: ApiState, failed: FailedOutcome) -> list[Question]:
    """What an outcome's probes asked of the network, each once; the wrong answers first."""
    ordered = sorted(failed.asked, key=lambda each: not each.wrong)
    asked = (question for each in ordered for question in _questions_of(known, each))
    return list(dict.fromkeys(asked))[:_MOST_QUESTIONS]


def _questions_of(known: ApiState, asked: Asked) -> Iterator[Question]:
    """What a probe asked of the network, and before that whether it could be begun at all."""
    begun = _kubelet(known, asked.result) if asked.result.reason == NOT_RUN else None
    yield from (each for each in (begun, _question(known, asked)) if each is not None)


def _kubelet(known: ApiState, result: ProbeResult) -> Question | None:
    """The way from the API server to a pod's kubelet, which runs commands and reads logs for it."""
    try:
        start = asking.place(
            known, f"pod/{result.target}" if result.kind == "log" else result.from_
        )
    except LabError:
        return None
    node = known.nodes.get(known.node_of(start)) if start.startswith("pod/") else None
    if node is None or not node.internal_ip:
        return None
    server = f"node/{known.contract.nodes[0].name}"
    return Question(server, "tcp", node.internal_ip, kubelets.PORT, wanted=True)


def _question(known: ApiState, asked: Asked) -> Question | None:
    """What a probe asked; None if it wasn't anything of the network."""
    result = asked.result
    if result.kind not in _KINDS or not result.from_:
        return None
    protocol, port = _KINDS[result.kind]
    name, number = address_and_port(result.target)
    if not name or ":" in name:  # Packets of IPv6 are not followed.
        return None
    try:
        start = asking.place(known, result.from_)
    except LabError:
        return None
    port = number or port if protocol != "icmp" else 0
    return Question(
        start,
        protocol,
        name,
        port,
        wanted=asked.wanted,
        large=result.kind == "mtu",
        only_name=result.kind == "dns",
    )


def _refused(error: RefusedError) -> Cause:
    return Cause(
        id="api-refuses",
        cause=error.message,
        fix="Look at the control plane: `python3 runner.py status`.",
    )


def _silent(contract: Contract, down: str) -> Cause:
    stopped = [
        node.name for node in contract.nodes if node.reach == Stopped() and node.name != down
    ]
    if stopped:
        return Cause(
            id=_NODE_DOWN,
            cause=f"The API does not answer; stopped nodes: {', '.join(stopped)}.",
            fix="Start the cluster: `python3 runner.py start`.",
        )
    return Cause(
        id="api-down",
        cause="The cluster's API does not answer.",
        fix="Look at the control plane: `python3 runner.py status`.",
    )
