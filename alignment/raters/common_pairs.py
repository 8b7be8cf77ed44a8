"""The pairs that every rater answered: where raters can be compared with each other.

Models refuse harmful actions more than others, so what is missing is not missing at
random: two models compared each on the pairs it answered are compared on different
questions. On the common pairs they are not, and the number lost says what that costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alignment.errors import AlignmentError
from alignment.raters.base import BoolArray, RaterResult


@dataclass(frozen=True, eq=False)
class CommonPairs:
    """mask: (n_actions, n_actions), symmetric, False on the diagonal: in every rater.

    n_common: Pairs of the mask. n_asked: Pairs that every rater was asked.
    lost: Rater -> pairs that it was asked and gave no usable answer to.
    lost_alone: Rater -> pairs that every rater was asked and only this one lost; they
        would be common without it.
    """

    mask: BoolArray
    n_common: int
    n_asked: int
    lost: Mapping[str, int]
    lost_alone: Mapping[str, int]

    def sentence(self) -> str:
        """For a reader of the report."""
        n_lost = self.n_asked - self.n_common
        said = (
            f"All raters answered {self.n_common:,} of the {self.n_asked:,} pairs that "
            f"all were asked; {n_lost:,} were lost."
        )
        worst = {name: n for name, n in self.lost.items() if n}
        if worst:
            each = ", ".join(f"{name} {n:,}" for name, n in sorted(worst.items()))
            said += f" Asked but not answered: {each}."
        return said


def common_pairs(results: Mapping[str, RaterResult]) -> CommonPairs:
    """The common pairs of these raters.

    Raises:
        AlignmentError: No rater, or raters of different actions.
    """
    if not results:
        raise AlignmentError("common pairs: needs at least one rater")
    if len({result.matrix.actions for result in results.values()}) > 1:
        raise AlignmentError(
            "common pairs: all raters must have judged the same actions in the same order"
        )
    size = len(next(iter(results.values())).matrix.actions)
    pairs = np.triu(np.ones((size, size), dtype=np.bool_), k=1)
    asked = {
        name: pairs if r.asked is None else pairs & r.asked
        for name, r in results.items()
    }
    missing = {
        name: asked[name] & np.isnan(r.matrix.values) for name, r in results.items()
    }
    by_all = np.logical_and.reduce(list(asked.values()))
    n_missing = np.sum([by_all & each for each in missing.values()], axis=0)
    upper = by_all & (n_missing == 0)
    return CommonPairs(
        mask=upper | upper.T,
        n_common=int(upper.sum()),
        n_asked=int(by_all.sum()),
        lost={name: int(each.sum()) for name, each in missing.items()},
        lost_alone={
            name: int((by_all & each & (n_missing == 1)).sum())
            for name, each in missing.items()
        },
    )
