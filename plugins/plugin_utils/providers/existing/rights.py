"""What the lab has to be allowed to do in a cluster that isn't its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.latihan.lab.plugins.plugin_utils.cluster.api import Api, ApiObject
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

_ASK = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_ALL = ("get", "list", "watch", "create", "patch", "delete")
_READ = ("get", "list", "watch")


@dataclass(frozen=True)
class Right:
    """To be allowed a verb on a resource, as in ``create`` on ``pods/exec``.

    ``namespaced`` is whether it is needed in the lab's namespace alone.
    """

    verb: str
    resource: str
    group: str = ""
    namespaced: bool = True

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "")

    def question(self, namespace: str) -> ApiObject:
        """The SelfSubjectAccessReview that asks for it."""
        resource, _, part = self.resource.partition("/")
        attributes = {
            "verb": self.verb,
            "resource": resource,
            "subresource": part,
            "group": self.group,
            "namespace": namespace if self.namespaced else "",
        }
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {k: each for k, each in attributes.items() if each}},
        }


def _rights(resource: str, *verbs: str, group: str = "", namespaced: bool = True) -> list[Right]:
    return [Right(verb, resource, group, namespaced) for verb in verbs]


# kubectl opens an exec by POST (create), the lab itself by GET (get).
IN_NAMESPACE = (
    *_rights("pods", *_ALL),
    *_rights("pods/exec", "get", "create"),
    *_rights("pods/log", "get"),
    *_rights("services", *_ALL),
    *_rights("endpoints", *_READ),
    *_rights("endpointslices", *_READ, group="discovery.k8s.io"),
    *_rights("events", "list"),
    *_rights("networkpolicies", "get", "create", "delete", group="networking.k8s.io"),
)
IN_CLUSTER = _rights("nodes", *_READ, "patch", namespaced=False)
# What an administrator may do instead, once.
MAKE_NAMESPACE = Right("create", "namespaces", namespaced=False)
SEE_NAMESPACE = Right("get", "namespaces")
# Not needed: without it, an address of another namespace's pod has no name in the report.
SEE_ALL = Right("list", "pods", namespaced=False)


def lacking(api: Api, namespace: str, rights: Sequence[Right]) -> list[Right]:
    """Those of the rights that whoever asks doesn't have.

    Args:
        api: the cluster's API.
        namespace: the lab's namespace, which need not exist.
        rights: the rights to ask for.

    Raises:
        LabError: the API doesn't answer that.
    """
    with ThreadPoolExecutor(max_workers=8) as pool:
        answers = pool.map(lambda right: api.post(_ASK, right.question(namespace)), rights)
        return [right for right, said in zip(rights, answers, strict=True) if not _allowed(said)]


def _allowed(review: ApiObject) -> bool:
    return (review.get("status") or {}).get("allowed") is True


def refusal(missing: Iterable[Right], namespace: str) -> LabError:
    """The error that names each right that lacks, and where."""
    here = [str(right) for right in missing if right.namespaced]
    everywhere = [str(right) for right in missing if not right.namespaced]
    parts = [f"in the namespace {namespace!r}: {', '.join(here)}"] if here else []
    parts += [f"in the whole cluster: {', '.join(everywhere)}"] if everywhere else []
    return LabError(
        f"The lab lacks rights. {'; '.join(parts).capitalize()}.",
        "docs/providers.md has a manifest with all of them, for whoever runs the cluster.",
        Kind.INPUT,
    )
