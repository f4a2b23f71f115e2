"""``why``: the way of a packet, as it should be and as it is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import settle
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path import asking, read
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.wanted import cluster
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.path.ways import (
    PASSES,
    UNSEEN,
    Departure,
    PacketWay,
    Walk,
)
from latihan.base.exits import Exit
from latihan.commands.command import Context

RAW = False
# More ways than these differ only in the pod at their end.
_MOST_WAYS = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``why``."""
    parser.add_argument("start", metavar="FROM", help="host, node/NAME, pod/NAME")
    parser.add_argument(
        "target",
        metavar="TO",
        help="a URL, ADDRESS:PORT, udp://ADDRESS:PORT, an address, host, node/NAME or pod/NAME",
    )
    parser.add_argument(
        "-n", "--namespace", default="default", help="what short names mean (default: default)"
    )


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print the expected and the actual way; 1 if they differ."""
    context.contract()
    settle(fetches=False)
    asked_lab = lab(str(context.lab.contract), options.namespace)
    known = cluster(
        asked_lab.contract, options.namespace, read.objects(asked_lab.api, options.namespace)
    )
    question = asking.question(known, options.start, options.target)
    world = read.places(asked_lab.contract, known, asking.places_of(known, [question]))
    walk = asking.follow(world, question)
    show(context.console, walk)
    return Exit.HOLDS if walk.as_expected else Exit.OUTCOME_FAILED


def show(console: Console, walk: Walk) -> None:
    """Print a walk: its ways, those that depart first, then what departs."""
    ways = sorted(walk.ways, key=lambda way: not way.departures)
    console.print(Text(f"{walk.start} -> {walk.target}", style="bold"))
    for way in ways[:_MOST_WAYS]:
        console.print()
        console.print(_table(way, len(ways)))
    if len(ways) > _MOST_WAYS:
        console.print(f"... and {len(ways) - _MOST_WAYS} more ways")
    console.print()
    for line in conclusion(walk):
        console.print(line)


def _table(way: PacketWay, count: int) -> Table:
    share = f" ({way.share:.0%} of the packets)" if count > 1 and way.share < 1 else ""
    table = Table(box=None, pad_edge=False, title=None, show_edge=False)
    table.add_column("")
    table.add_column("Where", no_wrap=True)
    table.add_column("Expected")
    table.add_column(f"Actual{share}")
    for step in way.steps:
        sign, style = ("✘", "red") if step.departs else ("✔", "")
        cells = (sign, step.place, step.expected, step.actual)
        table.add_row(*(Text(cell, style=style) for cell in cells))
    return table


def conclusion(walk: Walk) -> Iterator[str | Text]:
    """What to say at the end."""
    ends = {way.end for way in walk.ways}
    if not walk.departures:
        if ends == {PASSES}:
            yield Text("The packet passes, and so does its answer, as expected.", style="green")
        elif UNSEEN in ends:
            yield Text("As expected, as far as it could be looked into.", style="yellow")
        else:
            end = ", ".join(sorted(ends - {PASSES}))
            yield Text(f"It does not pass, as expected: {end}.", style="green")
    for number, departure in enumerate(walk.departures):
        yield from _told(departure, "The first departure" if not number else "Another departure")
    for each in walk.unread:
        yield Text(f"Not looked into: {each}.", style="yellow")


def _told(departure: Departure, title: str) -> Sequence[Text]:
    lines = [
        Text(f"{title}, at {departure.place}: {departure.actual}.", style="red"),
        Text(f"  expected: {departure.expected}"),
    ]
    lines += [Text(f"  see it:   {departure.shows}")] if departure.shows else []
    lines += [Text(f"  mend it:  {departure.fix}")] if departure.fix else []
    return lines
