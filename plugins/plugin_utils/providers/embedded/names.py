"""Names that the lab's host answers for: the DNS of the network around a cluster."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import engine
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.files import NAMES_FILE


def lines(records: Mapping[str, str]) -> str:
    """Dnsmasq's configuration for these records; ``*.x`` matches all below x, and not x itself."""
    zones = sorted({name.removeprefix("*.") for name in records})
    answers = [f"address=/{name}/{address}" for name, address in sorted(records.items())]
    # What isn't among the records of a zone doesn't exist.
    return "".join(f"{line}\n" for line in [*answers, *(f"local=/{zone}/" for zone in zones)])


def set_records(lab: Contract, records: Mapping[str, str], *, check: bool) -> bool:
    """Let the lab's host answer with these records and no others.

    Args:
        lab: the lab.
        records: addresses by name.
        check: only tell whether they are other than before.

    Returns:
        Whether they are.

    Raises:
        LabError: the lab is stopped.
    """
    enter = lab.enter(HOST)
    wanted = lines(records)
    changed = run([*enter, "cat", NAMES_FILE], check=False).stdout != wanted
    if changed and not check:
        run([*enter, "tee", NAMES_FILE], stdin=wanted)
        engine.supervise(enter, "restart", "names")
    return changed
