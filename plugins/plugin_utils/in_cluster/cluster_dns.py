"""The cluster's DNS server: it watches services, their endpoints and namespaces, and answers names.

It runs in a pod (Python's standard library and dnslib), behind the usual ``kube-dns`` service. The
records are those of the Kubernetes DNS-Based Service Discovery specification, version 1.1.0: A,
AAAA and SRV records of services, of headless services and their endpoints, CNAME records of
external names, PTR records, A records of pods by their address. Queries for other zones go to the
node's own name server.
"""

from __future__ import annotations

import ipaddress
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dnslib import AAAA, CNAME, PTR, QTYPE, RCODE, RR, SOA, SRV, TXT, A, DNSLabel, DNSRecord
from dnslib.server import BaseResolver, DNSServer

from .watching import Object, Watched, key

ZONE = "cluster.local."
TTL = 5
READY_PORT = 8181
_SERVICE = "kubernetes.io/service-name"
_UPSTREAM_TIMEOUT = 2.0
_POD = re.compile(rf"(\d+-\d+-\d+-\d+)\.([^.]+)\.pod\.{re.escape(ZONE)}")

Records = dict[str, list[tuple[str, Any]]]


@dataclass(frozen=True)
class Zone:
    """What the server answers; made anew after each change.

    ``records`` has pairs of type and data for each name. ``above`` are the names that exist because
    there are others below them, such as those of namespaces.
    """

    records: Records
    above: frozenset[str]

    def at(self, name: str) -> list[tuple[str, Any]] | None:
        """The records of a name in lowercase; None if there is no such name.

        Every pod has a name, and so has every other address: the specification (2.6) asks for any
        address in a namespace, as CoreDNS answers with ``pods insecure``.
        """
        if name in self.records:
            return self.records[name]
        pod = _POD.fullmatch(name)
        if pod and f"{pod[2]}.pod.{ZONE}" in self.above:
            try:
                return [("A", A(str(ipaddress.IPv4Address(pod[1].replace("-", ".")))))]
            except ValueError:
                return None
        return [] if name in self.above else None


def zone(
    services: Iterable[Object], slices: Iterable[Object], namespaces: Iterable[Object]
) -> Zone:
    """The zone of these objects, as the API returns them. Pure."""
    records = _records(services, slices)
    names = [each["metadata"]["name"] for each in namespaces]
    spaces = (f"{name}.{kind}.{ZONE}" for name in names for kind in ("svc", "pod"))
    above = {name for below in records for name in _parents(below)}
    return Zone(records, frozenset(above.union(spaces, (ZONE, f"pod.{ZONE}", f"svc.{ZONE}"))))


def _parents(name: str) -> Iterator[str]:
    """All names above this one."""
    while name := name.partition(".")[2]:
        yield name


def _records(services: Iterable[Object], slices: Iterable[Object]) -> Records:
    """Every record that services have, by name, as pairs of type and data."""
    found: Records = {f"dns-version.{ZONE}": [("TXT", TXT("1.1.0"))]}
    of_service: dict[tuple[str, str], list[Object]] = {}
    for item in slices:
        name = (item["metadata"].get("labels") or {}).get(_SERVICE, "")
        of_service.setdefault((item["metadata"]["namespace"], name), []).append(item)
    for service in services:
        namespace, name = key(service)
        own = f"{name}.{namespace}.svc.{ZONE}"
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            found[own] = [("CNAME", CNAME(spec["externalName"]))]
        elif spec.get("clusterIP") in (None, "None"):
            _add_headless(found, own, of_service.get((namespace, name), []))
        else:
            for address in spec.get("clusterIPs") or [spec["clusterIP"]]:
                _add_address(found, own, address)
                _add(found, _reverse(address), "PTR", PTR(own))
            for port in spec.get("ports", []):
                _add_srv(found, own, port, own)
    return found


def _add_headless(found: Records, own: str, slices: Iterable[Object]) -> None:
    """Add the records of the ready endpoints; without any, the name doesn't exist."""
    for item in slices:
        for endpoint in item.get("endpoints") or []:
            # Of what isn't known it is to be assumed (Kubernetes API: EndpointConditions).
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            # All addresses of an endpoint are equal, and consumers take the first (API: Endpoint).
            address = endpoint["addresses"][0]
            host = endpoint.get("hostname") or re.sub("[.:]", "-", address)
            target = f"{host}.{own}"
            _add_address(found, own, address)
            _add_address(found, target, address)
            _add(found, _reverse(address), "PTR", PTR(target))
            for port in item.get("ports") or []:
                _add_srv(found, own, port, target)


def _add_address(found: Records, name: str, address: str) -> None:
    kind = AAAA if ":" in address else A
    _add(found, name, kind.__name__, kind(address))


def _add_srv(found: Records, own: str, port: Object, target: str) -> None:
    """Add an SRV record if the port is named; the specification has none for other ports."""
    if port.get("name"):
        name = f"_{port['name']}._{port.get('protocol', 'TCP').lower()}.{own}"
        _add(found, name, "SRV", SRV(0, 100, port["port"], target))


def _add(found: Records, name: str, kind: str, data: object) -> None:
    """Add a record, once: an endpoint is in several subsets if its ports are."""
    present = found.setdefault(name, [])
    if (kind, data) not in present:
        present.append((kind, data))


def _reverse(address: str) -> str:
    return f"{ipaddress.ip_address(address).reverse_pointer}."


def answer(request: DNSRecord, found: Zone) -> DNSRecord:
    """The answer to a query for a name of the zone.

    RFC 2308: if a name has no record of the type, the answer is empty; if the name doesn't exist,
    it is NXDOMAIN. Both have the zone's SOA record, so that clients can cache them.
    """
    reply = request.reply()
    asked = str(request.q.qname).lower()
    kind = QTYPE[request.q.qtype]
    for _hop in range(8):  # Follows CNAMEs within the zone, but no endless chain.
        present = found.at(asked) or []
        matching = [data for of, data in present if of in (kind, "CNAME") or kind == "ANY"]
        for data in matching:
            of = type(data).__name__
            reply.add_answer(RR(asked, getattr(QTYPE, of), rdata=data, ttl=TTL))
        alias = next((data for of, data in present if of == "CNAME"), None)
        if alias is None or kind == "CNAME":
            break
        asked = str(alias.label).lower()
    if not reply.rr:
        if found.at(asked) is None:
            reply.header.rcode = RCODE.NXDOMAIN
        authority = SOA(f"ns.dns.{ZONE}", f"hostmaster.{ZONE}", (1, 7200, 1800, 86400, TTL))
        reply.add_auth(RR(ZONE, QTYPE.SOA, rdata=authority, ttl=TTL))
    return reply


class Cluster(Watched):
    """The zone, kept up to date by watching the API.

    Args:
        slices: the path of all EndpointSlices.
    """

    def __init__(self, slices: str) -> None:
        paths = {kind: f"/api/v1/{kind}" for kind in ("services", "namespaces")}
        super().__init__({**paths, "slices": slices})
        self.zone = zone([], [], [])

    def changed(self, items: Mapping[str, list[Object]]) -> None:
        """Make the zone anew."""
        self.zone = zone(**items)


class Resolver(BaseResolver):
    """Answers names of the zone itself, and asks the node's name server about all others."""

    def __init__(self, cluster: Cluster, upstream: str | None) -> None:
        self._cluster = cluster
        self._upstream = upstream

    def resolve(self, request: DNSRecord, _handler: object) -> DNSRecord:
        """Answer one query."""
        found = self._cluster.zone
        name = str(request.q.qname).lower()
        if not _in_zone(request.q.qname) and name not in found.records:
            return self._ask_upstream(request)
        reply = answer(request, found)
        alias = reply.rr[-1].rdata if reply.rr else None
        if (
            isinstance(alias, CNAME)
            and request.q.qtype != QTYPE.CNAME
            and not _in_zone(alias.label)
        ):
            # Programs in pods don't follow an alias themselves (specification, 2.5: the example).
            onward = DNSRecord.question(alias.label, QTYPE[request.q.qtype])
            reply.add_answer(*self._ask_upstream(onward).rr)
        return reply

    def _ask_upstream(self, request: DNSRecord) -> DNSRecord:
        if self._upstream is not None:
            try:
                return DNSRecord.parse(request.send(self._upstream, 53, timeout=_UPSTREAM_TIMEOUT))
            except OSError as error:
                print(f"{request.q.qname}: {self._upstream}: {error}", flush=True)
        reply = request.reply()
        reply.header.rcode = RCODE.SERVFAIL
        return reply


def _in_zone(name: DNSLabel) -> bool:
    return bool(name.matchSuffix(DNSLabel(ZONE)))


def upstream_server(resolv_conf: str) -> str | None:
    """The first name server in a resolv.conf(5), or None."""
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            return words[1]
    return None


def serve_readiness(cluster: Cluster) -> None:
    """Serve the kubelet's readiness probe: ready once every kind has been read."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.OK if cluster.ready else HTTPStatus.SERVICE_UNAVAILABLE)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Log nothing: the kubelet probes every second."""

    ThreadingHTTPServer(("", READY_PORT), Handler).serve_forever()


def main() -> None:
    """Serve until the pod ends."""
    # PID 1 ignores signals that it has no handler for (pid_namespaces(7)).
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    cluster = Cluster(os.environ["ENDPOINT_SLICES"])
    cluster.start()
    upstream = upstream_server(Path("/etc/resolv.conf").read_text(encoding="utf-8"))
    resolver = Resolver(cluster, upstream)
    for tcp in (False, True):
        DNSServer(resolver, port=53, tcp=tcp, logger=_Quiet()).start_thread()
    serve_readiness(cluster)


class _Quiet:
    """A logger for dnslib that prints only errors."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        def log(*arguments: object) -> None:
            if name == "log_error":
                print(name, *arguments[1:], flush=True)

        return log


if __name__ == "__main__":
    main()
