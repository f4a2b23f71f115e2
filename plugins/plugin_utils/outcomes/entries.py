"""Outcomes as data: what their entries may say, and reading them from files.

An entry is checked when it is loaded, before anything runs: its shape, its probes, and that every
expression compiles and starts from something that exists. An error names the file, the line and
the field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.expressions import (
    ExpressionError,
    compiled,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import ROOTS, members
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.templates import template
from ansible_collections.latihan.lab.plugins.plugin_utils.common import collection, yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.kinds import KINDS
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import place
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.readers import (
    REASONS,
    is_reason,
)

Location = tuple[str | int, ...]
Words = Annotated[list[str], Field(min_length=1)]

ANY = "any"
_ROOTS = frozenset([*ROOTS, "probes", "vars", "before", "nonce"])
_ITEM = "item"
_EXPLAINED = "http"  # Only curl reports the port that a connection was made from.


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ProbeEntry(_Entry):
    """A probe of an outcome; exactly one of the kinds says what it asks.

    Args:
        from_: where it starts (written ``from``).
        want: the reasons that are right; ``ok`` by default; ``any`` leaves it to ``expect``.
        each: an expression that yields a list: one probe for each item, which is ``item``.
        count: how many times to ask the same, all at once.
        after: how many seconds after the others it starts.
        timeout: seconds for the connection or the answer.
        options: more options of its kind, as in {server: 10.96.0.10}.
        optional: whether the outcome is judged without it if there is nothing to ask, or no place
            to ask from.
    """

    from_: str | None = Field(default=None, alias="from")
    http: str | None = None
    tcp: str | None = None
    udp: str | None = None
    dns: str | None = None
    icmp: str | None = None
    path: str | None = None
    mtu: str | None = None
    exec: Words | None = None
    log: str | None = None
    kubectl: Words | None = None
    want: Words = ["ok"]
    each: str | None = None
    count: int = Field(default=1, ge=1, le=1000)
    after: float = Field(default=0.0, ge=0, le=30)
    timeout: float = Field(default=2.0, gt=0, le=30)
    options: dict[str, str] = {}
    optional: bool = False

    @field_validator("want", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(f"a probe must have exactly one of {', '.join(KINDS)}")
        return self

    @property
    def kind(self) -> str:
        """What kind of probe it is."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def target(self) -> str | list[str]:
        """What it asks, not yet filled in."""
        value: str | list[str] = getattr(self, self.kind)
        return value

    @property
    def many(self) -> bool:
        """Whether its answers are a list."""
        return self.each is not None or self.count > 1

    def accepts(self, reason: str) -> bool:
        """Whether an answer with that reason is right."""
        return ANY in self.want or reason in self.want

    @property
    def refusal(self) -> bool:
        """Whether only a failure is right."""
        return "ok" not in self.want and ANY not in self.want


class Expectation(_Entry):
    """An expression that must be true, and what to tell a person if it isn't."""

    that: str
    otherwise: str = ""


class SkipRule(_Entry):
    """A condition under which an outcome can't be checked, and why."""

    when: str
    reason: str


class OutcomeEntry(_Entry):
    """An outcome as it is written: who probes what, and what must be true of the answers.

    Args:
        id: its stable name, as in P9.
        title: what it claims, in one sentence.
        vars: names that expressions may use as ``vars.NAME``; null if the previous step must hand
            over the value.
        probes: the probes, by name.
        expect: expressions that must be true of the facts, ``probes``, ``vars`` and, with
            ``reread``, ``before`` (the facts before the probes).
        control: the same, for what must work at that moment; required if a refusal is expected.
        expected: a sentence for a person, with ``${expression}`` in it.
        observed: the same, about what was seen.
        within: how many seconds the outcome may take to come true; 0 for at once. If the same is
            asked more than once, it must hold once more after a wait.
        reread: read the facts again after the probes.
        sample_nodes: in a large cluster ``nodes`` are a sample of its nodes.
        false_alarm: the chance that a correct network fails, if there is one.
        article: what the article says about it, if that is vague, wrong or different here.
        skip: when it can't be checked.
        explain: the probes (http) to explain: by the rules that carried each connection, or by
            what refused it.
        evidence: the vars that hold what ``latihan.lab.kubectl`` returned in earlier steps; their
            commands and output are shown with the probes.
        matrices: the vars that hold matrices of ``latihan.lab.survey``; they are shown too.
    """

    id: str = Field(pattern=r"^[A-Z][A-Z0-9_-]*$")
    title: str = Field(min_length=3)
    vars: dict[str, Any] = {}
    probes: dict[str, ProbeEntry] = {}
    expect: Annotated[list[Expectation], Field(min_length=1)]
    control: list[Expectation] = []
    expected: str = Field(min_length=3)
    observed: str = Field(min_length=3)
    within: float = Field(default=0.0, ge=0, le=600)
    reread: bool = False
    sample_nodes: bool = False
    false_alarm: str = ""
    article: str = ""
    skip: list[SkipRule] = []
    explain: list[str] = []
    evidence: list[str] = []
    matrices: list[str] = []

    @property
    def sampled(self) -> bool:
        """Whether it is judged by a sample: the same is asked more than once."""
        return any(probe.count > 1 for probe in self.probes.values())

    @field_validator("expect", "control", mode="before")
    @classmethod
    def _plain_expressions(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [{"that": item} if isinstance(item, str) else item for item in value]


@dataclass(frozen=True)
class _Fault:
    """What is wrong with an entry, and where in it."""

    at: Location
    message: str


def prepare() -> None:
    """Read the collection's own outcomes, so that processes forked after this have them.

    A damaged file is reported when it is needed.
    """
    with suppress(LabError):
        load(collection.outcome_files())


def load(paths: Sequence[Path]) -> list[OutcomeEntry]:
    """Read the outcomes of some files.

    Args:
        paths: YAML files, each a list of entries.

    Returns:
        The outcomes, in the order of the files.

    Raises:
        LabError: of the kind INPUT, with file, line and field of the first fault.
    """
    found: dict[str, OutcomeEntry] = {}
    for path in paths:
        for outcome, where in _read(path, yaml_files.text_of(path, "outcomes file")):
            if outcome.id in found:
                raise LabError(
                    f"{where}: the outcome {outcome.id} appears twice.",
                    "Give each outcome its own id.",
                    Kind.INPUT,
                )
            found[outcome.id] = outcome
    return list(found.values())


@cache
def _read(path: Path, text: str) -> list[tuple[OutcomeEntry, str]]:
    """The outcomes of a file, and where each is."""
    documents = yaml_files.parse(text, str(path))
    entries = documents[0].value if len(documents) == 1 else None
    if not isinstance(entries, list) or not entries:
        line = documents[1].node.start_mark.line + 1 if documents[1:] else 1
        raise LabError(
            f"{path}:{line}: the file is not a list of outcomes.",
            "Start each entry with `- id: NAME`.",
            Kind.INPUT,
        )
    lines = dict(_lines(documents[0].node, ()))
    return [
        (_checked(entry, number, path, lines), f"{path}:{lines[(number,)]}")
        for number, entry in enumerate(entries)
    ]


def _checked(entry: Any, number: int, path: Path, lines: dict[Location, int]) -> OutcomeEntry:
    try:
        outcome = OutcomeEntry.model_validate(entry)
        faults = list(_faults(outcome))
    except ValidationError as error:
        faults = [_Fault(tuple(item["loc"]), _plain(item)) for item in error.errors()]
    if not faults:
        return outcome
    name = str(entry.get("id", number + 1) if isinstance(entry, dict) else number + 1)
    name = name if name.isprintable() else repr(name)
    lines_of_faults = [
        f"{path}:{_line((number, *fault.at), lines)}: outcome {name}, field "
        f"{'.'.join(map(str, fault.at)) or '(all)'}: {fault.message}"
        for fault in faults
    ]
    raise LabError(
        f"{lines_of_faults[0]}.",
        "Correct the entry; nothing has run.",
        Kind.INPUT,
        "\n".join(lines_of_faults),
    )


def _plain(item: Any) -> str:
    """A message of pydantic's, in the words of a YAML file."""
    match item["type"]:
        case "missing":
            return "this field is missing"
        case "extra_forbidden":
            return "unknown field"
        case _:
            return str(item["msg"]).removeprefix("Value error, ")


def _faults(outcome: OutcomeEntry) -> Iterator[_Fault]:
    """What is wrong with an entry that has the right shape."""
    names = _Names(outcome.probes, frozenset(outcome.vars))
    for name, probe in outcome.probes.items():
        for fault in _probe_faults(probe, names):
            yield _Fault(("probes", name, *fault.at), fault.message)
    for group in ("expect", "control"):
        for number, expectation in enumerate(getattr(outcome, group)):
            at: Location = (group, number)
            yield from _expression_faults(expectation.that, at, names)
            yield from _template_faults(expectation.otherwise, at, names)
    for field in ("expected", "observed"):
        yield from _template_faults(getattr(outcome, field), (field,), names)
    yield from _explain_faults(outcome)
    yield from _handed_over_faults(outcome)
    for number, rule in enumerate(outcome.skip):
        yield from _expression_faults(rule.when, ("skip", number), names)
        yield from _template_faults(rule.reason, ("skip", number), names)
    if any(probe.refusal for probe in outcome.probes.values()) and not outcome.control:
        yield _Fault(
            ("control",),
            "a refusal is expected, so a control must show that something else works",
        )


def _explain_faults(outcome: OutcomeEntry) -> Iterator[_Fault]:
    for number, name in enumerate(outcome.explain):
        if name not in outcome.probes:
            known = ", ".join(outcome.probes) or "none"
            yield _Fault(("explain", number), f"unknown probe {name!r}; known: {known}")
        elif outcome.probes[name].kind != _EXPLAINED:
            yield _Fault(
                ("explain", number), f"only a probe of the kind {_EXPLAINED} can be explained"
            )


def _handed_over_faults(outcome: OutcomeEntry) -> Iterator[_Fault]:
    for field in ("evidence", "matrices"):
        for number, name in enumerate(getattr(outcome, field)):
            if name not in outcome.vars:
                known = ", ".join(sorted(outcome.vars)) or "none"
                yield _Fault((field, number), f"unknown vars.{name}; known: {known}")


@dataclass(frozen=True)
class _Names:
    """What expressions of an entry may start from."""

    probes: Mapping[str, ProbeEntry]
    variables: frozenset[str]
    item: bool = False


def _probe_faults(probe: ProbeEntry, names: _Names) -> Iterator[_Fault]:
    yield from _kind_faults(probe)
    if probe.each is not None:
        yield from _expression_faults(probe.each, ("each",), names)
    inner = _Names({}, names.variables, item=probe.each is not None)
    if probe.from_ is not None:
        yield from _template_faults(probe.from_, ("from",), inner)
        if "${" not in probe.from_:
            try:
                place(probe.from_)
            except LabError as error:
                yield _Fault(("from",), str(error).rstrip("."))
    for word in probe.want:
        if word != ANY and not is_reason(word):
            known = ", ".join(sorted([*REASONS, ANY, "http_NNN", "exit_N"]))
            yield _Fault(("want",), f"unknown reason {word!r}; known: {known}")
    words = [probe.target] if isinstance(probe.target, str) else probe.target
    for text in (*words, *probe.options.values()):
        yield from _template_faults(text, (probe.kind,), inner)


def _kind_faults(probe: ProbeEntry) -> Iterator[_Fault]:
    """What its kind doesn't take, or what it needs and doesn't have."""
    kind, name = KINDS[probe.kind], f"a probe of the kind {probe.kind}"
    if (probe.from_ is None) != kind.placeless:
        says = "takes no place" if kind.placeless else "needs a place"
        yield _Fault(("from",), f"{name} {says} to start from")
    for option in probe.options:
        if option not in kind.options:
            known = ", ".join(kind.options) or "none"
            yield _Fault(("options", option), f"{name} has no option {option!r}; known: {known}")


def _template_faults(text: str, at: Location, names: _Names) -> Iterator[_Fault]:
    try:
        expressions = template(text).expressions
    except ExpressionError as error:
        yield _Fault(at, str(error))
        return
    for expression in expressions:
        yield from _root_faults(expression.paths(), at, names)


def _expression_faults(source: str, at: Location, names: _Names) -> Iterator[_Fault]:
    try:
        paths = compiled(source).paths()
    except ExpressionError as error:
        yield _Fault(at, f"{source!r} is not a valid expression: {error}")
        return
    yield from _root_faults(paths, at, names)


def _root_faults(paths: set[tuple[str, ...]], at: Location, names: _Names) -> Iterator[_Fault]:
    """Check that what an expression starts from, and the members it asks for, exist."""
    known = _ROOTS | {_ITEM} if names.item else _ROOTS
    for path in sorted(paths):
        if path[0] not in known:
            yield _Fault(at, f"unknown fact {path[0]!r}; known: {', '.join(sorted(known))}")
            continue
        for length in range(1, len(path)):
            among = _members(path[:length], names)
            if among is not None and path[length] not in among:
                members_there = ", ".join(sorted(among)) or "none"
                unknown = ".".join(path[: length + 1])
                yield _Fault(at, f"unknown {unknown}; known: {members_there}")
                break


def _members(path: tuple[str, ...], names: _Names) -> frozenset[str] | None:
    """The members of a part of the document; None if only the run will show them."""
    match path:
        case ("before", *rest):
            return members(tuple(rest)) or None
        case ("vars",):
            return names.variables
        case ("probes",):
            return frozenset(names.probes)
        case ("probes", name) if name in names.probes:
            probe = names.probes[name]
            return None if probe.many else KINDS[probe.kind].fields
        case _:
            return members(path) or None


def _lines(node: yaml.Node, at: Location) -> Iterator[tuple[Location, int]]:
    """The line of every part of a YAML document."""
    yield at, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*at, key.value))
            yield (*at, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, (*at, number))


def _line(at: Location, lines: dict[Location, int]) -> int:
    """The line of a part, or of the nearest part around it."""
    while at not in lines:
        at = at[:-1]
    return lines[at]
