"""The classical ordinal embeddings: STE, t-STE, CKL and SOE.

`alignment.ordinal` is the one that reports use. These four are what the literature
compares with. Each takes comparisons (i, j, k), "j is nearer to i than k is", and moves
points until their squared distances D agree:

    STE    log(1 + exp(D_ij - D_ik))                    van der Maaten & Weinberger 2012
    t-STE  -log(s_ij / (s_ij + s_ik)), s = (1 + D/a)^(-(a + 1)/2), a = max(d - 1, 1)
    CKL    -log((mu + D_ik) / (2 mu + D_ij + D_ik)), mu = .05        Tamuz et al. 2011
    SOE    max(0, sqrt(D_ij) + margin - sqrt(D_ik))^2, margin = .1   Terada & Luxburg 2014

averaged over comparisons. An odd-one-out answer says two of them: with c odd of a, b and
c, (a, b, c) and (b, a, c). Points are found up to rotation, reflection and translation;
STE's and SOE's scale is set by the noise and the margin, t-STE's and CKL's by their own
constants, so that embeddings are compared by their distances, or after Procrustes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from alignment.errors import JudgmentsError
from alignment.judgments import TripletJudgments
from alignment.matrices import FloatArray, IntArray
from alignment.ordinal import squared_distances

LossName = Literal["ste", "tste", "ckl", "soe"]
CKL_MU = 0.05
SOE_MARGIN = 0.1
MAX_ITERATIONS = 500
# A distance below this has no direction in which to grow.
SMALLEST = 1e-12

# (near, far: squared distances (n,), n_dimensions) ->
# (loss of each, its derivative by near, its derivative by far), each (n,).
Loss = Callable[
    [FloatArray, FloatArray, int], tuple[FloatArray, FloatArray, FloatArray]
]


@dataclass(frozen=True, eq=False)
class OrdinalEmbedding:
    """Points that explain comparisons.

    points: (n_actions, n_dimensions), centred.
    loss: Mean loss over the comparisons, at these points.
    satisfied: Share of the comparisons that the distances agree with, in [0, 1].
    """

    points: FloatArray
    loss: float
    satisfied: float


def comparisons_of(judgments: TripletJudgments) -> IntArray:
    """(2 n_judgments, 3) rows (i, j, k), j nearer to i than k, of odd-one-out answers."""
    kept = judgments.triplets != judgments.odd[:, None]
    pairs = judgments.triplets[kept].reshape(-1, 2)
    a, b, odd = pairs[:, 0], pairs[:, 1], judgments.odd
    return np.concatenate([np.column_stack([a, b, odd]), np.column_stack([b, a, odd])])


def embed(
    comparisons: npt.ArrayLike,
    n_actions: int,
    n_dimensions: int,
    *,
    loss: LossName,
    n_starts: int = 5,
    seed: int,
) -> OrdinalEmbedding:
    """The best embedding that L-BFGS finds from several random starts.

    Args:
        comparisons: (n, 3) rows (i, j, k): j is nearer to i than k is.
        n_dimensions: At least 1, below n_actions.
        loss: Which of the four.

    Raises:
        JudgmentsError: No comparison, a row number out of range or twice in a row, no
            such loss, or a number of dimensions or starts out of range.
    """
    rows = _checked(comparisons, n_actions)
    if loss not in LOSSES:
        raise JudgmentsError(
            f"ordinal embedding: there is no loss {loss}; there are {', '.join(LOSSES)}"
        )
    if not 1 <= n_dimensions < n_actions:
        raise JudgmentsError(
            f"ordinal embedding: {n_actions} actions have 1 to {n_actions - 1} "
            f"dimensions, got {n_dimensions}"
        )
    if n_starts < 1:
        raise JudgmentsError(
            f"ordinal embedding: needs at least 1 start, got {n_starts}"
        )
    rng = np.random.default_rng(seed)
    best: OrdinalEmbedding | None = None
    for _ in range(n_starts):
        start = rng.normal(scale=0.5, size=(n_actions, n_dimensions))
        found = minimize(
            lambda flat: _flat(flat, rows, n_actions, n_dimensions, loss),
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": MAX_ITERATIONS},
        )
        if best is None or found.fun < best.loss:
            points = found.x.reshape(n_actions, n_dimensions)
            near, far = _near_and_far(points, rows)
            best = OrdinalEmbedding(
                points - points.mean(axis=0),
                float(found.fun),
                float((near < far).mean()),
            )
    assert best is not None
    return best


def loss_and_gradient(
    points: FloatArray, comparisons: IntArray, loss: LossName
) -> tuple[float, FloatArray]:
    """Mean loss over comparisons, and its gradient in the points' shape.

    A weight on a squared distance pulls its two points along their difference: with
    weights W, the gradient of sum W D is 2 (diag(W 1) - W) X for symmetric W.
    """
    n = len(points)
    near, far = _near_and_far(points, comparisons)
    each, by_near, by_far = LOSSES[loss](near, far, points.shape[1])
    i, j, k = comparisons.T
    cells = np.concatenate([i * n + j, i * n + k])
    pull = np.bincount(cells, np.concatenate([by_near, by_far]), n * n).reshape(n, n)
    pull += pull.T
    gradient = 2 * (pull.sum(axis=1)[:, None] * points - pull @ points)
    return float(each.mean()), gradient / len(comparisons)


def ste(
    near: FloatArray, far: FloatArray, n_dimensions: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Stochastic triplet embedding."""
    wrong = expit(near - far)
    return np.logaddexp(0.0, near - far), wrong, -wrong


def tste(
    near: FloatArray, far: FloatArray, n_dimensions: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The same with a Student kernel: far pairs weigh less."""
    a = max(n_dimensions - 1, 1)
    power = (a + 1) / 2
    # -log s / (s + s') with log s = -power log(1 + D / a)
    odds = power * (np.log1p(near / a) - np.log1p(far / a))
    wrong = expit(odds)
    return (
        np.logaddexp(0.0, odds),
        wrong * power / (a + near),
        -wrong * power / (a + far),
    )


def ckl(
    near: FloatArray, far: FloatArray, n_dimensions: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Crowd kernel learning: only the ratio of distances counts, beyond mu."""
    both = 2 * CKL_MU + near + far
    return np.log(both / (CKL_MU + far)), 1 / both, 1 / both - 1 / (CKL_MU + far)


def soe(
    near: FloatArray, far: FloatArray, n_dimensions: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Soft ordinal embedding: squared hinge of distances with a margin."""
    d, e = np.sqrt(np.maximum(near, SMALLEST)), np.sqrt(np.maximum(far, SMALLEST))
    missed = np.maximum(0.0, d + SOE_MARGIN - e)
    return missed**2, missed / d, -missed / e


LOSSES: dict[str, Loss] = {"ste": ste, "tste": tste, "ckl": ckl, "soe": soe}


def _checked(comparisons: npt.ArrayLike, n_actions: int) -> IntArray:
    rows = np.asarray(comparisons, dtype=np.int64).reshape(-1, 3)
    if not len(rows):
        raise JudgmentsError("ordinal embedding: needs at least one comparison")
    if rows.min() < 0 or rows.max() >= n_actions:
        raise JudgmentsError(
            f"ordinal embedding: row numbers run from 0 to {n_actions - 1}, got "
            f"{rows.min()} to {rows.max()}"
        )
    i, j, k = rows.T
    twice = (i == j) | (i == k) | (j == k)
    if twice.any():
        raise JudgmentsError(
            "ordinal embedding: a comparison is of three different actions, got "
            f"{rows[int(np.argmax(twice))].tolist()}"
        )
    return rows


def _near_and_far(
    points: FloatArray, comparisons: IntArray
) -> tuple[FloatArray, FloatArray]:
    squared = squared_distances(points)
    i, j, k = comparisons.T
    return squared[i, j], squared[i, k]


def _flat(
    flat: FloatArray, rows: IntArray, n: int, n_dimensions: int, loss: LossName
) -> tuple[float, FloatArray]:
    value, gradient = loss_and_gradient(flat.reshape(n, n_dimensions), rows, loss)
    return value, gradient.ravel()
