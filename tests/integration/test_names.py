"""The names that the cluster's DNS answers, as a pod sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.labs import Lab

OBJECTS = """\
apiVersion: v1
kind: Namespace
metadata: {name: names}
---
apiVersion: v1
kind: Service
metadata: {name: crew, namespace: names}
spec: {clusterIP: None, selector: {app: crew}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody, namespace: names}
spec: {clusterIP: None, selector: {app: nobody}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: away, namespace: names}
spec: {type: ExternalName, externalName: host.minikube.internal}
---
apiVersion: v1
kind: Pod
metadata: {name: cook, namespace: names, labels: {app: crew}}
spec:
  hostname: galley
  subdomain: crew
  terminationGracePeriodSeconds: 0
  containers: [{name: web, image: nginx}]
"""
HEADLESS = "crew.names.svc.cluster.local"


@pytest.fixture(scope="module")
def address(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the pod ``cook``, which is ready."""
    file: Path = tmp_path_factory.mktemp("names") / "objects.yaml"
    file.write_text(OBJECTS, encoding="utf-8")
    lab.kubectl("apply", "-f", str(file))
    pod = ("-n", "names", "pod/cook")
    lab.kubectl("wait", *pod, "--for=condition=Ready", "--timeout=60s")
    yield lab.kubectl("get", *pod, "-o", "jsonpath={.status.podIP}")
    lab.kubectl("delete", "namespace", "names", "--wait=false")


def test_names_of_the_specification(lab: Lab, address: str) -> None:
    host = lab.contract["host_address"]
    expected = {
        f"{address.replace('.', '-')}.names.pod.cluster.local A": [address],
        f"{HEADLESS} A": [address],
        f"galley.{HEADLESS} A": [address],
        f"_http._tcp.{HEADLESS} SRV": [f"0 100 80 galley.{HEADLESS}."],
        f"{'.'.join(reversed(address.split('.')))}.in-addr.arpa PTR": [f"galley.{HEADLESS}."],
        "away.names.svc.cluster.local A": ["host.minikube.internal.", host],
        "nobody.names.svc.cluster.local A": [],
    }
    script = "\n".join(f"echo '? {each}'; dig +short {each}" for each in expected)
    answers = lab.kubectl("exec", "p1", "-c", "p1-c2", "--", "bash", "-c", script)
    asked = (each.splitlines() for each in answers.split("? ")[1:])
    assert {question: found for question, *found in asked} == expected


@pytest.mark.usefixtures("address")
def test_a_pod_finds_an_external_name_at_once(lab: Lab) -> None:
    """Programs don't follow aliases; without a way back to pods they would wait for seconds."""
    look_up = "import socket; print(socket.gethostbyname('away.names.svc.cluster.local'))"
    found = lab.kubectl("exec", "p1", "-c", "p1-c2", "--", "python3", "-c", look_up)
    assert found.strip() == lab.contract["host_address"]
