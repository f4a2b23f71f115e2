"""The names that the lab's host resolves: the DNS of the network around a cluster."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster import contract
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.patience import until
from ansible_collections.latihan.lab.plugins.plugin_utils.common.process import run
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import HOST, Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded import (
    spaces,
    supervision,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.embedded.files import NAMES_FILE

_SERVER = "names"
_ANSWERS_WITHIN = 10.0


def lines(records: Mapping[str, str]) -> str:
    """Dnsmasq's configuration for these records; ``*.x`` matches all below x, but not x itself."""
    zones = sorted({name.removeprefix("*.") for name in records})
    answers = [f"address=/{name}/{address}" for name, address in sorted(records.items())]
    # Names in these zones that have no record don't exist.
    return "".join(f"{line}\n" for line in [*answers, *(f"local=/{zone}/" for zone in zones)])


def set_records(profile: Profile, records: Mapping[str, str], *, check: bool) -> bool:
    """Make the lab's host answer with these records and no others.

    Args:
        profile: the lab.
        records: addresses by name.
        check: change nothing.

    Returns:
        Whether the records are (or, with ``check``, would be) different now.

    Raises:
        LabError: the lab is stopped, or its name server doesn't start.
    """
    enter = contract.read(profile.contract).enter(HOST)
    wanted = lines(records)
    changed = run([*enter, "cat", NAMES_FILE], check=False).stdout != wanted
    if changed and not check:
        run([*enter, "tee", NAMES_FILE], stdin=wanted)
        host = spaces.find(profile.name, profile.state)[HOST]
        # It reads this file only when it starts (dnsmasq(8)).
        supervision.stop(host, _SERVER)
        supervision.start(host, _SERVER)
        asks = [*enter, "cat", "/proc/net/udp"]
        if not until(lambda: listening(run(asks).stdout), _ANSWERS_WITHIN):
            raise LabError(
                "The name server of the lab's host doesn't start.",
                "See why with `python3 runner.py shell host -- cat /var/log/names.log`.",
            )
    return changed


def listening(sockets: str) -> bool:
    """Whether there is a server of names among UDP sockets.

    Args:
        sockets: what /proc/net/udp says; the second column is the local address, with its port in
            hexadecimal digits (proc(5)).
    """
    return any(line.split()[1].endswith(":0035") for line in sockets.splitlines()[1:])
