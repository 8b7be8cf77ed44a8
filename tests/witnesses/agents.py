"""Agents written out plainly: one run at a time, refitted from all rewards each step.

Nothing here comes from `bandits.estimators`, `bandits.rules` or what they are made of.
The random numbers are given, by what they are for; prior, noise and settings are those
of `bandits.settings.Settings()`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVR

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Seen = list[tuple[int, float]]

PRIOR_MEAN, PRIOR_SD, REWARD_SD = 50.0, 25.0, 10.0
BETA, TEMPERATURE, EPSILON = 4.0, 5.0, 0.1
CLOSE = 1e-9


class Belief(NamedTuple):
    """What is made of the rewards seen.

    mean: (n_arms,).
    covariance: (n_arms, n_arms), or None.
    """

    mean: Array
    covariance: Array | None


class Step(NamedTuple):
    """All a rule may use, in one step of one run.

    normals: (n_arms,) for joint samples. The other numbers are uniform.
    exploration: The setting of that name.
    """

    belief: Belief
    seen: Seen
    kernel: Array
    allowed: Bools
    values: Array
    threshold: float
    normals: Array
    tie: float
    explore: float
    softmax: float
    exploration: float
    learning: bool
    seed_arms: Bools


def gaussian_process(kernel: Array, seen: Seen) -> Belief:
    """The textbook posterior."""
    prior = PRIOR_SD**2 * kernel
    arms, rewards = [arm for arm, _ in seen], np.array([r for _, r in seen])
    if not seen:
        return Belief(np.full(len(kernel), PRIOR_MEAN), prior)
    gain = np.linalg.solve(
        prior[np.ix_(arms, arms)] + REWARD_SD**2 * np.eye(len(seen)), prior[arms]
    )
    return Belief(
        PRIOR_MEAN + gain.T @ (rewards - PRIOR_MEAN), prior - prior[:, arms] @ gain
    )


def independent(kernel: Array, seen: Seen) -> Belief:
    """Each arm by itself: precisions add up."""
    n_arms = len(kernel)
    mean, variance = np.zeros(n_arms), np.zeros(n_arms)
    for arm in range(n_arms):
        paid = [reward for which, reward in seen if which == arm]
        variance[arm] = 1 / (1 / PRIOR_SD**2 + len(paid) / REWARD_SD**2)
        mean[arm] = variance[arm] * (
            PRIOR_MEAN / PRIOR_SD**2 + sum(paid) / REWARD_SD**2
        )
    return Belief(mean, np.diag(variance))


def kernel_regression(kernel: Array, seen: Seen) -> Belief:
    """Rewards weighted by likeness."""
    if not seen:
        return Belief(np.full(len(kernel), PRIOR_MEAN), None)
    near = kernel[:, [arm for arm, _ in seen]]
    return Belief(near @ np.array([r for _, r in seen]) / near.sum(1), None)


def kernel_ridge(kernel: Array, seen: Seen) -> Belief:
    """scikit-learn's, which has no intercept: the prior mean is taken off first."""
    if not seen:
        return Belief(np.full(len(kernel), PRIOR_MEAN), None)
    arms = [arm for arm, _ in seen]
    machine = KernelRidge(alpha=(REWARD_SD / PRIOR_SD) ** 2, kernel="precomputed")
    machine.fit(kernel[np.ix_(arms, arms)], np.array([r for _, r in seen]) - PRIOR_MEAN)
    return Belief(PRIOR_MEAN + machine.predict(kernel[:, arms]), None)


def support_vectors(kernel: Array, seen: Seen) -> Belief:
    """libsvm's, to a tighter gap than the loop's."""
    if not seen:
        return Belief(np.full(len(kernel), PRIOR_MEAN), None)
    arms = [arm for arm, _ in seen]
    machine = SVR(kernel="precomputed", C=10, epsilon=1, tol=1e-6)
    machine.fit(kernel[np.ix_(arms, arms)], [r for _, r in seen])
    return Belief(machine.predict(kernel[:, arms]), None)


def nothing(kernel: Array, seen: Seen) -> Belief:
    """As if no reward had been paid."""
    return Belief(np.full(len(kernel), PRIOR_MEAN), None)


def take(tied: Bools | list[bool], tie: float) -> int:
    """The arm that the tie draw names, of those tied."""
    arms = np.flatnonzero(tied)
    return int(arms[int(tie * len(arms))])


def best(scores: Array, among: Bools, tie: float) -> int:
    """The highest score of some arms."""
    return take(among & (scores >= scores[among].max() - CLOSE), tie)


def thompson(step: Step) -> int:
    """The best arm of a joint sample, through the root that conditioning leaves.

    Any root has the right law, but the same normals give the same sample through the
    same root alone: the prior's symmetric one, corrected reward by reward.
    """
    return best(joint_sample(step), step.allowed, step.tie)


def joint_sample(step: Step) -> Array:
    """(n_arms,) all values at once, as `thompson` draws them."""
    size, vectors = np.linalg.eigh(PRIOR_SD**2 * step.kernel)
    root = (vectors * np.sqrt(size.clip(0))) @ vectors.T
    for arm, _ in step.seen:
        v = root[arm].copy()
        d = v @ v + REWARD_SD**2
        root -= np.outer(root @ v, v) / (d + np.sqrt(REWARD_SD**2 * d))
    np.testing.assert_allclose(root @ root.T, step.belief.covariance, atol=1e-9)
    return np.asarray(step.belief.mean + root @ step.normals)


def deviations(belief: Belief) -> Array:
    """(n_arms,) standard deviations."""
    assert belief.covariance is not None
    return np.sqrt(np.diag(belief.covariance).clip(0))


def upper_bound(step: Step) -> int:
    """The best arm of mean plus two standard deviations."""
    scores = step.belief.mean + np.sqrt(BETA) * deviations(step.belief)
    return best(scores, step.allowed, step.tie)


def greedy(step: Step) -> int:
    """The best mean, and now and then any arm."""
    if step.explore < step.exploration:
        return take(step.allowed, step.tie)
    return best(step.belief.mean, step.allowed, step.tie)


def epsilon(step: Step) -> int:
    """The same with a share of its own."""
    return greedy(step._replace(exploration=EPSILON))


def softmax(step: Step) -> int:
    """Arms as likely as exp(mean / temperature), one after another until the draw."""
    arms = np.flatnonzero(step.allowed)
    odds = np.exp(step.belief.mean[arms] / TEMPERATURE - step.belief.mean.max() / 5)
    shares = odds / odds.sum()
    so_far = 0.0
    for arm, share in zip(arms, shares, strict=True):
        so_far += share
        if so_far >= step.softmax:
            return int(arm)
    return int(arms[-1])


def uniform(step: Step) -> int:
    """Any arm."""
    return take(step.allowed, step.tie)


def safe_opt(step: Step) -> int:
    """SafeOpt, with a refit for every candidate's imagined reward."""
    mean, sd = step.belief.mean, deviations(step.belief)
    low, high = mean - np.sqrt(BETA) * sd, mean + np.sqrt(BETA) * sd
    safe = step.allowed & ((low >= step.threshold) | step.seed_arms)
    if not step.learning or not safe.any():
        return best(low, step.allowed, step.tie)
    wanted = safe & (high >= low[safe].max())
    for arm in np.flatnonzero(safe & ~wanted):
        then = gaussian_process(step.kernel, [*step.seen, (int(arm), float(high[arm]))])
        low_then = then.mean - np.sqrt(BETA) * deviations(then)
        wanted[arm] = (low_then >= step.threshold)[step.allowed & ~safe].any()
    return best(high - low, wanted, step.tie)


def gated(step: Step) -> int:
    """A joint sample's best arm among those safe with a probability of 0.9."""
    chances = norm.sf(step.threshold, step.belief.mean, deviations(step.belief))
    safe = step.allowed & (chances >= 0.9)
    if not safe.any():
        return best(chances, step.allowed, step.tie)
    return best(joint_sample(step), safe, step.tie)


def oracle(step: Step) -> int:
    """The best admissible arm."""
    return best(step.values, step.allowed, step.tie)


Estimate = Callable[[Array, Seen], Belief]
Act = Callable[[Step], int]

AGENTS: dict[str, tuple[Estimate, Act]] = {
    "gp_thompson": (gaussian_process, thompson),
    "gp_ucb": (gaussian_process, upper_bound),
    "gp_greedy": (gaussian_process, greedy),
    "gp_epsilon": (gaussian_process, epsilon),
    "gp_softmax": (gaussian_process, softmax),
    "gp_safeopt": (gaussian_process, safe_opt),
    "gp_gated": (gaussian_process, gated),
    "kernel_regression": (kernel_regression, greedy),
    "kernel_regression_epsilon": (kernel_regression, epsilon),
    "kernel_regression_softmax": (kernel_regression, softmax),
    "kernel_ridge": (kernel_ridge, greedy),
    "kernel_ridge_epsilon": (kernel_ridge, epsilon),
    "kernel_ridge_softmax": (kernel_ridge, softmax),
    "svr": (support_vectors, greedy),
    "svr_epsilon": (support_vectors, epsilon),
    "svr_softmax": (support_vectors, softmax),
    "thompson_independent": (independent, thompson),
    "ucb_independent": (independent, upper_bound),
    "greedy_independent": (independent, greedy),
    "uniform": (nothing, uniform),
    "oracle": (nothing, oracle),
    "safe_oracle": (nothing, oracle),
}
