"""Archives of images that others made: OCI layouts in a tar, and what ``docker save`` writes.

Nothing of them is trusted: each file must have the digest that it is called by, each layer must be
what the image's configuration says, and no layer may have a path that leads outside.

Sources: OCI image specification 1.0 (image-layout.md, image-index.md, config.md), and Docker's
image specification 1.2 (``manifest.json``).
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from ansible_collections.latihan.lab.plugins.plugin_utils.common.records import fault
from ansible_collections.latihan.lab.plugins.plugin_utils.supply import archives, blobs
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.blobs import Blob, Hashing

_HINT = "Write it anew, for instance with `docker save -o FILE IMAGE`."
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_CHUNK = 1 << 20
# A configuration or a manifest is some KiB; nobody needs more than this in memory.
_LARGEST_DOCUMENT = 8 << 20
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
Read = TypeVar("Read")


class _Document(BaseModel):
    """A part of a JSON document: what the lab needs of it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Platform(_Document):
    architecture: str = ""
    os: str = ""


class _Descriptor(_Document):
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    annotations: dict[str, str] | None = None
    platform: _Platform | None = None


class _Index(_Document):
    manifests: list[_Descriptor]


class _Manifest(_Document):
    config: _Descriptor
    layers: list[_Descriptor]


class _Saved(_Document):
    """An image in Docker's ``manifest.json``."""

    config: str = Field(alias="Config")
    tags: list[str] | None = Field(default=None, alias="RepoTags")
    layers: list[str] = Field(alias="Layers")


class _Rootfs(_Document):
    diff_ids: list[str]


class _Config(_Platform):
    rootfs: _Rootfs


@dataclass(frozen=True)
class ArchivedImage:
    """An image in an archive: the names it has there, and the paths of its parts."""

    names: tuple[str, ...]
    config: str
    layers: tuple[str, ...]


class Archive:
    """An opened archive of images."""

    def __init__(self, path: Path, source: tarfile.TarFile) -> None:
        self._path = path
        self._source = source
        self._members = {str(PurePosixPath(each.name)): each for each in source.getmembers()}

    def images(self, architecture: str) -> list[ArchivedImage]:
        """The images for an architecture, as Go names it (``amd64``).

        Raises:
            LabError: it is no archive of images, or has none for the architecture.
        """
        if "manifest.json" in self._members:
            saved = self._document(list[_Saved], "manifest.json")
            return [
                ArchivedImage(tuple(each.tags or ()), each.config, tuple(each.layers))
                for each in saved
            ]
        if "index.json" in self._members:
            return list(self._in_layout(architecture))
        raise self.refused("it has neither an index.json nor a manifest.json")

    def copy(self, image: ArchivedImage, architecture: str, into: Path) -> dict[str, Any]:
        """Copy an image's parts to files that are called by their digests.

        Args:
            image: the image.
            architecture: what it must be for.
            into: the folder to write to.

        Returns:
            A manifest for it.

        Raises:
            LabError: a part is missing, damaged or unsafe, or for another architecture.
        """
        data = self._read(image.config)
        config = self._parsed(_Config, data, image.config)
        if (config.os, config.architecture) != ("linux", architecture):
            raise self.refused(
                f"its image is for {config.os}/{config.architecture}, "
                f"and this machine is linux/{architecture}",
                f"Get the image for linux/{architecture}.",
            )
        if len(config.rootfs.diff_ids) != len(image.layers):
            raise self.refused(
                f"{image.config} lists {len(config.rootfs.diff_ids)} layers, "
                f"and the image has {len(image.layers)}"
            )
        layers = [
            self._copy_layer(name, unpacked, into)
            for name, unpacked in zip(image.layers, config.rootfs.diff_ids, strict=True)
        ]
        return blobs.manifest(blobs.write(into, data), layers)

    def refused(self, why: str, hint: str = _HINT) -> LabError:
        """What to raise if the archive can't be used."""
        return LabError(f"{self._path} can't be loaded: {why}.", hint, Kind.INPUT)

    def _in_layout(self, architecture: str) -> Iterator[ArchivedImage]:
        index = self._document(_Index, "index.json")
        for descriptor in index.manifests:
            chosen = self._for_architecture(descriptor, architecture)
            manifest = self._document(_Manifest, _blob(chosen))
            yield ArchivedImage(
                _names(descriptor), _blob(manifest.config), tuple(map(_blob, manifest.layers))
            )

    def _for_architecture(self, descriptor: _Descriptor, architecture: str) -> _Descriptor:
        """The manifest itself, or the one for the architecture if it is an index of several."""
        if "manifests" not in self._document(dict[str, Any], _blob(descriptor)):
            return descriptor
        several = self._document(_Index, _blob(descriptor)).manifests
        for each in several:
            if each.platform and (each.platform.os, each.platform.architecture) == (
                "linux",
                architecture,
            ):
                return each
        found = sorted({f"{p.os}/{p.architecture}" for each in several if (p := each.platform)})
        raise self.refused(
            f"it has an image for {', '.join(found) or 'no system'}, not for linux/{architecture}",
            f"Get the image for linux/{architecture}.",
        )

    def _copy_layer(self, name: str, unpacked: str, into: Path) -> tuple[str, Blob]:
        """Copy a layer; returns its media type and its blob."""
        target = into / "layer"
        with self._opened(name) as source, target.open("wb") as file:
            copying = Hashing(file)
            while chunk := source.read(_CHUNK):
                copying.write(chunk)
        blob = copying.blob
        self._require_digest(name, blob.digest)
        media_type = self._checked_layer(name, target, unpacked)
        target.rename(into / blob.digest)
        return media_type, blob

    def _checked_layer(self, name: str, path: Path, unpacked: str) -> str:
        """The media type of a layer whose content is safe and has that digest once unpacked."""
        with path.open("rb") as file:
            start = file.read(4)
        if start == _ZSTD:
            raise self.refused(
                f"the layer {name} is compressed with zstd, which the lab can't read",
                "Write it anew with layers that are compressed with gzip, or not at all.",
            )
        packed = start.startswith(_GZIP)
        with gzip.open(path) if packed else path.open("rb") as content:
            reading = _HashedReader(cast("IO[bytes]", content))
            with tarfile.open(fileobj=cast("IO[bytes]", reading), mode="r|") as layer:
                for member in layer:
                    wrong = archives.leads_outside(member.name) or (
                        member.islnk() and archives.leads_outside(member.linkname)
                    )
                    if wrong:
                        raise self.refused(
                            f"the layer {name} has the member {member.name!r}, which leads outside",
                            "Don't use it; find out who made it.",
                        )
            reading.drain()
        if f"sha256:{reading.sha.hexdigest()}" != unpacked:
            raise self.refused(f"the layer {name} isn't what the image's configuration says")
        return blobs.LAYER_TYPE + ("+gzip" if packed else "")

    def _document(self, kind: type[Read], name: str) -> Read:
        return self._parsed(kind, self._read(name), name)

    def _parsed(self, kind: type[Read], data: bytes, name: str) -> Read:
        try:
            found: Read = TypeAdapter(kind).validate_json(data)
        except ValidationError as error:
            raise self.refused(f"{name}: {fault(error)}") from error
        return found

    def _read(self, name: str) -> bytes:
        with self._opened(name) as source:
            data = source.read(_LARGEST_DOCUMENT + 1)
        if len(data) > _LARGEST_DOCUMENT:
            raise self.refused(f"{name} is larger than any such file")
        self._require_digest(name, blobs.digest_of(data))
        return data

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        member = self._members.get(str(PurePosixPath(name)))
        try:
            # It follows links within the archive: Docker writes a layer of two images only once.
            source = self._source.extractfile(member) if member else None
        except KeyError:
            source = None
        if source is None:
            raise self.refused(f"{name} is missing in it")
        with source:
            yield source

    def _require_digest(self, name: str, digest: str) -> None:
        """Refuse a file of an OCI layout that isn't what it is called by."""
        parts = PurePosixPath(name).parts
        if parts[:2] == ("blobs", "sha256") and f"sha256:{parts[-1]}" != digest:
            raise self.refused(f"{name} is damaged")


class _HashedReader:
    """A file that is read from start to end, and the SHA-256 of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.sha.update(data)
        return data

    def drain(self) -> None:
        """Read to the end: padding may follow the last member."""
        while self.read(_CHUNK):
            pass


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """An archive of images.

    Raises:
        LabError: it can't be read, or is damaged; also while it is in use.
    """
    try:
        with tarfile.open(path) as source:
            yield Archive(path, source)
    except archives.BROKEN as error:
        # If no way of reading it fits, tarfile lists what each of them says.
        said = str(error).partition("\n")[0].rstrip(":")
        raise LabError(
            f"{path} can't be loaded: it is no archive, or damaged ({said}).", _HINT, Kind.INPUT
        ) from error
    except (FileNotFoundError, IsADirectoryError, PermissionError, NotADirectoryError) as error:
        if error.filename != str(path):
            raise
        raise LabError(
            f"{path} can't be read: {error.strerror}.", "Check the path.", Kind.INPUT
        ) from error


def _blob(descriptor: _Descriptor) -> str:
    return f"blobs/{descriptor.digest.replace(':', '/')}"


def _names(descriptor: _Descriptor) -> tuple[str, ...]:
    """The name of an image in an index: some tools annotate only its tag, which is none."""
    annotations: Mapping[str, str] = descriptor.annotations or {}
    found: Sequence[str] = [annotations[each] for each in _NAMES if each in annotations]
    return tuple(each for each in found if ":" in each or "/" in each)[:1]
