"""``kubeconfig``: the lab for k9s, Lens, helm and plain kubectl."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.text import Text

from ansible_collections.latihan.lab.plugins.plugin_utils.common import yaml_files
from ansible_collections.latihan.lab.plugins.plugin_utils.common.errors import Kind, LabError
from latihan.base.exits import Exit
from latihan.commands import merging
from latihan.commands.command import Context

RAW = False

_WHAT = "kubeconfig"
_COMMENT = "#"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``kubeconfig``."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--export", metavar="FILE", help="write it to a file of its own")
    where.add_argument(
        "--merge", action="store_true", help="put it into your own kubeconfig (KUBECONFIG)"
    )


def execute(context: Context, options: argparse.Namespace) -> int:
    """Print the lab's kubeconfig, write it to a file, or put it into the user's own."""
    made = context.contract()
    path = Path(made.kubeconfig)
    folder = str(context.lab.folder)
    document = yaml_files.read_one(path, _WHAT)
    own = merging.own(merging.checked(document, path), made.profile, folder, path.parent)
    if options.merge:
        target = chosen(os.environ, made.profile)
        changed = merge(target, own, made.profile)
        said = "is now in" if changed else "is already in"
        context.console.print(Text(f"The context {made.profile!r} {said} {target}."))
    elif options.export is not None:
        target = Path(options.export).absolute()
        export(target, own, made.profile)
        context.console.print(Text(f"{target} has the context {made.profile!r}."))
    else:
        context.console.print(Text(merging.text(own).rstrip()), soft_wrap=True)
    return Exit.HOLDS


def chosen(environment: Mapping[str, str], name: str) -> Path:
    """The user's kubeconfig that is to have the context, by kubectl's rule.

    Of the files in KUBECONFIG that is the one that has it already, else the first that exists, else
    the last (client-go: tools/clientcmd/config.go).

    Args:
        environment: with KUBECONFIG and HOME.
        name: the context.
    """
    listed = [each for each in environment.get("KUBECONFIG", "").split(os.pathsep) if each]
    if not listed:
        return Path(environment.get("HOME") or "/", ".kube", "config")
    files = [Path(each).absolute() for each in dict.fromkeys(listed)]
    there = [file for file in files if file.exists()]
    has = (file for file in there if merging.has(_read(file), name))
    return next(has, there[0] if there else files[-1])


def export(path: Path, own: merging.Kubeconfig, name: str) -> None:
    """Write the lab's kubeconfig to a file of its own; LabError if something else is in there."""
    before = _read(path)
    if merging.foreign(before, own) or merging.others(before, name):
        raise LabError(
            f"{path} has something else than this lab's kubeconfig.",
            "Name another file, or use --merge to add to it.",
            Kind.INPUT,
        )
    _write(path, merging.text(own))


def merge(path: Path, own: merging.Kubeconfig, name: str) -> bool:
    """Put the lab's kubeconfig into the user's.

    Returns:
        Whether it wasn't in there as it is.

    Raises:
        LabError: another cluster, context or user has the lab's name there.
    """
    # What a link leads to is written, and the link stays.
    target = path.resolve()
    with _locked(target):
        before = _read(target)
        if names := merging.foreign(before, own):
            raise LabError(
                f"{path} has a {names[0]} {name!r} that isn't this lab's.",
                "Give it another name there (`kubectl config rename-context`), or use --export.",
                Kind.INPUT,
            )
        after = merging.merged(before, own)
        if after == before:
            return False
        if target.exists() and _COMMENT in (text := target.read_text(encoding="utf-8")):
            # Comments are lost, as when kubectl writes it.
            _write(target.with_name(f"{target.name}.before-{name}"), text)
        _write(target, merging.text(after))
    return True


def _read(path: Path) -> merging.Kubeconfig:
    """A kubeconfig; an empty one if there is no such file."""
    if not path.exists():
        return merging.checked({}, path)
    return merging.checked(yaml_files.read_one(path, _WHAT) or {}, path)


def _write(path: Path, text: str) -> None:
    """Write a file in one step, for its owner alone, who stays the same."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if path.exists():
                owner = path.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        raise LabError(
            f"{path} can't be written: {error.strerror}.",
            "Name another file with --export FILE.",
            Kind.INPUT,
        ) from error


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock that kubectl takes while it writes (client-go: tools/clientcmd/config.go)."""
    lock = path.with_name(f"{path.name}.lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0))
    except OSError as error:
        busy = isinstance(error, FileExistsError)
        why = "another program is writing it" if busy else error.strerror
        raise LabError(
            f"{path} can't be written: {why}.",
            f"If no other program is, remove {lock}." if busy else "Use --export FILE.",
            Kind.INPUT,
        ) from error
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
