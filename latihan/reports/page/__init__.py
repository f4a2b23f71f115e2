"""The report of a run as one page that needs nothing else: no network, no script. Pure."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from latihan.reports.models import Report
from latihan.reports.page.view import view
from latihan.reports.room import Room

__all__ = ["render", "render_room"]

_TEMPLATES = Path(__file__).parent / "templates"


def marked(text: str) -> Markup:
    """Text as HTML; what is in backticks is literal, such as a command."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return Markup("{}").format(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )


def render(report: Report) -> str:
    """The page of a report.

    Args:
        report: a report.

    Returns:
        HTML, all in one file.
    """
    return _environment().get_template("page.html.j2").render(view=view(report), report=report)


def render_room(room: Room) -> str:
    """The page of a room of machines: a table of machines by outcomes, who needs help first.

    Args:
        room: the room.

    Returns:
        HTML, all in one file; it leads to the machines' own pages beside it.
    """
    return _environment().get_template("room.html.j2").render(room=room)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = marked
    return environment
