"""Which triplets to ask next: those that teach most about all the others.

The posterior of an embedding is taken to be normal around the best fit (Laplace), its
precision the prior's plus the Fisher information of every answer so far. What counts is
how well any triplet is foretold: the expected log loss of a random triplet, beyond the
noise in people's answers, is 1/2 tr(F S), with S the posterior covariance and F the
Fisher information of one answer to a random triplet (I-optimal design; the Fisher
information ratio of Zhang & Oles, 2000). A triplet's gain is what its answer is
expected to take off that. Uncertain answers alone are not sought: a tie between three
actions known to lie alike teaches nothing.

People answer in parallel, so triplets are chosen in batches: in a few rounds, each
taking what the rounds before are expected to teach as known, or a batch would ask the
same thing many times over.

The adaptive sampler is a mixture. With probability `RANDOM_FLOOR` a triplet is drawn
uniformly; these triplets alone are a fair test set for any embedding, whatever the rest
were chosen for. Otherwise it is drawn from the batch. `propensity` is the probability
of a triplet under the whole mixture, whichever part drew it
(`alignment/adaptive_rules.py`).
"""

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from scipy import sparse

from alignment.adaptive_rules import MAX_COORDINATES, RANDOM_FLOOR, propensity
from alignment.errors import JudgmentsError
from alignment.matrices import FloatArray, IntArray
from alignment.ordinal import (
    KEPT,
    PRIOR_SD,
    Embedding,
    TripletCounts,
    attended_probabilities,
)

ROUNDS = 8
# Candidates looked at in the first round; the best of them, so many for one chosen, go
# on to the next rounds. F is averaged over `TARGETS` random triplets.
CANDIDATES = 20_000
SHORTLIST = 10
TARGETS = 12_000


def all_triplets(n_actions: int) -> IntArray:
    """(n choose 3, 3) every triplet of row numbers, a < b < c."""
    return np.array(list(combinations(range(n_actions), 3)), dtype=np.int64)


def draw_triplets(
    n_actions: int, n_triplets: int, rng: np.random.Generator
) -> IntArray:
    """(n_triplets, 3) uniform triplets a < b < c, drawn with replacement."""
    drawn = np.empty((0, 3), dtype=np.int64)
    while len(drawn) < n_triplets:
        more = np.sort(rng.integers(n_actions, size=(2 * n_triplets + 8, 3)), axis=1)
        drawn = np.concatenate([drawn, more[(np.diff(more, axis=1) > 0).all(axis=1)]])
    return drawn[:n_triplets]


def information_roots(embedding: Embedding, triplets: IntArray) -> FloatArray:
    """Roots of the Fisher information that one answer to each triplet gives.

    Returns:
        (n_triplets, 3, 3, n_dimensions): R with R'R the information on the coordinates
        of the triplet's three actions; one row per possible answer.
    """
    places = embedding.points[triplets]
    m, _, d = places.shape
    slopes = np.zeros((m, 3, 3, d))  # of each pair's logit
    for pair, (i, j) in enumerate(KEPT):
        apart = -2 * (places[:, i] - places[:, j])
        slopes[:, pair, i] = apart
        slopes[:, pair, j] = -apart
    q = attended_probabilities(embedding.points, triplets)
    p = (1 - embedding.lapse) * q + embedding.lapse / 3
    mean = np.einsum("mk,mkid->mid", q, slopes)
    size = (1 - embedding.lapse) * q / np.sqrt(np.maximum(p, 1e-300))
    made: FloatArray = size[:, :, None, None] * (slopes - mean[:, None])
    return made


def precision(embedding: Embedding, counts: TripletCounts) -> FloatArray:
    """The posterior's precision at the embedding, (n_coordinates, n_coordinates).

    Coordinates stand action by action, n_actions x n_dimensions of them.
    """
    n, d = embedding.points.shape
    answers = counts.counts.sum(axis=1)
    prior = np.eye(n * d) / PRIOR_SD**2
    return prior + _information(embedding, counts.triplets, answers)


def expected_gain(
    embedding: Embedding,
    covariance: FloatArray,
    target: FloatArray,
    triplets: IntArray,
) -> FloatArray:
    """(n_triplets,) how much one answer to each triplet lowers tr(target covariance).

    An answer with root R takes S R' (I + R S R')^-1 R S off the covariance S.

    Args:
        covariance, target: (n_coordinates, n_coordinates), symmetric.
    """
    m, d = len(triplets), embedding.points.shape[1]
    rows = (triplets[:, :, None] * d + np.arange(d)).reshape(m, 3 * d)
    across = rows[:, :, None], rows[:, None, :]
    roots = information_roots(embedding, triplets).reshape(m, 3, 3 * d)
    turned = roots.transpose(0, 2, 1)
    spread = roots @ covariance[across] @ turned
    reach = roots @ (covariance @ target @ covariance)[across] @ turned
    taken = np.linalg.solve(np.eye(3) + spread, reach)
    gain: FloatArray = np.trace(taken, axis1=1, axis2=2)
    return gain


def choose_triplets(
    embedding: Embedding,
    counts: TripletCounts,
    n_triplets: int,
    *,
    seed: int,
    pool: IntArray | None = None,
) -> IntArray:
    """A batch of different triplets to ask next, in random order.

    Args:
        embedding: The best fit to `counts`.
        n_triplets: How many; fewer come back where the pool has fewer.
        pool: (n_pool, 3) triplets to choose from; all, where it is left out.

    Returns:
        (n_triplets, 3) row numbers, a < b < c. The order says nothing about them, so
        that whoever takes the first unasked one draws uniformly.

    Raises:
        JudgmentsError: The embedding has more than `MAX_COORDINATES` coordinates.
    """
    n, d = embedding.points.shape
    if n * d > MAX_COORDINATES:
        raise JudgmentsError(
            f"adaptive triplets: {n} actions in {d} dimensions are {n * d} coordinates; "
            f"at most {MAX_COORDINATES} can be handled: use fewer dimensions, or the "
            "random sampler"
        )
    rng = np.random.default_rng(seed)
    n_triplets = min(n_triplets, comb(n, 3) if pool is None else len(pool))
    known = precision(embedding, counts)
    asked_about = draw_triplets(n, TARGETS, rng)
    target = _information(embedding, asked_about, np.full(TARGETS, 1 / TARGETS))
    candidates = _candidates(n, pool, max(CANDIDATES, 4 * n_triplets), rng)
    chosen = np.empty((0, 3), dtype=np.int64)
    while len(chosen) < n_triplets:
        wanted = min(-(-n_triplets // ROUNDS), n_triplets - len(chosen))
        covariance = np.asarray(np.linalg.inv(known), dtype=np.float64)
        gains = expected_gain(embedding, covariance, target, candidates)
        ranked = candidates[np.argsort(-gains, kind="stable")]
        best = ranked[:wanted]
        # An answer lowers the gains of others, and hardly ever lifts one to the top.
        candidates = ranked[wanted : wanted + SHORTLIST * n_triplets]
        known = known + _information(embedding, best, np.ones(len(best)))
        chosen = np.concatenate([chosen, best])
    return rng.permutation(chosen)


@dataclass(frozen=True)
class Draw:
    """What the mixture drew.

    triplets: (n_triplets, 3). random: (n_triplets,) whether the floor drew each.
    propensity: (n_triplets,) of each under the mixture.
    """

    triplets: IntArray
    random: IntArray
    propensity: FloatArray


def draw_from_mixture(
    batch: IntArray, n_triplets: int, pool: IntArray, *, seed: int
) -> Draw:
    """Draw from floor and batch as a study does, for simulation without a server.

    A triplet leaves the batch when it is drawn from it, as a candidate is taken by one
    person only. The floor draws from the whole pool each time.

    Args:
        batch: (n_batch, 3) from `choose_triplets`.
        pool: (n_pool, 3) every triplet that may be asked.
    """
    rng = np.random.default_rng(seed)
    waiting = {tuple(three) for three in batch.tolist()}
    queue = [tuple(three) for three in rng.permutation(batch).tolist()]
    triplets, random, chance = [], [], []
    for _ in range(n_triplets):
        floor = not queue or rng.random() < RANDOM_FLOOR
        n_batch = len(queue)
        drawn = tuple(pool[rng.integers(len(pool))].tolist()) if floor else queue.pop()
        triplets.append(drawn)
        random.append(floor)
        chance.append(propensity(len(pool), n_batch, in_batch=drawn in waiting))
        if not floor:
            waiting.discard(drawn)
    return Draw(
        np.array(triplets, dtype=np.int64).reshape(-1, 3),
        np.array(random, dtype=np.int64),
        np.array(chance),
    )


def _information(
    embedding: Embedding, triplets: IntArray, answers: FloatArray
) -> FloatArray:
    """Fisher information of so many answers to each triplet."""
    n, d = embedding.points.shape
    m = len(triplets)
    roots = (
        information_roots(embedding, triplets) * np.sqrt(answers)[:, None, None, None]
    )
    rows = (triplets[:, :, None] * d + np.arange(d)).reshape(m, 1, 3 * d)
    columns = np.broadcast_to(rows, (m, 3, 3 * d))
    ends = np.arange(0, m * 9 * d + 1, 3 * d)
    root = sparse.csr_matrix(
        (roots.ravel(), columns.ravel(), ends), shape=(3 * m, n * d)
    )
    made: FloatArray = (root.T @ root).toarray()
    return made


def _candidates(
    n_actions: int, pool: IntArray | None, size: int, rng: np.random.Generator
) -> IntArray:
    """Different triplets of the pool, or of all: at most `size`, at random."""
    if pool is None and comb(n_actions, 3) > 4 * size:
        return np.unique(draw_triplets(n_actions, size, rng), axis=0)
    pool = all_triplets(n_actions) if pool is None else pool
    return pool if len(pool) <= size else pool[rng.permutation(len(pool))[:size]]
