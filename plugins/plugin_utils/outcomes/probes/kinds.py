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
    """A kind of probe: all that is particular to it.

    Args:
        read: what its output says.
        shown: what a person would type for the same; for one that starts nowhere, after kubectl.
        run: the shell text that is run, if it is other than what is shown; it ends in time by
            itself, since what it shares a shell with is only told when all have ended.
        ask: how it is asked instead, if it starts nowhere.
        yields: what its answer holds besides what every answer does.
        options: the options it takes.
        packets: what a picture calls the packets it sends to its target; empty for none.
        seconds: the longest it may take, besides the probe's own timeout.
        script: whether what is shown is more than one command.
        brings_tools: whether it runs what the user named, and not a tool of the lab's choice.
        tells_of_others: whether it is asked when all others have been.
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
        """What its answers may be asked for."""
        return COMMON | names(self.yields)

    def script_of(self, probe: Probe) -> str:
        """The shell text that is run."""
        return (self.run or self.shown)(probe)


_ANSWER, _PINGS, _TRACE, _PROGRAM = 3.0, 6.0, 8.0, 5.0
HTTP_FIELDS = "%{http_code} %{remote_ip} %{local_ip} %{local_port}"


def _limited(shown: Callable[[Probe], str], seconds: float) -> Callable[[Probe], str]:
    """The same command, ended when the probe's own timeout and so many seconds are over."""
    return lambda probe: f"timeout {probe.timeout + seconds:g} {shown(probe)}"


def _http_run(probe: Probe) -> str:
    report = f"{readers.HTTP_MARK}{HTTP_FIELDS}".replace("\n", r"\n")
    return shlex.join(["curl", "-sv", *http_options(probe), "-w", report, "--", probe.text])


def _http_shown(probe: Probe) -> str:
    return shlex.join(["curl", "-sS", *http_options(probe), probe.text])


def http_options(probe: Probe) -> list[str]:
    """What curl is told besides the URL: its limits, in seconds, and the host it shall name."""
    limit = probe.timeout
    options = ["--connect-timeout", f"{limit:g}", "--max-time", f"{limit + _ANSWER:g}"]
    host = probe.option("host")
    return [*options, "-H", f"Host: {host}"] if host else options


def _tcp(probe: Probe) -> str:
    host, _, port = probe.text.rpartition(":")
    device = shlex.quote(f"/dev/tcp/{host}/{port}")
    return shlex.join(["timeout", f"{probe.timeout:g}", "bash", "-c", f"exec 3<>{device}"])


def _udp(probe: Probe) -> str:
    host, _, port = probe.text.rpartition(":")
    device = shlex.quote(f"/dev/udp/{host}/{port}")
    text = shlex.quote(probe.option("send", "latihan\n"))
    script = f"exec 3<>{device}; printf %s {text} >&3; head -c 1500 <&3"
    return shlex.join(["timeout", f"{probe.timeout:g}", "bash", "-c", script])


def _dns(probe: Probe) -> str:
    server = probe.option("server")
    if not server:
        return shlex.join(["getent", "ahostsv4", probe.text])
    limits = [f"+time={max(1, round(probe.timeout))}", "+retry=0"]
    # Addresses of name servers are left out. ISC's dig and Knot's have both these options.
    limits += ["+noauthority", "+noadditional"]
    return shlex.join(["dig", f"@{server}", probe.text, "A", *limits])


def _dns_run(probe: Probe) -> str:
    """What getent found no address of is asked of bash, which says why there is none."""
    if probe.option("server"):
        return _dns(probe)
    script = (
        'getent ahostsv4 "$1"; code=$?; [ $code != 2 ] || '
        """bash -c 'exec 3<>"/dev/tcp/$1/9"' bash "$1" 2>&1 | head -n 1; exit $code"""
    )
    return shlex.join(["sh", "-c", script, "sh", probe.text])


def _icmp(probe: Probe) -> str:
    count = probe.option("packets", "1")
    words = ["ping", "-n", "-c", count, "-W", f"{probe.timeout:g}"]
    if count != "1":
        words += ["-i", "0.2"]
    return shlex.join([*words, probe.text])


def _path(probe: Probe) -> str:
    return shlex.join(["traceroute", "-n", "-q", "2", "-w", "1", "-m", "8", probe.text])


def _mtu(probe: Probe) -> str:
    """28 bytes of each packet are the headers of IP and ICMP."""
    interface = shlex.quote(f"/sys/class/net/{probe.option('interface', 'eth0')}/mtu")
    ping = f"ping -n -M do -c 1 -W {probe.timeout:g}"
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
