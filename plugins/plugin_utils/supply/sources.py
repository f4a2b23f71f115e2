"""The machine's package sources, copied with source packages enabled.

Formats: sources.list(5), one-line style (``*.list``) and deb822 style (``*.sources``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_FIELD = re.compile(r"^(?P<name>[A-Za-z0-9-]+):[ \t]*(?P<value>.*)$")
_ONE_LINE = re.compile(r"^deb(?:-src)?[ \t]+(?P<rest>\S.*)$")
_SUITE_OF_LINE = re.compile(
    r"^(?P<before>deb(?:-src)? (?:\[[^]]*\][ \t]*)?\S+[ \t]+)(?P<suite>\S+)(?P<after>.*)$"
)
_SUITES = re.compile(r"^Suites:(?P<suites>.*)$", re.MULTILINE | re.IGNORECASE)
_NO = frozenset({"no", "false", "without", "off", "disable", "0"})


def private_sources(files: Mapping[str, str]) -> dict[str, str]:
    """The machine's enabled entries, each for both binary and source packages.

    Args:
        files: the text of each source file, by name; its suffix says which style it has.

    Returns:
        The same files, rewritten. Entries on a CD are left out, and so are files without any
        enabled entry.
    """
    written: dict[str, str] = {}
    for name, text in files.items():
        if name.endswith(".sources"):
            new = _deb822(text)
        elif name.endswith(".list"):
            new = _one_line(text)
        else:
            continue
        if new:
            written[name] = new
    return written


def of_suite(sources: Mapping[str, str], own: Collection[str], suite: str) -> dict[str, str]:
    """The same archives with another suite of the distribution.

    Args:
        sources: as :func:`private_sources` writes them.
        own: the names of the machine's own suite, as in ``trixie`` and ``stable``.
        suite: the suite that is wanted instead.

    Returns:
        The entries of the machine's own suite, rewritten; the others, such as updates of it and
        archives of third parties, are left out.
    """
    written = {
        name: _deb822_of(text, own, suite)
        if name.endswith(".sources")
        else _lines_of(text, own, suite)
        for name, text in sources.items()
    }
    return {name: text for name, text in written.items() if text}


def _lines_of(text: str, own: Collection[str], suite: str) -> str:
    lines = []
    for line in text.splitlines():
        found = _SUITE_OF_LINE.match(line)
        if found and found["suite"] in own:
            lines.append(f"{found['before']}{suite}{found['after']}\n")
    return "".join(lines)


def _deb822_of(text: str, own: Collection[str], suite: str) -> str:
    kept = []
    for paragraph in text.split("\n\n"):
        found = _SUITES.search(paragraph)
        if found and set(found["suites"].split()) & set(own):
            kept.append(_SUITES.sub(f"Suites: {suite}", paragraph))
    return "\n\n".join(kept)


def _one_line(text: str) -> str:
    """Each entry once as ``deb`` and once as ``deb-src``."""
    entries: dict[str, None] = {}
    for line in text.splitlines():
        found = _ONE_LINE.match(line.split("#", 1)[0].strip())
        if found and "cdrom:" not in found["rest"]:
            entries[found["rest"]] = None
    return "".join(f"deb {rest}\ndeb-src {rest}\n" for rest in entries)


def _deb822(text: str) -> str:
    """Paragraphs with ``Types: deb deb-src``; comments and disabled paragraphs are dropped."""
    kept: list[str] = []
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for paragraph in re.split(r"\n[ \t]*\n", lines.strip()):
        fields = {
            found["name"].lower(): found["value"].strip()
            for found in map(_FIELD.match, paragraph.splitlines())
            if found
        }
        if not fields.get("types") or "cdrom:" in paragraph:
            continue
        if fields.get("enabled", "yes").lower() in _NO:
            continue
        body = [line for line in paragraph.splitlines() if not line.lower().startswith("types:")]
        kept.append("\n".join(["Types: deb deb-src", *body]) + "\n")
    return "\n".join(kept)
