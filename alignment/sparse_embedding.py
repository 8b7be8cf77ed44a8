"""Non-negative, sparse embeddings of odd-one-out triplets: SPoSE and VICE.

Each action has weights W >= 0 on a few dimensions, and of three actions the pair with
the largest dot product stays together (Zheng et al., 2019; Hebart et al., 2020):

    p(pair) = softmax over the three pairs of W_i . W_j.

Dimensions that are not negative add up without cancelling, which is what lets people
name them. SPoSE finds one W, by maximum likelihood with a penalty lambda |W|_1 for each
judgment. VICE (Muttenthaler et al., 2022, arXiv 2205.00756) finds for each weight a
normal distribution, cut off below 0, under a spike-and-slab prior, and keeps the
dimensions on which more than a few actions are surely above 0.

Both start with more dimensions than are needed and drop what stays empty.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm

from alignment.errors import JudgmentsError, MatrixError
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.ordinal import KEPT, TripletCounts

MAX_ITERATIONS = 500
# A dimension on which no action reaches this has gone.
EMPTY = 0.05


@dataclass(frozen=True)
class Prior:
    """VICE's prior of a weight: share * N(0, spike) + (1 - share) * N(0, slab)."""

    share: float = 0.6
    spike: float = 0.25
    slab: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.share < 1 and 0 < self.spike <= self.slab):
            raise JudgmentsError(
                "sparse embedding: the prior needs a share in (0, 1) and 0 < spike <= "
                f"slab, got {self.share}, {self.spike} and {self.slab}"
            )


@dataclass(frozen=True, eq=False)
class SparseEmbedding:
    """Weights of actions on dimensions, the heaviest dimension first.

    weights: (n_actions, n_dimensions), 0 or more.
    spread: The same shape: posterior standard deviations; 0 where there are none.
    """

    weights: FloatArray
    spread: FloatArray

    def similarity(self, actions: tuple[str, ...], *, rater: str) -> SimilarityMatrix:
        """Share of all third actions beside which a pair would stay together.

        The mean over k of p(ij | ijk), as Hebart et al. (2020) define similarity.

        Raises:
            MatrixError: Fewer than 3 actions, or another number than have weights.
        """
        n = len(self.weights)
        if n != len(actions) or n < 3:
            raise MatrixError(
                f"similarity of {rater}: needs the {max(n, 3)} actions that have "
                f"weights, got {len(actions)}"
            )
        dots = self.weights @ self.weights.T
        top = dots.max()
        odds = np.exp(dots - top)
        made = np.eye(n)
        for i in range(n):
            for j in range(i + 1, n):
                others = np.delete(np.arange(n), [i, j])
                total = odds[i, j] + odds[i, others] + odds[j, others]
                made[i, j] = made[j, i] = float((odds[i, j] / total).mean())
        return SimilarityMatrix(made, actions, rater)


def pair_probabilities(weights: FloatArray, triplets: IntArray) -> FloatArray:
    """(n_triplets, 3) chance that the first, second or third is named odd."""
    dots = weights @ weights.T
    logits = np.stack([dots[triplets[:, i], triplets[:, j]] for i, j in KEPT], axis=1)
    odds: FloatArray = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def log_loss_and_gradient(
    weights: FloatArray, counts: TripletCounts
) -> tuple[float, FloatArray]:
    """Mean -log p of the judgments, and its gradient in the weights' shape."""
    n = counts.n_actions
    p = pair_probabilities(weights, counts.triplets)
    total = counts.n_judgments
    loss = -float((counts.counts * np.log(np.maximum(p, 1e-300))).sum()) / total
    pull = counts.counts.sum(axis=1, keepdims=True) * p - counts.counts
    cells = np.concatenate(
        [counts.triplets[:, i] * n + counts.triplets[:, j] for i, j in KEPT]
    )
    by_dot = np.bincount(cells, pull.T.ravel(), n * n).reshape(n, n)
    return loss, (by_dot + by_dot.T) @ weights / total


def spose(
    counts: TripletCounts,
    *,
    n_dimensions: int = 20,
    penalty: float = 0.004,
    n_starts: int = 3,
    seed: int,
) -> SparseEmbedding:
    """Weights of least mean -log p + penalty * |W|_1 / n_actions.

    On weights that are not negative the penalty is a plain sum, so L-BFGS with bounds
    solves it without a trick for the corner at 0. The best of several starts.

    Args:
        n_dimensions: To begin with; empty ones are dropped.
        penalty: 0 or more; larger leaves fewer dimensions.

    Raises:
        JudgmentsError: No judgments, or a setting out of range.
    """
    _check(counts, n_dimensions)
    if penalty < 0 or n_starts < 1:
        raise JudgmentsError(
            f"sparse embedding: the penalty is 0 or more and there is at least 1 start, "
            f"got {penalty} and {n_starts}"
        )
    n = counts.n_actions
    rng = np.random.default_rng(seed)

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = log_loss_and_gradient(flat.reshape(n, -1), counts)
        return value + penalty * flat.sum() / n, gradient.ravel() + penalty / n

    tried = [
        minimize(
            loss,
            rng.uniform(0, 1, n * n_dimensions),
            jac=True,
            method="L-BFGS-B",
            bounds=[(0, None)] * (n * n_dimensions),
            options={"maxiter": MAX_ITERATIONS},
        )
        for _ in range(n_starts)
    ]
    best = min(tried, key=lambda found: float(found.fun)).x.reshape(n, n_dimensions)
    return _ordered(best, np.zeros_like(best))


def vice(
    counts: TripletCounts,
    *,
    n_dimensions: int = 20,
    prior: Prior | None = None,
    n_steps: int = 2000,
    learning_rate: float = 0.02,
    sure_of: int = 5,
    false_discoveries: float = 0.05,
    seed: int,
) -> SparseEmbedding:
    """Posterior means of weights on the dimensions that hold more than a few actions.

    Variational inference with one normal for each weight, by Adam on all judgments at
    once (50 actions need no batches). A dimension stays if more than `sure_of` actions
    have a weight above 0 at this false discovery rate (Benjamini & Hochberg, 1995, on
    the chance that the normal lies below 0).

    Returns:
        May have no dimension at all: nothing was sure.

    Raises:
        JudgmentsError: No judgments, or a setting out of range.
    """
    _check(counts, n_dimensions)
    if (
        n_steps < 1
        or learning_rate <= 0
        or sure_of < 0
        or not 0 < false_discoveries < 1
    ):
        raise JudgmentsError(
            "sparse embedding: VICE needs at least 1 step, a learning rate above 0, a "
            "number of actions from 0 up and a false discovery rate in (0, 1)"
        )
    prior = prior or Prior()
    rng = np.random.default_rng(seed)
    shape = (counts.n_actions, n_dimensions)
    state = np.stack([rng.uniform(0, 1, shape), np.full(shape, np.log(0.1))])
    mean_square, momentum = np.zeros_like(state), np.zeros_like(state)
    for step in range(1, n_steps + 1):
        noise = rng.normal(size=shape)
        _, gradient = free_energy(state[0], state[1], noise, counts, prior)
        momentum = 0.9 * momentum + 0.1 * gradient
        mean_square = 0.999 * mean_square + 0.001 * gradient**2
        move = momentum / (1 - 0.9**step)
        size = np.sqrt(mean_square / (1 - 0.999**step)) + 1e-8
        # To 0 at the end, or the last steps' noise would stay in the means.
        rate = learning_rate * min(1.0, 2 * (1 - (step - 1) / n_steps))
        state = state - rate * move / size
    means, spreads = state[0], np.exp(state[1])
    below = norm.cdf(0, means, spreads)
    kept = [
        dimension
        for dimension in range(n_dimensions)
        if _discoveries(below[:, dimension], false_discoveries) > sure_of
    ]
    return _ordered(np.maximum(means[:, kept], 0), spreads[:, kept])


def free_energy(
    means: FloatArray,
    log_spreads: FloatArray,
    noise: FloatArray,
    counts: TripletCounts,
    prior: Prior,
) -> tuple[float, FloatArray]:
    """Mean -log p of the judgments + (log q - log prior) / n_judgments, at one draw.

    Args:
        means, log_spreads: (n_actions, n_dimensions) of the normals.
        noise: The draw, standard normal, in the same shape.

    Returns:
        The value, and (2, n_actions, n_dimensions) its gradient for both.
    """
    spreads = np.exp(log_spreads)
    drawn = means + spreads * noise
    loss, by_weight = log_loss_and_gradient(np.maximum(drawn, 0), counts)
    log_parts = np.stack(
        [
            np.log(prior.share) + norm.logpdf(drawn, 0, prior.spike),
            np.log1p(-prior.share) + norm.logpdf(drawn, 0, prior.slab),
        ]
    )
    log_prior = np.logaddexp(*log_parts)
    in_spike = np.exp(log_parts[0] - log_prior)
    n = counts.n_judgments
    # d(-log prior) / d draw; log q depends on the spread alone, the noise being given.
    by_draw = drawn * (in_spike / prior.spike**2 + (1 - in_spike) / prior.slab**2) / n
    by_draw += by_weight * (drawn > 0)
    value = loss + float((norm.logpdf(noise) - log_spreads - log_prior).sum()) / n
    return value, np.stack([by_draw, by_draw * spreads * noise - 1 / n])


def _discoveries(p: FloatArray, rate: float) -> int:
    """How many of these p-values Benjamini and Hochberg's procedure rejects."""
    ranked = np.sort(p)
    passed = ranked <= rate * np.arange(1, len(p) + 1) / len(p)
    return int(np.flatnonzero(passed)[-1]) + 1 if passed.any() else 0


def _ordered(weights: FloatArray, spread: FloatArray) -> SparseEmbedding:
    held = weights.max(axis=0, initial=0) >= EMPTY
    order = np.argsort(-weights[:, held].sum(axis=0), kind="stable")
    return SparseEmbedding(weights[:, held][:, order], spread[:, held][:, order])


def _check(counts: TripletCounts, n_dimensions: int) -> None:
    if not counts.n_judgments:
        raise JudgmentsError("sparse embedding: needs at least one triplet judgment")
    if n_dimensions < 1:
        raise JudgmentsError(
            f"sparse embedding: needs at least 1 dimension, got {n_dimensions}"
        )
