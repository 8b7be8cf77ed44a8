"""Epsilon support vector regression over arms: exact, warm-started, all runs in step.

Observations of one arm share a row of the kernel, so that the dual problem of Vapnik
(1995; the form of Smola & Schoelkopf, 2004, eq. 10) sees only each arm's summed weight:

    maximise  sum_a h_a(theta_a) - theta' K theta / 2   with  sum_a theta_a = 0.

h_a is concave and piecewise linear. Its slopes are the arm's {y + eps} and {y - eps},
largest first, each holding over a length C, from theta_a = -C c to C c for c
observations. A new observation inserts two slopes and leaves theta where it is, so that
every step starts from the last optimum.

Pairs of arms are moved (sequential minimal optimization) up to the next change of
slope, chosen by second order as in libsvm (Fan, Chen & Lin, 2005, "Working set
selection using second order information", JMLR 6), until libsvm's own stopping rule
holds: no two arms violate the optimality conditions by `GAP` or more.

Theta is kept as a position in the arm's list of slopes, in units of C: a whole number
is a change of slope, and is reached exactly. Added up instead, a theta could stop a
rounding error beside its bound and be taken for one inside it.

Whether all runs have arrived is asked of the device after each round of pairs. That
makes a GPU wait, and this the slowest agent there too.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from bandits.errors import BanditError
from bandits.settings import Settings

GAP = 1e-3
"""Largest violation of the optimality conditions left standing (points)."""
LEAST_CURVATURE = 1e-12
"""Curvature along a pair of duplicate arms, where the true one is 0."""
MOST_ROUNDS = 100_000
"""Rounds of pairs in one step before giving up: no problem should come near it."""


class Machine(NamedTuple):
    """A support vector regression for every run.

    reach: (n_arms, n_arms), C times the kernel: what one place up does to `pull`.
    ease: (n_arms, n_arms), 1 / sqrt(C times the curvature along a pair of arms).
    eps: Half-width of the insensitive tube.
    prior_mean: What is predicted before any reward.
    slopes: (n_runs, 2 n_observations + 2 n_arms) and room for more. Arm after arm:
        +inf, the arm's slopes from the largest down, -inf; then -inf to the end. The
        infinities are the walls of the box.
    owners: The same shape, int64: each slope's arm; n_arms in the room that is left.
    position: (n_runs, n_arms), where each arm's theta stands: slopes[k] holds from
        position k to k + 1.
    up, down: (n_runs, n_arms), the slope of h_a to the right and to the left of theta.
    pull: (n_runs, n_arms), K theta: the prediction but for a constant.
    """

    reach: Tensor
    ease: Tensor
    eps: float
    prior_mean: float
    slopes: Tensor
    owners: Tensor
    position: Tensor
    up: Tensor
    down: Tensor
    pull: Tensor


def machine(kernel: Tensor, n_runs: int, settings: Settings) -> Machine:
    """A regression that has seen nothing, with room for every reward to come.

    Args:
        kernel: (n_arms, n_arms) positive semi-definite, unit diagonal; of any dtype,
            but all that follows is float64, which positions and the gap need.
    """
    n_arms, box, kernel = kernel.shape[0], settings.svr_c, kernel.double()
    size = 2 * n_arms + 2 * settings.learning_steps
    slopes = kernel.new_full((n_runs, size), -torch.inf)
    slopes[:, : 2 * n_arms : 2] = torch.inf
    owner = (torch.arange(size, device=kernel.device) // 2).clamp(max=n_arms)
    nothing = kernel.new_zeros((n_runs, n_arms))
    curvature = (2 - 2 * kernel).clamp(min=LEAST_CURVATURE)
    return Machine(
        reach=box * kernel,
        ease=(box * curvature).rsqrt(),
        eps=settings.svr_eps,
        prior_mean=settings.prior_mean,
        slopes=slopes,
        owners=owner.repeat(n_runs, 1),
        position=nothing + 1 + 2 * torch.arange(n_arms, device=kernel.device),
        up=nothing - torch.inf,
        down=nothing + torch.inf,
        pull=nothing,
    )


def learn(state: Machine, arms: Tensor, rewards: Tensor) -> Machine:
    """The optimum after every run has seen one more reward.

    Args:
        arms: (n_runs,) int64, the arm each run pulled.
        rewards: (n_runs,), what it was paid.

    Raises:
        BanditError: The optimum was not reached in `MOST_ROUNDS`.
    """
    return _solve(_observe(state, arms, rewards.double()))


def predict(state: Machine) -> Tensor:
    """(n_runs, n_arms): the regression function, or the prior mean before any reward.

    The constant is the middle of what the optimality conditions allow, libsvm's choice
    where no support vector is free.
    """
    highest = (state.up - state.pull).amax(1, keepdim=True)
    lowest = (state.down - state.pull).amin(1, keepdim=True)
    constant = (highest + lowest) / 2
    # Before any reward the walls of the boxes are all there is: -inf + inf.
    return state.pull + constant.where(highest.isfinite(), state.prior_mean)


def theta(state: Machine, box: float) -> Tensor:
    """(n_runs, n_arms): each arm's weight; `box` is C. For inspection, not the loop."""
    n_arms = state.position.shape[1]
    arms = torch.arange(n_arms, device=state.owners.device)
    sizes = (state.owners.unsqueeze(2) == arms).sum(1)  # walls and all: 2 c + 2
    zero = sizes.cumsum(1) - sizes / 2  # the middle of the arm's part of the list
    return box * (state.position - zero)


def _observe(state: Machine, arms: Tensor, rewards: Tensor) -> Machine:
    """Two more slopes for the arm pulled; theta stays."""
    slopes, owners = state.slopes, state.owners
    for slope in (rewards + state.eps, rewards - state.eps):
        slopes, owners = _insert(slopes, owners, arms, slope)
    at = arms.unsqueeze(1)
    n_arms = state.position.shape[1]
    # The box grew by C at both ends, and the lists behind moved two places on.
    moved = 2 * (torch.arange(n_arms, device=arms.device) > at)
    position = state.position + moved
    position = position.scatter(1, at, position.gather(1, at) + 1)
    # Of every arm: a position can be rounded onto a change of slope as it moves on.
    up, down = _slopes_beside(slopes, position)
    return state._replace(
        slopes=slopes, owners=owners, position=position, up=up, down=down
    )


def _insert(
    slopes: Tensor, owners: Tensor, arms: Tensor, slope: Tensor
) -> tuple[Tensor, Tensor]:
    """One slope more in each run's list, behind the arm's slopes that are larger."""
    arm, new = arms.unsqueeze(1), slope.unsqueeze(1)
    before = (owners < arm) | ((owners == arm) & (slopes >= new))
    at = before.sum(1, keepdim=True)
    stays = torch.arange(slopes.shape[1], device=slopes.device) < at
    # What does not stay moves one place on. The last place was room, and is given up.
    return (
        slopes.where(stays, slopes.roll(1, 1)).scatter(1, at, new),
        owners.where(stays, owners.roll(1, 1)).scatter(1, at, arm),
    )


def _slopes_beside(slopes: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
    """The slopes to the right and to the left of some positions, each (n_runs, k)."""
    right, left = position.floor().long(), position.ceil().long() - 1
    return slopes.gather(1, right), slopes.gather(1, left)


def _solve(state: Machine) -> Machine:
    """Move pairs of arms in every run until none violates its optimality by `GAP`."""
    for _ in range(MOST_ROUNDS):
        # What raising an arm gains, and what lowering each other one then adds to it.
        highest, raised = (state.up - state.pull).max(1, keepdim=True)
        profit = highest - (state.down - state.pull)
        violated = profit.amax(1, keepdim=True) >= GAP
        if not violated.any():
            return state
        state = _move_pair(state, raised, profit, violated)
    raise unsettled()


def unsettled() -> BanditError:
    """The refusal of a step whose optimum is not reached."""
    return BanditError(
        f"svr: needs to settle within {MOST_ROUNDS:,} rounds a step, got a gap still "
        f"above {GAP}; lower svr_c, or check the kernel for near-duplicate actions"
    )


def _move_pair(
    state: Machine, raised: Tensor, profit: Tensor, violated: Tensor
) -> Machine:
    """Raise one arm and lower another, in the runs that are not there yet.

    Args:
        raised: (n_runs, 1) int64, the arm to raise.
        profit: (n_runs, n_arms), what raising it and lowering each arm brings at first.
        violated: (n_runs, 1) bool, runs that are not there yet; the others stay, or
            they would depend on who stands beside them.
    """
    # Second order: the gain of the whole move is profit^2 / (2 curvature).
    ease = state.ease[raised.squeeze(1)]
    score, lowered = (profit * ease).max(1, keepdim=True)
    whole = score * ease.gather(1, lowered)  # to the top of the parabola, in places
    pair = torch.cat((raised, lowered), 1)  # (n_runs, 2)
    sign = 1 - 2 * torch.arange(2, device=pair.device)  # up, down
    # Both arms as if they went up: to the next change of slope at most.
    start = sign * state.position.gather(1, pair)
    corner = start.floor() + 1
    room = corner - start
    move = torch.minimum(whole, room.amin(1, keepdim=True)) * violated
    position = sign * torch.where(move >= room, corner, start + move)
    up, down = _slopes_beside(state.slopes, position)
    change = state.reach[raised.squeeze(1)] - state.reach[lowered.squeeze(1)]
    return state._replace(
        position=state.position.scatter(1, pair, position),
        up=state.up.scatter(1, pair, up),
        down=state.down.scatter(1, pair, down),
        pull=torch.addcmul(state.pull, move, change),
    )
