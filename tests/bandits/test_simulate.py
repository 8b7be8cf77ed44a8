"""The loop: what a run does depends on its luck, its task and its kernel alone."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.svm import SVR
from torch import Tensor

from bandits.cell_totals import CellTotals
from bandits.metrics import metric_names
from bandits.noise import Phase, Purpose, normals, uniforms
from bandits.policies import AGENTS
from bandits.settings import Settings
from bandits.simulate import Trace, simulate, trace
from bandits.task import ValueTask, split_actions
from bandits.yardsticks import Yardsticks

Array = NDArray[np.float64]
SEED, N_ACTIONS = 5, 14
EVERY_AGENT = list(AGENTS)
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
            arms, rewards = expected[phase]
            assert found[phase].arms[:, run].tolist() == arms
            np.testing.assert_allclose(
                found[phase].rewards[:, run], rewards, rtol=0, atol=1e-9
            )


@pytest.mark.parametrize("agent", EVERY_AGENT)
def test_runs_do_not_notice_which_runs_they_are_batched_with(agent: str) -> None:
    given = task(64)
    how: dict[str, Any] = {"seed": SEED, "replicates": range(64)}

    small = traced(agent, 64, given, chunk=7)
    large = traced(agent, 64, given, chunk=64)
    measures = [
        simulate(kernel_for(agent), given, agent, SETTINGS, chunk=chunk, **how)
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
        assert torch.equal(one, other)
    # Frozen, it cannot learn them later either: only what it is paid differs.
    assert torch.equal(before["generalization"].arms, after["generalization"].arms)
    assert not torch.equal(
        before["generalization"].rewards, after["generalization"].rewards
    )


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


@pytest.mark.parametrize("agent", EVERY_AGENT)
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
) -> dict[str, tuple[list[int], list[float]]]:
    seen: list[tuple[int, float]] = []
    done = {}
    for phase, n_steps, allowed in (
        (Phase.PERSONALIZATION, 30, given.personalization[run]),
        (Phase.GENERALIZATION, 12, given.generalization[run]),
    ):
        luck = plain_luck(run, phase, n_steps)
        arms, rewards = [], []
        for t in range(n_steps):
            scores = PLAIN[agent](seen, luck["samples"][t])
            explores = (
                not AGENTS[agent].thompson and luck["explore"][t] < settings.exploration
            )
            ties = [
                arm
                for arm in range(N_ACTIONS)
                if allowed[arm] and (explores or scores[arm] >= _top(scores, allowed))
            ]
            arm = ties[int(luck["ties"][t] * len(ties))]
            reward = float(given.values[arm] + 10 * luck["noise"][t])
            if phase is Phase.PERSONALIZATION or settings.learn:
                seen.append((arm, reward))
            arms.append(arm)
            rewards.append(reward)
        done[phase.name.lower()] = (arms, rewards)
    return done


def _top(scores: Array, allowed: Any) -> float:
    return float(scores[allowed].max()) - 1e-9


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
    }


Seen = list[tuple[int, float]]


def plain_gp(seen: Seen, kernel: Array) -> tuple[Array, Array]:
    """The textbook posterior from all rewards at once."""
    prior = 625 * kernel
    arms, rewards = [arm for arm, _ in seen], np.array([r for _, r in seen])
    if not seen:
        return np.full(N_ACTIONS, 50.0), prior
    gain = np.linalg.solve(
        prior[np.ix_(arms, arms)] + 100 * np.eye(len(seen)), prior[arms]
    )
    return 50 + gain.T @ (rewards - 50), prior - prior[:, arms] @ gain


def plain_thompson(kernel: Array) -> Any:
    """A joint sample through the root that conditioning leaves.

    Any root has the right law, but the same normals give the same sample through the
    same root alone: the prior's symmetric one, corrected reward by reward.
    """

    def scores(seen: Seen, z: Array) -> Array:
        size, vectors = np.linalg.eigh(625 * kernel)
        root = (vectors * np.sqrt(size.clip(0))) @ vectors.T
        for arm, _ in seen:
            v = root[arm].copy()
            d = v @ v + 100
            root -= np.outer(root @ v, v) / (d + np.sqrt(100 * d))
        mean, cov = plain_gp(seen, kernel)
        np.testing.assert_allclose(root @ root.T, cov, rtol=0, atol=1e-9)
        return np.asarray(mean + root @ z)

    return scores


def plain_regression(seen: Seen, z: Array) -> Array:
    near = similarity()[:, [arm for arm, _ in seen]]
    if not seen:
        return np.full(N_ACTIONS, 50.0)
    return np.asarray(near @ np.array([r for _, r in seen]) / near.sum(1))


def plain_svr(seen: Seen, z: Array) -> Array:
    if not seen:
        return np.full(N_ACTIONS, 50.0)
    arms = [arm for arm, _ in seen]
    machine = SVR(kernel="precomputed", C=10, epsilon=1, tol=1e-6)
    machine.fit(similarity()[np.ix_(arms, arms)], [r for _, r in seen])
    return np.asarray(machine.predict(similarity()[:, arms]))


PLAIN: dict[str, Any] = {
    "gp_thompson": plain_thompson(similarity()),
    "gp_greedy": lambda seen, z: plain_gp(seen, similarity())[0],
    "kernel_regression": plain_regression,
    "svr": plain_svr,
    "thompson_independent": plain_thompson(np.eye(N_ACTIONS)),
    "uniform": lambda seen, z: np.zeros(N_ACTIONS),
}
