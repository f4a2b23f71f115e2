"""The names that the lab's host resolves: the DNS of the network around a cluster."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import supervision
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.files import NAMES_FILE


def lines(records: Mapping[str, str]) -> str:
    """Dnsmasq's configuration for these records; ``*.x`` matches all below x, but not x itself."""
    zones = sorted({name.removeprefix("*.") for name in records})
    answers = [f"address=/{name}/{address}" for name, address in sorted(records.items())]
    # Names in these zones that have no record don't exist.
    return "".join(f"{line}\n" for line in [*answers, *(f"local=/{zone}/" for zone in zones)])


def set_records(lab: Contract, records: Mapping[str, str], *, check: bool) -> bool:
    """Make the lab's host answer with these records and no others.

    Args:
        lab: the lab.
        records: addresses by name.
        check: change nothing.

    Returns:
        Whether the records are (or, with ``check``, would be) different now.

    Raises:
        LabError: the lab is stopped.
    """
    enter = lab.enter(HOST)
    wanted = lines(records)
    changed = run([*enter, "cat", NAMES_FILE], check=False).stdout != wanted
    if changed and not check:
        run([*enter, "tee", NAMES_FILE], stdin=wanted)
        supervision.supervise(enter, "restart", "names")
    return changed
