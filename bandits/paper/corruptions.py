"""The kinds of corruption that the experiment sweeps, by name."""

from __future__ import annotations

from collections.abc import Callable

from alignment.corruption import relabel
from alignment.matrices import SimilarityMatrix

Corrupt = Callable[..., SimilarityMatrix]
RELABELLING = "relabelling"

KINDS: dict[str, Corrupt] = {RELABELLING: relabel}
"""(matrix, share, *, seed) -> matrix. Relabelling leads: it alone keeps the spectrum."""
