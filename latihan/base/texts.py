"""Text that others hand over."""

from __future__ import annotations


def encodable(text: str) -> str:
    """Text that UTF-8 can hold: what Ansible could not decode is shown by its numbers."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
