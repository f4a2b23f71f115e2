"""Guesses at what somebody meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def hint(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A sentence with the known names closest to ``name``; ``otherwise`` if none is close."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    near = near or [each for each in names if name and (name in each or each in name)][:3]
    return f"Did you mean {' or '.join(near)}?" if near else otherwise
