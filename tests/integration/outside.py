"""Network namespaces that play a machine and its outside, and rules that count what leaves.

The machine has a default route, for IPv4 and IPv6, so whatever a lab sends that is not for itself
goes out and is counted. Nothing of it reaches the real machine's network.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.places import ROOT

# Addresses for documentation (RFC 5737, RFC 3849): they are nobody's.
MACHINE, OUTSIDE = "198.51.100.1", "198.51.100.2"
MACHINE_6, OUTSIDE_6 = "2001:db8::1", "2001:db8::2"
# The ranges of a lab: nodes, pods, services.
RANGES = ("192.168.49.0/24", "10.244.0.0/16", "10.96.0.0/12")
_LINK = "out0"
_HARDWARE = {(MACHINE, MACHINE_6): "02:00:00:00:00:01", (OUTSIDE, OUTSIDE_6): "02:00:00:00:00:02"}
_SETTLES = 4.0  # Seconds: the kernel announces the groups that it joined more than once.
_SEND = (
    "import socket, sys\n"
    "for target in sys.argv[1:]:\n"
    "    family = socket.AF_INET6 if ':' in target else socket.AF_INET\n"
    "    socket.socket(family, socket.SOCK_DGRAM).sendto(b'x', (target, 9))\n"
)
_RULE = re.compile(r"^\[(\d+):\d+\] -A POSTROUTING (.*)$", re.MULTILINE)


class Outside:
    """A machine whose outside is watched.

    ``enter`` is the command line that runs what follows it on that machine.
    """

    def __init__(self, enter: Sequence[str]) -> None:
        self.enter = enter
        self._frames = 0

    def run(self, *command: str) -> str:
        """Run a command on that machine; returns what it printed, and fails if the command does."""
        argv = [*self.enter, *command]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout

    def send(self, *targets: str) -> None:
        """Send each address a packet from that machine."""
        self.run(sys.executable, "-c", _SEND, *targets)

    def counted(self) -> dict[str, int]:
        """Packets that left since ``start``, by the rule that counted them, and all frames."""
        found: dict[str, int] = {}
        for program, name in (("iptables-save", "IPv4"), ("ip6tables-save", "IPv6")):
            for packets, rule in _RULE.findall(self.run(program, "-c", "-t", "mangle")):
                of = rule.replace(f"-o {_LINK}", "").strip()
                found[f"{name} {of or 'all'}"] = int(packets)
        return {**found, "frames": self._sent() - self._frames}

    def start(self) -> None:
        """Count from zero."""
        for program in ("iptables", "ip6tables"):
            self.run(program, "-t", "mangle", "-Z")
        self._frames = self._sent()

    def prove(self) -> None:
        """See that the rules count: a packet for each range, and for elsewhere; then start."""
        self.start()
        inside = [block.partition("/")[0].removesuffix(".0") + ".9" for block in RANGES]
        self.send(OUTSIDE, OUTSIDE_6, *inside)
        counted = self.counted()
        missed = [rule for rule, packets in counted.items() if "-s" not in rule and not packets]
        assert not missed, f"not counted: {missed} of {counted}"
        assert counted["IPv4 all"] == 1 + len(RANGES), counted
        self.start()

    def _sent(self) -> int:
        link = json.loads(self.run("ip", "-json", "-statistics", "link", "show", _LINK))
        return int(link[0]["stats64"]["tx"]["packets"])


@contextlib.contextmanager
def watched() -> Iterator[Outside]:
    """A machine of its own, with an outside; both are gone afterwards. Needs root."""
    with _namespace() as machine, _namespace() as beyond:
        inside, outside = Outside(_enter(machine)), Outside(_enter(beyond))
        inside.run(*("ip", "link", "add", _LINK, "type", "veth"),
                   *("peer", "name", _LINK, "netns", str(beyond)))  # fmt: skip
        here, there = (MACHINE, MACHINE_6), (OUTSIDE, OUTSIDE_6)
        for end, own, other in ((inside, here, there), (outside, there, here)):
            settings = f"/proc/sys/net/ipv6/conf/{_LINK}"
            end.run("sh", "-c", f"echo 0 >{settings}/router_solicitations")
            end.run("ip", "link", "set", _LINK, "address", _HARDWARE[own])
            end.run("ip", "address", "add", f"{own[0]}/24", "dev", _LINK)
            end.run("ip", "address", "add", f"{own[1]}/64", "dev", _LINK, "nodad")
            for link in ("lo", _LINK):
                end.run("ip", "link", "set", link, "up")
            # Else the two would look for each other now and then, and that would be counted.
            for address in other:
                end.run(*("ip", "neighbour", "add", address, "dev", _LINK),
                        *("lladdr", _HARDWARE[other], "nud", "permanent"))  # fmt: skip
        inside.run("ip", "route", "add", "default", "via", OUTSIDE)
        inside.run("ip", "-6", "route", "add", "default", "via", OUTSIDE_6)
        rules = [[], *([way, block] for block in RANGES for way in ("-s", "-d"))]
        for rule in rules:
            inside.run("iptables", "-t", "mangle", "-A", "POSTROUTING", "-o", _LINK, *rule)
        inside.run("ip6tables", "-t", "mangle", "-A", "POSTROUTING", "-o", _LINK)
        time.sleep(_SETTLES)
        inside.prove()
        yield inside


@contextlib.contextmanager
def _namespace() -> Iterator[int]:
    """A network namespace; yields a process in it, which keeps it."""
    own = Path("/proc/self/ns/net").readlink()
    keeper = subprocess.Popen(["unshare", "--net", "--", "sleep", "infinity"])
    try:
        while Path(f"/proc/{keeper.pid}/ns/net").readlink() == own:
            time.sleep(0.01)
        yield keeper.pid
    finally:
        keeper.kill()
        keeper.wait()


def _enter(pid: int) -> tuple[str, ...]:
    return ("nsenter", f"--net=/proc/{pid}/ns/net", "--")
