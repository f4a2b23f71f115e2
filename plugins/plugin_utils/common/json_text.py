"""JSON that others wrote."""

from __future__ import annotations

import json
from typing import Any


def read(text: str) -> Any:
    """The value of a JSON text; ValueError if it isn't one, or is nested too deeply to read."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
