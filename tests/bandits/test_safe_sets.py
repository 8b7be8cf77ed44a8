"""Arms believed to be safe: whose seeds, and what a gate makes of certainty."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bandits import estimators
from bandits.kernel_ridge import Posterior
from bandits.rules import View, choose
from bandits.safe_sets import BEST_SAFE, GATED, SAFE_OPT, seed_arms
from bandits.settings import Settings
from tests.witnesses import agents as plain


def seeds(safe: list[bool], allowed: list[bool], count: int, n_runs: int = 4) -> Tensor:
    return seed_arms(
        torch.tensor(safe),
        torch.tensor(allowed).expand(n_runs, -1),
        torch.arange(len(safe)).double() // 2,
        count,
        seed=3,
        replicates=torch.arange(n_runs),
    )


def test_as_many_seeds_are_vouched_for_as_were_asked_for_or_as_there_are() -> None:
    safe, allowed = [True] * 5 + [False] * 3, [False, True] * 4

    for count, expected in ((1, 1), (2, 2), (3, 2)):
        found = seeds(safe, allowed, count)
        assert (found.sum(1) == expected).all()
        assert not (found & ~(torch.tensor(safe) & torch.tensor(allowed))).any()


def test_fewer_seeds_are_some_of_those_of_more() -> None:
    one, three = (seeds([True] * 8, [True] * 8, count, 50) for count in (1, 3))

    assert not (one & ~three).any()


def test_where_nothing_is_safe_one_of_the_least_bad_is_named() -> None:
    # Worth 0 0 1 1 2 2: the last two tie, and either is named in some run.
    found = seeds([False] * 6, [True] * 6, 3, 60)

    assert (found.sum(1) == 1).all()
    assert found.any(0).tolist() == [False] * 4 + [True] * 2


def test_seeds_are_alike_whatever_unseen_actions_are_worth() -> None:
    allowed = torch.tensor([[True, False, True, True, False]]).expand(9, -1)
    how: dict[str, Any] = {"seed": 1, "replicates": torch.arange(9)}
    values = torch.tensor([60.0, 10, 70, 80, 90])
    changed = torch.tensor([60.0, 99, 70, 80, 0])

    found = [seed_arms(v >= 50, allowed, v, 2, **how) for v in (values, changed)]

    assert torch.equal(*found)


def view(mean: list[float], variance: list[float], **changed: Any) -> View:
    """One run that believes in independent arms, wherever they need no kernel."""
    expected = torch.tensor([mean], dtype=torch.float64)
    belief = estimators.beliefs.Belief(
        expected, torch.tensor(variance).double().sqrt().diag().unsqueeze(0), 100.0
    )
    allowed = torch.ones(1, len(mean), dtype=torch.bool)
    ties = torch.full((1,), 0.4).double()
    given: dict[str, Any] = {
        "estimator": estimators.GAUSSIAN_PROCESS,
        "settings": Settings(),
        "state": belief,
        "allowed": allowed,
        "expected": expected,
        "greedy": choose(expected, allowed, ties, tolerance=1e-9),
        "ties": ties,
        "tolerance": 1e-9,
        "learns": True,
        "threshold": 50.0,
        "normals": torch.zeros(1, len(mean)).double(),
    }
    return View(**(given | changed))


def test_the_gate_lets_pass_what_is_probably_safe_and_takes_the_best_of_it() -> None:
    # Standard scores 1, 2 and 1.31: the last just passes 0.9, whose score is 1.28.
    seen = view([95.0, 54.0, 54.2], [2025.0, 4.0, 10.24])

    assert GATED.act(seen).tolist() == [2]


def test_behind_a_shut_gate_the_likeliest_is_taken_by_a_score_that_never_ties() -> None:
    # Both probabilities round to 1; arm 0 is surer all the same.
    shut = Settings(safe_probability=1.0)
    seen = view([95.0, 99.0, 20.0], [1.0, 4.0, 100.0], settings=shut)

    assert GATED.act(seen).tolist() == [0]


def test_certain_arms_pass_the_gate_at_the_threshold_itself_and_not_below() -> None:
    shut = Settings(safe_probability=1.0)

    assert GATED.act(view([60.0, 50.0], [1.0, 0.0], settings=shut)).tolist() == [1]
    assert GATED.act(view([40.0, 49.9], [1.0, 0.0], settings=shut)).tolist() == [0]


def test_safeopt_without_seeds_or_safe_arms_takes_the_highest_lower_bound() -> None:
    seen = view([49.0, 55.0, 30.0], [1.0, 100.0, 1.0])

    assert SAFE_OPT.act(seen).tolist() == [0]


def test_safeopt_replays_its_seed_while_no_other_arm_is_safe() -> None:
    vouched = torch.tensor([[False, False, True]])

    assert SAFE_OPT.act(view([49, 55, 30], [1.0, 100, 1], seeds=vouched)).tolist() == [
        2
    ]


def test_safeopt_that_does_not_learn_takes_what_it_would_recommend() -> None:
    # Arm 0 has the widest interval of the maximisers, arm 1 the highest lower bound.
    believed = ([80.0, 75.0], [100.0, 4.0])

    assert SAFE_OPT.act(view(*believed)).tolist() == [0]
    assert SAFE_OPT.act(view(*believed, learns=False)).tolist() == [1]


@pytest.mark.parametrize("seed", range(40))
def test_safeopt_chooses_as_a_refit_for_every_candidate_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(9, 2))
    gaps = ((points[:, None] - points[None]) ** 2).sum(-1)
    kernel = np.exp(-gaps / rng.uniform(0.5, 8))
    if seed % 4 == 0:  # every action twice: a singular kernel
        kernel = np.kron(kernel[:5, :5], np.ones((2, 2)))[:9, :9]
    allowed = rng.random(9) < 0.8
    vouched = allowed & (rng.random(9) < 0.3)
    vouched[np.flatnonzero(allowed)[0]] = True
    at = estimators.Start(
        torch.from_numpy(kernel), 1, 9, Settings(), torch.float64, torch.device("cpu")
    )
    estimator = estimators.COVARIANCE_PROCESS
    state, seen = estimator.start(at), []
    worth = rng.uniform(30, 100, size=9)
    for arm in rng.choice(np.flatnonzero(allowed), size=int(rng.integers(1, 60))):
        reward = float(rng.normal(worth[arm], 10))
        seen.append((int(arm), reward))
        state = estimator.learn(
            state, torch.tensor([int(arm)]), torch.tensor([reward]).double()
        )
    threshold = float(rng.uniform(20, 60))
    looked = view(
        [0.0] * 9,
        [1.0] * 9,
        estimator=estimator,
        state=state,
        expected=state.mean,
        allowed=torch.from_numpy(allowed).unsqueeze(0),
        seeds=torch.from_numpy(vouched).unsqueeze(0),
        threshold=threshold,
    )

    expected = plain.safe_opt(
        plain.Step(
            belief=plain.gaussian_process(kernel, seen),
            seen=seen,
            kernel=kernel,
            allowed=allowed,
            values=np.zeros(9),
            threshold=threshold,
            normals=np.zeros(9),
            tie=0.4,
            explore=0.5,
            softmax=0.5,
            exploration=0.0,
            learning=True,
            seed_arms=vouched,
        )
    )

    assert SAFE_OPT.act(looked).tolist() == [expected]


def test_safeopt_tries_an_arm_that_could_make_another_one_safe() -> None:
    rng = np.random.default_rng(11)
    decisive = 0
    for _ in range(1000):
        mixed = rng.normal(size=(6, 6)) * rng.uniform(1, 12, size=(6, 1))
        mean, cov = rng.uniform(50, 100, size=6), mixed @ mixed.T / 6
        sd = np.sqrt(np.diag(cov))
        low, high = mean - 2 * sd, mean + 2 * sd
        safe = low >= 50
        if not safe.any() or safe.all():
            continue
        maximisers = safe & (high >= low[safe].max())
        wanted = maximisers | (safe & could_make_safe(mean, cov, 50.0, ~safe))
        best, unexpanded = (
            np.where(arms, sd, -1).argmax() for arms in (wanted, maximisers)
        )
        decisive += int(best != unexpanded)

        posterior = Posterior(
            torch.from_numpy(mean)[None], torch.from_numpy(cov)[None], 100.0
        )
        seen = view(
            list(mean),
            [1.0] * 6,
            estimator=estimators.COVARIANCE_PROCESS,
            state=posterior,
        )
        assert SAFE_OPT.act(seen).tolist() == [best]
    assert decisive >= 5


def could_make_safe(mean: Any, cov: Any, threshold: float, others: Any) -> Any:
    """Whether one reward at an arm's upper bound would lift another's lower bound."""
    found = np.zeros(len(mean), dtype=bool)
    precision = np.linalg.inv(cov)
    for arm in range(len(mean)):
        seen = np.zeros((len(mean), len(mean)))
        seen[arm, arm] = 1 / 100
        after = np.linalg.inv(precision + seen)
        paid = mean[arm] + 2 * np.sqrt(cov[arm, arm])
        then = after @ (precision @ mean + seen[arm] * paid)
        low = then - 2 * np.sqrt(np.diag(after))
        found[arm] = (low >= threshold)[others].any()
    return found


def test_the_best_safe_arm_is_the_best_one_where_none_is_safe() -> None:
    seen = view([10.0, 30.0, 20.0], [0.0] * 3)
    none, last = torch.tensor([True] * 3), torch.tensor([True, True, False])

    assert BEST_SAFE.act(seen._replace(unsafe=none)).tolist() == [1]
    assert BEST_SAFE.act(seen._replace(unsafe=last)).tolist() == [2]
