"""A Gaussian process that chooses its prior's width and noise by marginal likelihood.

Each run weighs nine pairs: prior_sd and reward_sd, each halved, as set, or doubled, and
believes the pair under which the rewards of its own personalization phase are most
likely; before any reward, and at ties, the pair as set. A grid, not an optimizer: no run
can end in a local optimum or at a noise of nothing, and the choice is exact.

No refit is needed. The logarithm of the marginal likelihood is the sum, reward by
reward, of the log density of each given those before it (Rasmussen & Williams, 2006,
section 5.4.1, by the chain rule). Means depend on the ratio of noise to prior width
alone, of which nine pairs have five, and a joint scale of both leaves the recursion as
it is. So a run carries five square-root beliefs (`beliefs.py`) with noise of variance 1,
and the sums that give the likelihood at every scale; a step costs five times as much.

The choice is frozen when personalization ends, also where learning goes on.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from bandits import beliefs
from bandits.beliefs import Belief
from bandits.settings import Settings

FACTORS = (0.5, 1.0, 2.0)
"""What prior_sd and reward_sd are each multiplied by, to be weighed."""
SAME_EVIDENCE = 1e-9
"""Log likelihoods that differ by less tie: rounding must not choose."""


class Weighed(NamedTuple):
    """Five beliefs of every run, and how well each pair of settings explains its rewards.

    belief: Of (n_ratios * n_runs) rows, the runs of the first ratio first, in units in
        which the reward noise has variance 1.
    log_spread: (n_ratios, n_runs) float64, log variances of the rewards seen, summed.
    misfit: (n_ratios, n_runs) float64, squared surprises over those variances, summed.
    n_seen: Rewards that the choice looked at; the same for all runs.
    n_weighed: After so many rewards the choice is frozen.
    ratio: (n_pairs,) int64, the place of each pair's ratio.
    noise_var: (n_pairs,) float64, the variance of the reward noise by each pair.
    chosen: (n_runs,) int64, the pair each run believes in.
    """

    belief: Belief
    log_spread: Tensor
    misfit: Tensor
    n_seen: int
    n_weighed: int
    ratio: Tensor
    noise_var: Tensor
    chosen: Tensor


def pairs(settings: Settings) -> list[tuple[float, float]]:
    """(prior_sd, reward_sd) of every pair that is weighed, the one as set first."""
    as_set = (settings.prior_sd, settings.reward_sd)
    grid = [(a * as_set[0], b * as_set[1]) for a in FACTORS for b in FACTORS]
    return [as_set, *(pair for pair in grid if pair != as_set)]


def weigh(kernel: Tensor, n_runs: int, settings: Settings) -> Weighed:
    """Before any reward.

    Args:
        kernel: (n_arms, n_arms) positive semi-definite, with unit diagonal.
    """
    weighed = pairs(settings)
    widths = [prior_sd / reward_sd for prior_sd, reward_sd in weighed]
    distinct: list[float] = []
    for width in widths:
        if not any(math.isclose(width, known) for known in distinct):
            distinct.append(width)
    place = [
        next(k for k, known in enumerate(distinct) if math.isclose(width, known))
        for width in widths
    ]
    root = beliefs.symmetric_root(kernel.double())
    roots = torch.cat(
        [(width * root).to(kernel.dtype).repeat(n_runs, 1, 1) for width in distinct]
    )
    nothing = root.new_zeros(len(distinct), n_runs)
    mean = kernel.new_full((len(roots), len(kernel)), settings.prior_mean)
    noise = [reward_sd**2 for _, reward_sd in weighed]
    return Weighed(
        Belief(mean, roots, 1.0),
        log_spread=nothing,
        misfit=nothing,
        n_seen=0,
        n_weighed=settings.personalization_steps,
        ratio=torch.tensor(place, device=kernel.device),
        noise_var=root.new_tensor(noise),
        chosen=torch.zeros(n_runs, dtype=torch.int64, device=kernel.device),
    )


def condition(state: Weighed, arms: Tensor, rewards: Tensor) -> Weighed:
    """After every run has seen one more reward; the old state is used up.

    Args:
        arms: (n_runs,) int64, the arm each run pulled.
        rewards: (n_runs,), what it was paid.
    """
    n_ratios = len(state.log_spread)
    arms_of_all, rewards_of_all = arms.repeat(n_ratios), rewards.repeat(n_ratios)
    if state.n_seen < state.n_weighed:
        mean, variance = beliefs.marginal_at(state.belief, arms_of_all)
        spread = (variance.double() + 1).view(n_ratios, -1)
        surprise = (rewards_of_all - mean).double().view(n_ratios, -1)
        state = _choose(
            state._replace(
                log_spread=state.log_spread + spread.log(),
                misfit=state.misfit + surprise.square() / spread,
                n_seen=state.n_seen + 1,
            )
        )
    belief = beliefs.condition(state.belief, arms_of_all, rewards_of_all)
    return state._replace(belief=belief)


def log_evidence(state: Weighed) -> Tensor:
    """(n_pairs, n_runs), log marginal likelihood of the rewards, by each pair."""
    noise = state.noise_var.unsqueeze(1)
    spread = state.log_spread[state.ratio] + state.n_seen * noise.log()
    constant = state.n_seen * math.log(2 * math.pi)
    return -0.5 * (constant + spread + state.misfit[state.ratio] / noise)


def _choose(state: Weighed) -> Weighed:
    found = log_evidence(state)
    tied = found >= found.amax(0) - SAME_EVIDENCE
    # The first pair of those tied: `argmax` of booleans need not be the first one.
    first = (~tied).cumprod(0).sum(0)
    return state._replace(chosen=first)


def predict(state: Weighed) -> Tensor:
    """(n_runs, n_arms), the expected value of each arm by the pair chosen."""
    return state.belief.mean[_rows(state)]


def sample(state: Weighed, normals: Tensor) -> Tensor:
    """One joint draw of all arms' values per run; arguments as `beliefs.sample`."""
    believed = _believed(state)
    off = beliefs.sample(believed, normals) - believed.mean
    return believed.mean + _noise(state).sqrt() * off


def marginals(state: Weighed) -> tuple[Tensor, Tensor]:
    """Mean and variance of every arm's value, each (n_runs, n_arms)."""
    mean, variance = beliefs.marginals(_believed(state))
    return mean, _noise(state) * variance


def marginal_at(state: Weighed, arms: Tensor) -> tuple[Tensor, Tensor]:
    """The same of one arm a run, each (n_runs,)."""
    mean, variance = beliefs.marginal_at(_believed(state), arms)
    return mean, _noise(state).squeeze(1) * variance


def covariance(state: Weighed) -> tuple[Tensor, Tensor]:
    """`beliefs.covariance` by the pair chosen, and its noise variance, (n_runs, 1)."""
    found, _ = beliefs.covariance(_believed(state))
    noise = _noise(state)
    return noise.unsqueeze(2) * found, noise


def _believed(state: Weighed) -> Belief:
    """The belief of each run's own ratio."""
    rows = _rows(state)
    return Belief(state.belief.mean[rows], state.belief.root[rows], 1.0)


def _rows(state: Weighed) -> Tensor:
    """(n_runs,) where the belief in each run's ratio stands."""
    n_runs = len(state.chosen)
    runs = torch.arange(n_runs, device=state.chosen.device)
    return state.ratio[state.chosen] * n_runs + runs


def _noise(state: Weighed) -> Tensor:
    """(n_runs, 1), the noise variance of each run's pair."""
    found = state.noise_var[state.chosen].unsqueeze(1)
    return found.to(state.belief.mean.dtype)
