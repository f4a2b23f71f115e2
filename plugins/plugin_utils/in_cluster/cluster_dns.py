"""The cluster's DNS server: it watches services and endpoints, and answers their names.

It runs in a pod (Python's standard library and dnslib), behind the usual ``kube-dns`` service. The
records are those of the Kubernetes DNS-Based Service Discovery specification, version 1.1.0: A and
SRV records of services, A records of headless services and their named endpoints, CNAME records of
external names, PTR records. Queries for other zones go to the node's own name server.
"""

from __future__ import annotations

import ipaddress
import os
import signal
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dnslib import CNAME, PTR, QTYPE, RCODE, RR, SOA, SRV, TXT, A, DNSLabel, DNSRecord
from dnslib.server import BaseResolver, DNSServer

from .watching import Object, Watched, key

ZONE = "cluster.local."
TTL = 5
READY_PORT = 8181
_UPSTREAM_TIMEOUT = 2.0

Records = dict[str, list[tuple[str, Any]]]


def records(services: list[dict[str, Any]], endpoints: list[dict[str, Any]]) -> Records:
    """Every record of the zone, by name. Pure; called again after each change.

    Args:
        services: services, as the API returns them.
        endpoints: their endpoints, as the API returns them.

    Returns:
        The records of each name, as pairs of type and data.
    """
    found: Records = {f"dns-version.{ZONE}": [("TXT", TXT("1.1.0"))]}
    by_key = {key(item): item for item in endpoints}
    for service in services:
        namespace, name = key(service)
        own = f"{name}.{namespace}.svc.{ZONE}"
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            found[own] = [("CNAME", CNAME(spec["externalName"]))]
        elif spec.get("clusterIP") in (None, "None"):
            _add_headless(found, own, by_key.get((namespace, name), {}))
        else:
            _add(found, own, "A", A(spec["clusterIP"]))
            _add(found, _reverse(spec["clusterIP"]), "PTR", PTR(own))
            for port in spec.get("ports", []):
                _add_srv(found, own, port, own)
    return found


def _add_headless(found: Records, own: str, endpoints: dict[str, Any]) -> None:
    found.setdefault(own, [])
    for subset in endpoints.get("subsets") or []:
        for address in subset.get("addresses") or []:
            host = address.get("hostname") or address["ip"].replace(".", "-")
            target = f"{host}.{own}"
            _add(found, own, "A", A(address["ip"]))
            _add(found, target, "A", A(address["ip"]))
            _add(found, _reverse(address["ip"]), "PTR", PTR(target))
            for port in subset.get("ports") or []:
                _add_srv(found, own, port, target)


def _add_srv(found: Records, own: str, port: dict[str, Any], target: str) -> None:
    """Add an SRV record if the port is named; the specification has none for other ports."""
    if port.get("name"):
        name = f"_{port['name']}._{port.get('protocol', 'TCP').lower()}.{own}"
        _add(found, name, "SRV", SRV(0, 100, port["port"], target))


def _add(found: Records, name: str, kind: str, data: object) -> None:
    found.setdefault(name, []).append((kind, data))


def _reverse(address: str) -> str:
    return f"{ipaddress.ip_address(address).reverse_pointer}."


def answer(request: DNSRecord, found: Records) -> DNSRecord:
    """The answer to a query for a name of the zone.

    RFC 2308: if a name has no record of the type, the answer is empty; if the name doesn't exist,
    it is NXDOMAIN. Both have the zone's SOA record, so that clients can cache them.
    """
    reply = request.reply()
    asked = str(request.q.qname).lower()
    kind = QTYPE[request.q.qtype]
    for _hop in range(8):  # Follows CNAMEs within the zone, but no endless chain.
        present = found.get(asked, [])
        matching = [data for of, data in present if of in (kind, "CNAME") or kind == "ANY"]
        for data in matching:
            of = type(data).__name__
            reply.add_answer(RR(asked, getattr(QTYPE, of), rdata=data, ttl=TTL))
        alias = next((data for of, data in present if of == "CNAME"), None)
        if alias is None or kind == "CNAME":
            break
        asked = str(alias.label).lower()
    if not reply.rr:
        below = any(name.endswith("." + asked) for name in found)
        if asked not in found and not below:
            reply.header.rcode = RCODE.NXDOMAIN
        authority = SOA(f"ns.dns.{ZONE}", f"hostmaster.{ZONE}", (1, 7200, 1800, 86400, TTL))
        reply.add_auth(RR(ZONE, QTYPE.SOA, rdata=authority, ttl=TTL))
    return reply


class Cluster(Watched):
    """The zone's records, kept up to date by watching the API."""

    def __init__(self) -> None:
        super().__init__({"services": "/api/v1/services", "endpoints": "/api/v1/endpoints"})
        self.records: Records = {}

    def changed(self, items: Mapping[str, list[Object]]) -> None:
        """Compute the records again."""
        self.records = records(items["services"], items["endpoints"])


class Resolver(BaseResolver):
    """Answers names of the zone itself, and asks the node's name server about all others."""

    def __init__(self, cluster: Cluster, upstream: str | None) -> None:
        self._cluster = cluster
        self._upstream = upstream

    def resolve(self, request: DNSRecord, _handler: object) -> DNSRecord:
        """Answer one query."""
        found = self._cluster.records
        name = str(request.q.qname).lower()
        if request.q.qname.matchSuffix(DNSLabel(ZONE)) or name in found:
            return answer(request, found)
        return self._ask_upstream(request)

    def _ask_upstream(self, request: DNSRecord) -> DNSRecord:
        if self._upstream is not None:
            try:
                return DNSRecord.parse(request.send(self._upstream, 53, timeout=_UPSTREAM_TIMEOUT))
            except OSError as error:
                print(f"{request.q.qname}: {self._upstream}: {error}", flush=True)
        reply = request.reply()
        reply.header.rcode = RCODE.SERVFAIL
        return reply


def upstream_server(resolv_conf: str) -> str | None:
    """The first name server in a resolv.conf(5), or None."""
    for line in resolv_conf.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            return words[1]
    return None


def serve_readiness(cluster: Cluster) -> None:
    """Serve the kubelet's readiness probe: ready once services and endpoints have been read."""

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
    cluster = Cluster()
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
