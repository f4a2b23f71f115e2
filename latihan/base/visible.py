"""Text that others wrote, such as pods, so that a terminal shows it and obeys none of it."""

from __future__ import annotations

import re
from typing import Any

# Control characters (ECMA-48: C0 without tab and newline, DEL, C1), and those that turn the
# direction of text (Unicode: bidirectional formatting), which hide what is there.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_LATIN_1 = 0x100


def visible(text: str) -> str:
    r"""Text with such characters written as ``\x1b`` or ``\u202e``; line ends become newlines."""
    return _OBEYED.sub(_escaped, text.replace("\r\n", "\n"))


def all_visible(value: Any) -> Any:
    """The same for all text in a value that came as JSON."""
    match value:
        case str():
            return visible(value)
        case list():
            return [all_visible(each) for each in value]
        case dict():
            return {all_visible(key): all_visible(each) for key, each in value.items()}
        case _:
            return value


def _escaped(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < _LATIN_1 else f"\\u{number:04x}"
