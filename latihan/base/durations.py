"""Durations as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping

_MINUTE = 60
_HOUR = 3600


def text(seconds: float) -> str:
    """Seconds as ``3.2 s``, ``4 min 05 s`` or ``1 h 02 min``."""
    if seconds < _MINUTE - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE:02} min"


def spent(seconds: Mapping[str, float]) -> str:
    """Where a run's time went, in one line; ``seconds`` is ``spent_s`` of its report."""
    outcomes, waits, clusters = (text(seconds[part]) for part in ("outcomes", "waits", "cluster"))
    return f"Added up, outcomes took {outcomes}, waits for Kubernetes {waits}, clusters {clusters}."
