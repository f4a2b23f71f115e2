"""A person's own images: a folder of the cache that the registry of every lab serves too.

    blobs/DIGEST                            layers and configs
    manifests/REGISTRY/REPOSITORY/DIGEST    manifests
    manifests/REGISTRY/REPOSITORY/:TAG      a link to the tag's manifest

An image is there once its tag is, which comes last; so no reader sees half of one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.blobs import digest_of, encoded
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.references import Reference

# The annotation of a manifest that says what the image was built from.
RECIPE = "latihan.recipe"
_NEW = ".new"


def folder_in(images: Path) -> Path:
    """Where a person's own images are, beside the lab's sets of them."""
    return images / "own"


@dataclass(frozen=True)
class OwnImage:
    """An image of the folder.

    ``digest`` is its manifest's, ``size`` that of its layers in bytes. ``recipe`` says what it was
    built from, and is empty if it was not built by the lab.
    """

    reference: Reference
    digest: str
    size: int
    recipe: str


@dataclass(frozen=True)
class OwnImages:
    """The folder of a person's own images; it need not exist."""

    folder: Path

    @contextmanager
    def adding(self) -> Iterator[Path]:
        """A new folder to write images to, for ``put``; nobody else adds meanwhile.

        Yields:
            The folder, which is empty. It is removed again in the end.

        Raises:
            LabError: the disk is full, or the folder can't be written.
        """
        new = self.folder / _NEW
        with self._locked():
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            try:
                yield new
            finally:
                shutil.rmtree(new, ignore_errors=True)

    def put(self, reference: Reference, manifest: Mapping[str, Any], blobs: Path) -> None:
        """Add an image, or replace the one that has its name; call it within ``adding``.

        Args:
            reference: its name.
            manifest: its manifest.
            blobs: a folder in that of ``adding`` that has only its blobs, which are moved.
        """
        (self.folder / "blobs").mkdir(exist_ok=True)
        for blob in blobs.iterdir():
            blob.rename(self.folder / "blobs" / blob.name)
        data = encoded(dict(manifest))
        digest = digest_of(data)
        tag = self._tag(reference)
        tag.parent.mkdir(parents=True, exist_ok=True)
        # Renaming replaces what is there in one step, so a reader always finds one of both.
        (blobs / digest).write_bytes(data)
        (blobs / digest).rename(tag.with_name(digest))
        (blobs / tag.name).symlink_to(digest)
        (blobs / tag.name).rename(tag)
        self._sweep()

    def remove(self, reference: Reference) -> bool:
        """Remove an image; returns whether it was there."""
        with self._locked():
            tag = self._tag(reference)
            if not tag.is_symlink():
                return False
            tag.unlink()
            self._sweep()
            return True

    def all(self) -> list[OwnImage]:
        """The images, by name.

        Raises:
            LabError: a manifest can't be read.
        """
        return sorted(
            (self._read(tag) for tag in self.folder.glob("manifests/**/:*")),
            key=lambda image: image.reference,
        )

    def _read(self, tag: Path) -> OwnImage:
        registry, *repository = tag.parent.relative_to(self.folder / "manifests").parts
        manifest = _manifest(tag)
        return OwnImage(
            Reference(registry, "/".join(repository), tag.name[1:]),
            tag.readlink().name,
            sum(layer["size"] for layer in manifest["layers"]),
            manifest.get("annotations", {}).get(RECIPE, ""),
        )

    def _tag(self, reference: Reference) -> Path:
        manifests = self.folder / "manifests" / reference.registry / reference.repository
        return manifests / f":{reference.tag}"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with refusals.translated(self.folder.parent):
            self.folder.mkdir(parents=True, exist_ok=True)
            # Whoever may read a file may lock it (flock(2)).
            with FileLock(self.folder / ".lock", mode=0o600), refusals.translated(self.folder):
                yield

    def _sweep(self) -> None:
        """Remove what no tag leads to any more."""
        tags = list(self.folder.glob("manifests/**/:*"))
        tagged = {tag.with_name(tag.readlink().name) for tag in tags}
        for manifest in self.folder.glob("manifests/**/sha256:*"):
            if manifest not in tagged:
                manifest.unlink()
        used = {digest for tag in tags for digest in _digests(_manifest(tag))}
        for blob in (self.folder / "blobs").iterdir():
            if blob.name not in used:
                blob.unlink()


def _digests(manifest: dict[str, Any]) -> Iterator[str]:
    yield manifest["config"]["digest"]
    yield from (layer["digest"] for layer in manifest["layers"])


def _manifest(path: Path) -> dict[str, Any]:
    """An image's manifest, which the lab wrote."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise LabError(
            f"The image's manifest {path} can't be read: {error}.",
            "Delete it, and load or build the image again.",
            Kind.MACHINE,
        ) from error
    return found
