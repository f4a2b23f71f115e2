"""The machine's package sources, copied with source packages enabled.

Formats: sources.list(5), one-line style (``*.list``) and deb822 style (``*.sources``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_FIELD = re.compile(r"^(?P<name>[A-Za-z0-9-]+):[ \t]*(?P<value>.*)$")
_ONE_LINE = re.compile(r"^deb(?:-src)?[ \t]+(?P<rest>\S.*)$")
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


def of_release(files: Mapping[str, str], own: str, wanted: str) -> dict[str, str]:
    """The entries of a machine's own release, for another release of the same distribution.

    Args:
        files: what ``private_sources`` returns.
        own: the machine's own release by its codename, as in bookworm.
        wanted: the other one, as in trixie.

    Returns:
        The same files without the entries of others, such as those of third parties.
    """
    suite = re.compile(rf"(?<![\w-]){re.escape(own)}(?![\w])")
    written: dict[str, str] = {}
    for name, text in files.items():
        between = "\n\n" if name.endswith(".sources") else "\n"
        kept = [suite.sub(wanted, each) for each in text.split(between) if suite.search(each)]
        if kept:
            written[name] = between.join(kept).rstrip("\n") + "\n"
    return written
