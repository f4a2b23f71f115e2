"""Image layers made of Debian packages, streamed from package file to tar.

No maintainer script runs: what one would do is listed as directories, files and links.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, cast

from ansible_collections.latihan.lab.plugins.plugin_utils.supply import archives
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.apt import Deb
from ansible_collections.latihan.lab.plugins.plugin_utils.supply.blobs import Blob, Hashing

_SPECIAL = 0o6000  # setuid and setgid: a pod's program gets no rights by being started.
# Debian's merged /usr: packages may still use the old paths, images have only the new ones.
_MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_LEFT_OUT = re.compile(
    r"^usr/share/(doc(?!/[^/]+/copyright$)|man|locale|info|lintian|bug|bash-completion|zsh"
    r"|doc-base|base-passwd|gdb|apport|menu|pixmaps|applications)(/|$)"
    r"|^usr/lib/[^/]+/gconv(/|$)|^(usr/)?lib/(systemd|init|udev|apparmor)(/|$)"
    r"|^etc/(init\.d|cron\.[a-z]+|logrotate\.d|ufw|apparmor\.d|systemd|update-motd\.d)(/|$)"
)


@dataclass(frozen=True)
class Extra:
    """Something that a layer has in addition to its packages.

    ``kind`` is directory, file, link or copy; ``content`` is the file's text, the link's target or
    the path of the file to copy, whose SHA-256 is ``digest``.
    """

    kind: str
    path: str
    content: str = ""
    mode: int = 0o755
    digest: str = ""


@dataclass(frozen=True)
class Layer:
    """A layer: its content, and its parent layer (empty for none).

    ``only`` and ``exclude`` are name patterns (fnmatch(3)) that choose among the packages and their
    dependencies; ``merged_usr`` makes /bin, /lib and /sbin links into /usr.
    """

    name: str
    parent: str = ""
    packages: tuple[str, ...] = ()
    only: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    extras: tuple[Extra, ...] = ()
    merged_usr: bool = False

    def wants(self, package: str) -> bool:
        """Whether a package, which may be a dependency, belongs in the layer."""
        return _matches(package, self.only) and not _matches(package, self.exclude)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def merged(path: str) -> str:
    """The path as it is if /bin, /lib and /sbin are links into /usr."""
    top = path.split("/", 1)[0]
    return f"usr/{path}" if top in _MERGED else path


def kept(path: str) -> bool:
    """Whether an image needs a file: it needs no manuals, translations or service files."""
    return not _LEFT_OUT.match(path)


def write_layer(layer: Layer, debs: Sequence[Deb], below: set[str], target: Path) -> Blob:
    """Write a layer as a tar file; the same input gives the same bytes.

    It is not compressed, because it never leaves the machine: compressing and decompressing would
    only take time.

    Args:
        layer: the layer.
        debs: the packages of this layer that no layer below has.
        below: directories of the layers below; this layer's directories are added.
        target: the file to write.

    Returns:
        Digest and size of the tar.

    Raises:
        LabError: a package file can't be read, or has a member that could get outside an image.
    """
    with target.open("wb") as file:
        hashing = Hashing(file)
        with tarfile.open(
            fileobj=cast("IO[bytes]", hashing), mode="w|", format=tarfile.GNU_FORMAT
        ) as tar:
            if layer.merged_usr:
                _merge_usr(tar, below)
            # What the layer lists itself replaces what a package has at the same path.
            replaced = {extra.path.strip("/") for extra in layer.extras}
            guard = archives.Guard()
            for deb in debs:
                _copy(deb, tar, below, replaced, guard)
            for extra in layer.extras:
                guard.check(tarfile.TarInfo(extra.path.lstrip("/")), f"The layer {layer.name}")
                _add(extra, tar, below)
    return hashing.blob


def _merge_usr(tar: tarfile.TarFile, seen: set[str]) -> None:
    _add(Extra("directory", "usr"), tar, seen)
    for name in ("bin", "lib", "lib64", "sbin"):
        _add(Extra("directory", f"usr/{name}"), tar, seen)
        _add(Extra("link", name, f"usr/{name}"), tar, seen)


def _copy(
    deb: Deb, tar: tarfile.TarFile, seen: set[str], replaced: set[str], guard: archives.Guard
) -> None:
    """Copy a package's content to its merged paths, each directory once."""
    with archives.package(deb.path) as source:
        for member in source:
            guard.check(member, source.name)
            _copy_member(source, member, tar, seen, replaced)


def _copy_member(
    source: tarfile.TarFile,
    member: tarfile.TarInfo,
    tar: tarfile.TarFile,
    seen: set[str],
    replaced: set[str],
) -> None:
    path = member.name.removeprefix("./").strip("/")
    if path in ("", ".", *_MERGED) or not kept(path):
        return
    member.name = merged(path)
    if member.name in replaced:
        return
    if member.isdir():
        if member.name in seen:
            return
        seen.add(member.name)
    if member.islnk():
        member.linkname = merged(member.linkname.removeprefix("./"))
    member.pax_headers = {}
    member.mode &= ~_SPECIAL
    tar.addfile(member, source.extractfile(member) if member.isreg() else None)


def _add(extra: Extra, tar: tarfile.TarFile, seen: set[str]) -> None:
    """Add a directory, file, link or copy, and the directories above it."""
    path = extra.path.strip("/")
    above = path.rpartition("/")[0]
    if above and above not in seen:
        _add(Extra("directory", above), tar, seen)
    member = tarfile.TarInfo(path)
    member.mode = extra.mode
    content = None
    if extra.kind == "directory":
        seen.add(path)
        member.type = tarfile.DIRTYPE
    elif extra.kind == "link":
        member.type, member.mode = tarfile.SYMTYPE, 0o777
        member.linkname = extra.content
    elif extra.kind == "copy":
        with Path(extra.content).open("rb") as source:
            member.size = os.fstat(source.fileno()).st_size
            tar.addfile(member, source)
        return
    else:
        data = extra.content.encode()
        member.size, content = len(data), io.BytesIO(data)
    tar.addfile(member, content)
