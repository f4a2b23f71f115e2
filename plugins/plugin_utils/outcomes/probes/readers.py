"""Read the output of each kind of probe. Pure functions: text in, reading out."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.kubectl import status_object
from ansible_collections.latihan.lab.plugins.plugin_utils.common import json_text
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.probes.model import Raw, Reading
from ansible_collections.latihan.lab.plugins.plugin_utils.outcomes.results import (
    CommandYield,
    DnsYield,
    HttpYield,
    IcmpYield,
    KubectlYield,
    MtuYield,
    PathYield,
    TracedHop,
    UdpYield,
)

# What the C library and the tools say about an error, and the lab's one word for it.
_SIGNS = (
    ("connection refused", "refused"),
    ("network is unreachable", "no_route"),
    ("network unreachable", "no_route"),
    ("no route to host", "unreachable"),
    ("host unreachable", "unreachable"),
    ("port unreachable", "refused"),
    ("could not resolve", "unresolved"),
    ("resolving timed out", "unresolved"),
    ("temporary failure in name resolution", "unresolved"),
    ("name or service not known", "no_such_name"),
    ("no address associated", "no_such_name"),
    ("connect: invalid argument", "no_route"),
    ("connection reset", "reset"),
    ("operation not permitted", "not_permitted"),
    ("timed out", "timeout"),
    ("response timeout", "timeout"),
)
UNAVAILABLE = "unavailable"  # the provider has no such place, or no way into it
NOT_RUN = "not_run"  # nothing could be begun there
NO_TOOL = (126, 127)  # a shell's exit code if a program is missing or can't be run
_TIMEOUT_EXIT = 124
# curl has one exit code for an unknown name and for a name server that doesn't answer.
_CURL_REASONS = {6: "unresolved", 28: "timeout", 52: "empty_answer", 56: "reset"}
# dig(1), the header of an answer; with these two the server says that the name has no address.
_RCODE = re.compile(r"^;; ->>HEADER<<- .*status: (\w+)", re.MULTILINE)
_NO_SUCH_NAME = ("NXDOMAIN", "NOERROR")
_NOT_FOUND = 2  # getent(1), whatever the reason
_TROUBLE = re.compile("fail|could not|timed out|refused|curl:|reset", re.IGNORECASE)
TOO_SLOW = "too_slow"
_OWN_REASONS = (
    *("ok", "error", NOT_RUN, "no_tool", UNAVAILABLE, "too_small", "too_long"),
    TOO_SLOW,
)
# An answer needs a few processes to take their turns, and this share of a timeout for each is much.
_LATE = 0.2
REASONS = frozenset([*_OWN_REASONS, *_CURL_REASONS.values(), *(word for _message, word in _SIGNS)])
_NUMBERED = re.compile(r"(http_[1-5]\d\d|exit_\d{1,3})")
HTTP_MARK = "\n@http "
_STATUS = re.compile("[1-5][0-9][0-9]")
_HOP = re.compile(r"^\s*([0-9]{1,3})\s+(.*)$")
_MTU = re.compile(r"\s*([0-9]{1,9})\s*")
_IPV4 = re.compile(r"\b(\d{1,3}(?:\.\d{1,3}){3})\b")


def sign(text: str) -> str:
    """The word for the error in a tool's message; empty if none is known."""
    lowered = text.lower()
    return next((word for message, word in _SIGNS if message in lowered), "")


def is_reason(word: str) -> bool:
    """Whether a reading may have this reason."""
    return word in REASONS or _NUMBERED.fullmatch(word) is not None


def broken(raw: Raw) -> Reading | None:
    """The reading of a command that never ran or has no tool; None if it did run."""
    if raw.missing:
        return Reading(UNAVAILABLE, raw.error)
    if raw.exit_code is None:
        return Reading(NOT_RUN, raw.error or raw.stderr.strip())
    if raw.exit_code in NO_TOOL:
        return Reading("no_tool", (raw.stderr or raw.stdout).strip())
    return None


def timely(reading: Reading, raw: Raw, timeout: float, longest: float) -> Reading:
    """The same reading, unless it is silence in a place where everything takes long.

    A name server's silence counts too; an answer that comes at once doesn't.

    Args:
        reading: what the output says.
        raw: the output, how late its place is, and when the command ended.
        timeout: how many seconds the answer had.
        longest: how many seconds the command runs at most, since it ends itself then.
    """
    unresolved = reading.reason == "unresolved" and raw.seconds >= timeout
    if not (unresolved or reading.reason == "timeout"):
        return reading
    if raw.lag > _LATE * timeout:
        said = f"a process that does nothing takes {raw.lag:.1f} s there"
    elif raw.seconds > (1 + _LATE) * longest:
        said = f"what should end after {longest:g} s took {raw.seconds:.1f} s there"
    else:
        return reading
    return Reading(TOO_SLOW, f"No answer in {timeout:g} s, but {said}.", reading.yields)


def http(raw: Raw) -> Reading:
    """What curl says with -v and the lab's -w: status, body, remote_ip, local_ip."""
    body, _, written = raw.stdout.rpartition(HTTP_MARK)
    status, remote, local, port = (written.split() + [""] * 4)[:4]
    if raw.exit_code == 0 and _STATUS.fullmatch(status):
        code = int(status)
        reason = "ok" if code < HTTPStatus.BAD_REQUEST else f"http_{code}"
        yields = HttpYield(
            status=code, body=body, remote_ip=remote, local_ip=local, local_port=port
        )
        return Reading(reason, body.strip() or f"HTTP {code}, no text", yields)
    said = _curl_trouble(raw.stderr)
    # If a name server is silent, curl's exit code only says that time was up.
    if sign(said) == "unresolved":
        return Reading("unresolved", said)
    reason = _CURL_REASONS.get(raw.exit_code or 0) or sign(said) or "error"
    return Reading(reason, said)


def _curl_trouble(stderr: str) -> str:
    """The lines of curl's output that report trouble."""
    lines = [line.removeprefix("* ").strip() for line in stderr.splitlines()]
    trouble = [line for line in lines if _TROUBLE.search(line)]
    return "\n".join(dict.fromkeys(trouble)) or stderr.strip()


def tcp(raw: Raw) -> Reading:
    """What bash's /dev/tcp says: whether it connected."""
    if raw.exit_code == 0:
        return Reading("ok", "connected")
    return _failed(raw)


def udp(raw: Raw) -> Reading:
    """What bash's /dev/udp says: whether anything comes back, and what."""
    if raw.exit_code == 0 and raw.stdout:
        return Reading("ok", raw.stdout.strip(), UdpYield(answer=raw.stdout))
    if raw.exit_code == 0:
        return Reading("timeout", "no answer")
    return _failed(raw)


def dns(raw: Raw) -> Reading:
    """What getent or dig says: the addresses of a name, each once.

    ``no_such_name`` means that a name server said so; ``unresolved`` that none answered.
    """
    answers = [line for line in raw.stdout.splitlines() if not line.startswith(";")]
    words = [word for line in answers for word in line.split() if _IPV4.fullmatch(word)]
    if raw.exit_code == 0 and words:
        yields = DnsYield(addresses=list(dict.fromkeys(words)))
        return Reading("ok", raw.stdout.strip(), yields)
    failed = _failed(raw)
    if rcode := _RCODE.search(raw.stdout):
        reason = "no_such_name" if rcode[1] in _NO_SUCH_NAME else "unresolved"
    elif raw.exit_code in (0, _NOT_FOUND):
        reason = sign(failed.output) or "unresolved"
    else:
        return failed
    return Reading(reason, failed.output, DnsYield(addresses=[]))


def icmp(raw: Raw) -> Reading:
    """ping: whether an answer comes."""
    if raw.exit_code == 0 and re.search(r"\b[1-9]\d* received", raw.stdout):
        peer = re.search(r"from ([^\s:]+)(?: \(([\d.]+)\))?", raw.stdout)
        address = (peer.group(2) or peer.group(1)) if peer else ""
        return Reading("ok", raw.stdout.strip(), IcmpYield(address=address))
    said = f"{raw.stdout.strip()}\n{raw.stderr.strip()}".strip()
    silent = raw.exit_code == _TIMEOUT_EXIT or "received" in raw.stdout
    return Reading(sign(said) or ("timeout" if silent else "error"), said)


def path(raw: Raw) -> Reading:
    """Traceroute -n: the hops in order, each with the address that answered (None if none did)."""
    lines = raw.stdout.splitlines()
    hops: list[TracedHop] = []
    for line in lines:
        matched = _HOP.match(line)
        if matched and "hops max" not in line:
            answered = list(dict.fromkeys(_IPV4.findall(matched.group(2))))
            first = answered[0] if answered else None
            hops.append(TracedHop(ttl=int(matched[1]), address=first, addresses=answered))
    goal = _IPV4.search(lines[0]) if lines else None
    arrived = bool(hops and goal and goal.group(1) in hops[-1].addresses)
    shown = (raw.stdout + raw.stderr).strip()
    if arrived and raw.exit_code == 0:
        return Reading("ok", shown, PathYield(hops=hops))
    trouble = sign(raw.stderr) or ("unreachable" if "!" in raw.stdout else "timeout")
    return Reading(trouble, shown, PathYield(hops=hops))


def mtu(raw: Raw) -> Reading:
    """Two pings that may not be fragmented: the largest that fits, and one byte more.

    Ok if the first is answered and the second refused for its size. It yields ``mtu``, and
    ``largest`` and ``over``, the reasons of both.
    """
    try:
        _, fits, exceeds = re.split(r"^@mtu ", raw.stdout, flags=re.MULTILINE)
    except ValueError:
        return _failed(raw)
    size, _, first = fits.partition("\n")
    _, _, second = exceeds.partition("\n")
    has_mtu = _MTU.fullmatch(size)
    if not has_mtu:  # There is no such interface.
        return _failed(raw)
    largest, over = (_sized(text) for text in (first, second))
    yields = MtuYield(mtu=int(has_mtu[1]), largest=largest, over=over)
    shown = f"{first.strip()}\n{second.strip()}"
    if largest == "ok" and over == "too_long":
        return Reading("ok", shown, yields)
    return Reading("too_small" if largest == "too_long" else largest, shown, yields)


def _sized(text: str) -> str:
    if re.search(r"\b[1-9]\d* received", text):
        return "ok"
    if "message too long" in text.lower() or "frag needed" in text.lower():
        return "too_long"
    return sign(text) or "timeout"


def command(raw: Raw) -> Reading:
    """Any command: ok if it exits with 0; it yields ``stdout`` also as ``json`` or ``lines``."""
    return _ended(raw, CommandYield(stdout=raw.stdout, stderr=raw.stderr, **_parsed(raw)))


def kubectl(raw: Raw) -> Reading:
    """What kubectl says, and what the API refused."""
    refusal = status_object(raw.stderr)
    printed = _parsed(raw)
    yields = KubectlYield(stdout=raw.stdout, stderr=raw.stderr, refusal=refusal, **printed)
    reading = _ended(raw, yields)
    if not refusal:
        return reading
    status = {name: refusal.get(name) for name in ("code", "reason", "message")}
    shown = f"{raw.stdout.strip()}\nThe API answered {json.dumps(status)}".strip()
    return Reading(reading.reason, shown, yields)


def _parsed(raw: Raw) -> dict[str, Any]:
    try:
        return {"json": json_text.read(raw.stdout)}
    except ValueError:
        return {"lines": raw.stdout.splitlines()}


def _ended(raw: Raw, yields: CommandYield) -> Reading:
    shown = f"{raw.stdout.strip()}\n{raw.stderr.strip()}".strip()
    if raw.exit_code == 0:
        return Reading("ok", shown, yields)
    if raw.exit_code == _TIMEOUT_EXIT:
        return Reading("timeout", shown, yields)
    return Reading(sign(raw.stderr) or f"exit_{raw.exit_code}", shown, yields)


def _failed(raw: Raw) -> Reading:
    said = "\n".join(part.strip() for part in (raw.stdout, raw.stderr) if part.strip())
    if raw.exit_code == _TIMEOUT_EXIT:
        return Reading("timeout", said or "no answer in time")
    return Reading(sign(said) or "error", said or f"it exited with {raw.exit_code}")
