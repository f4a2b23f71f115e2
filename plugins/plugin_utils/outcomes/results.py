"""The results of probes and outcomes, as types.

They are the same in a task's result, in the report and on its page. Times are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from pydantic import Field

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import Document
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record

OK = "ok"


class Verdict(StrEnum):
    """Whether an outcome holds; ``SKIP`` if it could not be checked."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    SKIP = "skip"


class Yield(Record):
    """What the answers of one kind of probe hold besides what all answers do; here nothing.

    A field is None if the probe's output doesn't say it.
    """


class HttpYield(Yield):
    """What a web server answered, and the two ends of the connection."""

    status: int | None = None
    body: str | None = None
    remote_ip: str | None = None
    local_ip: str | None = None
    local_port: str | None = None


class UdpYield(Yield):
    """What came back."""

    answer: str | None = None


class DnsYield(Yield):
    """The addresses of a name, each once."""

    addresses: list[str] | None = None


class IcmpYield(Yield):
    """The address that answered."""

    address: str | None = None


class Hop(Record):
    """A stop of a path; None if nobody answered, or if the owner is unknown."""

    address: str | None = Field(None, description="null if nobody answered.")
    owner: str | None = Field(None, description="As in node/NAME and pod/NAME.")
    interface: str | None = None


class TracedHop(Hop):
    """A hop as traceroute has it: its distance, and all addresses that answered."""

    ttl: int
    addresses: list[str] = []

    @property
    def shown(self) -> Hop:
        """What a report shows of it."""
        return Hop(address=self.address, owner=self.owner, interface=self.interface)


class PathYield(Yield):
    """The hops in order."""

    hops: list[TracedHop] | None = None


class MtuYield(Yield):
    """An interface's MTU in bytes, and the reasons for the largest packet and for one byte more."""

    mtu: int | None = None
    largest: str | None = None
    over: str | None = None


class CommandYield(Yield):
    """What a command printed: as ``json`` if it is JSON, otherwise as ``lines``."""

    stdout: str | None = None
    stderr: str | None = None
    json_: Any = Field(None, alias="json")
    lines: list[str] | None = None


class KubectlYield(CommandYield):
    """What kubectl printed, and with ``-v=8`` the API's refusal."""

    refusal: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """A probe's answer. There may be thousands, so it is not checked by pydantic.

    Args:
        name: the probe's name in its outcome.
        kind: http, dns, path ...
        from_: where it started; empty if it starts nowhere.
        target: what it asked.
        item: what it was made for, if one entry made many probes.
        command: what a person would type.
        output: what a person needs to see of what it printed.
        exit_code: None if it never ran or was cut off.
        reason: ok, refused, no_route ...
        ok: whether the reason is ok.
        duration_s: how long it took, in seconds.
        yields: what its kind yields besides.
    """

    name: str
    kind: str
    from_: str
    target: str
    item: Any
    command: str
    output: str
    exit_code: int | None
    reason: str
    ok: bool
    duration_s: float
    yields: Yield

    def document(self) -> Document:
        """As expressions see it: with what its kind yields beside the rest."""
        common = {name: getattr(self, field) for name, field in _COMMON.items()}
        return common | self.yields.model_dump()


_COMMON = {each.name.rstrip("_"): each.name for each in fields(ProbeResult)[:-1]}
COMMON = frozenset(_COMMON)
"""The fields of every probe's answer."""


class Evidence(Record):
    """What was asked, and what was the answer."""

    kind: str = Field("", description="What was asked: http, dns, path, ...")
    from_: str = Field("", alias="from", description="host, node/NAME or pod/NAME/CONTAINER.")
    target: str = ""
    command: str = Field(description="What a person would type.")
    output: str
    reason: str = Field(OK, description="ok, refused, no_route, ...")
    exit_code: int | None = Field(None, strict=True)
    duration_s: float | None = Field(None, ge=0, strict=True, allow_inf_nan=False)


class TracedPath(Record):
    """The path that packets took, hop by hop."""

    from_: str = Field(alias="from")
    target: str
    arrived: bool
    hops: list[Hop]


class Flow(Record):
    """Packets between parts of the lab, as they were seen or asked for."""

    stops: tuple[str, ...] = Field(
        min_length=1,
        description="The owners on the way, as in pod/p1: where the packets started, and how far "
        "they are known to have come.",
    )
    goal: str = Field(
        description="The owner that was asked for; the last of the stops if the packets arrived."
    )
    reason: str = Field(OK, description="ok, or why the packets did not arrive.")
    seen: bool = Field(
        False,
        description="Whether each stop answered for itself (a traced path), or only the goal did.",
    )
    asked: str = Field("", description="How it was asked for, such as HTTP or ping.")
    times: int = Field(1, ge=1, strict=True, description="How many flows were like this one.")

    @property
    def ok(self) -> bool:
        """Whether they arrived."""
        return self.reason == OK


class Why(Record):
    """Why a packet went where it went: a sentence, and the raw lines that it is based on."""

    sentence: str
    lines: list[str] = []


class Cause(Record):
    """A likely cause of a failure, and what to do about it."""

    id: str = Field(min_length=1, description="Its stable name, as in no-route.")
    cause: str = Field(description="What is wrong, and where.")
    fix: str = Field(description="What to do about it.")
    place: str = Field("", description="Where it is, as in node/NAME; empty if unknown.")
    shows: str = Field("", description="The command that shows it.")
    met: bool = Field(
        True,
        description="Whether packets that failed meet it; otherwise it only isn't as the lab was "
        "made.",
    )


class Cell(Record):
    """What one place found when it asked another.

    Only one that is wrong says how to ask the same again.
    """

    row: str
    column: str
    reason: str = Field(description="ok, refused, timeout, ...")
    right: bool | None = Field(
        description="Whether it is as it should be; null if it could not be measured."
    )
    detail: str = Field("", description="What else there is to say of it.")
    attempts: int = Field(1, ge=1, strict=True, description="How many times it was asked.")
    from_: str = Field("", alias="from", description="As in pod/NAME and node/NAME.")
    kind: str = Field("", description="As of a probe: tcp, udp, icmp, ...")
    target: str = Field("", description="As of a probe of that kind.")


class Latency(Record):
    """How long answers took, in seconds: percentiles, and the most."""

    p50: float = Field(ge=0)
    p90: float = Field(ge=0)
    p99: float = Field(ge=0)
    most: float = Field(ge=0)


class Matrix(Record):
    """Who found what, place by place: those that asked are rows, those that were asked columns."""

    name: str = Field(min_length=1)
    title: str
    rows: list[str]
    columns: list[str]
    cells: list[Cell] = Field(description="Those that were asked.")
    measured: int = Field(ge=0, strict=True, description="How many cells could be measured.")
    wrong: list[str] = Field(description="What is not as it should be, a sentence for each cell.")
    unmeasured: str = Field("", description="Why cells could not be measured.")
    latency: Latency | None = Field(None, description="null if nothing was timed.")


class OutcomeResult(Record):
    """One checked outcome."""

    id: str = Field(min_length=1)
    title: str = Field("", description="What it claims.")
    verdict: Verdict
    expected: str = ""
    observed: str = ""
    reason: str = Field("", description="Why it does not hold, or could not be checked.")
    evidence: list[Evidence] = []
    paths: list[TracedPath] = Field([], description="The paths that packets took, hop by hop.")
    flows: list[Flow] = Field(
        [], description="Who asked whom, and how it ended; what was not expected comes first."
    )
    matrices: list[Matrix] = Field([], description="Who reached whom, place by place.")
    why: list[Why] = Field([], description="Why packets went where they went.")
    diagnosis: list[Cause] = Field(
        [], description="The likely causes of a failure, the likeliest first."
    )
    probes: int = Field(
        0, ge=0, strict=True, description="How many there were; the evidence may be of only some."
    )
    attempts: int = Field(
        1, ge=1, strict=True, description="How many times it was probed until the verdict."
    )
    retried: list[str] = Field([], description="Why it was not settled earlier.")
    waited_s: float = Field(
        0.0, ge=0, strict=True, allow_inf_nan=False, description="Until its last attempt began."
    )
    duration_s: float = Field(
        0.0,
        ge=0,
        strict=True,
        allow_inf_nan=False,
        description="Its own time: its waits and its longest probe.",
    )
    moment: int | None = Field(
        None,
        ge=0,
        strict=True,
        description="Which of the facts beside it judged it, counted from 0; null if none were "
        "there.",
    )
    false_alarm: str = Field("", description="The chance that a correct network fails.")
    article: str = Field("", description="What the source of the claim says, if that differs.")

    @property
    def cause(self) -> Cause | None:
        """The likeliest cause of its failure; None if none is known."""
        return next((each for each in self.diagnosis if each.met), None)

    @property
    def brief(self) -> str:
        """What to show beside the title: what was seen, or why it isn't a pass."""
        passed = self.verdict is Verdict.PASS
        return self.observed if passed else self.reason or self.observed
