"""Wrong input for tests: documents with one part changed, and what a refusal must look like."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

# One of each of JSON's types; 2 is a number of nodes too, 1.5 never is.
OTHERS: tuple[Any, ...] = (None, True, 7, 1.5, "x", ["x"], {"x": "x"})
_GONE = object()
At = tuple[str | int, ...]


def mutations(document: Any, optional: Collection[str] = ()) -> Iterator[tuple[str, Any]]:
    """The document with one part missing, of another type, or unknown; each with a name for it.

    Args:
        document: JSON's types.
        optional: the names of the fields that may be missing.
    """
    for at, value in list(_parts(document, ())):
        name = ".".join(map(str, at)) or "all"
        if at and isinstance(at[-1], str) and at[-1] not in optional:
            yield f"{name} missing", _changed(document, at, _GONE)
        for other in OTHERS:
            if type(other) is not type(value):
                yield f"{name} {other!r}", _changed(document, at, other)
        if isinstance(value, dict):
            yield f"{name} unknown", _changed(document, (*at, "unheard_of"), 1)


def _parts(value: Any, at: At) -> Iterator[tuple[At, Any]]:
    yield at, value
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _parts(each, (*at, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _parts(each, (*at, number))


def _changed(document: Any, at: At, value: Any) -> Any:
    if not at:
        return value
    new = copy.deepcopy(document)
    part = new
    for step in at[:-1]:
        part = part[step]
    if value is _GONE:
        del part[at[-1]]
    else:
        part[at[-1]] = value
    return new


def is_refusal(error: LabError, place: object) -> None:
    """Check that an error is of input or the machine, in one line, and names the place."""
    assert error.kind in (Kind.INPUT, Kind.MACHINE), error.kind
    assert str(place) in error.message
    assert len(error.message.splitlines()) == 1, error.message


def is_refused(code: int, capsys: pytest.CaptureFixture[str], said: str = "") -> None:
    """Check that a command line was refused, in one line and at most a hint."""
    printed = capsys.readouterr()
    assert code in (2, 3), printed
    assert "Traceback" not in printed.err + printed.out
    assert said in printed.err
    lines = printed.err.splitlines()
    assert 1 <= len(lines) <= 2, printed.err
    assert not any(ord(each) < 32 or ord(each) == 127 for line in lines for each in line)


def tree(folder: Path) -> dict[str, object]:
    """Everything in a folder: what kind of file it is, and what it holds."""
    return {
        str(path.relative_to(folder)): (
            str(path.readlink())
            if path.is_symlink()
            else path.read_bytes()
            if path.is_file()
            else path.lstat().st_mode
        )
        for path in sorted(folder.rglob("*"))
    }
