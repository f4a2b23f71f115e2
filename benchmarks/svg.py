"""Pictures as SVG: their text stays text, and the same figures give the same file.

They need ``.venv/bin/pip install -r benchmarks/requirements.txt``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def pyplot(size: int) -> Any:
    """Matplotlib's pyplot, set up; only a picture needs it.

    Args:
        size: of the text, in points.
    """
    import matplotlib as mpl  # noqa: PLC0415
    import matplotlib.pyplot as plt  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "latihan", "font.size": size})
    return plt


def save(figure: Any, path: Path) -> None:
    """Write a figure of pyplot, without the date."""
    figure.savefig(path, metadata={"Date": None})
