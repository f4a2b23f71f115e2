"""The report of a run as one page that needs nothing else: no network, no script. Pure."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from latihan.reports.models import Report
from latihan.reports.page.view import view

__all__ = ["render"]

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
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = marked
    return environment.get_template("page.html.j2").render(view=view(report), report=report)
