"""The lab's ingress controller: nginx as a reverse proxy, configured from Ingress objects.

It runs in a pod, watches Ingress objects and services, and gives nginx a server for each host name.
A host that is in no Ingress gets 404 (Kubernetes documentation, "Ingress", default backend).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from .watching import Object, Watched, key

CONFIGURATION = Path("/tmp/nginx.conf")  # noqa: S108 - the container's own folder
_FRAME = """\
events {{}}
http {{
  access_log /dev/stdout;
  error_log /dev/stderr;
  proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  server {{
    listen 80 default_server;
    location / {{ return 404 "no Ingress has the host $host\\n"; }}
  }}
{servers}}}
"""


def configuration(ingresses: list[Object], services: list[Object]) -> str:
    """The configuration of nginx for these Ingress objects. Pure.

    Args:
        ingresses: objects of networking.k8s.io/v1, as the API returns them.
        services: services, as the API returns them. A path whose service doesn't exist is left out,
            so that nginx answers 404.
    """
    specs = {key(service): service["spec"] for service in services}
    hosts: dict[str, dict[str, str]] = {}
    for ingress in ingresses:
        namespace = key(ingress)[0]
        for rule in ingress["spec"].get("rules") or []:
            locations = hosts.setdefault(rule.get("host", "_"), {})
            for path in (rule.get("http") or {}).get("paths") or []:
                backend = path["backend"]["service"]
                target = _address(specs.get((namespace, backend["name"])), backend["port"])
                if target:
                    locations[_location(path)] = target
    return _FRAME.format(servers="".join(_servers(hosts)))


def _servers(hosts: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for host, locations in sorted(hosts.items()):
        lines = "".join(
            f"    location {location} {{ proxy_pass http://{target}; }}\n"
            for location, target in sorted(locations.items())
        )
        yield f"  server {{\n    listen 80;\n    server_name {host};\n{lines}  }}\n"


def _location(path: Object) -> str:
    """The location for a path: an exact one, or a prefix as nginx matches it."""
    name = str(path.get("path") or "/")
    return f"= {name}" if path.get("pathType") == "Exact" else name


def _address(spec: Object | None, port: Object) -> str | None:
    """A service's ClusterIP and port, found by the port's number or name; None if missing."""
    if spec is None or spec.get("clusterIP") in (None, "None"):
        return None
    for offered in spec.get("ports") or []:
        if port.get("number") == offered["port"] or (
            port.get("name") and port["name"] == offered.get("name")
        ):
            return f"{spec['clusterIP']}:{offered['port']}"
    return None


class Proxy(Watched):
    """nginx, configured from the objects."""

    def __init__(self) -> None:
        super().__init__(
            {"ingresses": "/apis/networking.k8s.io/v1/ingresses", "services": "/api/v1/services"}
        )
        CONFIGURATION.write_text(configuration([], []), encoding="utf-8")
        self._nginx = subprocess.Popen(["nginx", "-c", str(CONFIGURATION), "-g", "daemon off;"])

    def changed(self, items: Mapping[str, list[Object]]) -> None:
        """Reload nginx if its configuration has changed."""
        text = configuration(items["ingresses"], items["services"])
        if text != CONFIGURATION.read_text(encoding="utf-8"):
            CONFIGURATION.write_text(text, encoding="utf-8")
            self._nginx.send_signal(signal.SIGHUP)
            print("nginx has a new configuration", flush=True)

    def wait(self) -> int:
        """Wait until nginx exits; returns its exit code."""
        return self._nginx.wait()


def main() -> int:
    """Serve until the pod ends."""
    # PID 1 ignores signals that it has no handler for (pid_namespaces(7)).
    signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
    proxy = Proxy()
    proxy.start()
    return proxy.wait()


if __name__ == "__main__":
    sys.exit(main())
