"""Running totals of a phase: pull counts, and little else that depends on order.

A phase's choices arrive in blocks of steps, and nothing of a block is kept but what the
totals need: the cost of a step does not grow with time. Most measures are functions of
how often each action was taken; only those that ask when need more.

The totals are the same, bit for bit, for blocks of any size: counts are whole numbers,
and sums of points are taken step by step, in order (on a CPU; a GPU promises no order).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import torch
from torch import Tensor

from bandits.metric_table import CONVERGED_SHARE, INFORMED, NEAR, WINDOW
from bandits.yardsticks import USUAL, Yardsticks

N_BINS = 50
"""Into so many stretches a phase is cut, at most, for what is told over time."""
NEVER = 2**31
"""Later than any step."""
BELOW = 2**32
"""Both counts of a step travel in one number: below the threshold in its upper half."""
ENOUGH = round(CONVERGED_SHARE * WINDOW)
"""So many near-optimal actions make a window full enough."""


class Scene(NamedTuple):
    """What a phase's measures are taken against.

    values: (n_arms,) the true values.
    allowed: (n_runs, n_arms) bool, the admissible arms.
    threshold: Below it an action is unsafe, or of low value.
    harm: Whether the dimension is one of harm.
    harm_defined, moral_defined: Whether harm measures have a meaning here.
    moral_unsafe: (n_arms,) bool or None.
    convergence: Whether to follow convergence: where the belief learns.
    harm_values: (n_arms,) the values that harm is counted by; None for `values`.
    n_steps: How long the phase lasts; 0 where nothing is to be told over time.
    yardsticks: What some measures are taken against.
    tie_tolerance: Expected values that differ by less tie (points).
    """

    values: Tensor
    allowed: Tensor
    threshold: float
    harm: bool
    harm_defined: bool
    moral_unsafe: Tensor | None
    moral_defined: bool
    convergence: bool
    harm_values: Tensor | None = None
    n_steps: int = 0
    yardsticks: Yardsticks = USUAL
    tie_tolerance: float = 1e-9

    @property
    def judged_values(self) -> Tensor:
        """(n_arms,) the values that harm is counted by."""
        return self.values if self.harm_values is None else self.harm_values

    @property
    def below(self) -> Tensor:
        """(n_arms,) bool, the actions that are unsafe, or of low value."""
        return self.judged_values < self.threshold


class Ground(NamedTuple):
    """What a scene says of each arm, looked up at every step.

    values: (n_arms,) float64.
    codes: (n_runs * n_arms,) int64, 1 for near-optimal plus `BELOW` for below.
    level: (n_runs,) float64, what the conservative baseline is worth a step.
    offset: (n_runs,) int64, where a run's arms begin in `codes`.
    centre: A value that rewards are near to, so that their squares stay small.
    ends: (n_bins,) int64, the stretches' last steps, from 1.
    """

    values: Tensor
    codes: Tensor
    level: Tensor
    offset: Tensor
    centre: Tensor
    ends: Tensor


class Tally(NamedTuple):
    """Running totals of a phase, (n_runs,) each unless said otherwise.

    ground: What does not change.
    counts: (n_runs, n_arms) int32, how often each arm was taken.
    reward, square: float64, sums of the rewards and of their squares about the centre.
    lead: float64, values minus the baseline's level, summed.
    budget: float64, the smallest `lead` so far.
    clean: int64, steps before the first one below the threshold.
    recent: (WINDOW, n_runs) int64, both counts up to each of the last steps.
    converged_at: int64, the first step at which the run had converged, from 1; `NEVER`
        before that.
    greedy: int64, the last greedy arm; -1 before the first step.
    settled_at: int64, the step since which the greedy arm has been the same, from 1.
    informed: int64, steps below the threshold that the belief held for such.
    paid_marks: (n_bins, n_runs) float64, `reward` at the end of each stretch.
    count_marks: (n_bins, n_runs) int64, both counts at the end of each stretch.
    ends: The stretches' last steps, from 1, known without asking a GPU.
    told: Whether greedy arms and probabilities of harm were told.
    n_steps: Steps so far.
    """

    ground: Ground
    counts: Tensor
    reward: Tensor
    square: Tensor
    lead: Tensor
    budget: Tensor
    clean: Tensor
    recent: Tensor
    converged_at: Tensor
    greedy: Tensor
    settled_at: Tensor
    informed: Tensor
    paid_marks: Tensor
    count_marks: Tensor
    ends: tuple[int, ...]
    told: tuple[bool, bool]
    n_steps: int


def best_value(scene: Scene) -> Tensor:
    """(n_runs,) the best admissible value."""
    return scene.values.masked_fill(~scene.allowed, -torch.inf).amax(1)


def bin_ends(n_steps: int) -> tuple[int, ...]:
    """The last step of each of `N_BINS` stretches of a phase, from 1; all alike but one.

    A phase of fewer steps has a stretch for each.
    """
    n_bins = min(N_BINS, n_steps)
    return tuple((place + 1) * n_steps // n_bins for place in range(n_bins))


def start_tally(scene: Scene, ground: Ground | None = None) -> Tally:
    """Totals before the first step.

    Args:
        ground: Of the scene, where it is known already.
    """
    n_runs, n_arms = scene.allowed.shape
    device = scene.allowed.device
    points = torch.zeros(n_runs, dtype=torch.float64, device=device)
    steps = torch.zeros(n_runs, dtype=torch.int64, device=device)
    ends = bin_ends(scene.n_steps)
    return Tally(
        ground=_ground(scene) if ground is None else ground,
        counts=torch.zeros(n_runs, n_arms, dtype=torch.int32, device=device),
        # Each its own memory: compiled code changes them in place.
        reward=points.clone(),
        square=points.clone(),
        lead=points.clone(),
        budget=points + torch.inf,
        clean=steps.clone(),
        recent=steps.repeat(WINDOW, 1),
        converged_at=steps + NEVER,
        greedy=steps - 1,
        settled_at=steps + 1,
        informed=steps.clone(),
        paid_marks=points.repeat(len(ends), 1),
        count_marks=steps.repeat(len(ends), 1),
        ends=ends,
        told=(False, False),
        n_steps=0,
    )


def _ground(scene: Scene) -> Ground:
    n_runs, n_arms = scene.allowed.shape
    near = best_value(scene).unsqueeze(1) - scene.values <= NEAR
    values = scene.values.double()
    chosen = scene.yardsticks.conservative_baseline
    if chosen is None:
        # The lower median: in order, the first with half of the admissible up to it.
        ordered, order = values.sort()
        up_to = scene.allowed.index_select(1, order).cumsum(1)
        half = (up_to[:, -1:] + 1) // 2
        baseline = ordered.take((up_to < half).sum(1))
    else:
        baseline = values[chosen].expand(n_runs)
    return Ground(
        values=values,
        codes=(near.long() + BELOW * scene.below.long()).view(-1),
        level=(1 - scene.yardsticks.conservative_alpha) * baseline,
        offset=torch.arange(n_runs, device=values.device) * n_arms,
        centre=values.mean(),
        ends=torch.tensor(bin_ends(scene.n_steps), device=values.device).long(),
    )


def add_block(
    tally: Tally,
    scene: Scene,
    arms: Tensor,
    rewards: Tensor,
    greedy: Tensor | None = None,
    p_unsafe: Tensor | None = None,
) -> Tally:
    """Totals after some more steps; the old ones are used up.

    Args:
        arms: (n_steps, n_runs) int64, the arms taken.
        rewards: (n_steps, n_runs), what they paid.
        greedy: (n_steps, n_runs) int64, the admissible arm of the highest expected
            value before each step; None where the engine does not tell.
        p_unsafe: (n_steps, n_runs), the posterior probability before each step that the
            value of the arm taken lies below the threshold; None without a posterior.
    """
    ground, n_steps = tally.ground, len(arms)
    flat = arms + ground.offset
    one = torch.ones((), dtype=torch.int32, device=arms.device)
    tally.counts.view(-1).scatter_add_(0, flat.flatten(), one.expand(flat.numel()))

    so_far = _running(ground.codes.take(flat), tally.recent[-1])
    rewards = rewards.double()
    paid = _running(rewards.clone(), tally.reward)
    squares = _running((rewards - ground.centre).square_(), tally.square)
    lead = _running(ground.values.take(arms) - ground.level, tally.lead)
    _keep_marks(tally, paid, so_far)
    if p_unsafe is not None:
        harmful = scene.below.take(arms) & (p_unsafe > INFORMED)
        tally = tally._replace(informed=tally.informed + harmful.sum(0))
    if scene.convergence:
        tally = _follow_convergence(tally, so_far, greedy)
    recent = so_far[-WINDOW:]
    if n_steps < WINDOW:
        recent = torch.cat((tally.recent[n_steps:], so_far))
    return tally._replace(
        reward=paid[-1],
        square=squares[-1],
        lead=lead[-1],
        budget=tally.budget.minimum(lead.amin(0)),
        clean=tally.clean + (so_far < BELOW).sum(0),
        recent=recent,
        told=(greedy is not None, p_unsafe is not None),
        n_steps=tally.n_steps + n_steps,
    )


def _follow_convergence(tally: Tally, so_far: Tensor, greedy: Tensor | None) -> Tally:
    """Look for the first full window, and for the last change of the greedy arm.

    Args:
        so_far: (n_steps, n_runs) int64, both counts up to each step of the block.
    """
    n_steps = len(so_far)
    at = torch.arange(1, n_steps + 1, device=so_far.device).unsqueeze(1) + tally.n_steps
    # WINDOW steps before: of the steps before the block first, then of its own.
    earlier = torch.cat((tally.recent, so_far))[:n_steps]
    enough = (so_far - earlier) & (BELOW - 1) >= ENOUGH
    if tally.n_steps < WINDOW:
        # 18 of 18 is not 18 of the last 20.
        enough &= at >= WINDOW
    first = torch.where(enough, at, NEVER).amin(0)
    tally = tally._replace(converged_at=tally.converged_at.minimum(first))
    if greedy is None:
        return tally
    before = torch.cat((tally.greedy.unsqueeze(0), greedy[:-1]))
    changed = (greedy != before) * at
    return tally._replace(
        settled_at=tally.settled_at.maximum(changed.amax(0)), greedy=greedy[-1]
    )


def _running(steps: Tensor, before: Tensor) -> Tensor:
    """Sums up to each step, in place. `cumsum` goes down the steps one by one."""
    steps[0] += before
    return steps.cumsum_(0)


def _keep_marks(tally: Tally, paid: Tensor, so_far: Tensor) -> None:
    """Write down the totals at the ends of stretches that lie in this block."""
    begin, end = tally.n_steps, tally.n_steps + len(paid)
    first, last = bisect_right(tally.ends, begin), bisect_right(tally.ends, end)
    if first < last:
        rows = tally.ground.ends[first:last] - (begin + 1)
        tally.paid_marks[first:last] = paid.index_select(0, rows)
        tally.count_marks[first:last] = so_far.index_select(0, rows)


def split_counts(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Steps below the threshold and near the best, from both counts in one number."""
    return counts // BELOW, counts % BELOW
