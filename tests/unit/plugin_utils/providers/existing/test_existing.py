"""The provider for clusters that exist: what it asks for, refuses, and leaves alone."""

from __future__ import annotations

import base64
import datetime as dt
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import (
    Api,
    RefusedError,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.contract import Missing
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.folders import write_private
from ansible_collections.latihan.lab.plugins.plugin_utils.common.profiles import Profile
from ansible_collections.latihan.lab.plugins.plugin_utils.providers import memory, programs, reading
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing import (
    access,
    finding,
    namespace,
    rights,
    settings,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.provider import (
    PROVIDER,
)
from ansible_collections.latihan.lab.plugins.plugin_utils.providers.existing.settings import (
    ExistingSettings,
)

ASKED = ExistingSettings("mine", "latihan.lab/mine=p3")
LABELS = {namespace.MANAGED_BY: namespace.LATIHAN, namespace.PROFILE: "uji"}
Answers = dict[tuple[str, str], tuple[int, dict[str, Any]]]


class Answering(http.server.BaseHTTPRequestHandler):
    """An API that answers as a test says, and notes what it was asked."""

    answers: Answers
    asked: list[tuple[str, str]]

    protocol_version = "HTTP/1.1"  # Connections are used again.

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append((self.command, path))
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        status, answer = self.answers.get((self.command, path), (404, {"reason": "NotFound"}))
        if path.endswith("selfsubjectaccessreviews"):
            wanted = body["spec"]["resourceAttributes"]
            status, answer = 201, {"status": {"allowed": wanted not in answer.get("denied", [])}}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def answers() -> Answers:
    return {}


@pytest.fixture
def asked() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def api(answers: Answers, asked: list[tuple[str, str]], tmp_path: Path) -> Iterator[Api]:
    handler = type("Handler", (Answering,), {"answers": answers, "asked": asked})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(kubeconfig(server.server_port)), encoding="utf-8")
        yield Api(path)
        server.shutdown()


def kubeconfig(port: int, **user: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": user}],
    }


def put(answers: Answers, labels: dict[str, str], **metadata: str) -> None:
    found = {"metadata": {"name": "mine", "labels": labels, **metadata}}
    answers["GET", "/api/v1/namespaces/mine"] = (200, found)


@pytest.mark.parametrize(
    ("labels", "metadata", "said"),
    [
        ({}, {}, "'mine' isn't the lab's: it has no label app.kubernetes.io/managed-by=latihan"),
        ({**LABELS, namespace.PROFILE: "other"}, {}, "'mine' is that of the lab 'other'"),
        (LABELS, {"deletionTimestamp": "now"}, "is being deleted"),
    ],
)
def test_a_namespace_that_is_not_the_labs(
    api: Api, answers: Answers, labels: dict[str, str], metadata: dict[str, str], said: str
) -> None:
    put(answers, labels, **metadata)
    with pytest.raises(LabError, match=said) as told:
        namespace.found(api, ASKED, "uji")
    assert told.value.kind is Kind.INPUT


def test_a_namespace_that_an_administrator_made_is_the_labs(api: Api, answers: Answers) -> None:
    assert namespace.found(api, ASKED, "uji") is None
    put(answers, {namespace.MANAGED_BY: namespace.LATIHAN})
    assert namespace.found(api, ASKED, "uji")


def test_a_new_namespace_takes_pods_a_moment_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(namespace, "_POLL", 0.0)
    said = [
        'serviceaccount "default" not found',
        'No API token found for service account "default"',
    ]

    class Young:
        def post(self, path: str, body: object, query: object) -> None:
            if said:
                raise RefusedError(said.pop(0), 500, "")

    assert namespace.refused(Young(), ASKED, {}) == ""  # type: ignore[arg-type]
    assert said == []
    said.append("exceeded quota: pods")
    assert namespace.refused(Young(), ASKED, {}) == "exceeded quota: pods"  # type: ignore[arg-type]


def test_what_is_taken_back(api: Api, answers: Answers, asked: list[tuple[str, str]]) -> None:
    """Never what isn't the lab's, and the contents of a namespace that it may not delete."""
    put(answers, {})
    answers["GET", "/api/v1/nodes"] = (200, {"items": [{"metadata": {"name": "n"}}]})
    answers["PATCH", "/api/v1/nodes/n"] = (200, {"kind": "Node"})
    with pytest.raises(LabError, match="isn't the lab's"):
        namespace.remove(api, ASKED, "uji")
    assert not [each for each in asked if each[0] == "DELETE"]
    put(answers, LABELS)
    pods = "/api/v1/namespaces/mine/pods"
    answers["GET", pods] = (200, {"items": [{"metadata": {"name": "p"}}]})
    answers["GET", "/api/v1/namespaces/mine/services"] = (200, {"items": [], "kind": "List"})
    answers["DELETE", f"{pods}/p"] = (200, {"kind": "Pod", "log": "x" * 100_000})
    answers["DELETE", "/api/v1/namespaces/mine"] = (403, {"reason": "Forbidden"})
    namespace.remove(api, ASKED, "uji")
    assert [each for each in asked if each[0] == "DELETE"] == [
        ("DELETE", f"{pods}/p"),
        ("DELETE", "/apis/networking.k8s.io/v1/namespaces/mine/networkpolicies/latihan"),
        ("DELETE", "/api/v1/namespaces/mine"),
    ]


def test_each_right_that_lacks_is_named(api: Api, answers: Answers) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    denied = [
        {"verb": "create", "resource": "pods", "subresource": "exec", "namespace": "mine"},
        {"verb": "patch", "resource": "nodes"},
    ]
    answers["POST", path] = (201, {"denied": denied})
    missing = rights.lacking(api, "mine", [*rights.IN_NAMESPACE, *rights.IN_CLUSTER])
    error = rights.refusal(missing, "mine")
    assert error.message == (
        "The lab lacks rights. In the namespace 'mine': create pods/exec; "
        "in the whole cluster: patch nodes."
    )
    assert error.kind is Kind.INPUT


def test_an_api_that_lets_nobody_in(api: Api, answers: Answers) -> None:
    answers["GET", "/version"] = (401, {"reason": "Unauthorized"})
    with pytest.raises(LabError, match="doesn't know who asks") as told:
        access.answering(api)
    assert told.value.kind is Kind.INPUT
    dead = kubeconfig(1)
    with pytest.raises(LabError, match="does not answer") as told:
        access.connected(yaml.safe_dump(dead), dead)
    assert told.value.kind is Kind.MACHINE


def certificate(ends: dt.datetime) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "u")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(ends - dt.timedelta(days=1))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()


def test_a_certificate_that_has_expired() -> None:
    ends = dt.datetime(2020, 2, 3, tzinfo=dt.UTC)
    user = {"client-certificate-data": certificate(ends)}
    document = kubeconfig(1, **user)
    said = "The certificate of the user 'u' expired on 2020-02-03."
    assert access.expired(document, ends + dt.timedelta(1)) == said
    assert access.expired(document, ends - dt.timedelta(1)) == ""
    assert access.expired(kubeconfig(1, token="t"), ends) == ""
    with pytest.raises(LabError, match=said):
        access.connected(yaml.safe_dump(document), document)


def test_the_labs_kubeconfig_has_its_namespace() -> None:
    (context,) = yaml.safe_load(access.with_namespace(kubeconfig(1), "mine"))["contexts"]
    assert context["context"]["namespace"] == "mine"


def node(name: str, *, ready: str = "True", taint: str = "", **spec: Any) -> dict[str, Any]:
    taints = [{"key": "k", "effect": taint}] if taint else []
    conditions = [{"type": "Ready", "status": ready}]
    addresses = [{"type": "InternalIP", "address": f"192.0.2.{ord(name)}"},
                 {"type": "InternalIP", "address": "2001:db8::1"}]  # fmt: skip
    return {
        "metadata": {"name": name},
        "spec": {"taints": taints, **spec},
        "status": {"conditions": conditions, "addresses": addresses},
    }


def test_the_nodes_that_take_pods() -> None:
    nodes = [
        *(node("c"), node("b"), node("d", taint="NoSchedule"), node("e", ready="False")),
        *(node("f", unschedulable=True), node("g", taint="PreferNoSchedule")),
    ]
    assert reading.workers(nodes) == ("b", "c", "g")
    made = finding.contract(Profile("uji", Path("/s")), ASKED, nodes, Missing("Nowhere."))
    assert [each.address for each in made.nodes][:2] == ["192.0.2.98", "192.0.2.99"]
    assert (made.worker(1), made.worker(2), made.namespace) == ("b", "c", "mine")
    with pytest.raises(LabError, match="No node takes the lab's pods") as told:
        reading.workers(nodes[2:5])
    assert told.value.kind is Kind.INPUT


def test_a_lab_stays_in_its_cluster() -> None:
    known = replace(ASKED, kubeconfig="/k", context="c", kubectl="/kubectl", server="https://a")
    assert settings.together(None, ASKED) == ASKED
    assert settings.together(known, ASKED) == known
    other = settings.together(known, replace(ASKED, context="d"))
    assert (other.kubeconfig, other.context, other.server) == ("", "d", "https://a")
    for changed in (replace(ASKED, namespace="x"), replace(ASKED, node_label="x")):
        with pytest.raises(LabError, match="The lab has the"):
            settings.together(known, changed)
    with pytest.raises(LabError, match="options of the provider"):
        settings.wanted({"namespace": "a", "node_label": "b", "colour": "c"})


def test_the_folder_of_a_lab(tmp_path: Path) -> None:
    profile = Profile("uji", tmp_path)
    assert settings.MEMORY.load(profile) is None
    settings.MEMORY.save(profile, ASKED)
    assert settings.MEMORY.load(profile) == ASKED
    assert settings.MEMORY.labs(profile.state) == {profile}
    write_private(memory.kubeconfig(profile), "secret")
    assert memory.kubeconfig(profile).stat().st_mode & 0o77 == 0
    (profile.folder / "letter").touch()
    with pytest.raises(LabError, match="something that isn't the lab's: letter"):
        settings.MEMORY.remove(profile)
    (profile.folder / "letter").unlink()
    settings.MEMORY.remove(profile)
    assert not profile.folder.exists()
    profile.folder.mkdir()
    (profile.folder / "existing.json").write_text("{}", encoding="utf-8")
    with pytest.raises(LabError, match="can't be read as a lab's settings"):
        settings.MEMORY.load(profile)


def test_a_folder_without_settings_is_removed_if_nothing_else_is_in_it(tmp_path: Path) -> None:
    profile = Profile("uji", tmp_path)
    assert not PROVIDER.remove(profile, check=False)
    profile.folder.mkdir()
    assert PROVIDER.remove(profile, check=True)
    assert PROVIDER.remove(profile, check=False)
    assert not profile.folder.exists()
    (profile.folder / "nodes").mkdir(parents=True)
    with pytest.raises(LabError, match="isn't the lab's: nodes"):
        PROVIDER.remove(profile, check=False)


def test_a_kubectl_that_there_is_not() -> None:
    with pytest.raises(LabError, match="no program '/nowhere/kubectl'") as told:
        programs.path_of("kubectl", "/nowhere/kubectl", "lab_kubectl")
    assert told.value.kind is Kind.MACHINE
