"""What the collection's plugins are made of.

Ansible's importer compiles each module of a collection anew in every process, which takes 0.15 s.
Below this package Python's own importer is used, which keeps what it has compiled.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader


class _Finder:
    """Finds the modules below this package (``importlib.abc.MetaPathFinder``)."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, _target: object = None
    ) -> ModuleSpec | None:
        """The module of that name, in one of its package's folders."""
        if not name.startswith(f"{__name__}."):
            return None
        found = (_folder(folder).find_spec(name) for folder in path or ())
        return next((spec for spec in found if spec), None)


@cache
def _folder(path: str) -> FileFinder:
    return FileFinder(path, (SourceFileLoader, SOURCE_SUFFIXES))


sys.meta_path.insert(0, _Finder())
