"""A kubeconfig as the kubernetes client takes it, without its keys on disk.

The client writes a kubeconfig's certificates and keys to temporary files, and removes them when the
interpreter exits. Ansible's workers don't exit that way, so each would leave a private key behind.
Here the client finds them in files in the process's memory (memfd_create(2)).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import ConfigException
from kubernetes.config.kube_config import KubeConfigLoader

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError

_DATA = "-data"


class Access:
    """Where a cluster is and who asks.

    Args:
        path: the kubeconfig.
        connections: how many connections to keep open.

    Raises:
        LabError: the file is missing or isn't a kubeconfig.
    """

    def __init__(self, path: Path, connections: int = 32) -> None:
        self.configuration = Configuration()
        self.configuration.connection_pool_maxsize = connections
        self.configuration.retries = False
        self._files: list[IO[bytes]] = []
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            for holder in _holders(document):
                self._put_into_memory(holder)
            loader = KubeConfigLoader(config_dict=document, config_base_path=str(path.parent))
            loader.load_and_set(self.configuration)
        except (ConfigException, OSError, TypeError, ValueError, yaml.YAMLError) as error:
            raise LabError(
                f"{path} can't be used as a kubeconfig: {error}.",
                "Name a kubeconfig that works with kubectl, or provision the lab again.",
                Kind.INPUT,
            ) from error

    def client(self) -> ApiClient:
        """A client with this access."""
        return ApiClient(self.configuration)

    def _put_into_memory(self, holder: dict[str, Any]) -> None:
        for name in [name for name in holder if name.endswith(_DATA)]:
            file = os.fdopen(os.memfd_create(name), "wb")
            file.write(base64.b64decode(holder.pop(name), validate=True))
            file.flush()
            self._files.append(file)
            holder[name.removesuffix(_DATA)] = f"/proc/self/fd/{file.fileno()}"


def _holders(document: Any) -> Iterator[dict[str, Any]]:
    """The parts of a kubeconfig that may hold certificates and keys."""
    if not isinstance(document, dict):
        raise ConfigException("it is empty")
    for group, member in (("clusters", "cluster"), ("users", "user")):
        entries = document.get(group)
        for entry in entries if isinstance(entries, list) else []:
            holder = entry.get(member) if isinstance(entry, dict) else None
            if isinstance(holder, dict):
                yield holder
