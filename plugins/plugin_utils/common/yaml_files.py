"""YAML that people write: an error names the file, line and column."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.resolver import Resolver

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

_LARGEST = 16  # MiB
# With every alias counted as what it stands for: a few lines can stand for a billion parts.
_MOST_PARTS = 100_000


@dataclass(frozen=True)
class Part:
    """A YAML document: its value, and its node, which has the line of each part."""

    node: yaml.Node
    value: Any


class _Loader(yaml.SafeLoader):
    """Adds the place to a value that its constructor refuses, as in the date 2024-13-45."""

    def construct_object(self, node: yaml.Node, deep: Any = None) -> Any:
        try:
            return super().construct_object(node, bool(deep))
        except (ValueError, LookupError, AttributeError) as error:
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(
                problem=f"{node.value!r} is not a valid {kind}", problem_mark=node.start_mark
            ) from error


# What composes a text's nodes.
_composer: type[Any] = yaml.SafeLoader

if yaml.__with_libyaml__:
    from yaml._yaml import CParser

    class _Composer(Composer, CParser, Resolver):
        """Libyaml's parser with Python's composer: its own crashes if the text nests deeply."""

        def __init__(self, stream: str) -> None:
            CParser.__init__(self, stream)
            Composer.__init__(self)
            Resolver.__init__(self)

        def dispose(self) -> None:
            """Do nothing; ``compose_all`` calls it."""

    _composer = _Composer


def read(path: Path, what: str) -> list[Part]:
    """The documents of a file.

    Args:
        path: the file.
        what: what it should hold, as in "manifest".

    Raises:
        LabError: of the kind INPUT, if it can't be read or isn't valid YAML.
    """
    return parse(text_of(path, what), str(path))


def text_of(path: Path, what: str) -> str:
    """The text of a file; LabError as in ``read``."""
    try:
        with path.open("rb") as file:  # It may be a device, which has no end.
            content = file.read((_LARGEST << 20) + 1)
        if len(content) <= _LARGEST << 20:
            return content.decode()
        reason = f"it is larger than {_LARGEST} MiB"
    except OSError as error:
        reason = error.strerror or str(error)
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    except ValueError:
        reason = "no file can have that name"
    raise LabError(
        f"The {what} {path} can't be read: {reason}.", "Name a readable text file.", Kind.INPUT
    )


def read_one(path: Path, what: str) -> Any:
    """The value of a file's only document, None if it has none; see ``read``."""
    return _only(read(path, what), str(path))


def parse(text: str, source: str) -> list[Part]:
    """The documents of a text.

    Args:
        text: YAML.
        source: the file or option that the text is from.

    Raises:
        LabError: of the kind INPUT, with source, line and column, if it isn't valid YAML.
    """
    try:
        return list(_parts(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise _invalid(source, mark, problem) from error
    except RecursionError as error:
        raise _invalid(source, None, "it is nested too deeply") from error


def parse_one(text: str, source: str) -> Any:
    """The value of a text's only document, None if it has none; see ``parse``."""
    return _only(parse(text, source), source)


def _only(parts: list[Part], source: str) -> Any:
    if len(parts) > 1:
        raise _invalid(source, parts[1].node.start_mark, "a second document starts here")
    return parts[0].value if parts else None


def _invalid(source: str, mark: yaml.Mark | None, problem: str) -> LabError:
    line, column = (f":{mark.line + 1}", f" (column {mark.column + 1})") if mark else ("", "")
    return LabError(
        f"{source}{line}: not valid YAML: {problem}{column}.",
        "Fix it there; text that starts with { [ * & or ! needs quotes.",
        Kind.INPUT,
    )


def _composed(text: str) -> list[yaml.Node]:
    """The documents' nodes; libyaml is ten times faster, but its errors say less."""
    with suppress(yaml.YAMLError, UnicodeError):
        return list(yaml.compose_all(text, _composer))
    return list(yaml.compose_all(text, yaml.SafeLoader))


def _parts(text: str) -> Iterator[Part]:
    for node in _composed(text):
        _check(node, (), count(1))
        yield Part(node, _Loader("").construct_document(node))


def _check(node: yaml.Node, around: tuple[yaml.Node, ...], number: Iterator[int]) -> None:
    """Refuse a key that appears twice: YAML forbids it, and the loader silently drops the first."""
    if any(node is other for other in around):
        raise yaml.MarkedYAMLError(problem="it contains itself", problem_mark=node.start_mark)
    if next(number) > _MOST_PARTS:
        raise yaml.MarkedYAMLError(
            problem=f"it has more than {_MOST_PARTS} parts", problem_mark=node.start_mark
        )
    inner = (*around, node)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check(item, inner, number)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} appears twice",
                        problem_mark=key.start_mark,
                    )
                seen.add((key.tag, key.value))
            _check(value, inner, number)
