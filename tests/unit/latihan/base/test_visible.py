"""Text that others wrote, on a terminal: it is shown, not obeyed."""

from __future__ import annotations

import io
import re

import pytest
from rich.table import Table
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from latihan import cli
from latihan.base.consoles import SteadyConsole
from latihan.base.visible import all_visible, visible

# Clears the screen, sets the title, asks for an answer, overwrites, rings; then CSI as one byte.
EVIL = "\x1b[2J\x1b]0;title\x07\x1b[6n\x1bc\rgone\x08\x7f\x9b31m\u202e\x00 [red]x[/] [/y] :smile:"
# Colours and the cursor are rich's own; nothing else may be obeyed.
OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\r")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc é 世界 ✔", "a\tb\nc é 世界 ✔"),
        ("a\r\nb\rc", "a\nb\\x0dc"),
        ("\x1b[31mred\x9b0m", "\\x1b[31mred\\x9b0m"),
        ("\u202eexe.txt", "\\u202eexe.txt"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == visible(shown) == shown
    assert all_visible({text: [text, 1, None]}) == {shown: [shown, 1, None]}


def console(**options: object) -> tuple[SteadyConsole, io.StringIO]:
    output = io.StringIO()
    return SteadyConsole(file=output, width=300, **options), output


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_printed_is_obeyed(terminal: bool) -> None:
    printer, output = console(force_terminal=terminal, color_system="truecolor")
    table = Table(EVIL, title=EVIL)
    table.add_row(EVIL)
    table.add_row(Text(EVIL, style="red"))
    for each in (EVIL, Text(EVIL, style="bold"), table):
        printer.print(each)
    left = OWN.sub("", output.getvalue())
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", left), ascii(left)
    # A table is laid out before, and cuts off what is longer now.
    assert left.count("[red]x[/] [/y] :smile:") >= 2
    assert left.count("\\x1b[2J") >= 2


def test_an_error_is_shown_without_its_secrets() -> None:
    printer, output = console()
    cli.print_error(printer, LabError(f"db_password='hush' {EVIL}", "http://u:hush@m", detail=EVIL))
    assert "hush" not in output.getvalue()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", output.getvalue())
