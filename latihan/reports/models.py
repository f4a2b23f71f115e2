"""The report of one run, as types; its JSON Schema is made from these. Times are in seconds."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field
from pydantic.json_schema import GenerateJsonSchema

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.models import Facts
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import Record
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import OutcomeResult
from latihan.base.exits import Exit
from latihan.run.failures import Failure

VERSION = 2

Seconds = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, strict=True)]


class Spent(Record):
    """The time of the tasks, by what they were for."""

    outcomes: Seconds = Field(description="Checking outcomes.")
    waits: Seconds = Field(description="Waiting for Kubernetes.")
    cluster: Seconds = Field(description="Making, stopping and starting clusters.")
    other: Seconds


class VerdictCounts(Record):
    """How many outcomes have each verdict."""

    pass_: Count = Field(alias="pass")
    fail: Count
    skip: Count


class StepRecord(Record):
    """Consecutive tasks of one role, or of a play outside roles."""

    name: str
    play: str
    role: str
    tasks: Count
    changed: Count
    skipped: Count
    failed: bool
    began_s: Seconds = Field(0.0, description="After the run had begun.")
    duration_s: Seconds


class TaskRecord(Record):
    """A task that took long."""

    task: str
    step: str
    place: str = Field(description="file:line")
    duration_s: Seconds


class Report(Record):
    """What report.json in artifacts/PROFILE/RUN/ holds. Durations are in seconds."""

    version: Literal[2]
    playbook: str = Field(min_length=1)
    profile: str = Field(min_length=1)
    provider: str = Field(min_length=1)
    command: str = Field(description="The command line that does the same again.")
    kubernetes_version: str | None = Field(description="null if the run did not find it out.")
    started: AwareDatetime = Field(description="In UTC.")
    duration_s: Seconds
    spent_s: Spent
    exit_code: Exit
    verdicts: VerdictCounts
    outcomes: list[OutcomeResult]
    facts: list[Facts] = Field(
        description="The states of the lab by which outcomes were judged, oldest first."
    )
    last_moment: Count | None = Field(
        description="The index of the last facts; null if there are none."
    )
    steps: list[StepRecord]
    slowest: list[TaskRecord] = Field(max_length=10)
    failures: list[Failure]

    @property
    def by_id(self) -> dict[str, OutcomeResult]:
        """The outcomes by their ids."""
        return {outcome.id: outcome for outcome in self.outcomes}

    def at(self, moment: int | None) -> Facts | None:
        """The facts of a moment; None if the report has none."""
        return self.facts[moment] if moment is not None and moment < len(self.facts) else None

    @property
    def last(self) -> Facts | None:
        """The last facts; None if the run never looked at the lab."""
        return self.at(self.last_moment)


class _Untitled(GenerateJsonSchema):
    """A schema without the titles that only repeat the fields' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        del schema
        return False


def schema() -> str:
    """The JSON Schema of a report, as the text of its file."""
    described: dict[str, Any] = {
        "$schema": _Untitled.schema_dialect,
        "title": "The report of one run",
        **Report.model_json_schema(mode="serialization", schema_generator=_Untitled),
    }
    return json.dumps(described, indent=2).replace("``", "`") + "\n"
