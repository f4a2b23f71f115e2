"""Images from other registries, fetched when they are asked for, and kept.

Source: OCI distribution specification 1.0 (pulling), and the token protocol that registries use
(distribution: docs/spec/auth/token.md).

    blobs/DIGEST
    manifests/REGISTRY/REPOSITORY/DIGEST
    manifests/REGISTRY/REPOSITORY/:TAG      a copy of the tag's manifest
"""

from __future__ import annotations

import ipaddress
import json
import tempfile
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import requests
from filelock import FileLock
from requests.utils import parse_dict_header

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.blobs import (
    MANIFEST_TYPE,
    Hashing,
    digest_of,
)

_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_DOCKER = "application/vnd.docker.distribution.manifest"
_ACCEPTED = f"{_INDEX_TYPE}, {MANIFEST_TYPE}, {_DOCKER}.list.v2+json, {_DOCKER}.v2+json"
# Docker's own registry has another address than name.
_ADDRESSES = {"docker.io": "registry-1.docker.io"}
_CONNECTS_WITHIN, _SENDS_WITHIN = 10.0, 60.0
_CHUNK = 1 << 20
_LARGEST_MANIFEST = 8 << 20


@dataclass(frozen=True)
class Repository:
    """Where images of one name are: a registry (``quay.io``) and the name in it."""

    registry: str
    name: str

    @property
    def url(self) -> str:
        """Its address; only this machine itself is asked without encryption, as Docker does."""
        address = _ADDRESSES.get(self.registry, self.registry)
        return f"{'http' if _is_local(address) else 'https'}://{address}/v2/{self.name}"


@dataclass
class Pulled:
    """The folder of what was fetched.

    Args:
        folder: the folder; it need not exist.
    """

    folder: Path
    _tokens: dict[Repository, str] = field(default_factory=dict)

    def manifest(self, repository: Repository, reference: str) -> tuple[str, bytes]:
        """A manifest, by a tag or a digest.

        A tag's is asked for each time, since it may have changed; if the registry can't be reached,
        the one of the last time will do.

        Returns:
            Its media type, and the manifest.

        Raises:
            LabError: the registry refuses it, or can't be reached.
        """
        by_digest = ":" in reference
        name = reference if by_digest else f":{reference}"
        kept = self.folder / "manifests" / repository.registry / repository.name / name
        if by_digest and kept.exists():
            return _with_type(kept.read_bytes())
        try:
            with self._get(repository, f"manifests/{reference}") as answer:
                data = answer.raw.read(_LARGEST_MANIFEST, decode_content=True)
        except UnreachableError:
            if not kept.exists():
                raise
            return _with_type(kept.read_bytes())
        if by_digest and digest_of(data) != reference:
            raise LabError(f"{repository.registry} sent another manifest than {reference}")
        found = _with_type(data)
        kept.parent.mkdir(parents=True, exist_ok=True)
        for path in {kept, kept.with_name(digest_of(data))}:
            _write(path, data)
        return found

    def blob(self, repository: Repository, digest: str) -> Path:
        """The file of a blob.

        Raises:
            LabError: the registry refuses it, can't be reached, or sends something else.
        """
        blob = self.folder / "blobs" / digest
        blob.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(blob.with_name(f".{digest}.lock"), mode=0o600):
            if not blob.exists():
                self._fetch(repository, digest, blob)
        return blob

    def _fetch(self, repository: Repository, digest: str, blob: Path) -> None:
        with (
            self._get(repository, f"blobs/{digest}") as answer,
            tempfile.NamedTemporaryFile(dir=blob.parent, prefix=".new", delete=True) as new,
        ):
            fetching = Hashing(new)
            try:
                for chunk in answer.iter_content(_CHUNK):
                    fetching.write(chunk)
            except requests.RequestException as error:
                raise UnreachableError(f"{repository.registry} stopped sending {digest}") from error
            if fetching.blob.digest != digest:
                raise LabError(f"{repository.registry} sent something else than {digest}")
            new.flush()
            blob.hardlink_to(new.name)

    def _get(self, repository: Repository, path: str) -> requests.Response:
        """Ask a registry, with a token if it wants one."""
        answer = self._ask(repository, path)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            self._tokens[repository] = self._token(repository, answer)
            answer = self._ask(repository, path)
        if answer.status_code != HTTPStatus.OK:
            raise LabError(
                f"{repository.registry} answers {answer.status_code} {answer.reason} "
                f"for {repository.name} {path}"
            )
        return answer

    def _ask(self, repository: Repository, path: str) -> requests.Response:
        token = self._tokens.get(repository)
        headers = {"Accept": _ACCEPTED} | ({"Authorization": f"Bearer {token}"} if token else {})
        return _request(repository, f"{repository.url}/{path}", headers=headers)

    def _token(self, repository: Repository, refused: requests.Response) -> str:
        scheme, _, rest = refused.headers.get("WWW-Authenticate", "").partition(" ")
        wanted: dict[str, str] = {
            name: value or "" for name, value in parse_dict_header(rest).items()
        }
        if scheme.lower() != "bearer" or "realm" not in wanted:
            raise LabError(f"{repository.registry} wants a password for {repository.name}")
        asked = {"scope": f"repository:{repository.name}:pull"} | {
            name: wanted[name] for name in ("service", "scope") if name in wanted
        }
        answer = _request(repository, wanted["realm"], params=asked)
        try:
            document = answer.json()
            return str(document.get("token") or document["access_token"])
        except (ValueError, KeyError, AttributeError) as error:
            raise LabError(f"{repository.registry} gives no token for {repository.name}") from error


class UnreachableError(LabError):
    """A registry can't be reached; it may be so only now."""


def _request(
    repository: Repository,
    url: str,
    *,
    headers: dict[str, str] | None = None,
    params: dict[str, str] | None = None,
) -> requests.Response:
    try:
        return requests.get(
            url,
            headers=headers,
            params=params,
            stream=True,
            timeout=(_CONNECTS_WITHIN, _SENDS_WITHIN),
        )
    except requests.RequestException as error:
        raise UnreachableError(
            f"{repository.registry} can't be reached ({type(error).__name__})"
        ) from error


def _is_local(address: str) -> bool:
    host = address.rpartition(":")[0] or address
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _with_type(data: bytes) -> tuple[str, bytes]:
    """A manifest with its media type, which OCI's may leave out."""
    try:
        document = json.loads(data)
        kind = document.get("mediaType") or (
            _INDEX_TYPE if "manifests" in document else MANIFEST_TYPE
        )
    except (ValueError, AttributeError) as error:
        raise LabError("the registry's manifest is none") from error
    return str(kind), data


def _write(path: Path, data: bytes) -> None:
    """Write a file in one step."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new", delete=False) as new:
        new.write(data)
    Path(new.name).rename(path)
