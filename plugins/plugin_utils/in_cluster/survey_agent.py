"""The program in each pod of a survey: it answers whoever asks, and asks others for a whole list.

``serve`` answers connections and datagrams with who it is and whom it sees. ``ask`` reads one line
of JSON, asks all that it names, and prints the answers as one line of JSON. It has nothing but
Python's standard library (3.10 or newer), and runs without a privilege; echo requests need either
NET_RAW or a group in ``net.ipv4.ping_group_range`` (icmp(7)).
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_WORKERS = 32
_BINDS_WITHIN = 20.0
_SILENT = 2
_ASKS = b"latihan\n"
_MOST = 65535
# linux/in.h and linux/in6.h: of a socket of UDP that lets no router divide its packets, and ignores
# what is known of the path.
_DISCOVER = {socket.AF_INET: (socket.IPPROTO_IP, 10), socket.AF_INET6: (socket.IPPROTO_IPV6, 23)}
_PATH_MTU = {socket.AF_INET: (socket.IPPROTO_IP, 14), socket.AF_INET6: (socket.IPPROTO_IPV6, 24)}
_PROBE = 3
_SIOCGIFMTU = 0x8921
_HEADERS = {socket.AF_INET: 28, socket.AF_INET6: 48}
_REASONS = {
    errno.ECONNREFUSED: "refused",
    errno.ETIMEDOUT: "timeout",
    errno.ENETUNREACH: "no_route",
    errno.EHOSTUNREACH: "unreachable",
    errno.ECONNRESET: "reset",
    errno.EPERM: "not_permitted",
    errno.EACCES: "not_permitted",
    errno.EMSGSIZE: "too_small",
}


def serve(name: str, addresses: list[str], ports: list[int]) -> None:
    """Answer at some addresses until the pod ends: TCP at all ports, UDP at the first one.

    Each address has sockets of its own, so that an answer comes from the address that was asked.
    """
    # PID 1 ignores signals that it has no handler for (pid_namespaces(7)).
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    for address in addresses:
        for port in ports:
            listener = _socket(address, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(listener, address, port)
            listener.listen(512)
            threading.Thread(target=_answer_connections, args=(name, listener)).start()
        receiver = _socket(address, socket.SOCK_DGRAM)
        _bind(receiver, address, ports[0])
        threading.Thread(target=_answer_datagrams, args=(name, receiver)).start()


def _bind(to: socket.socket, address: str, port: int) -> None:
    """Bind a socket; for a moment the pod of an earlier survey may still have a node's port."""
    ends = time.monotonic() + _BINDS_WITHIN
    while True:
        try:
            return to.bind((address, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > ends:
                raise
            time.sleep(0.2)


def _answer_connections(name: str, listener: socket.socket) -> None:
    while True:
        try:
            connection, client = listener.accept()
        except OSError:
            continue
        # A client whose packets are lost on the way must not keep others waiting.
        threading.Thread(target=_answer_connection, args=(name, connection, client[0])).start()


def _answer_connection(name: str, connection: socket.socket, client: str) -> None:
    with connection, suppress(OSError):
        connection.settimeout(2)
        connection.sendall(json.dumps({"name": name, "seen": client}).encode() + b"\n")
        # What is unread when it closes would make a reset of the end.
        connection.recv(len(_ASKS))


def _answer_datagrams(name: str, receiver: socket.socket) -> None:
    while True:
        try:
            datagram, client = receiver.recvfrom(_MOST)
            said = {"name": name, "seen": client[0], "length": len(datagram)}
            receiver.sendto(json.dumps(said).encode(), client)
        except OSError:
            continue


def _socket(address: str, kind: int, protocol: int = 0) -> socket.socket:
    return socket.socket(_family(address), kind, protocol)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ask(request: Document) -> list[Document]:
    """The answers to a request, in its order.

    Args:
        request: ``timeout`` in seconds for each answer, and the list ``ask`` of what to ask, each
            with its ``kind`` (tcp, udp, icmp, mtu or dns), ``to`` (an address; dns: a name),
            ``port``, and ``times``, how often.

    Returns:
        For each a ``reason`` (ok, or that of the last time that it failed), the ``seconds`` of each
        time that it was ok, and the ``answers`` of those times.
    """
    timeout = float(request["timeout"])
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(lambda one: _asked(one, timeout), request["ask"]))


def _asked(one: Document, timeout: float) -> Document:
    reason, said = "ok", ""
    seconds: list[float] = []
    answers: list[Document] = []
    for number in range(one.get("times", 1)):
        # Who stays silent twice would only be waited for again and again.
        if number >= _SILENT and not answers:
            break
        started = time.monotonic()
        try:
            answer = _KINDS[one["kind"]](one, timeout)
        except Exception as error:  # noqa: BLE001 - what one question meets must not end the others
            reason, said = reason_of(error), str(error)
            continue
        took = answer.pop("seconds", time.monotonic() - started)
        if answer.get("reason", "ok") != "ok":
            reason, said = answer["reason"], answer.get("said", "")
            continue
        seconds.append(round(took, 6))
        answers.append(answer)
    return {"reason": reason, "said": said, "seconds": seconds, "answers": answers}


def reason_of(error: Exception) -> str:
    """An error of a socket or a resolver in one word."""
    if isinstance(error, socket.gaierror):
        missing = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
        return "no_such_name" if error.errno in missing else "unresolved"
    if isinstance(error, TimeoutError):
        return "timeout"
    return _REASONS.get(getattr(error, "errno", None) or 0, "error")


def _tcp(one: Document, timeout: float) -> Document:
    started = time.monotonic()
    with _socket(one["to"], socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect((one["to"], one["port"]))
        took = time.monotonic() - started
        connection.sendall(_ASKS)
        with connection.makefile("rb") as lines:
            answer = lines.readline(_MOST)
    if not answer:
        return {"reason": "empty_answer"}
    return {**_read(answer), "seconds": took}


def _udp(one: Document, timeout: float) -> Document:
    with _socket(one["to"], socket.SOCK_DGRAM) as sender:
        sender.settimeout(timeout)
        # From then on only what comes from there is taken for an answer (connect(2)).
        sender.connect((one["to"], one["port"]))
        sender.send(_ASKS)
        return _read(sender.recv(_MOST))


def _read(answer: bytes) -> Document:
    """What an agent said; anything else answers there otherwise."""
    try:
        said = json.loads(answer)
    except ValueError:
        said = None
    if isinstance(said, dict):
        return said
    return {"reason": "error", "said": f"something else answers there: {answer[:60]!r}"}


def _icmp(one: Document, timeout: float) -> Document:
    """An echo request (RFC 792, RFC 4443); the kernel or this program numbers it."""
    six = _family(one["to"]) == socket.AF_INET6
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    asks, answers = (128, 129) if six else (8, 0)
    number, key = int.from_bytes(os.urandom(2), "big"), os.urandom(16)
    try:
        sender, raw = _socket(one["to"], socket.SOCK_DGRAM, protocol), False
    except PermissionError:
        sender, raw = _socket(one["to"], socket.SOCK_RAW, protocol), True
    packet = struct.pack("!BBHHH", asks, 0, 0, number, 1) + key
    packet = struct.pack("!BBHHH", asks, 0, 0 if six else checksum(packet), number, 1) + key
    with sender:
        sender.sendto(packet, (one["to"], 0))
        ends = time.monotonic() + timeout
        while True:
            sender.settimeout(max(0.001, ends - time.monotonic()))
            reply, source = sender.recvfrom(_MOST)
            if raw and not six:  # It comes with the header of IP.
                reply = reply[(reply[0] & 15) * 4 :]
            if reply[:1] == bytes([answers]) and reply.endswith(key) and source[0] == one["to"]:
                return {}
            if time.monotonic() > ends:
                raise TimeoutError("timed out")


def checksum(packet: bytes) -> int:
    """The checksum of the Internet protocols (RFC 1071)."""
    padded = packet + b"\0" * (len(packet) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _mtu(one: Document, timeout: float) -> Document:
    """Whether the largest packet of the interface arrives whole, and one byte more does not."""
    family = _family(one["to"])
    with _socket(one["to"], socket.SOCK_DGRAM) as sender:
        mtu = _interface_mtu(sender)
        sender.settimeout(timeout)
        sender.setsockopt(*_DISCOVER[family], _PROBE)
        sender.connect((one["to"], one["port"]))
        try:
            sender.send(b"x" * (mtu - _HEADERS[family] + 1))
            return {"reason": "error", "said": f"a packet of {mtu + 1} bytes was let out"}
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
        try:
            sender.send(b"x" * (mtu - _HEADERS[family]))
            answer = _read(sender.recv(_MOST))
        except TimeoutError:
            return {"reason": "timeout", "said": f"a packet of {mtu} bytes gets lost"}
        except OSError as error:
            if error.errno != errno.EMSGSIZE:
                raise
            fits = sender.getsockopt(*_PATH_MTU[family])
            said = f"of {mtu} bytes at most {fits} fit"
            return {"reason": "too_small", "said": said, "mtu": fits}
    return {**answer, "mtu": mtu}


def _interface_mtu(sender: socket.socket) -> int:
    """The MTU of the pod's interface, in bytes: that of eth0, or of the first that isn't lo."""
    names = [name for _index, name in socket.if_nameindex() if name != "lo"]
    name = "eth0" if "eth0" in names else next(iter(names), "lo")
    asks = struct.pack("16si12x", name.encode(), 0)  # struct ifreq (netdevice(7)).
    return int(struct.unpack("16si12x", fcntl.ioctl(sender, _SIOCGIFMTU, asks))[1])


def _dns(one: Document, _timeout: float) -> Document:
    """What the pod's resolver says; ``{services}`` in the name is the zone of all services."""
    name = one["to"].replace("{services}", _services_zone())
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return {"addresses": sorted({str(each[4][0]) for each in found})}


def _services_zone() -> str:
    """As in ``svc.cluster.local.``, from the search list that the kubelet wrote."""
    for line in Path("/etc/resolv.conf").read_text().splitlines():
        for word in line.split()[1:] if line.startswith("search") else []:
            if word.startswith("svc."):
                return word.rstrip(".") + "."
    return "svc.cluster.local."


_KINDS = {"tcp": _tcp, "udp": _udp, "icmp": _icmp, "mtu": _mtu, "dns": _dns}


def main(arguments: list[str]) -> None:
    """Do what the pod's command, or whoever enters the pod, asks for."""
    if arguments == ["ask"]:
        print(json.dumps(ask(json.loads(sys.stdin.readline()))), flush=True)
        return
    ports = [int(port) for port in os.environ["SURVEY_PORTS"].split(",")]
    serve(os.environ["SURVEY_NAME"], os.environ["SURVEY_ADDRESSES"].split(","), ports)
    print("serving", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
