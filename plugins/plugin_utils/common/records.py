"""The base of all data that is passed on: between tasks, to the command line, in files."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError


class Record(BaseModel):
    """Data of a fixed shape, which never changes; pydantic checks it wherever it is read.

    A field whose name is a word of Python's has an underscore in code, and none in data.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        serialize_by_alias=True,
        validate_by_name=True,
        validate_by_alias=True,
        json_schema_serialization_defaults_required=True,
    )

    def plain(self) -> dict[str, Any]:
        """The record as JSON's types: dictionaries, lists, text and numbers."""
        return self.model_dump(mode="json")


def fault(error: ValidationError) -> str:
    """The first thing that is wrong with a document: where, and what."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"])) or "all of it"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"


def names(kind: type[Record]) -> frozenset[str]:
    """The names that a record's fields have in data."""
    return frozenset(field.alias or name for name, field in kind.model_fields.items())
