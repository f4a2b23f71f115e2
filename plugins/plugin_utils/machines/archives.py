"""Archives of folders of the cache and of the project: made once, kept, sent as they are."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.latihan.lab.plugins.plugin_utils.common import refusals

# Next to nothing is gained by more: packages and wheels are compressed already.
_LEVEL = 1
_TABLE = "locations.conf"
# What is made in the project's folder.
_MADE = {
    *(".venv", ".git", ".machine", ".ansible", ".cache", "artifacts", "bundle", "__pycache__"),
    *(".mypy_cache", ".pytest_cache", ".ruff_cache"),
}


@dataclass(frozen=True)
class SentArchive:
    """An archive: the folder of the cache that it has, its path, SHA-256 and size in bytes."""

    folder: str
    path: str
    sha256: str
    size: int


def of_folder(cache: Path, folder: Path, target: Path) -> SentArchive:
    """The archive of a folder of the cache, made unless the last one is still right.

    Args:
        cache: the cache.
        folder: one of its folders, which is complete.
        target: the path of the cache on the machines.

    Raises:
        LabError: the disk is full.
    """
    name = str(folder.relative_to(cache))
    archive = cache / "sent" / f"{name.replace('/', '-')}.tar.gz"
    about = archive.with_suffix(".json")
    seen = {"made": folder.stat().st_mtime_ns, "target": str(target)}
    try:
        kept = json.loads(about.read_text(encoding="utf-8"))
        if kept.pop("seen") == seen and archive.stat().st_size == kept["size"]:
            return SentArchive(**kept)
    except (OSError, ValueError, KeyError):
        pass
    archive.parent.mkdir(parents=True, exist_ok=True)
    new = archive.with_name(f".{archive.name}.new")
    with refusals.translated(archive.parent):
        with tarfile.open(new, "w:gz", compresslevel=_LEVEL) as tar:
            for path in sorted(folder.rglob("*")):
                _add(tar, path, folder, target / name)
        new.replace(archive)
        made = SentArchive(name, str(archive), digest(archive), archive.stat().st_size)
        about.write_text(json.dumps({**asdict(made), "seen": seen}), encoding="utf-8")
    return made


def _add(tar: tarfile.TarFile, path: Path, folder: Path, target: Path) -> None:
    """Add a file; nginx's table of the images has absolute paths, which are others there."""
    member = tar.gettarinfo(path, str(path.relative_to(folder)))
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    if not member.isreg():
        tar.addfile(member)
        return
    with path.open("rb") as file:
        if path.name != _TABLE:
            tar.addfile(member, file)
            return
        content = file.read().replace(bytes(folder), bytes(target))
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def of_project(root: Path, files: Iterable[str], cache: Path) -> SentArchive:
    """The archive of the project's files; the same files give the same bytes."""
    # Several checkouts may share a cache.
    checkout = hashlib.sha256(bytes(root)).hexdigest()[:8]
    archive = cache / "sent" / f"project-{checkout}.tar"
    archive.parent.mkdir(parents=True, exist_ok=True)
    new = archive.with_name(f".{archive.name}.new")
    with refusals.translated(archive.parent):
        with tarfile.open(new, "w") as tar:
            for name in sorted(files):
                member = tar.gettarinfo(root / name, name)
                member.uid = member.gid = member.mtime = 0
                member.uname = member.gname = "root"
                content = (root / name).read_bytes() if member.isreg() else b""
                # Python compiles a module again only if its time or size is another.
                member.mtime = zlib.crc32(content)
                tar.addfile(member, io.BytesIO(content))
        new.replace(archive)
    return SentArchive("", str(archive), digest(archive), archive.stat().st_size)


def project_files(root: Path) -> list[str]:
    """The project's files: those that git knows or would add; without git all but what was made."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        names = listed.stdout.rstrip("\0").split("\0")
    else:
        paths = (each for each in root.rglob("*") if each.is_symlink() or each.is_file())
        names = [str(each.relative_to(root)) for each in paths]
    return [name for name in names if _belongs(root, name)]


def _belongs(root: Path, name: str) -> bool:
    path = root / name
    return not _MADE & set(Path(name).parts) and (path.is_symlink() or path.is_file())


def digest(path: Path) -> str:
    """A file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
