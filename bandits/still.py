"""A still figure's files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def save_still(figure: Figure, path: Path) -> list[Path]:
    """Save `path`.svg, .png and .pdf; no date in them: the same sweep, the same bytes."""
    endings: dict[str, dict[str, Any]] = {
        ".svg": {"metadata": {"Date": None}},
        ".png": {"metadata": {"Software": None}, "dpi": 130},
        ".pdf": {"metadata": {"CreationDate": None}},
    }
    files = []
    for ending, more in endings.items():
        files.append(path.with_name(path.name + ending))
        figure.savefig(files[-1], **more)
    return files
