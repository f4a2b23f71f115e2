"""The kinds of probes: the command that each one runs, and who reads its output."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.live import Lab
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import names
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes import (
    placeless,
    readers,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import (
    Probe,
    Raw,
    Reading,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    COMMON,
    CommandYield,
    DnsYield,
    HttpYield,
    IcmpYield,
    KubectlYield,
    MtuYield,
    PathYield,
    UdpYield,
    Yield,
)


@dataclass(frozen=True)
class ProbeKind:
    """A kind of probe, with everything that is specific to it.

    Args:
        read: what its output says.
        shown: what a person would type for the same; after ``kubectl`` if it starts nowhere.
        run: the shell text to run, if it differs from what is shown. It must end in time by itself,
            since a shell prints its probes' output only when all have ended.
        ask: how to ask instead, if it starts nowhere.
        yields: what its answer holds besides what every answer does.
        options: the options it takes.
        packets: what a picture calls the packets that it sends to its target; empty if none.
        seconds: the longest it may take, besides the probe's own timeout.
        script: whether what is shown is more than one command.
        brings_tools: whether it runs a program that the user named, not one that the lab chose.
        tells_of_others: whether it is asked after all others, since it shows what they did.
    """

    read: Callable[[Raw], Reading]
    shown: Callable[[Probe], str]
    run: Callable[[Probe], str] | None = None
    ask: Callable[[Lab, Probe], Raw] | None = None
    yields: type[Yield] = Yield
    options: tuple[str, ...] = ()
    packets: str = ""
    seconds: float = 0.0
    script: bool = False
    brings_tools: bool = False
    tells_of_others: bool = False

    @property
    def placeless(self) -> bool:
        """Whether it starts nowhere in the lab."""
        return self.ask is not None

    @property
    def fields(self) -> frozenset[str]:
        """The fields of its answers."""
        return COMMON | names(self.yields)

    def script_of(self, probe: Probe) -> str:
        """The shell text to run."""
        return (self.run or self.shown)(probe)


_ANSWER, _PINGS, _TRACE, _PROGRAM = 3.0, 6.0, 8.0, 5.0
HTTP_FIELDS = "%{http_code} %{remote_ip} %{local_ip} %{local_port}"


def _limited(shown: Callable[[Probe], str], seconds: float) -> Callable[[Probe], str]:
    """The same command, ended that many seconds after the probe's own timeout."""
    return lambda probe: f"timeout {probe.limit + seconds:g} {shown(probe)}"


def _http_run(probe: Probe) -> str:
    report = f"{readers.HTTP_MARK}{HTTP_FIELDS}".replace("\n", r"\n")
    return shlex.join(["curl", "-sv", *http_options(probe), "-w", report, "--", probe.text])


def _http_shown(probe: Probe) -> str:
    return shlex.join(["curl", "-sS", *http_options(probe), probe.text])


def http_options(probe: Probe) -> list[str]:
    """The options of curl besides the URL: its limits, in seconds, and the Host header."""
    limit = probe.limit
    options = ["--connect-timeout", f"{limit:g}", "--max-time", f"{limit + _ANSWER:g}"]
    host = probe.option("host")
    return [*options, "-H", f"Host: {host}"] if host else options


def _tcp(probe: Probe) -> str:
    host, _, port = probe.text.rpartition(":")
    device = shlex.quote(f"/dev/tcp/{host}/{port}")
    return shlex.join(["timeout", f"{probe.limit:g}", "bash", "-c", f"exec 3<>{device}"])


def _udp(probe: Probe) -> str:
    host, _, port = probe.text.rpartition(":")
    device = shlex.quote(f"/dev/udp/{host}/{port}")
    text = shlex.quote(probe.option("send", "latihan\n"))
    # dd reads one datagram; head would wait for more until the time is up.
    script = f"exec 3<>{device}; printf %s {text} >&3; dd bs=65536 count=1 status=none <&3"
    return shlex.join(["timeout", f"{probe.limit:g}", "bash", "-c", script])


def _dns(probe: Probe) -> str:
    server = probe.option("server")
    if not server:
        return shlex.join(["getent", "ahostsv4", probe.text])
    limits = [f"+time={max(1, round(probe.limit))}", "+retry=0"]
    # Leave out the addresses of name servers. ISC's dig and Knot's both have these options.
    limits += ["+noauthority", "+noadditional"]
    return shlex.join(["dig", f"@{server}", probe.text, "A", *limits])


def _dns_run(probe: Probe) -> str:
    """If getent finds no address, ask bash, which says why."""
    if probe.option("server"):
        return _dns(probe)
    script = (
        'getent ahostsv4 "$1"; code=$?; [ $code != 2 ] || '
        """bash -c 'exec 3<>"/dev/tcp/$1/9"' bash "$1" 2>&1 | head -n 1; exit $code"""
    )
    return shlex.join(["sh", "-c", script, "sh", probe.text])


def _icmp(probe: Probe) -> str:
    count = probe.option("packets", "1")
    words = ["ping", "-n", "-c", count, "-W", f"{probe.limit:g}"]
    if count != "1":
        words += ["-i", "0.2"]
    return shlex.join([*words, probe.text])


def _path(probe: Probe) -> str:
    return shlex.join(["traceroute", "-n", "-q", "2", "-w", "1", "-m", "8", probe.text])


def _mtu(probe: Probe) -> str:
    """The headers of IP and ICMP take 28 bytes of each packet."""
    interface = shlex.quote(f"/sys/class/net/{probe.option('interface', 'eth0')}/mtu")
    ping = f"ping -n -M do -c 1 -W {probe.limit:g}"
    target = shlex.quote(probe.text)
    script = (
        "command -v ping >/dev/null || exit 127; "
        f'm=$(cat {interface}); echo "@mtu $m"; {ping} -s $((m-28)) {target} 2>&1; '
        f'echo "@mtu $m"; {ping} -s $((m-27)) {target} 2>&1; true'
    )
    return shlex.join(["sh", "-c", script])


def _mtu_shown(probe: Probe) -> str:
    interface = probe.option("interface", "eth0")
    return (
        f"m=$(cat /sys/class/net/{interface}/mtu); ping -M do -c 1 -s $((m-28)) {probe.text}; "
        f"ping -M do -c 1 -s $((m-27)) {probe.text}"
    )


def _words(probe: Probe) -> str:
    return shlex.join([probe.target] if isinstance(probe.target, str) else probe.target)


def _log(probe: Probe) -> str:
    pod, _, container = probe.text.partition("/")
    return shlex.join(["logs", pod, *(["-c", container] if container else [])])


KINDS = {
    "http": ProbeKind(
        readers.http,
        shown=_http_shown,
        run=_http_run,
        yields=HttpYield,
        options=("host",),
        packets="HTTP",
        seconds=_ANSWER,
    ),
    "tcp": ProbeKind(readers.tcp, shown=_tcp, packets="TCP"),
    "udp": ProbeKind(readers.udp, shown=_udp, yields=UdpYield, options=("send",), packets="UDP"),
    "dns": ProbeKind(
        readers.dns,
        shown=_dns,
        run=_limited(_dns_run, _ANSWER),
        yields=DnsYield,
        options=("server",),
        seconds=_ANSWER,
    ),
    "icmp": ProbeKind(
        readers.icmp,
        shown=_icmp,
        run=_limited(_icmp, _PINGS),
        yields=IcmpYield,
        options=("packets",),
        packets="ping",
        seconds=_PINGS,
    ),
    "path": ProbeKind(
        readers.path,
        shown=_path,
        run=_limited(_path, _TRACE),
        yields=PathYield,
        seconds=_TRACE,
    ),
    "mtu": ProbeKind(
        readers.mtu,
        shown=_mtu_shown,
        run=_limited(_mtu, _PINGS),
        yields=MtuYield,
        options=("interface",),
        packets="large packets",
        seconds=_PINGS,
        script=True,
    ),
    "exec": ProbeKind(
        readers.command,
        shown=_words,
        run=_limited(_words, _PROGRAM),
        yields=CommandYield,
        seconds=_PROGRAM,
        brings_tools=True,
    ),
    "log": ProbeKind(
        readers.command,
        shown=_log,
        ask=placeless.log,
        yields=CommandYield,
        tells_of_others=True,
    ),
    "kubectl": ProbeKind(readers.kubectl, shown=_words, ask=placeless.kubectl, yields=KubectlYield),
}
