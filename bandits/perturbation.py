"""How far a Gaussian process's predictions move when its kernel does, and bounds on it.

Two agents see the same centred rewards y of n seen actions, one each; s2 is the reward
noise's variance in the kernels' units. With A = K + s2 I, D = K' - K over the seen
actions and D_* over unseen by seen ones, the posterior means differ by

    seen:    mu' - mu = s2 A'^-1 D A^-1 y
    unseen:  mu' - mu = D_* A^-1 y - K'_*n A'^-1 D A^-1 y

exactly, since A^-1 - A'^-1 = A'^-1 D A^-1. Kernels without negative eigenvalues have
|A^-1| <= 1 / s2 and |s2 A'^-1| <= 1 (operator norms), whence the bounds

    seen:    |mu' - mu| <= |D| |y| / s2
    unseen:  |mu' - mu| <= (|D_*| + |D| sqrt(|K'_**|) / (2 s)) |y| / s2

The second uses that K'_*n = S T with S S' = K'_** and T' T = K'_nn: with l the singular
values of T, |T A'^-1| is the largest l / (l^2 + s2), at most 1 / (2 s). The general bound
|D| / s2 (1 + |K'| / s2) |y|, and with the cross block (|D_*| + |D| |K'_*n| / s2) |y| / s2,
asks only for |A^-1| and |A'^-1| to be at most 1 / s2; it is shown for comparison.

What follows for choices: the greedy choice by mu' is worth at most 2 max |mu' - mu| less,
by mu, than the best by mu. The bounds shrink with |D|; Spearman's correlation is a proxy
for |D| that ignores scale. They presume one reward per seen action: agents that choose
what they sample depart from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bandits.errors import BanditError

Array = NDArray[np.float64]
NEGATIVE = 1e-8
"""An eigenvalue below this share of the largest, negated, is no rounding."""


@dataclass(frozen=True, eq=False)
class Shift:
    """How far predictions move from one kernel to another, and what bounds it.

    seen, unseen: (n_seen,) and (n_unseen,) mu' - mu, in the rewards' units, by the
        identities above; actions in ascending order.
    seen_bound, unseen_bound: On their Euclidean norms; 0 if there are none unseen.
    seen_general, unseen_general: The general, larger bounds.
    """

    seen: Array
    unseen: Array
    seen_bound: float
    unseen_bound: float
    seen_general: float
    unseen_general: float

    @property
    def greedy_loss(self) -> float:
        """At most so much, by the first kernel's means over all actions, is lost by
        choosing greedily by the second's."""
        return 2 * float(np.abs(np.concatenate([self.seen, self.unseen])).max())


def posterior_shift(
    kernel: Array,
    other: Array,
    rewards: Array,
    seen: NDArray[np.bool_],
    *,
    noise: float,
) -> Shift:
    """From the predictions of `kernel` to those of `other`.

    Args:
        kernel, other: (n_actions, n_actions), symmetric, no negative eigenvalues.
        rewards: (n_seen,) less the prior mean, in the seen actions' order.
        seen: (n_actions,) which actions gave a reward; at least one.
        noise: Above 0, variance of a reward's noise over the prior variance, the
            kernels having unit diagonal (or both in the same units).

    Raises:
        BanditError: Shapes that do not fit, a number that is not finite, noise not above
            0, or a kernel that is not symmetric or has a negative eigenvalue.
    """
    y, learned = np.asarray(rewards, dtype=float), np.asarray(seen, dtype=bool)
    made = [np.asarray(given, dtype=float) for given in (kernel, other)]
    _check(made, y, learned, noise)
    for name, given in zip(("kernel", "other kernel"), made, strict=True):
        _check_covariance(name, given)
    first, second = (k[np.ix_(learned, learned)] for k in made)
    cross = [k[np.ix_(~learned, learned)] for k in made]
    ridge = noise * np.eye(len(y))
    weights = np.linalg.solve(first + ridge, y)
    moved = second - first
    # A'^-1 D A^-1 y, of which both identities are made.
    inner = np.linalg.solve(second + ridge, moved @ weights)
    crossed = cross[1] - cross[0]
    size, wide = float(np.linalg.norm(y)) / noise, _norm(moved)
    unseen_wide = _norm(made[1][np.ix_(~learned, ~learned)])
    return Shift(
        noise * inner,
        crossed @ weights - cross[1] @ inner,
        wide * size,
        (_norm(crossed) + wide * (unseen_wide / noise) ** 0.5 / 2) * size,
        wide * (1 + _norm(second) / noise) * size,
        (_norm(crossed) + wide * _norm(cross[1]) / noise) * size,
    )


def _norm(matrix: Array) -> float:
    """Operator norm: the largest singular value; 0 of an empty matrix."""
    return float(np.linalg.norm(matrix, 2)) if matrix.size else 0.0


def _check(
    kernels: list[Array], y: Array, learned: NDArray[np.bool_], noise: float
) -> None:
    n = len(learned)
    if learned.ndim != 1 or not learned.any() or y.shape != (int(learned.sum()),):
        raise BanditError(
            "posterior shift: needs a mask with at least one seen action and one reward"
            f" for each, got {int(learned.sum())} seen and rewards of shape {y.shape}"
        )
    for kernel in kernels:
        if kernel.shape != (n, n):
            raise BanditError(
                f"posterior shift: both kernels need shape ({n}, {n}) for {n} actions,"
                f" got {kernel.shape}"
            )
    if not all(np.isfinite(numbers).all() for numbers in (*kernels, y)):
        raise BanditError("posterior shift: kernels and rewards must be finite")
    if not (np.isfinite(noise) and noise > 0):
        raise BanditError(
            f"posterior shift: noise must be above 0, or the bounds have no end, got"
            f" {noise:g}"
        )


def _check_covariance(name: str, kernel: Array) -> None:
    scale = float(np.abs(kernel).max())
    if np.abs(kernel - kernel.T).max() > NEGATIVE * scale:
        raise BanditError(f"posterior shift: the {name} must be symmetric")
    lowest = float(np.linalg.eigvalsh(kernel)[0])
    if lowest < -NEGATIVE * scale:
        raise BanditError(
            f"posterior shift: the {name} has the negative eigenvalue {lowest:g}; repair"
            " it first (alignment.kernels)"
        )
