"""YAML files that people write: what is wrong with one is told with its file and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError


@dataclass(frozen=True)
class Part:
    """A document of a YAML file: its value, and the node that tells where each part of it is."""

    node: yaml.Node
    value: Any


class _Loader(yaml.SafeLoader):
    """Tells the place of a value that its constructor refuses, as in the date 2024-13-45."""

    def construct_object(self, node: yaml.Node, deep: Any = None) -> Any:
        try:
            return super().construct_object(node, bool(deep))
        except (ValueError, LookupError, AttributeError) as error:
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(
                problem=f"{node.value!r} is no {kind}", problem_mark=node.start_mark
            ) from error


def read(path: Path, what: str) -> list[Part]:
    """The documents of a file.

    Args:
        path: the file.
        what: what it should hold, as in "manifest".

    Raises:
        LabError: of the kind INPUT, with file and line, where it is no YAML that says one thing.
    """
    try:
        return list(_parts(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise LabError(
            f"The {what} {path} can't be read: {error.strerror}.",
            "Name a file that is there.",
            Kind.INPUT,
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark, problem = trouble(error)
        line = f":{mark.line + 1}" if mark else ""
        raise LabError(
            f"{path}{line}: this is no YAML: {problem}.",
            "Put the line right; text that starts with one of { [ * & ! needs quotes.",
            Kind.INPUT,
        ) from error


def trouble(error: Exception) -> tuple[yaml.Mark | None, str]:
    """Where a text is no YAML, as far as the parser tells, and what is wrong there.

    A date that no calendar has is a ValueError, which tells no place.
    """
    mark = getattr(error, "problem_mark", None)
    return mark, getattr(error, "problem", None) or str(error).partition("\n")[0]


def _parts(text: str) -> Iterator[Part]:
    for node in yaml.compose_all(text, yaml.SafeLoader):
        _check(node, ())
        yield Part(node, _Loader("").construct_document(node))


def _check(node: yaml.Node, around: tuple[yaml.Node, ...]) -> None:
    """Keys that are there twice: YAML forbids them, and the loader drops the first silently."""
    if any(node is other for other in around):
        raise yaml.MarkedYAMLError(problem="it is a part of itself", problem_mark=node.start_mark)
    inner = (*around, node)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check(item, inner)
    elif isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} is there twice",
                        problem_mark=key.start_mark,
                    )
                seen.add((key.tag, key.value))
            _check(value, inner)
