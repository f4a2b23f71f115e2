"""``tunnel``: addresses for services of type LoadBalancer."""

from __future__ import annotations

import argparse
import signal
import subprocess

from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import direct
from latihan.base.exits import Exit
from latihan.base.signals import on_signals
from latihan.commands.command import Context

RAW = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``tunnel``."""
    parser.add_argument("-n", "--namespace", default="", help="only services of this namespace")


def execute(context: Context, options: argparse.Namespace) -> int:
    """Give LoadBalancer services their addresses until a signal ends it."""
    context.contract()
    tunnel = context.provider.tunnel(context.lab, options.namespace)
    asked: list[int] = []
    running: list[subprocess.Popen[bytes]] = []

    def end(number: int, frame: object) -> None:
        asked.append(number)
        for program in running:
            program.send_signal(signal.SIGTERM)

    # In its own process group, so that Ctrl-C reaches it once, through us, and it can clean up.
    # Signals are handled before it runs: one may come as soon as it says that it is open.
    with (
        on_signals(end),
        subprocess.Popen(tunnel.argv, env=direct(), process_group=0) as program,
    ):
        running.append(program)
        if asked:
            program.send_signal(signal.SIGTERM)
        returned = program.wait()
    return Exit.HOLDS if asked else returned
