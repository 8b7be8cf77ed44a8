"""Many arms of which few are tried: exact, in law the samples of the posterior."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from bandits import cell as cells
from bandits.backends import Backend
from bandits.cell import Cell, chunks, open_cell, tries_few
from bandits.noise import Phase
from bandits.policies import AGENTS
from bandits.settings import Settings
from bandits.simulate import simulate, trace
from bandits.task import ValueTask, split_actions
from tests.bandits.test_compiled import a_kernel, a_task, gp_posterior

compiled = pytest.importorskip("bandits.compiled", reason="needs numba: an extra")
desk = pytest.importorskip("bandits.compiled_desk", reason="needs numba")
observed = pytest.importorskip("bandits.compiled_observed", reason="needs numba")
Floats = NDArray[np.float64]
N_ACTIONS = cells.MANY_ARMS + 20
OTHERS = ["gp_greedy", "gp_epsilon", "gp_softmax"]
"""Agents that draw no sample: their runs are torch's."""


def a_cell(
    settings: Settings,
    agent: str = "gp_thompson",
    *,
    kind: str = "full",
    n_runs: int = 2,
    dtype: torch.dtype = torch.float64,
    task: ValueTask | None = None,
) -> Cell:
    return open_cell(
        a_kernel(N_ACTIONS, kind),
        task or a_task(n_runs, N_ACTIONS),
        agent,
        settings,
        5,
        range(n_runs),
        "cpu",
        dtype,
        "kernel",
    )


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("kind", ["full", "twins", "singular"])
@pytest.mark.parametrize(
    ("agent", "exploration"), [("gp_thompson", 0.0), ("gp_epsilon", 0.5)]
)
def test_the_posterior_is_scikit_learns_after_1000_steps(
    kind: str, agent: str, exploration: float, dtype: torch.dtype
) -> None:
    settings = Settings(personalization_steps=1000, epsilon=exploration or 0.1)
    cell = a_cell(settings, agent, kind=kind, dtype=dtype)
    assert tries_few(cell)
    player = compiled.players(cell)(slice(0, 2))
    blocks = list(player.play(Phase.PERSONALIZATION))
    arms, rewards = (torch.cat([block[i] for block in blocks]) for i in (0, 1))

    mean, variance = player.believes()

    assert variance is not None
    close = 1e-9 if dtype == torch.float64 else 1e-3
    for run in range(2):
        expected = gp_posterior(
            a_kernel(N_ACTIONS, kind), arms[:, run].numpy(), rewards[:, run].numpy()
        )
        assert np.abs(mean[run].numpy() - expected[0]).max() < close
        assert np.abs(variance[run].numpy() - expected[1]).max() < close


def test_samples_have_the_posteriors_mean_and_covariance() -> None:
    cell = a_cell(Settings(personalization_steps=50), n_runs=1)
    player = compiled.players(cell)(slice(0, 1))
    list(player.play(Phase.PERSONALIZATION))
    many, known = player._state.many, player._state.known
    on, key = many.on, np.array([5, 0], np.uint64)
    runs = compiled._runs(cell, Phase.GENERALIZATION, slice(0, 1))
    k = int(known.n_tried[0])
    desk.follow(on, many.prior, known.tried[0, :k], runs.blocked[0])
    desk.lay_panels(on, many.prior.root)
    on.average[:k] = known.sums[0, :k] / known.counts[0, :k]
    followed = on.arms[on.arms >= 0]
    n_steps, drawn = 48, []
    for begin in range(0, 250 * n_steps, n_steps):
        steps = desk.Steps(1, begin, False, observed.SCORED, 0.0, -1, 0.0)
        desk.draw_priors(on, many.prior.root, key, steps, n_steps)
        for t in range(n_steps):
            observed.sample(
                on, known.inverse[0], known.counts[0], k, t, len(many.prior.root), 100.0
            )
            drawn.append(50 + on.scores[: len(followed)])
    samples = np.array(drawn)

    prior = 625 * a_kernel(N_ACTIONS)
    tried, counts = known.tried[0, :k], known.counts[0, :k]
    noisy = prior[np.ix_(tried, tried)] + np.diag(100 / counts)
    gain = np.linalg.solve(noisy, prior[tried]).T
    mean = 50 + gain @ (known.sums[0, :k] / counts)
    covariance = prior - gain @ prior[tried]

    covariance = covariance[np.ix_(followed, followed)]
    spread = np.sqrt(covariance.diagonal())
    z = (samples.mean(0) - mean[followed]) / spread * np.sqrt(len(samples))
    assert np.abs(z).max() < 4.5
    # The error of a covariance of normals: (c_ij^2 + c_ii c_jj) / n.
    error = np.sqrt((covariance**2 + np.outer(spread, spread) ** 2) / len(samples))
    assert np.abs((np.cov(samples.T) - covariance) / error).max() < 5


@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("agent", ["gp_thompson", *OTHERS])
def test_no_run_depends_on_those_beside_it(agent: str, learn: bool) -> None:
    settings = Settings(
        personalization_steps=30, generalization_steps=25, learn=learn, exploration=0.1
    )
    assert tries_few(a_cell(settings, agent))

    def measured(rows: slice, chunk: int) -> dict[str, dict[str, torch.Tensor]]:
        whole = a_task(9, N_ACTIONS)
        part = ValueTask(whole.values, 50.0, True, whole.personalization[rows])
        return simulate(
            a_kernel(N_ACTIONS),
            part,
            agent,
            settings,
            seed=5,
            replicates=range(9)[rows],
            chunk=chunk,
        )

    whole = measured(slice(0, 9), 9)
    halves = [measured(slice(0, 4), 3), measured(slice(4, 9), 1)]
    for phase, found in whole.items():
        for name, expected in found.items():
            joined = torch.cat([half[phase][name] for half in halves])
            assert torch.equal(joined.nan_to_num(-1), expected.nan_to_num(-1)), name


@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("agent", OTHERS)
def test_runs_without_samples_are_torchs(agent: str, learn: bool) -> None:
    settings = Settings(personalization_steps=35, generalization_steps=20, learn=learn)
    ours, theirs = (
        trace(
            a_kernel(N_ACTIONS),
            a_task(20, N_ACTIONS),
            agent,
            settings,
            seed=5,
            replicates=range(20),
            backend=backend,
        )
        for backend in ("numba", "torch")
    )

    for phase, found in ours.items():
        same = (found.arms == theirs[phase].arms).all(0)
        assert same.double().mean() >= 0.95
        p, expected = found.p_unsafe, theirs[phase].p_unsafe
        assert p is not None
        assert expected is not None
        apart = (p - expected)[:, same]
        assert apart.abs().max() < 1e-9


def test_thompson_sampling_does_what_torchs_does_in_law() -> None:
    n_runs = 500
    engines: list[tuple[int, Backend]] = [(5, "numba"), (6, "torch")]
    found = [
        simulate(
            a_kernel(N_ACTIONS),
            a_task(n_runs, N_ACTIONS),
            "gp_thompson",
            Settings(personalization_steps=25, generalization_steps=10),
            seed=seed,
            replicates=range(n_runs),
            backend=backend,
        )
        for seed, backend in engines
    ]

    for phase in ("personalization", "generalization"):
        for name in ("unsafe_actions", "regret", "unique_actions", "mean_reward"):
            ours, theirs = (each[phase][name] for each in found)
            error = ((ours.var() + theirs.var()) / n_runs).sqrt()
            assert abs(float((ours.mean() - theirs.mean()) / error)) < 4, (phase, name)


@pytest.mark.parametrize(
    ("changed", "agent"),
    [
        ({"personalization_steps": 61, "learn": True}, "gp_thompson"),
        ({}, "gp_ucb"),
        ({}, "kernel_ridge"),
    ],
)
def test_other_cells_keep_what_they_know_of_every_arm(
    changed: dict[str, float], agent: str
) -> None:
    settings = {"personalization_steps": 30, "generalization_steps": 5} | changed
    assert agent in AGENTS
    assert not tries_few(a_cell(Settings(**settings), agent))  # type: ignore[arg-type]


def test_few_arms_are_torchs_run_by_run() -> None:
    few = split_actions(50, range(2), seed=1)
    task = ValueTask(np.linspace(0, 100, 50), 50.0, True, few)
    cell = open_cell(
        np.eye(50),
        task,
        "gp_thompson",
        Settings(),
        5,
        range(2),
        "cpu",
        torch.float64,
        "kernel",
    )
    assert not tries_few(cell)


def test_a_chunk_holds_more_runs_where_a_run_keeps_less() -> None:
    n_runs = 4000
    short, long = (
        chunks(
            a_cell(Settings(personalization_steps=steps), n_runs=n_runs), None, "numba"
        )
        for steps in (10, 60)
    )
    assert short[0].stop > long[0].stop
