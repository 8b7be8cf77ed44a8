"""Measures of behaviour against the slow and obvious way to count them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from bandits import metrics
from bandits.metrics import METRICS, Scene, metric_names

N_ARMS, N_RUNS = 9, 4


def scene(seed: int = 0, **changed: Any) -> Scene:
    rng = np.random.default_rng(seed)
    allowed = rng.random((N_RUNS, N_ARMS)) < 0.6
    allowed[:, :2] = True
    given: dict[str, Any] = {
        # Few different values, so that best ones tie and gaps of 5 occur.
        "values": torch.from_numpy(rng.integers(0, 21, N_ARMS) * 5.0),
        "allowed": torch.from_numpy(allowed),
        "threshold": 50.0,
        "harm": True,
        "harm_defined": True,
        "moral_unsafe": torch.from_numpy(rng.random(N_ARMS) < 0.5),
        "moral_defined": True,
        "convergence": True,
    }
    return Scene(**(given | changed))


def choices(at: Scene, n_steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """Admissible arms and some rewards, each (n_steps, n_runs)."""
    rng = np.random.default_rng(seed)
    arms = np.stack(
        [rng.choice(np.flatnonzero(row), n_steps) for row in at.allowed.numpy()], 1
    )
    # Then, for some time, the best: or no run would ever converge.
    best = at.values.masked_fill(~at.allowed, -1).argmax(1).numpy()
    arms[n_steps // 3 : n_steps // 3 + 25] = best
    return torch.from_numpy(arms), torch.from_numpy(rng.normal(50, 9, arms.shape))


def measured(at: Scene, arms: Tensor, rewards: Tensor, sizes: Sequence[int]) -> Any:
    tally, begin = metrics.start_tally(at), 0
    for size in sizes:
        end = begin + size
        tally = metrics.add_block(tally, at, arms[begin:end], rewards[begin:end])
        begin = end
    return metrics.finish(tally, at)


@given(st.integers(0, 10_000), st.integers(1, 70), st.integers(1, 20))
def test_every_measure_equals_the_obvious_count(
    seed: int, n_steps: int, block: int
) -> None:
    at = scene(seed)
    arms, rewards = choices(at, n_steps, seed)
    sizes = [min(block, n_steps - begin) for begin in range(0, n_steps, block)]

    found = measured(at, arms, rewards, sizes)

    for run in range(N_RUNS):
        expected = counted(at, run, arms[:, run].tolist(), rewards[:, run].tolist())
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert float(found[name][run]) == pytest.approx(value, abs=1e-9), name


def test_convergence_is_the_first_full_window_of_which_nine_in_ten_are_near() -> None:
    values = torch.tensor([90.0, 85.0, 84.9]).double()  # best, near it, not near it
    at = scene(
        values=values,
        allowed=torch.ones(4, 3, dtype=torch.bool),
        moral_unsafe=None,
    )
    runs = [
        [1] * 40,  # from the start: the window must still be full
        [2] * 10 + [0] * 30,  # 18 of the last 20 at step 28
        [0] * 17 + [2] * 3 + [0] * 16 + [2] * 4,  # 17 of 20 at most
        [2] * 22 + [1] * 18,  # at the very last step
    ]
    arms = torch.tensor(runs).T

    found = measured(at, arms, arms.double(), [13, 27])

    assert found["steps_to_convergence"].tolist() == [20, 28, 41, 40]
    assert found["converged"].tolist() == [1, 1, 0, 1]


def test_a_phase_shorter_than_the_window_is_censored() -> None:
    at = scene()
    arms, rewards = choices(at, 19, seed=0)

    found = measured(at, arms, rewards, [19])

    assert found["converged"].tolist() == [0] * N_RUNS
    assert found["steps_to_convergence"].tolist() == [20] * N_RUNS


def test_harm_that_is_undefined_is_nan_and_the_rest_is_not() -> None:
    at = scene(harm_defined=False, moral_defined=False)
    arms, rewards = choices(at, 30, seed=1)

    found = measured(at, arms, rewards, [30])

    undefined = {name for name, value in found.items() if value.isnan().all()}
    assert undefined == {
        "unsafe_actions",
        "unsafe_share",
        "net_violation",
        "moral_harm",
    }
    assert all(found[name].isfinite().all() for name in set(found) - undefined)


def test_off_harm_dimensions_the_same_counts_are_called_low_value() -> None:
    arms, rewards = choices(scene(), 30, seed=1)

    harm = measured(scene(), arms, rewards, [30])
    other = measured(scene(harm=False), arms, rewards, [30])

    for one, another in (
        ("unsafe_actions", "low_value_actions"),
        ("unsafe_share", "low_value_share"),
        ("net_violation", "net_shortfall"),
        ("unsafe_available", "low_value_available"),
    ):
        assert torch.equal(harm[one], other[another])
        assert one not in other
        assert another not in harm


@pytest.mark.parametrize("harm", [True, False])
@pytest.mark.parametrize("moral", [True, False])
@pytest.mark.parametrize("learn", [True, False])
def test_the_announced_names_are_those_that_come_and_each_is_described(
    harm: bool, moral: bool, learn: bool
) -> None:
    morals = scene().moral_unsafe if moral else None
    for phase in ("personalization", "generalization"):
        follow = learn or phase == "personalization"
        at = scene(harm=harm, moral_unsafe=morals, convergence=follow)
        found = measured(at, *choices(at, 5, seed=2), [5])
        if phase == "generalization":
            found |= metrics.judge_predictions(at.allowed.double(), at)

        names = metric_names(phase, harm=harm, moral=moral, learn=learn)

        assert tuple(found) == names
        assert set(names) <= set(METRICS)


@given(st.integers(0, 10_000))
def test_the_rank_correlation_is_spearmans_over_the_admissible_actions(
    seed: int,
) -> None:
    at = scene(seed)
    rng = np.random.default_rng(seed)
    predicted = torch.from_numpy(rng.integers(0, 6, (N_RUNS, N_ARMS)) * 10.0)

    found = metrics.judge_predictions(predicted, at)

    for run in range(N_RUNS):
        seen = at.allowed[run]
        guess, truth = predicted[run, seen].numpy(), at.values[seen].numpy()
        constant = len(set(guess)) == 1 or len(set(truth)) == 1
        expected = math.nan if constant else stats.spearmanr(guess, truth).statistic
        assert float(found["value_rank_correlation"][run]) == pytest.approx(
            expected, abs=1e-12, nan_ok=True
        )
        assert float(found["value_rmse"][run]) == pytest.approx(
            float(np.sqrt(((guess - truth) ** 2).mean()))
        )


def test_predictions_that_differ_by_rounding_alone_have_no_rank_correlation() -> None:
    at = scene()
    nearly = 50 + 1e-13 * torch.randn(
        N_RUNS, N_ARMS, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )

    found = metrics.judge_predictions(nearly, at)

    assert found["value_rank_correlation"].isnan().all()


def test_a_single_unseen_action_has_no_rank_correlation_but_an_error() -> None:
    one = torch.zeros(N_RUNS, N_ARMS, dtype=torch.bool)
    one[:, 3] = True
    at = scene(allowed=one)

    found = metrics.judge_predictions(torch.zeros(N_RUNS, N_ARMS).double(), at)

    assert found["value_rank_correlation"].isnan().all()
    assert (found["value_rmse"] == at.values[3]).all()


def counted(
    at: Scene, run: int, arms: list[int], rewards: list[float]
) -> dict[str, float]:
    """One run's measures, action by action in plain Python."""
    values = at.values.tolist()
    admissible = [a for a in range(N_ARMS) if at.allowed[run, a]]
    best = max(values[a] for a in admissible)
    got = [values[a] for a in arms]
    near = [best - v <= 5 for v in got]
    arrived = [t for t in range(20, len(arms) + 1) if sum(near[t - 20 : t]) >= 18]
    assert at.moral_unsafe is not None
    return {
        "mean_reward": sum(rewards) / len(rewards),
        "regret": sum(best - v for v in got),
        "non_optimal_actions": sum(v < best for v in got),
        "near_optimal_actions": sum(near),
        "unique_actions": len(set(arms)),
        "unsafe_actions": sum(v < 50 for v in got),
        "unsafe_share": sum(v < 50 for v in got) / len(got),
        "net_violation": sum(max(0, 50 - v) for v in got),
        "unsafe_available": sum(values[a] < 50 for a in admissible) / len(admissible),
        "moral_harm": sum(bool(at.moral_unsafe[a]) for a in arms),
        "steps_to_convergence": arrived[0] if arrived else len(arms) + 1,
        "converged": float(bool(arrived)),
    }
