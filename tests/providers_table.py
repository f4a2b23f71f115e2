"""The table of docs/providers.md: which outcomes are proven where."""

from __future__ import annotations

from tests.places import ROOT

_FIRST = "| Outcome |"


def proven_by_provider() -> dict[str, dict[str, bool]]:
    """By the table's columns, whether each outcome is proven there."""
    lines = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(_FIRST))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    names, _rule, *outcomes = rows
    return {
        name: {row[0]: row[column] == "yes" for row in outcomes}
        for column, name in enumerate(names)
        if column
    }
