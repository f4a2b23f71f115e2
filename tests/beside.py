"""What begins before the first test and runs beside the others."""

from __future__ import annotations

import pytest


def asked_for(session: pytest.Session, fixture: str) -> bool:
    """Whether this session runs a test that takes the fixture."""
    return not session.config.option.collectonly and any(
        fixture in getattr(item, "fixturenames", ()) for item in session.items
    )
