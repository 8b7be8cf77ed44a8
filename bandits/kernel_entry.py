"""KernelEntry: one kernel of a sweep, with what a table says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from alignment.corruption import RELABEL
from alignment.kernels import Kernel
from alignment.uncertainty import Estimate
from bandits.kernel_alignment import columns

RELABELLED = "relabelled"
CORRUPTED = {
    RELABELLED: RELABEL,
    "pairs_permuted": "permute_pairs",
    "blended": "blend",
    "noisy": "noise",
}
"""The role of a corrupted human kernel, and the kind of corruption."""
ROLE_OF_KIND = {kind: role for role, kind in CORRUPTED.items()}
_TRAITS = (
    "mean_off_diagonal",
    "effective_rank",
    "repaired_share",
    "negative_share",
    "completed_pairs",
)


@dataclass(frozen=True)
class KernelEntry:
    """One kernel of the sweep, under one name and form.

    role: "human", "model", "baseline", "arrangements", "triplets", "end", or one of
        `CORRUPTED`; only models enter a correlation.
    share: Of the corruption; 0 if none.
    draw: Tells kernels of one name, form and share apart: which corruption, halving of
        the people, shuffle, and whom it leaves out; 0 if there is one only.
    alignment: Measure to its estimate against held-out people; empty if there are none.
    fit: Columns on how well the kernel fits the values of each dimension.
    corruption: Its kind; empty if none.
    dimension, values_from: The tasks it is for; empty for all.
    instead: Sources of values that another kernel of the name is for.
    """

    name: str
    role: str
    form: str
    share: float
    draw: int
    kernel: Kernel
    alignment: dict[str, Estimate]
    fit: dict[str, float] = field(default_factory=dict)
    corruption: str = ""
    dimension: str = ""
    values_from: str = ""
    instead: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[str, str, float, int]:
        """Name, form, share and draw: unique in a sweep."""
        return self.name, self.form, self.share, self.draw

    def serves(self, dimension: str, values_from: str) -> bool:
        """Whether an agent may be given this kernel on that task."""
        if self.values_from:
            right = self.values_from == values_from
        else:
            right = values_from not in self.instead
        return right and self.dimension in ("", dimension)

    def row(self) -> dict[str, Any]:
        """The kernel's spectrum, repair, alignment and fit, as columns of a table."""
        traits = {name: getattr(self.kernel, name) for name in _TRAITS}
        head = {"corruption": self.corruption}
        return head | traits | columns(self.alignment) | self.fit
