"""Archives of small images, right and wrong, as ``docker save`` and OCI's tools write them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.latihan.lab.plugins.plugin_utils.supply.blobs import architecture

Files = dict[str, bytes]


def tar(files: Mapping[str, bytes | tarfile.TarInfo]) -> bytes:
    """A tar of these files, or of these members as they are."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def link(name: str, target: str, kind: bytes) -> tarfile.TarInfo:
    """A member that is a link, of one of tarfile's types."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def config(*layers: bytes, machine: str = architecture(), system: str = "linux") -> bytes:
    """An image's configuration; of layers that are packed it has the unpacked digests."""
    unpacked = [gzip.decompress(each) if each[:2] == b"\x1f\x8b" else each for each in layers]
    ids = [digest(each) for each in unpacked]
    rootfs = {"type": "layers", "diff_ids": ids}
    return _json({"architecture": machine, "os": system, "config": {}, "rootfs": rootfs})


def saved(images: Mapping[str, tuple[bytes, ...]], **described: Any) -> Files:
    """What ``docker save`` writes for these images: their names and layers."""
    files: Files = {}
    listed = []
    for name, layers in images.items():
        data = config(*layers, **described)
        paths = [f"{digest(layer)[7:]}/layer.tar" for layer in layers]
        files |= dict(zip(paths, layers, strict=True))
        files[f"{digest(data)[7:]}.json"] = data
        tags = [name] if name else None
        listed.append({"Config": f"{digest(data)[7:]}.json", "RepoTags": tags, "Layers": paths})
    return {**files, "manifest.json": _json(listed)}


def layout(name: str, *layers: bytes, machines: tuple[str, ...] = ()) -> Files:
    """An OCI layout of one image, for one machine or, by an index, for several."""
    files: Files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def add(data: bytes, **more: Any) -> dict[str, Any]:
        files[f"blobs/{digest(data).replace(':', '/')}"] = data
        return {"digest": digest(data), "size": len(data), "mediaType": "x", **more}

    def image(machine: str) -> dict[str, Any]:
        parts = [add(each) for each in layers]
        manifest = {"config": add(config(*layers, machine=machine)), "layers": parts}
        return add(_json(manifest), platform={"os": "linux", "architecture": machine})

    if machines:
        top = add(_json({"manifests": [image(machine) for machine in machines]}))
    else:
        top = image(architecture())
    named = {**top, "annotations": {"org.opencontainers.image.ref.name": name}}
    return {**files, "index.json": _json({"manifests": [named]})}


def write(path: Path, files: Files) -> Path:
    """Write an archive; returns its path."""
    path.write_bytes(tar(files))
    return path


def _json(document: object) -> bytes:
    return json.dumps(document).encode()
