"""The kinds of probes: the command that each one runs, and who reads its output."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes import readers
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import (
    Probe,
    Raw,
    Reading,
)


@dataclass(frozen=True)
class Kind:
    """A kind of probe.

    Args:
        run: the shell text that is run; it ends in time by itself, since what it shares a shell
            with is only told when all have ended.
        shown: what a person would type for the same.
        read: what its output says.
        yields: what its answer holds besides what every answer does.
        seconds: the longest it may take, besides the probe's own timeout.
    """

    run: Callable[[Probe], str]
    shown: Callable[[Probe], str]
    read: Callable[[Raw], Reading]
    yields: tuple[str, ...] = ()
    seconds: float = 0.0


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


# What every answer holds; see ``engine.result``.
YIELDS = (
    "name", "kind", "from", "target", "item", "command", "output", "exit_code", "reason", "ok",
    "duration_s",
)  # fmt: skip
_PAGE = ("status", "body", "remote_ip", "local_ip", "local_port")
_PRINTED = ("stdout", "stderr", "json", "lines")

KINDS = {
    "http": Kind(_http_run, _http_shown, readers.http, _PAGE, _ANSWER),
    "tcp": Kind(_tcp, _tcp, readers.tcp),
    "udp": Kind(_udp, _udp, readers.udp, ("answer",)),
    "dns": Kind(_limited(_dns_run, _ANSWER), _dns, readers.dns, ("addresses",), _ANSWER),
    "icmp": Kind(_limited(_icmp, _PINGS), _icmp, readers.icmp, ("address",), _PINGS),
    "path": Kind(_limited(_path, _TRACE), _path, readers.path, ("hops",), _TRACE),
    "mtu": Kind(
        _limited(_mtu, _PINGS), _mtu_shown, readers.mtu, ("mtu", "largest", "over"), _PINGS
    ),
    "exec": Kind(_limited(_words, _PROGRAM), _words, readers.command, _PRINTED, _PROGRAM),
    "log": Kind(_words, _words, readers.command, _PRINTED),
    "kubectl": Kind(_words, _words, readers.command, (*_PRINTED, "refusal"), 20.0),
}
