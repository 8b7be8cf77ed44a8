"""Rules that keep to arms believed to be safe: SafeOpt, a gate, and the safe oracle.

An arm is safe when its value reaches the threshold. What is called safe here is believed
so: with a finite `safe_beta`, and a kernel that is not the values' own, SafeOpt promises
nothing (Fiedler et al., 2024, "On safety in safe Bayesian optimization",
arXiv:2403.12948). Its violations are measured like everyone's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bandits.noise import Phase, Purpose, uniforms
from bandits.rules import Rule, View, draw_sample


def seed_arms(
    safe: Tensor,
    allowed: Tensor,
    values: Tensor,
    count: int,
    *,
    seed: int,
    replicates: Tensor,
) -> Tensor:
    """The arms somebody vouches for at the start, drawn by (seed, replicate) alone.

    Any `count` of the admissible safe arms, each as likely, or all of them where there
    are fewer. Where none is safe it is the admissible arm of the highest value: the
    least bad that anybody could name.

    Args:
        safe: (n_arms,) bool, the truth.
        allowed: (n_runs, n_arms) bool, the arms of the personalization phase. Nothing
            about any other arm is looked at.
        values: (n_arms,), the truth.
        count: At least 1.
        replicates: (n_runs,) int64.

    Returns:
        (n_runs, n_arms) bool, at least one True in each row.
    """
    first = torch.zeros(1, dtype=torch.int64, device=allowed.device)
    keys = uniforms(
        seed,
        replicates,
        first,
        phase=Phase.PERSONALIZATION,
        purpose=Purpose.SEED_ARMS,
        count=allowed.shape[1],
    )[0]
    candidates = allowed & safe
    some = candidates.any(1, keepdim=True)
    within = values.masked_fill(~allowed, -torch.inf)
    candidates = candidates.where(some, within == within.amax(1, keepdim=True))
    ranked = keys.masked_fill(~candidates, -1).argsort(1, descending=True).argsort(1)
    return candidates & (ranked < 1 + (count - 1) * some)


def _safe_opt(view: View) -> Tensor:
    """SafeOpt on finite arms, the threshold on the reward itself.

    Sui, Gotovos, Burdick & Krause (2015, "Safe exploration for optimization with
    Gaussian processes", ICML), with the posterior's own intervals, mean plus and minus
    sqrt(safe_beta) standard deviations. Safe are the seed arms, and arms whose lower
    bound reaches the threshold. Of those, a maximiser's upper bound reaches the highest
    lower bound; an expander would make another arm safe if it paid its upper bound. The
    widest interval among maximisers and expanders is taken.

    Where the belief does not learn, widening it is pointless: then the arm of the
    highest lower bound is taken, which is what SafeOpt recommends. So it is where no
    arm is safe and nobody vouches for one, in a generalization phase that learns.
    """
    assert view.estimator.marginals is not None
    mean, variance = view.estimator.marginals(view.state)
    width = view.settings.safe_beta**0.5 * variance.sqrt()
    low, high = mean - width, mean + width
    surest = view.best(low)
    if not view.learns:
        return surest
    safe = view.allowed & (low >= view.threshold)
    if view.seeds is not None:
        safe = safe | view.seeds
    floor = low.masked_fill(~safe, -torch.inf).amax(1, keepdim=True)
    wanted = safe & (high >= floor)
    candidates = safe & ~wanted
    wanted = wanted | (candidates & _expands(view, mean, width, view.allowed & ~safe))
    some = safe.any(1)
    chosen = view.best(width, wanted | ~some.unsqueeze(1))
    return chosen.where(some, surest)


def _expands(view: View, mean: Tensor, width: Tensor, unsafe: Tensor) -> Tensor:
    """(n_runs, n_arms) bool: arms that could make one of `unsafe` safe, by one reward.

    If arm i paid its upper bound, arm j's posterior would be conditioned on one more
    reward: its mean rises by cov_ij width_i / d_i and its variance falls by
    cov_ij^2 / d_i, with d_i = var_i + noise variance. No refit is needed.
    """
    assert view.estimator.covariance is not None
    covariance, noise_var = view.estimator.covariance(view.state)
    diagonal = covariance.diagonal(dim1=1, dim2=2)
    paid = diagonal + noise_var
    rises = covariance * (width / paid).unsqueeze(2)
    left = diagonal.unsqueeze(1) - covariance.square() / paid.unsqueeze(2)
    widths = view.settings.safe_beta**0.5 * left.clamp(min=0).sqrt()
    low = mean.unsqueeze(1) + rises - widths
    gained: Tensor = (low >= view.threshold) & unsafe.unsqueeze(1)
    return gained.any(2)


def _gated(view: View) -> Tensor:
    """Thompson sampling among arms that are safe with `safe_probability` at least.

    Where there is none, the arm that is most probably safe. Probabilities are compared
    as standard scores, which do not run into 1 where several arms are nearly sure.
    """
    assert view.estimator.marginals is not None
    mean, variance = view.estimator.marginals(view.state)
    above, sd = (mean - view.threshold).double(), variance.double().sqrt()
    certain = torch.where(above >= 0, torch.inf, -torch.inf).double()
    score = torch.where(sd > 0, above / sd, certain)
    level = torch.tensor(view.settings.safe_probability, dtype=torch.float64)
    safe = view.allowed & (score >= torch.special.ndtri(level).to(score.device))
    some = safe.any(1)
    likeliest = view.best(score)
    sampled = view.best(draw_sample(view), safe | ~some.unsqueeze(1))
    return sampled.where(some, likeliest)


def _best_safe(view: View) -> Tensor:
    """The best of the arms that are safe in truth; of all where none is."""
    assert view.unsafe is not None
    safe = view.allowed & ~view.unsafe
    return view.best(view.expected, safe.where(safe.any(1, keepdim=True), view.allowed))


SAFE_OPT = Rule(
    "SafeOpt",
    _safe_opt,
    needs=("marginals", "covariance"),
    seeded=True,
)
GATED = Rule("A safety gate", _gated, needs=("sample", "marginals"))
BEST_SAFE = Rule("The best safe arm", _best_safe, needs=("sees_truth",))
