"""Dataclasses from JSON: every field is there, of its type, and no other is."""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import fault

Read = TypeVar("Read")


def from_json(kind: type[Read], text: bytes) -> Read:
    """The dataclass that a JSON text holds, with no conversion of types.

    Raises:
        ValueError: it isn't JSON, or a field is missing, unknown or of another type.
    """
    try:
        reader = _reader(cast("Hashable", kind))
        found: Read = reader.validate_json(text, strict=True, extra="forbid")
    except ValidationError as error:
        raise ValueError(fault(error)) from error
    return found


def prepare(kind: type[Any]) -> None:
    """Make what reads the dataclass, so that processes forked after this have it."""
    _reader(cast("Hashable", kind))


@cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    """What reads the dataclass; making it takes some milliseconds."""
    return TypeAdapter(kind)
