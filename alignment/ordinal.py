"""An ordinal embedding of odd-one-out judgments: points whose distances explain them.

Actions are points in a few dimensions. Of three, a person keeps the closest pair
together most often: pair k is kept with probability

    p_k = (1 - lapse) q_k + lapse / 3,    q = softmax(-squared distance of each pair),

the stochastic triplet embedding of van der Maaten & Weinberger (2012), with both
comparisons that an odd-one-out answer implies in one softmax, and with a share of
answers that have nothing to do with the actions (Wichmann & Hill, 2001). Without that
share, one slip on an easy triplet would drag two far points together.

Points are found up to rotation, reflection and translation: only their distances mean
anything. The unit of distance is the noise: at a difference of 1 between two squared
distances, odds are e to 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit

from alignment.errors import JudgmentsError, MatrixError
from alignment.judgments import TripletJudgments
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix

# The pair that stays together when the first, second or third of a triplet is odd.
KEPT = ((1, 2), (0, 2), (0, 1))
PRIOR_SD = 1.0
# Beta prior of the lapse: one answer in twelve or so, the weight of 20 answers.
LAPSE_PRIOR = (2.0, 20.0)
START_LAPSE = 0.05
MAX_ITERATIONS = 300


@dataclass(frozen=True, eq=False)
class TripletCounts:
    """How often each action of each triplet was named the odd one.

    triplets: (n_triplets, 3) row numbers a < b < c, each triplet once.
    counts: (n_triplets, 3) times that a, b or c was the odd one.
    n_actions: Number of actions.

    Raises:
        JudgmentsError: Shapes differ, a row number is out of range, or a triplet is not
            three actions in order.
    """

    triplets: IntArray
    counts: FloatArray
    n_actions: int

    def __post_init__(self) -> None:
        triplets = np.array(self.triplets, dtype=np.int64).reshape(-1, 3)
        counts = np.array(self.counts, dtype=np.float64).reshape(-1, 3)
        if len(triplets) != len(counts):
            raise JudgmentsError(
                f"triplet counts: needs as many triplets as counts, got "
                f"{len(triplets)} and {len(counts)}"
            )
        if np.any(np.diff(triplets, axis=1) <= 0):
            raise JudgmentsError(
                "triplet counts: a triplet is three different actions in order"
            )
        if triplets.size and not (
            triplets.min() >= 0 and triplets.max() < self.n_actions
        ):
            raise JudgmentsError(
                f"triplet counts: row numbers run from 0 to {self.n_actions - 1}, got "
                f"{triplets.min()} to {triplets.max()}"
            )
        for name, value in (("triplets", triplets), ("counts", counts)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.triplets)

    @property
    def n_judgments(self) -> int:
        """Number of answers counted."""
        return int(self.counts.sum())


@dataclass(frozen=True, eq=False)
class Embedding:
    """Where each action lies, and how often people answer at random.

    points: (n_actions, n_dimensions) float64.
    lapse: In [0, 1), the share of answers that have nothing to do with the actions.
    """

    points: FloatArray
    lapse: float

    def similarity(self, actions: tuple[str, ...], *, rater: str) -> SimilarityMatrix:
        """exp(-squared distance / their median): order and odds as the model has them.

        Raises:
            MatrixError: All points lie on one spot, or `actions` are not n_actions.
        """
        squared = squared_distances(self.points)
        if squared.shape[0] != len(actions):
            raise MatrixError(
                f"similarity of {rater}: needs {squared.shape[0]} actions, got "
                f"{len(actions)}"
            )
        median = float(np.median(squared[np.triu_indices(len(squared), k=1)]))
        if median <= 0:
            raise MatrixError(
                f"similarity of {rater}: no pair lies apart, so there is no scale"
            )
        return SimilarityMatrix(np.exp(-squared / median), actions, rater)


def count_answers(
    triplets: npt.ArrayLike, odd: npt.ArrayLike, n_actions: int
) -> TripletCounts:
    """Judgments, one a row, counted by triplet.

    Args:
        triplets: (n_judgments, 3) row numbers, a < b < c.
        odd: (n_judgments,) the row number of the odd one, one of the three.
    """
    rows = np.asarray(triplets, dtype=np.int64).reshape(-1, 3)
    named = rows == np.asarray(odd, dtype=np.int64)[:, None]
    if not named.any(axis=1).all():
        raise JudgmentsError("triplet counts: the odd one must be one of the three")
    different, which = np.unique(rows, axis=0, return_inverse=True)
    cell = which.ravel() * 3 + named.argmax(axis=1)
    counts = np.bincount(cell, minlength=3 * len(different)).reshape(-1, 3)
    return TripletCounts(different, counts.astype(np.float64), n_actions)


def counts_of(judgments: TripletJudgments) -> TripletCounts:
    """All judgments of a snapshot, counted by triplet."""
    return count_answers(judgments.triplets, judgments.odd, len(judgments.actions))


def squared_distances(points: FloatArray) -> FloatArray:
    """(n_actions, n_actions) squared Euclidean distances."""
    product = points @ points.T
    sizes = np.diag(product)
    squared = np.maximum(sizes[:, None] + sizes[None, :] - 2 * product, 0.0)
    np.fill_diagonal(squared, 0.0)
    return squared


def odd_probabilities(embedding: Embedding, triplets: IntArray) -> FloatArray:
    """(n_triplets, 3) probability that the first, second or third is named odd."""
    attended = attended_probabilities(embedding.points, triplets)
    return (1 - embedding.lapse) * attended + embedding.lapse / 3


def attended_probabilities(points: FloatArray, triplets: IntArray) -> FloatArray:
    """`odd_probabilities` of somebody who never lapses: the softmax q."""
    squared = squared_distances(points)
    logits = np.stack(
        [-squared[triplets[:, i], triplets[:, j]] for i, j in KEPT], axis=1
    )
    odds: FloatArray = np.exp(logits - logits.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    return odds


def loss_and_gradient(
    points: FloatArray, lapse_logit: float, counts: TripletCounts
) -> tuple[float, FloatArray, float]:
    """Minus the log posterior, and its derivatives.

    The gradient of a sum over pairs of squared distances is that of a graph: with
    weights W, 2 (diag(W 1) - W) X. Cost O(n_triplets + n_actions^2 n_dimensions).

    Args:
        points: (n_actions, n_dimensions).
        lapse_logit: The lapse's log odds.

    Returns:
        The loss (constants left out), its gradient for the points, in their shape, and
        its derivative for the log odds of the lapse.
    """
    lapse = float(expit(lapse_logit))
    q = attended_probabilities(points, counts.triplets)
    p = np.maximum((1 - lapse) * q + lapse / 3, 1e-300)
    a, b = LAPSE_PRIOR
    loss = (
        0.5 * float((points**2).sum()) / PRIOR_SD**2
        - float((counts.counts * np.log(p)).sum())
        - a * float(np.log(lapse))
        - b * float(np.log1p(-lapse))
    )
    pull = counts.counts / p * (1 - lapse) * q
    pull -= pull.sum(axis=1, keepdims=True) * q  # d log likelihood / d logit
    n = counts.n_actions
    cells = np.concatenate(
        [counts.triplets[:, i] * n + counts.triplets[:, j] for i, j in KEPT]
    )
    weights = np.bincount(cells, pull.T.ravel(), n * n).reshape(n, n)
    weights += weights.T
    gradient = 2 * (weights.sum(axis=1)[:, None] * points - weights @ points)
    gradient += points / PRIOR_SD**2
    by_lapse = float((counts.counts / p * (1 / 3 - q)).sum()) * lapse * (1 - lapse)
    by_lapse += a * (1 - lapse) - b * lapse
    return loss, gradient, -by_lapse


def fit(
    counts: TripletCounts, n_dimensions: int, *, start: Embedding | None = None
) -> Embedding:
    """The embedding of highest posterior density that L-BFGS finds from `start`.

    Each coordinate has a normal prior of standard deviation 1, which keeps actions
    that were hardly judged near the middle, and the lapse a Beta prior. The loss has
    local minima; the spectral start lands in a good one. 28,000 judgments of 50 actions
    take well under a second.

    Args:
        n_dimensions: Of the points, at least 1 and below n_actions.
        start: Where to begin; `spectral_start` where it is left out.

    Raises:
        JudgmentsError: `n_dimensions` is out of range, or there are no judgments.
    """
    n = counts.n_actions
    if not 1 <= n_dimensions < n:
        raise JudgmentsError(
            f"ordinal embedding: {n} actions have 1 to {n - 1} dimensions, got "
            f"{n_dimensions}"
        )
    if not counts.n_judgments:
        raise JudgmentsError("ordinal embedding: needs at least one triplet judgment")
    start = start or spectral_start(counts, n_dimensions)

    def loss(vector: FloatArray) -> tuple[float, FloatArray]:
        value, gradient, by_lapse = loss_and_gradient(
            vector[:-1].reshape(n, n_dimensions), float(vector[-1]), counts
        )
        return value, np.append(gradient.ravel(), by_lapse)

    lapse = float(np.clip(start.lapse, 0.005, 0.5))
    found = minimize(
        loss,
        np.append(start.points.ravel(), logit(lapse)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MAX_ITERATIONS, "maxcor": 20, "ftol": 1e-9},
    )
    points = found.x[:-1].reshape(n, n_dimensions)
    return Embedding(points - points.mean(axis=0), float(expit(found.x[-1])))


def spectral_start(counts: TripletCounts, n_dimensions: int) -> Embedding:
    """Classical scaling (Torgerson, 1952) of how seldom two actions were kept together.

    -log of the choice frequency, smoothed by three answers at random, serves as squared
    distance. Deterministic: the fit needs no random start.
    """
    n = counts.n_actions
    shown, kept = np.zeros((n, n)), np.zeros((n, n))
    answers = counts.counts.sum(axis=1)
    for option, (i, j) in enumerate(KEPT):
        rows = counts.triplets[:, i], counts.triplets[:, j]
        np.add.at(shown, rows, answers)
        np.add.at(kept, rows, counts.counts[:, option])
    shown, kept = shown + shown.T, kept + kept.T
    squared = -np.log((kept + 1) / (shown + 3))
    np.fill_diagonal(squared, 0.0)
    centre = np.eye(n) - 1 / n
    sizes, axes = np.linalg.eigh(-0.5 * centre @ squared @ centre)
    # The largest last. An axis of no size would have no gradient either.
    chosen = np.sqrt(np.maximum(sizes[-n_dimensions:], 1e-3))
    return Embedding(axes[:, -n_dimensions:] * chosen, START_LAPSE)
