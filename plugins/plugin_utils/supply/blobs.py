"""The parts of images as a registry has them: files that are called by their digest.

Format: OCI image specification 1.0 (descriptor.md, manifest.md).
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Blob:
    """A file of the registry: its digest (``sha256:...``) and its size in bytes."""

    digest: str
    size: int


@dataclass
class Hashing:
    """A file that is written from start to end, its SHA-256 and its size in bytes."""

    file: IO[bytes]
    sha: hashlib._Hash = field(default_factory=hashlib.sha256)
    size: int = 0

    def write(self, data: bytes) -> int:
        """Write more of it; returns how many bytes."""
        self.sha.update(data)
        self.size += len(data)
        return self.file.write(data)

    @property
    def blob(self) -> Blob:
        """What was written so far."""
        return Blob(f"sha256:{self.sha.hexdigest()}", self.size)


def digest_of(data: bytes) -> str:
    """The digest by which data is called."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def write(folder: Path, data: bytes) -> Blob:
    """Write data to a file that is called by its digest."""
    blob = Blob(digest_of(data), len(data))
    (folder / blob.digest).write_bytes(data)
    return blob


def architecture() -> str:
    """This machine's architecture, as Go and so all image tools name it."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def manifest(config: Blob, layers: Sequence[tuple[str, Blob]]) -> dict[str, Any]:
    """The manifest of an image: its configuration, and its layers with their media types."""
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _descriptor(_CONFIG_TYPE, config),
        "layers": [_descriptor(media_type, blob) for media_type, blob in layers],
    }


def _descriptor(media_type: str, blob: Blob) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": blob.digest, "size": blob.size}


def encoded(document: dict[str, Any]) -> bytes:
    """A document of an image as JSON; the same document gives the same bytes."""
    return json.dumps(document, indent=1, sort_keys=True).encode()
