"""A kubeconfig as the kubernetes client takes it, without its keys on disk.

The client writes a kubeconfig's certificates and keys to temporary files, and removes them when the
interpreter exits. Ansible's workers don't exit that way, so each would leave a private key behind.
Here the client finds them in files in the process's memory (memfd_create(2)).
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import urlsplit

from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException
from kubernetes.config.kube_config import KubeConfigLoader
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals, yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import fault

_DATA = "-data"


class _Part(BaseModel):
    """A part of a kubeconfig, as far as the lab needs it (Kubernetes: client-go, api/v1)."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Cluster(_Part):
    server: str

    @field_validator("server")
    @classmethod
    def _is_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError(f"{value!r} is not the URL of an API")
        return value


class _NamedCluster(_Part):
    name: str
    cluster: _Cluster


class _Context(_Part):
    cluster: str
    user: str | None = None


class _NamedContext(_Part):
    name: str
    context: _Context


class _NamedUser(_Part):
    name: str
    user: dict[str, Any] | None = None


class _Kubeconfig(_Part):
    current: str = Field(alias="current-context")
    clusters: list[_NamedCluster]
    contexts: list[_NamedContext]
    users: list[_NamedUser] | None = None

    @model_validator(mode="after")
    def _has_the_user(self) -> Self:
        """The client asks without a user if there is none of that name."""
        names = {each.name for each in self.users or []}
        for each in self.contexts:
            if each.name == self.current and each.context.user and each.context.user not in names:
                raise ValueError(f"there is no user {each.context.user!r}")
        return self


class Access:
    """Where a cluster is and who asks.

    Args:
        path: the kubeconfig.
        connections: how many connections to keep open.

    Raises:
        LabError: the file is missing or isn't a kubeconfig.
    """

    def __init__(self, path: Path, connections: int = 32) -> None:
        self._path = path
        self.configuration = Configuration()
        self.configuration.connection_pool_maxsize = connections
        self.configuration.retries = False
        self._files: list[IO[bytes]] = []
        try:
            document = yaml_files.read_one(path, "kubeconfig")
            _Kubeconfig.model_validate(document)
            for holder in _holders(document):
                self._put_into_memory(holder)
            loader = KubeConfigLoader(config_dict=document, config_base_path=str(path.parent))
            loader.load_and_set(self.configuration)
        except (ConfigException, OSError, TypeError, ValueError) as error:
            raise self._refusal(error) from error

    def client(self) -> ApiClient:
        """A client with this access; LabError if a certificate or key isn't one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self.configuration.ssl_ca_cert:
                context.load_verify_locations(self.configuration.ssl_ca_cert)
            if self.configuration.cert_file:
                context.load_cert_chain(self.configuration.cert_file, self.configuration.key_file)
        except OSError as error:
            raise self._refusal(error) from error
        return ApiClient(self.configuration)

    def _refusal(self, error: Exception) -> LabError:
        if refusals.shortage_of(error):
            return refusals.refusal_of(error)
        why = fault(error) if isinstance(error, ValidationError) else str(error).rstrip(".")
        return LabError(
            f"{self._path} can't be used as a kubeconfig: {why}.",
            "Name a kubeconfig that works with kubectl, or provision the lab again.",
            Kind.INPUT,
        )

    def _put_into_memory(self, holder: dict[str, Any]) -> None:
        for name in [name for name in holder if name.endswith(_DATA)]:
            file = os.fdopen(os.memfd_create(name), "wb")
            file.write(base64.b64decode(holder.pop(name), validate=True))
            file.flush()
            self._files.append(file)
            holder[name.removesuffix(_DATA)] = f"/proc/self/fd/{file.fileno()}"


def _holders(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parts of a kubeconfig that may hold certificates and keys."""
    yield from (each["cluster"] for each in document["clusters"])
    yield from (each.get("user") or {} for each in document.get("users") or ())
