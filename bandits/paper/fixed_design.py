"""What a Gaussian process is expected to get wrong, before anything is simulated.

A fixed design: each personalization action is rewarded a given number of times. With
K' the agent's prior covariance, W = K'_*n (K'_nn + s2 C^-1)^-1 and values v centred by
the prior mean, predictions for unseen actions are W y, so that every expectation below
is exact (`science.md`, rule 22).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bandits.paper.statistics import Floats
from bandits.perturbation import posterior_shift
from bandits.task import Bools


class Design(NamedTuple):
    """What is learnt from, and how.

    kernel: (n_actions, n_actions), the agent's, unit diagonal.
    values: (n_actions,), the true ones.
    counts: (n_actions,) rewards of each action, 0 at the unseen ones.
    seen: (n_actions,) bool, the personalization actions.
    """

    kernel: Floats
    values: Floats
    counts: Floats
    seen: Bools
    prior_mean: float
    prior_sd: float
    reward_sd: float

    def weights(self) -> tuple[Floats, Bools]:
        """W, (n_unseen, n_rewarded), and which actions were rewarded."""
        rewarded = self.counts > 0
        covariance = self.prior_sd**2 * self.kernel
        noise = np.diag(self.reward_sd**2 / self.counts[rewarded])
        inner = covariance[np.ix_(rewarded, rewarded)] + noise
        across = covariance[np.ix_(~self.seen, rewarded)]
        solved = np.linalg.solve(inner, across.T)
        return np.asarray(solved.T, dtype=np.float64), rewarded


def expected_squared_error(design: Design) -> float:
    """Mean over unseen actions of E (prediction - value)^2: bias and noise, exactly."""
    weights, rewarded = design.weights()
    centred = design.values - design.prior_mean
    bias = centred[~design.seen] - weights @ centred[rewarded]
    noise = (weights**2 / design.counts[rewarded]).sum() * design.reward_sd**2
    return float(((bias**2).sum() + noise) / (~design.seen).sum())


def expected_over_values(design: Design, truth: Floats) -> float:
    """The same averaged over values drawn from GP(prior mean, prior_sd^2 truth)."""
    weights, rewarded = design.weights()
    covariance = design.prior_sd**2 * truth
    unseen = ~design.seen
    known = covariance[np.ix_(rewarded, rewarded)] + np.diag(
        design.reward_sd**2 / design.counts[rewarded]
    )
    across = covariance[np.ix_(unseen, rewarded)]
    total = np.trace(covariance[np.ix_(unseen, unseen)])
    total += (-2 * (weights * across).sum()) + (weights @ known * weights).sum()
    return float(total / unseen.sum())


def unsafe_greedy_choice(
    design: Design, threshold: float, rng: np.random.Generator, draws: int = 400
) -> float:
    """P(the unseen action with the highest prediction lies below the threshold).

    Predictions are exactly normal, N(W v, s2 W C^-1 W'); the probability that the
    largest of them is an unsafe one is integrated by drawing.
    """
    predicted = predictions(design, rng, draws)
    best = predicted.argmax(1)
    return float((design.values[~design.seen][best] < threshold).mean())


def predictions(design: Design, rng: np.random.Generator, draws: int) -> Floats:
    """(draws, n_unseen) predictions after as many histories of rewards."""
    weights, rewarded = design.weights()
    sd = design.reward_sd / np.sqrt(design.counts[rewarded])
    noise = rng.normal(size=(draws, int(rewarded.sum()))) * sd
    mean = design.values[rewarded] - design.prior_mean + noise
    found: Floats = design.prior_mean + mean @ weights.T
    return found


def shift_and_bound(
    design: Design, truth: Floats, rewards: Floats
) -> tuple[float, float]:
    """How far predictions of the seen actions move with the kernel, and the bound on it.

    In Euclidean length; see `bandits.perturbation`.

    Args:
        truth: (n_actions, n_actions), the kernel that is compared with.
        rewards: (n_actions,), one per seen action, uncentred.
    """
    found = posterior_shift(
        truth,
        design.kernel,
        rewards[design.seen] - design.prior_mean,
        design.seen,
        noise=(design.reward_sd / design.prior_sd) ** 2,
    )
    return float(np.linalg.norm(found.seen)), found.seen_bound
