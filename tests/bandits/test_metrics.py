"""Measures of behaviour against the slow and obvious way to count them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bandits import metrics
from bandits.metric_table import OFF_HARM
from bandits.metrics import CENSORED, METRICS, Scene, metric_names
from bandits.yardsticks import Yardsticks
from tests.witnesses import measures_of_runs as witness

N_ARMS, N_RUNS = 9, 4
NEED_A_POSTERIOR = {"informed_harm", "safe_coverage", "false_safe"}
NEED_A_BELIEF = {"simple_regret", "best_found", "unsafe_recommended"}
NEED_GREEDY = {"steps_to_settle", "settled"}
UNTOLD = NEED_A_POSTERIOR | NEED_A_BELIEF | NEED_GREEDY


class Told(NamedTuple):
    """What an engine tells of a phase; arms .. p_unsafe: (n_steps, n_runs)."""

    arms: Tensor
    rewards: Tensor
    greedy: Tensor
    p_unsafe: Tensor
    mean: Tensor
    variance: Tensor


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
        "yardsticks": Yardsticks(
            float(rng.choice([0.0, 0.1, 0.5])),
            [None, int(rng.integers(N_ARMS))][seed % 2],
            float(rng.choice([0.0, 1.0, 3.0])),
        ),
    }
    return Scene(**(given | changed))


def phase_of(at: Scene, run: int) -> witness.Phase:
    judged, moral = at.harm_values, at.moral_unsafe
    return witness.Phase(
        at.values.tolist(),
        at.allowed[run].tolist(),
        at.threshold,
        None if judged is None else judged.tolist(),
        None if moral is None else moral.tolist(),
        at.yardsticks.conservative_alpha,
        at.yardsticks.conservative_baseline,
        at.yardsticks.risk_tolerance,
    )


def told(at: Scene, n_steps: int, seed: int) -> Told:
    """A phase of admissible choices, and a belief that comes to rest in some runs."""
    rng = np.random.default_rng(seed)
    allowed = [np.flatnonzero(row) for row in at.allowed.numpy()]
    arms = np.stack([rng.choice(row, n_steps) for row in allowed], 1)
    # Then, for some time, the best: or no run would ever converge.
    best = at.values.masked_fill(~at.allowed, -1).argmax(1).numpy()
    arms[n_steps // 3 : n_steps // 3 + 25] = best
    greedy = np.stack([rng.choice(row, n_steps) for row in allowed], 1)
    greedy[rng.integers(0, n_steps) :] = [row[0] for row in allowed]
    mean = rng.integers(6, 14, at.allowed.shape) * 5.0
    sd = rng.integers(0, 4, mean.shape) * 5.0
    return Told(
        *map(
            torch.from_numpy,
            (
                arms,
                rng.normal(50, 9, arms.shape),
                greedy,
                rng.choice([0.2, 0.5, 0.7], arms.shape),
                mean,
                sd**2,
            ),
        )
    )


def measured(at: Scene, phase: Told, sizes: Sequence[int], tell: bool = True) -> Any:
    tally, begin = metrics.start_tally(at), 0
    for size in sizes:
        here = slice(begin, begin + size)
        more = (phase.greedy[here], phase.p_unsafe[here]) if tell else ()
        tally = metrics.add_block(
            tally, at, phase.arms[here], phase.rewards[here], *more
        )
        begin += size
    if tell:
        return metrics.finish(tally, at, phase.mean, phase.variance)
    return metrics.finish(tally, at)


def blocks(n_steps: int, size: int) -> list[int]:
    return [min(size, n_steps - begin) for begin in range(0, n_steps, size)]


def counted(at: Scene, phase: Told, run: int) -> dict[str, float]:
    """One run's measures, by the witness."""
    of, arms = phase_of(at, run), phase.arms[:, run].tolist()
    mean = phase.mean[run].tolist()
    top = max(mean[a] for a in of.admissible)
    leaders = [a for a in of.admissible if mean[a] == top]
    return {
        **witness.behaviour(of, arms, phase.rewards[:, run].tolist()),
        **witness.convergence(of, arms),
        **witness.settling(phase.greedy[:, run].tolist(), leaders),
        **witness.at_end(of, mean, phase.variance[run].sqrt().tolist()),
        "informed_harm": witness.informed_harm(
            of, arms, phase.p_unsafe[:, run].tolist()
        ),
    }


@given(st.integers(0, 10_000), st.integers(1, 70), st.integers(1, 30), st.booleans())
def test_every_measure_equals_the_obvious_count(
    seed: int, n_steps: int, block: int, others_judge: bool
) -> None:
    at = scene(seed)
    if others_judge:
        at = at._replace(harm_values=at.values.flip(0))
    phase = told(at, n_steps, seed)

    found = measured(at, phase, blocks(n_steps, block))

    for run in range(N_RUNS):
        expected = counted(at, phase, run)
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert float(found[name][run]) == pytest.approx(
                value, abs=1e-8, nan_ok=True
            ), name


@given(st.integers(0, 10_000), st.integers(1, 70), st.integers(1, 70))
def test_blocks_of_any_size_and_runs_by_themselves_give_the_same_bits(
    seed: int, n_steps: int, block: int
) -> None:
    at = scene(seed, n_steps=n_steps)
    phase = told(at, n_steps, seed)

    whole = measured(at, phase, [n_steps])
    pieces = measured(at, phase, blocks(n_steps, block))
    one = slice(1, 2)
    alone = measured(
        at._replace(allowed=at.allowed[one]),
        Told(*(x[:, one] for x in phase[:4]), phase.mean[one], phase.variance[one]),
        blocks(n_steps, block),
    )

    for name, value in whole.items():
        assert torch.equal(value.nan_to_num(-1), pieces[name].nan_to_num(-1)), name
        assert torch.equal(value[one].nan_to_num(-1), alone[name].nan_to_num(-1)), name


@pytest.mark.parametrize("threshold", [101.0, -1.0, 0.0])
@pytest.mark.parametrize("n_steps", [1, 45])
@pytest.mark.parametrize("admissible", [1, N_ARMS])
def test_measures_hold_where_all_or_none_is_unsafe_or_one_action_is_left(
    threshold: float, n_steps: int, admissible: int
) -> None:
    allowed = torch.arange(N_ARMS).expand(N_RUNS, -1) < admissible
    at = scene(3, threshold=threshold, allowed=allowed, yardsticks=Yardsticks())
    phase = told(at, n_steps, seed=1)

    found = measured(at, phase, blocks(n_steps, 7))

    for run in range(N_RUNS):
        for name, value in counted(at, phase, run).items():
            assert float(found[name][run]) == pytest.approx(
                value, abs=1e-9, nan_ok=True
            ), name


def test_equal_rewards_have_no_variance() -> None:
    at = scene(yardsticks=Yardsticks(risk_tolerance=2.0))
    phase = told(at, 33, seed=0)._replace(
        rewards=torch.full((33, N_RUNS), 61.7, dtype=torch.float64)
    )

    found = measured(at, phase, blocks(33, 5))

    assert found["reward_variance"].tolist() == pytest.approx([0] * N_RUNS, abs=1e-9)
    assert (found["reward_variance"] >= 0).all()
    assert found["mean_variance"].tolist() == pytest.approx([-2 * 61.7] * N_RUNS)


def test_a_run_that_always_takes_the_baseline_never_loses_its_budget() -> None:
    at = scene(yardsticks=Yardsticks(0.0, 1))
    phase = told(at, 40, seed=0)._replace(arms=torch.ones(40, N_RUNS).long())

    assert measured(at, phase, [40])["conservative_budget"].tolist() == [0] * N_RUNS


def test_convergence_is_the_first_full_window_of_which_nine_in_ten_are_near() -> None:
    values = torch.tensor([90.0, 85.0, 84.9]).double()  # best, near it, not near it
    at = scene(
        values=values,
        allowed=torch.ones(4, 3, dtype=torch.bool),
        moral_unsafe=None,
        yardsticks=Yardsticks(),
    )
    runs = [
        [1] * 40,  # from the start: the window must still be full
        [2] * 10 + [0] * 30,  # 18 of the last 20 at step 28
        [0] * 17 + [2] * 3 + [0] * 16 + [2] * 4,  # 17 of 20 at most
        [2] * 22 + [1] * 18,  # at the very last step
    ]
    arms = torch.tensor(runs).T
    phase = told(at, 40, 0)._replace(arms=arms, rewards=arms.double())

    found = measured(at, phase, [13, 27])

    assert found["steps_to_convergence"].tolist() == [20, 28, 41, 40]
    assert found["converged"].tolist() == [1, 1, 0, 1]


def test_a_greedy_action_settles_if_it_stood_for_twenty_steps_and_the_last_reward() -> (
    None
):
    at = scene(allowed=torch.ones(4, N_ARMS, dtype=torch.bool))
    greedy = torch.zeros(40, 4).long()
    greedy[:20, 1] = 5  # stands from step 21: twenty steps are left
    greedy[:21, 2] = 5  # nineteen are not enough
    mean = torch.zeros(4, N_ARMS).double()
    mean[:, 0] = 1
    mean[3, 7] = 2  # the very last reward made another action the greedy one
    phase = told(at, 40, 0)._replace(greedy=greedy, mean=mean)

    found = measured(at, phase, [13, 27])

    assert found["steps_to_settle"].tolist() == [1, 21, 41, 41]
    assert found["settled"].tolist() == [1, 1, 0, 0]


def test_a_phase_shorter_than_the_window_is_censored() -> None:
    at = scene()

    found = measured(at, told(at, 19, seed=0), [19])

    for steps in ("steps_to_convergence", "steps_to_settle"):
        assert found[steps].tolist() == [20] * N_RUNS
        assert found[CENSORED[steps][0]].tolist() == [0] * N_RUNS


def test_what_an_engine_does_not_tell_is_nan_and_the_rest_is_not() -> None:
    at = scene()

    found = measured(at, told(at, 30, seed=1), [30], tell=False)

    assert {name for name, value in found.items() if value.isnan().any()} == UNTOLD


def test_an_agent_without_a_posterior_has_a_recommendation_but_no_safe_set() -> None:
    at = scene(threshold=60.0)
    phase = told(at, 30, seed=1)
    tally = metrics.start_tally(at)
    tally = metrics.add_block(tally, at, phase.arms, phase.rewards, phase.greedy)

    found = metrics.finish(tally, at, phase.mean)

    undefined = {name for name, value in found.items() if value.isnan().any()}
    assert undefined == NEED_A_POSTERIOR


def test_harm_that_is_undefined_is_nan_and_the_rest_is_not() -> None:
    at = scene(harm_defined=False, moral_defined=False)

    found = measured(at, told(at, 30, seed=1), [30])

    undefined = {name for name, value in found.items() if value.isnan().all()}
    harmful = set(OFF_HARM) - {"unsafe_available", "harm_brier", "harm_bias"}
    assert undefined == harmful | {"moral_harm"}
    assert all(found[name].isfinite().all() for name in set(found) - undefined)


def test_off_harm_dimensions_the_same_counts_are_called_low_value() -> None:
    phase = told(scene(), 30, seed=1)

    harm = measured(scene(), phase, [30])
    other = measured(scene(harm=False), phase, [30])

    assert list(other) == [OFF_HARM.get(name, name) for name in harm]
    for one, another in OFF_HARM.items():
        assert one not in other
        if one in harm:
            assert torch.equal(harm[one].nan_to_num(), other[another].nan_to_num())


def test_no_measure_off_harm_dimensions_says_unsafe_or_harm() -> None:
    for phase in ("personalization", "generalization"):
        for name in metric_names(phase, harm=False):
            said = f"{name} {METRICS[name].label}".lower()
            assert not any(word in said for word in ("unsafe", "harm", "violation"))


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
        found = measured(at, told(at, 5, seed=2), [5])
        if phase == "generalization":
            found |= metrics.judge_predictions(at.allowed.double(), at)

        names = metric_names(phase, harm=harm, moral=moral, learn=learn)

        assert tuple(found) == names
        assert set(names) <= set(METRICS)


def test_the_worst_steps_are_a_part_of_a_step_where_there_are_few() -> None:
    values = torch.tensor([10.0, 90.0]).double()
    at = scene(
        values=values,
        allowed=torch.ones(1, 2, dtype=torch.bool),
        moral_unsafe=None,
        yardsticks=Yardsticks(),
    )
    arms = torch.tensor([[0], [1], [1], [1], [1]])
    tally = metrics.add_block(metrics.start_tally(at), at, arms, values[arms])

    found = metrics.finish(tally, at)

    # 5 % and 10 % of five steps are a quarter and a half of the worst one.
    assert float(found["worst_steps_5"]) == 10
    assert float(found["worst_steps_10"]) == 10
    assert math.isnan(float(found["simple_regret"]))
