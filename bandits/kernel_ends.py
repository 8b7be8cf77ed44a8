"""The ends of the scale: the best and the worst kernel that a task could be given.

At the upper end stands a kernel made from the very values that pay: two actions are as
alike as they are worth the same. The same kernel with its actions shuffled has all its
structure and means nothing: many shuffles are the band in which a kernel that knows
nothing falls. The identity says that no two actions have anything in common. None of
them is anybody's view, and none may enter a correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from alignment.kernels import Kernel, as_kernel
from alignment.matrices import SimilarityMatrix
from bandits.errors import BanditError

Floats = NDArray[np.float64]
OracleForm = Literal["gaussian", "linear"]
"""gaussian: exp(-(v_i - v_j)**2 / (2 length**2)), a kernel as it stands. linear:
1 - |v_i - v_j| / 100, which repair makes one where rounding asks for it."""
ORACLE_FORMS: tuple[OracleForm, ...] = get_args(OracleForm)

ORACLE, SHUFFLED, IDENTITY = "value_oracle", "value_shuffled", "identity"
ENDS = (ORACLE, SHUFFLED, IDENTITY)
END = "end"
"""The role of these kernels in a sweep."""


def value_oracle(
    values: Floats,
    actions: Sequence[str],
    *,
    form: OracleForm = "gaussian",
    length: float = 25.0,
) -> Kernel:
    """The kernel in which actions are alike that are worth the same.

    Args:
        values: (n_actions,) on the 0-100 scale, none missing.
        length: Of the Gaussian form: how many points apart make two actions e**-0.5
            alike. Above 0.

    Raises:
        BanditError: A value that is missing, a length that is not above 0, or no form.
    """
    given = np.asarray(values, dtype=np.float64)
    if bad := int((~np.isfinite(given)).sum()):
        raise BanditError(
            f"value oracle: needs a value for every action, got {bad:,} of "
            f"{len(given):,} without one"
        )
    gaps = np.abs(given[:, None] - given[None, :])
    if form == "gaussian":
        if not (np.isfinite(length) and length > 0):
            raise BanditError(
                f"value oracle: length needs to be a number of points above 0, "
                f"got {length!r}"
            )
        alike = np.exp(-((gaps / length) ** 2) / 2)
    elif form == "linear":
        alike = np.clip(1 - gaps / 100, 0, 1)
    else:
        raise BanditError(
            f"value oracle: form needs to be one of {', '.join(ORACLE_FORMS)}, "
            f"got {form!r}"
        )
    return as_kernel(SimilarityMatrix(alike, tuple(actions), ORACLE))


def shuffled(kernel: Kernel, draw: int, *, seed: int) -> Kernel:
    """The kernel with its actions in a random order: its spectrum, and no meaning.

    Args:
        draw: Which shuffle, at least 1; each is the same whatever the others.

    Returns:
        A kernel of rater "value_shuffled"; all else is that of the one given.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, draw]))
    order = rng.permutation(len(kernel))
    return Kernel(
        values=kernel.values[np.ix_(order, order)],
        actions=kernel.actions,
        rater=SHUFFLED,
        form=kernel.form,
        repaired_share=kernel.repaired_share,
        negative_share=kernel.negative_share,
        effective_rank=kernel.effective_rank,
        mean_off_diagonal=kernel.mean_off_diagonal,
        completed_pairs=kernel.completed_pairs,
    )


def identity(actions: Sequence[str]) -> Kernel:
    """The kernel of one who sees nothing in common between any two actions."""
    return as_kernel(SimilarityMatrix(np.eye(len(actions)), tuple(actions), IDENTITY))
