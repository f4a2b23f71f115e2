"""``kubectl``: the lab's own kubectl, on the lab's cluster."""

from __future__ import annotations

import argparse

from ansible_collections.latihan.lab.plugins.plugin_utils.common.surroundings import direct
from latihan.commands.command import Context, become

RAW = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are no options."""


def execute(context: Context, options: argparse.Namespace) -> int:
    """Become kubectl, for the cluster of the profile."""
    return become(context.contract().kubectl_command(*options.arguments), direct())
