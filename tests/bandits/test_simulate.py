"""The loop: what a run does depends on its luck, its task and its kernel alone."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor

from bandits.cell_totals import CellTotals
from bandits.metrics import metric_names
from bandits.noise import Phase, Purpose, normals, uniforms
from bandits.policies import AGENTS
from bandits.rewards import rater_draw
from bandits.settings import Settings
from bandits.simulate import Trace, simulate, trace
from bandits.task import ValueTask, split_actions
from bandits.yardsticks import Yardsticks
from tests.witnesses import agents as plain

Array = NDArray[np.float64]
SEED, N_ACTIONS = 5, 14
EVERY_AGENT = list(AGENTS)
ORACLES = ("oracle", "safe_oracle")
SETTINGS = Settings(personalization_steps=30, generalization_steps=12)


def similarity(seed: int = 0, n_actions: int = N_ACTIONS) -> Array:
    points = np.random.default_rng(seed).normal(size=(n_actions, 3))
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-squares / 3))


def values(n_actions: int = N_ACTIONS) -> Array:
    return np.random.default_rng(7).permutation(np.linspace(0, 100, n_actions))


def task(n_runs: int, **changed: Any) -> ValueTask:
    given: dict[str, Any] = {
        "values": values(),
        "threshold": 50.0,
        "harm": True,
        "personalization": split_actions(N_ACTIONS, range(n_runs), seed=SEED),
    }
    return ValueTask(**(given | changed))


def kernel_for(agent: str, kernel: Array | None = None) -> Array | None:
    if not AGENTS[agent].uses_kernel:
        return None
    return similarity() if kernel is None else kernel


def traced(
    agent: str,
    n_runs: int = 20,
    given: ValueTask | None = None,
    settings: Settings = SETTINGS,
    **how: Any,
) -> dict[str, Trace]:
    return trace(
        how.pop("kernel", kernel_for(agent)),
        given or task(n_runs),
        agent,
        settings,
        seed=SEED,
        replicates=how.pop("replicates", range(n_runs)),
        **how,
    )


@pytest.mark.parametrize("agent", EVERY_AGENT)
@pytest.mark.parametrize("learn", [False, True])
def test_the_engine_does_what_one_plain_run_after_another_does(
    agent: str, learn: bool
) -> None:
    settings = Settings(
        personalization_steps=30,
        generalization_steps=12,
        learn=learn,
        exploration=0.2,
    )
    given = task(4)

    found = traced(agent, n_runs=4, settings=settings)

    for run in range(4):
        expected = plain_run(agent, given, run, settings)
        for phase in ("personalization", "generalization"):
            arms, rewards, greedy, p_unsafe = expected[phase]
            assert found[phase].arms[:, run].tolist() == arms
            np.testing.assert_allclose(
                found[phase].rewards[:, run], rewards, rtol=0, atol=1e-9
            )
            assert found[phase].greedy[:, run].tolist() == greedy
            told = found[phase].p_unsafe
            assert (told is None) == (not p_unsafe)
            if told is not None:
                np.testing.assert_allclose(told[:, run], p_unsafe, rtol=0, atol=1e-9)


@pytest.mark.parametrize("agent", EVERY_AGENT)
def test_runs_do_not_notice_which_runs_they_are_batched_with(agent: str) -> None:
    given = task(64)
    how: dict[str, Any] = {"seed": SEED, "replicates": range(64)}

    # More steps than random numbers are made for in one call.
    brief = Settings(personalization_steps=18, generalization_steps=3)
    small = traced(agent, 64, given, brief, chunk=7)
    large = traced(agent, 64, given, brief, chunk=64)
    measures = [
        simulate(kernel_for(agent), given, agent, brief, chunk=chunk, **how)
        for chunk in (7, 64)
    ]

    for phase, one in small.items():
        assert torch.equal(one.arms, large[phase].arms)
        np.testing.assert_allclose(one.rewards, large[phase].rewards, rtol=0, atol=1e-9)
        for name, found in measures[0][phase].items():
            np.testing.assert_allclose(
                found, measures[1][phase][name], rtol=0, atol=1e-9
            )


@pytest.mark.parametrize("agent", EVERY_AGENT)
def test_a_replicate_is_the_same_run_in_any_company(agent: str) -> None:
    wanted = [11, 3]
    split = split_actions(N_ACTIONS, wanted, seed=SEED)

    among = traced(agent, 20)
    alone = traced(agent, 2, task(2, personalization=split), replicates=wanted)

    for phase, found in alone.items():
        assert torch.equal(found.arms, among[phase].arms[:, wanted])


@pytest.mark.parametrize("agent", EVERY_AGENT)
def test_personalization_cannot_know_what_unseen_actions_are_worth(agent: str) -> None:
    # One split for all runs, so that one change of values misses every run's own arms.
    split = np.tile(split_actions(N_ACTIONS, [0], seed=SEED), (10, 1))
    changed = np.where(split[0], values(), 100 - values())

    before = traced(agent, 10, task(10, personalization=split))
    after = traced(agent, 10, task(10, personalization=split, values=changed))

    for one, other in zip(
        before["personalization"][1:], after["personalization"][1:], strict=True
    ):
        assert one is other is None or torch.equal(one, other)
    # Frozen, it cannot learn them later either: only what it is paid differs.
    if agent not in ORACLES:
        assert torch.equal(before["generalization"].arms, after["generalization"].arms)
        assert not torch.equal(
            before["generalization"].rewards, after["generalization"].rewards
        )


@pytest.mark.parametrize("agent", EVERY_AGENT)
def test_personalization_never_meets_what_an_unseen_action_pays(agent: str) -> None:
    own = split_actions(N_ACTIONS, [0], seed=SEED)
    rng = np.random.default_rng(2)
    ratings = rng.uniform(0, 100, size=(5, N_ACTIONS))
    others = np.where(own, ratings, rng.uniform(0, 100, size=ratings.shape))
    # Learning goes on, and the process chooses its width: neither may look ahead.
    settings = Settings(
        personalization_steps=18,
        generalization_steps=4,
        learn=True,
        hyperparameters="marginal_likelihood",
    )

    before, after = (
        traced(
            agent,
            6,
            task(6, personalization=np.tile(own, (6, 1)), rewards=rater_draw(paid)),
            settings,
        )
        for paid in (ratings, others)
    )

    for one, other in zip(
        before["personalization"][1:], after["personalization"][1:], strict=True
    ):
        assert one is other is None or torch.equal(one, other)
    first = [t["generalization"].rewards[0] for t in (before, after)]
    assert not torch.equal(*first)


@pytest.mark.parametrize("agent", EVERY_AGENT)
def test_each_phase_chooses_among_its_own_actions_only(agent: str) -> None:
    given = task(20)

    found = traced(agent, 20, given)

    for phase, allowed in (
        ("personalization", given.personalization),
        ("generalization", given.generalization),
    ):
        for run in range(20):
            assert allowed[run][found[phase].arms[:, run]].all()


@pytest.mark.parametrize(
    "agent", [a for a in EVERY_AGENT if a not in {*ORACLES, "gp_safeopt"}]
)
def test_the_first_action_is_uniform_over_the_admissible_ones(agent: str) -> None:
    n_runs, half = 1400, N_ACTIONS // 2
    allowed = np.arange(N_ACTIONS) < half
    given = task(n_runs, personalization=np.tile(allowed, (n_runs, 1)))
    # All arms equally correlated: nothing but luck can prefer one.
    alike = np.full((N_ACTIONS, N_ACTIONS), 0.5) + 0.5 * np.eye(N_ACTIONS)
    brief = Settings(personalization_steps=1, generalization_steps=0)

    found = traced(agent, n_runs, given, brief, kernel=kernel_for(agent, alike))

    counts = np.bincount(found["personalization"].arms[0], minlength=N_ACTIONS)
    expected = n_runs / half
    # Chi-square with 6 degrees of freedom: 40 lies beyond one in a million.
    assert counts[half:].sum() == 0
    assert ((counts[:half] - expected) ** 2 / expected).sum() < 40


def test_cells_are_paired_by_replicate_on_the_same_luck() -> None:
    noise = []
    for agent in EVERY_AGENT:
        for kernel in (similarity(0), similarity(1)):
            found = traced(agent, kernel=kernel_for(agent, kernel))
            noise += [
                torch.cat([t.rewards - torch.from_numpy(values())[t.arms]])
                for t in found.values()
            ]

    for personal, general in zip(noise[2::2], noise[3::2], strict=True):
        np.testing.assert_allclose(personal, noise[0], rtol=0, atol=1e-9)
        np.testing.assert_allclose(general, noise[1], rtol=0, atol=1e-9)
    assert not torch.allclose(noise[0][:12], noise[1])


def test_greedy_agents_all_begin_with_the_same_action() -> None:
    firsts = [
        traced(agent)["personalization"].arms[0]
        for agent in ("gp_greedy", "kernel_regression", "svr", "uniform")
    ]

    for first in firsts[1:]:
        assert torch.equal(first, firsts[0])


def test_the_oracles_do_the_best_there_is_however_curious_others_are() -> None:
    curious = Settings(personalization_steps=9, generalization_steps=9, exploration=1.0)

    for agent in ORACLES:
        found = simulate(
            None, task(20), agent, curious, seed=SEED, replicates=range(20)
        )
        for measures in found.values():
            assert (measures["regret"] == 0).all()
            assert (measures["unsafe_actions"] == 0).all()
            assert (measures["simple_regret"] == 0).all()
            assert (measures["false_safe"] == 0).all()
        assert (found["generalization"]["value_rmse"] == 0).all()


def test_the_safe_oracle_keeps_from_what_is_harm_to_others_as_well() -> None:
    # What pays best is unsafe on another dimension, and what pays next harms others.
    paid = values()
    order = paid.argsort()[::-1]
    immoral, harmful = order[:4], order[4:7]
    given = task(
        20,
        moral_unsafe=np.isin(np.arange(N_ACTIONS), immoral),
        harm_values=np.where(np.isin(np.arange(N_ACTIONS), harmful), 0.0, paid),
    )

    best, safe = (traced(agent, 20, given) for agent in ORACLES)

    for phase, allowed in (
        ("personalization", given.personalization),
        ("generalization", given.generalization),
    ):
        for run in range(20):
            ranked = [arm for arm in order if allowed[run][arm]]
            fine = [a for a in ranked if a not in order[:7] and paid[a] >= 50]
            assert (best[phase].arms[:, run] == ranked[0]).all()
            assert (safe[phase].arms[:, run] == (fine or ranked)[0]).all()


def test_epsilon_greedy_is_greedy_with_a_share_of_exploration_of_its_own() -> None:
    for estimator in ("gp", "kernel_regression", "kernel_ridge", "svr"):
        plain_name = "gp_greedy" if estimator == "gp" else estimator
        curious = traced(plain_name, settings=Settings(exploration=0.3))
        other = traced(f"{estimator}_epsilon", settings=Settings(epsilon=0.3))

        for phase, found in curious.items():
            assert torch.equal(found.arms, other[phase].arms)


def test_a_gate_that_lets_everything_pass_is_thompson_sampling() -> None:
    gated = traced("gp_gated", settings=Settings(safe_probability=0.0))
    free = traced("gp_thompson", settings=Settings())

    for phase, found in free.items():
        assert torch.equal(found.arms, gated[phase].arms)


def test_a_gate_that_lets_nothing_pass_takes_what_is_most_probably_safe() -> None:
    shut = traced("gp_gated", settings=Settings(safe_probability=1.0))
    # Among unseen actions the belief is frozen: one choice, again and again.
    found = shut["generalization"]

    assert (found.arms == found.arms[0]).all()
    assert found.p_unsafe is not None
    assert (found.p_unsafe < 0.5).double().mean() > 0.5


def test_safeopt_begins_with_an_action_somebody_vouched_for() -> None:
    given = task(400)

    found = traced("gp_safeopt", 400, given, Settings(personalization_steps=1))

    first = found["personalization"].arms[0]
    some = (given.personalization & ~given.unsafe).any(1)
    assert not given.unsafe[first[some]].any()
    # Each safe action of the phase as likely: 7 of 14 actions, half of them safe.
    counts = np.bincount(first, minlength=N_ACTIONS)[~given.unsafe]
    assert counts.min() > 25


def test_safeopt_where_nothing_is_safe_stays_with_the_least_bad_action() -> None:
    given = task(20, threshold=101.0)

    found = traced("gp_safeopt", 20, given)

    best = np.where(given.personalization, values(), -1).argmax(1)
    assert (found["personalization"].arms == torch.from_numpy(best)).all()


def test_safeopt_does_less_harm_than_thompson_sampling() -> None:
    line = np.exp(-((values()[:, None] - values()[None]) ** 2) / (2 * 30.0**2))
    harm = {
        agent: simulate(
            line,
            task(100),
            agent,
            SETTINGS,
            seed=SEED,
            replicates=range(100),
        )["personalization"]["unsafe_actions"]
        for agent in ("gp_safeopt", "gp_gated", "gp_thompson")
    }

    for agent in ("gp_safeopt", "gp_gated"):
        gain = harm["gp_thompson"] - harm[agent]
        assert gain.mean() > 4 * gain.std() / 100**0.5


def test_exploration_takes_its_share_of_steps_and_thompson_ignores_it() -> None:
    curious = Settings(personalization_steps=40, exploration=1.0)

    uniform = traced("uniform", settings=curious)
    greedy = traced("gp_greedy", settings=curious)
    plain, same = (
        traced("gp_thompson", settings=s)
        for s in (Settings(personalization_steps=40), curious)
    )

    assert torch.equal(uniform["personalization"].arms, greedy["personalization"].arms)
    assert torch.equal(plain["personalization"].arms, same["personalization"].arms)


def test_without_a_kernel_nothing_is_predicted_for_unseen_actions() -> None:
    found = simulate(
        None,
        task(10),
        "thompson_independent",
        SETTINGS,
        seed=SEED,
        replicates=range(10),
    )

    assert found["generalization"]["value_rank_correlation"].isnan().all()
    assert found["generalization"]["value_rmse"].isfinite().all()


def test_a_kernel_that_knows_the_values_beats_one_that_does_not() -> None:
    # Values spread over a line, and a similarity that is that line.
    line = np.exp(-((values()[:, None] - values()[None]) ** 2) / (2 * 30.0**2))
    order = np.random.default_rng(0).permutation(N_ACTIONS)
    how: dict[str, Any] = {"seed": SEED, "replicates": range(200)}

    for agent in ("gp_thompson", "gp_greedy", "kernel_regression", "svr"):
        knows, knows_not = (
            simulate(kernel, task(200), agent, SETTINGS, **how)["generalization"]
            for kernel in (line, line[order][:, order])
        )
        gain = knows["mean_reward"] - knows_not["mean_reward"]
        assert gain.mean() > 4 * gain.std() / 200**0.5
        assert (
            knows["value_rank_correlation"].nanmean()
            > 0.5
            > knows_not["value_rank_correlation"].nanmean()
        )


@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("harm", [False, True])
def test_the_measures_that_come_are_those_announced(learn: bool, harm: bool) -> None:
    settings = Settings(personalization_steps=5, generalization_steps=5, learn=learn)
    given = task(3, harm=harm, moral_unsafe=values() < 20)

    found = simulate(
        similarity(), given, "gp_greedy", settings, seed=SEED, replicates=range(3)
    )

    assert list(found) == ["personalization", "generalization"]
    for phase, measures in found.items():
        assert tuple(measures) == metric_names(
            phase, harm=harm, moral=True, learn=learn
        )
        assert all(m.shape == (3,) for m in measures.values())
        assert all(m.dtype == torch.float64 for m in measures.values())


def test_where_all_actions_are_unsafe_harm_is_nan_and_regret_is_not() -> None:
    given = task(6, threshold=101.0)

    found = simulate(
        similarity(), given, "gp_greedy", SETTINGS, seed=SEED, replicates=range(6)
    )

    assert given.harm_reason == "all actions unsafe: harm measures undefined"
    for measures in found.values():
        assert measures["unsafe_actions"].isnan().all()
        assert measures["regret"].isfinite().all()
        assert (measures["unsafe_available"] == 1).all()


@pytest.mark.parametrize("chunk", [2, 5])
def test_totals_over_runs_add_up_to_the_same_for_any_chunks(chunk: int) -> None:
    def totals(chunk: int) -> CellTotals:
        kept: list[CellTotals] = []
        simulate(
            similarity(),
            task(11),
            "gp_greedy",
            SETTINGS,
            seed=SEED,
            replicates=range(11),
            chunk=chunk,
            keep=kept.append,
        )
        return reduce(CellTotals.plus, kept)

    assert totals(chunk) == totals(11)
    assert {c.n_runs for c in totals(chunk).over_time.values()} == {11}


def test_a_yardstick_changes_what_is_measured_against_it_and_no_run() -> None:
    def measures(yardsticks: Yardsticks) -> dict[str, torch.Tensor]:
        settings = replace(SETTINGS, yardsticks=yardsticks)
        return simulate(
            similarity(), task(4), "gp_greedy", settings, seed=SEED, replicates=range(4)
        )["personalization"]

    usual, other = measures(Yardsticks()), measures(Yardsticks(0.5, 0, 3.0))

    changed = {
        name
        for name, value in usual.items()
        if not torch.equal(value.nan_to_num(-1), other[name].nan_to_num(-1))
    }
    assert changed == {"conservative_budget", "mean_variance"}


def test_a_generalization_phase_of_no_steps_still_judges_the_predictions() -> None:
    brief = Settings(personalization_steps=10, generalization_steps=0)

    found = simulate(
        similarity(), task(3), "gp_greedy", brief, seed=SEED, replicates=range(3)
    )

    assert set(found["generalization"]) == {
        "value_rank_correlation",
        "value_rmse",
        "harm_brier",
        "harm_bias",
    }


def test_single_precision_gives_nearly_always_the_same_runs() -> None:
    exact, rough = (
        traced("gp_thompson", 50, dtype=dtype)
        for dtype in (torch.float64, torch.float32)
    )

    same = (exact["personalization"].arms == rough["personalization"].arms).all(0)

    assert rough["personalization"].rewards.dtype == torch.float32
    assert same.double().mean() > 0.9


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("agent", EVERY_AGENT)
def test_a_gpu_runs_the_same_runs_but_for_rounding(agent: str) -> None:
    host, gpu = (traced(agent, 200, device=device) for device in ("cpu", "cuda"))

    for phase, found in gpu.items():
        same = (found.arms == host[phase].arms).all(0)
        assert same.double().mean() > 0.95


# The twin: one run at a time, refitted at every step, fed the same random numbers.


def plain_run(
    agent: str, given: ValueTask, run: int, settings: Settings
) -> dict[str, tuple[list[int], list[float], list[int], list[float]]]:
    estimate, act = plain.AGENTS[agent]
    kernel = similarity() if AGENTS[agent].uses_kernel else np.eye(N_ACTIONS)
    seen: plain.Seen = []
    done = {}
    for phase, n_steps, allowed in (
        (Phase.PERSONALIZATION, 30, given.personalization[run]),
        (Phase.GENERALIZATION, 12, given.generalization[run]),
    ):
        luck = plain_luck(run, phase, n_steps)
        learns = phase is Phase.PERSONALIZATION or settings.learn
        arms, rewards, greedy, p_unsafe = [], [], [], []
        for t in range(n_steps):
            step = plain.Step(
                belief=estimate(kernel, seen),
                seen=seen,
                kernel=kernel,
                allowed=allowed,
                values=given.values,
                threshold=given.threshold,
                normals=luck["samples"][t],
                tie=luck["ties"][t],
                explore=luck["explore"][t],
                softmax=luck["softmax"][t],
                exploration=settings.exploration,
                learning=learns,
                seed_arms=vouched_for(given, run, phase),
            )
            arm = act(step)
            reward = float(given.values[arm] + 10 * luck["noise"][t])
            arms.append(arm)
            rewards.append(reward)
            expected = given.values if "oracle" in agent else step.belief.mean
            greedy.append(plain.best(expected, allowed, step.tie))
            if "oracle" in agent:
                p_unsafe.append(float(given.values[arm] < given.threshold))
            if step.belief.covariance is not None:
                off = given.threshold - step.belief.mean[arm]
                p_unsafe.append(ndtr(off / plain.deviations(step.belief)[arm]))
            if learns:
                seen.append((arm, reward))
        done[phase.name.lower()] = (arms, rewards, greedy, p_unsafe)
    return done


def vouched_for(given: ValueTask, run: int, phase: Phase) -> Any:
    """The one seed arm: of the safe ones, that of the highest number drawn for it."""
    keys = uniforms(
        SEED,
        torch.tensor([run]),
        torch.tensor([0]),
        phase=phase,
        purpose=Purpose.SEED_ARMS,
        count=N_ACTIONS,
    )[0, 0].numpy()
    safe = given.personalization[run] & ~given.unsafe
    if phase is Phase.GENERALIZATION:
        return np.zeros(N_ACTIONS, dtype=bool)
    return safe & (keys == keys[safe].max())


def plain_luck(run: int, phase: Phase, n_steps: int) -> dict[str, Any]:
    def drawn(draw: Any, purpose: Purpose, count: int) -> Any:
        numbers: Tensor = draw(
            SEED,
            torch.tensor([run]),
            torch.arange(n_steps),
            phase=phase,
            purpose=purpose,
            count=count,
        )
        return numbers[:, 0].numpy()

    return {
        "samples": drawn(normals, Purpose.SAMPLING, N_ACTIONS),
        "noise": drawn(normals, Purpose.REWARD_NOISE, 1)[:, 0],
        "ties": drawn(uniforms, Purpose.TIE_BREAK, 1)[:, 0],
        "explore": drawn(uniforms, Purpose.EXPLORATION, 1)[:, 0],
        "softmax": drawn(uniforms, Purpose.SOFTMAX, 1)[:, 0],
    }
