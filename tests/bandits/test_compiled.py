"""The compiled path: exact against other libraries, and the same runs as torch's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVR

from bandits import compiled, spectra
from bandits.cell import Cell, open_cell
from bandits.noise import Phase
from bandits.policies import AGENTS
from bandits.rewards import rater_draw
from bandits.settings import Settings
from bandits.simulate import simulate, trace
from bandits.task import ValueTask, split_actions

Floats = NDArray[np.float64]
N_ACTIONS = 20


class Looked(Kernel):  # type: ignore[misc]  # scikit-learn is not typed
    """Covariance looked up by the number of the arm."""

    def __init__(self, matrix: Floats) -> None:
        self.matrix = matrix

    def __call__(self, X: Floats, Y: Floats | None = None) -> Floats:
        rows, columns = X[:, 0].astype(int), (X if Y is None else Y)[:, 0].astype(int)
        return np.asarray(self.matrix[np.ix_(rows, columns)])

    def diag(self, X: Floats) -> Floats:
        return np.asarray(self.matrix.diagonal()[X[:, 0].astype(int)])

    def is_stationary(self) -> bool:
        return False


def a_kernel(n_actions: int = N_ACTIONS, kind: str = "full") -> Floats:
    """A kernel with unit diagonal: of full rank, with twins, or of rank 3."""
    points = np.random.default_rng(1).normal(size=(n_actions, 3))
    if kind == "singular":
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        return np.asarray(points @ points.T)
    if kind == "twins":
        points[1::2] = points[::2]
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    return np.asarray(np.exp(-squares / 2))


def a_task(n_runs: int, n_actions: int = N_ACTIONS) -> ValueTask:
    values = np.random.default_rng(2).permutation(np.linspace(0, 100, n_actions))
    return ValueTask(
        values, 50.0, True, split_actions(n_actions, range(n_runs), seed=3)
    )


def a_cell(
    agent: str,
    settings: Settings,
    *,
    kernel: Floats | None = None,
    n_runs: int = 3,
    dtype: torch.dtype = torch.float64,
) -> Cell:
    kernel = a_kernel() if kernel is None else kernel
    task = a_task(n_runs, len(kernel))
    seen = kernel if AGENTS[agent].uses_kernel else None
    return open_cell(
        seen, task, agent, settings, 5, range(n_runs), "cpu", dtype, "kernel"
    )


def played(cell: Cell) -> tuple[compiled.CompiledPlayer, Floats, Floats]:
    """A player after personalization, and (n_runs, n_steps) arms and rewards."""
    player = compiled.players(cell)(slice(0, len(cell.replicates)))
    blocks = list(player.play(Phase.PERSONALIZATION))
    arms, rewards = (
        torch.cat([block[field] for block in blocks]).T.numpy() for field in (0, 1)
    )
    return player, arms, rewards.astype(np.float64)


def gp_posterior(
    kernel: Floats, arms: Floats, rewards: Floats
) -> tuple[Floats, Floats]:
    """scikit-learn's mean and variance: an arm's c rewards are their mean, noise/c."""
    tried, place = np.unique(arms, return_inverse=True)
    counts = np.bincount(place)
    process = GaussianProcessRegressor(
        Looked(625 * kernel), alpha=100.0 / counts, optimizer=None
    )
    process.fit(tried[:, None].astype(float), np.bincount(place, rewards) / counts - 50)
    mean, covariance = process.predict(
        np.arange(len(kernel), dtype=float)[:, None], return_cov=True
    )
    return mean + 50, covariance.diagonal()


COVERED = [name for name in AGENTS if compiled.covers(a_cell(name, Settings()))]


def test_every_agent_has_a_compiled_form_but_the_safe_ones_and_the_oracles() -> None:
    without = set(AGENTS) - set(COVERED)

    assert without <= {"gp_safeopt", "gp_gated", "oracle", "safe_oracle"}


@pytest.mark.parametrize("agent", COVERED)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_runs_are_the_same_as_torchs(agent: str, dtype: torch.dtype) -> None:
    kernel = a_kernel() if AGENTS[agent].uses_kernel else None
    settings = Settings(
        personalization_steps=60, generalization_steps=20, exploration=0.1, learn=True
    )
    n_runs = 100

    ours, theirs = (
        trace(
            kernel,
            a_task(n_runs),
            agent,
            settings,
            seed=5,
            replicates=range(n_runs),
            dtype=dtype,
            backend=backend,
        )
        for backend in ("numba", "torch")
    )

    for phase, found in ours.items():
        same = (found.arms == theirs[phase].arms).all(0)
        # Rounding may tip a choice between two arms in a run here and there.
        assert same.double().mean() >= 0.97
        assert (found.greedy == theirs[phase].greedy)[:, same].double().mean() > 0.99
        close = 1e-9 if dtype == torch.float64 else 1e-3
        expected, rewards = theirs[phase].p_unsafe, theirs[phase].rewards
        assert (found.rewards - rewards)[:, same].abs().max() < close
        if expected is None or found.p_unsafe is None:
            assert expected is found.p_unsafe
        else:
            assert (found.p_unsafe - expected)[:, same].abs().max() < close


@pytest.mark.parametrize("kind", ["full", "twins", "singular"])
@pytest.mark.parametrize("agent", ["gp_thompson", "gp_ucb"])
def test_a_gaussian_process_is_scikit_learns_after_1000_steps(
    agent: str, kind: str
) -> None:
    kernel = a_kernel(kind=kind)
    settings = Settings(personalization_steps=1000, learn=True)
    player, arms, rewards = played(a_cell(agent, settings, kernel=kernel))

    mean, variance = player.believes()

    assert variance is not None
    for run in range(3):
        expected = gp_posterior(kernel, arms[run], rewards[run])
        assert np.abs(mean[run].numpy() - expected[0]).max() < 1e-9
        assert np.abs(variance[run].numpy() - expected[1]).max() < 1e-9


@pytest.mark.parametrize("kind", ["full", "twins", "singular"])
def test_float32_stays_within_a_thousandth_of_a_point_over_10000_steps(
    kind: str,
) -> None:
    kernel = a_kernel(kind=kind)
    settings = Settings(personalization_steps=10_000)
    cell = a_cell("gp_thompson", settings, kernel=kernel, dtype=torch.float32)
    player, arms, rewards = played(cell)

    mean, _ = player.believes()

    for run in range(3):
        expected, _ = gp_posterior(kernel, arms[run], rewards[run])
        assert np.abs(mean[run].numpy() - expected).max() < 1e-3


def test_kernel_ridge_is_scikit_learns() -> None:
    kernel = a_kernel()
    settings = Settings(personalization_steps=300, ridge=0.3, epsilon=0.5, learn=True)
    player, arms, rewards = played(a_cell("kernel_ridge_epsilon", settings))

    mean, variance = player.believes()

    assert variance is None
    for run in range(3):
        machine = KernelRidge(alpha=0.3, kernel="precomputed")
        machine.fit(kernel[np.ix_(arms[run], arms[run])], rewards[run] - 50)
        expected = machine.predict(kernel[:, arms[run]]) + 50
        assert np.abs(mean[run].numpy() - expected).max() < 1e-9


def test_kernel_ridge_predicts_unseen_actions_without_rows_of_its_own() -> None:
    settings = Settings(personalization_steps=300, epsilon=0.5)
    kernel = a_kernel()
    player, arms, rewards = played(a_cell("kernel_ridge_epsilon", settings))

    mean, _ = player.believes()

    for run in range(3):
        machine = KernelRidge(alpha=100 / 625, kernel="precomputed")
        machine.fit(kernel[np.ix_(arms[run], arms[run])], rewards[run] - 50)
        expected = machine.predict(kernel[:, arms[run]]) + 50
        assert np.abs(mean[run].numpy() - expected).max() < 1e-9


def test_kernel_regression_is_the_weighted_mean() -> None:
    kernel = a_kernel()
    settings = Settings(personalization_steps=1000, epsilon=0.5)
    player, arms, rewards = played(a_cell("kernel_regression_epsilon", settings))

    mean, _ = player.believes()

    for run in range(3):
        weights = kernel[:, arms[run]]
        expected = weights @ rewards[run] / weights.sum(1)
        assert np.abs(mean[run].numpy() - expected).max() < 1e-9


@pytest.mark.parametrize("box", [1.0, 10.0])
def test_support_vectors_reach_libsvms_optimum_up_to_the_constant(box: float) -> None:
    kernel = a_kernel()
    settings = Settings(personalization_steps=200, epsilon=0.5, svr_c=box)
    player, arms, rewards = played(a_cell("svr_epsilon", settings))

    mean, _ = player.believes()

    for run in range(3):
        machine = SVR(kernel="precomputed", C=box, epsilon=1.0, tol=1e-6)
        machine.fit(kernel[np.ix_(arms[run], arms[run])], rewards[run])
        expected = machine.predict(kernel[:, arms[run]])
        apart = mean[run].numpy() - expected
        assert np.abs(apart - apart.mean()).max() < 1e-3


@pytest.mark.parametrize("agent", COVERED)
def test_no_run_depends_on_those_beside_it_or_on_threads(agent: str) -> None:
    kernel = a_kernel() if AGENTS[agent].uses_kernel else None
    settings = Settings(personalization_steps=150, generalization_steps=5)
    task = a_task(64)

    def measured(rows: slice, chunk: int) -> dict[str, dict[str, torch.Tensor]]:
        part = ValueTask(task.values, 50.0, True, task.personalization[rows])
        return simulate(
            kernel,
            part,
            agent,
            settings,
            seed=5,
            replicates=range(64)[rows],
            backend="numba",
            chunk=chunk,
        )

    whole = measured(slice(0, 64), 64)
    with ThreadPoolExecutor(2) as pool:
        halves = list(
            pool.map(measured, (slice(0, 30), slice(30, 64)), (7, 13), timeout=60)
        )

    for phase, found in whole.items():
        for name, expected in found.items():
            joined = torch.cat([half[phase][name] for half in halves])
            assert torch.equal(joined.nan_to_num(-1), expected.nan_to_num(-1))


def test_rewards_drawn_from_raters_are_the_same_as_torchs() -> None:
    ratings = np.random.default_rng(4).uniform(0, 100, (6, N_ACTIONS))
    ratings[0, ::2] = np.nan
    rewards = rater_draw(ratings)
    task = ValueTask(
        rewards.means,
        50.0,
        True,
        split_actions(N_ACTIONS, range(20), seed=3),
        rewards=rewards,
    )

    ours, theirs = (
        trace(
            a_kernel(),
            task,
            "gp_thompson",
            Settings(personalization_steps=40),
            seed=5,
            replicates=range(20),
            backend=backend,
        )["personalization"]
        for backend in ("numba", "torch")
    )

    assert torch.equal(ours.rewards, theirs.rewards)


def test_many_arms_of_low_rank_keep_a_root_of_so_many_rows() -> None:
    kernel = a_kernel(spectra.MANY_ARMS + 20, "singular")

    root = spectra.thin_root(torch.from_numpy(kernel))

    assert len(root) == 3
    torch.testing.assert_close((root.T @ root).numpy(), kernel, atol=1e-12, rtol=0)


def test_few_arms_or_a_full_rank_keep_the_symmetric_root() -> None:
    few = torch.from_numpy(a_kernel(kind="singular"))
    full = torch.eye(spectra.MANY_ARMS + 1, dtype=torch.float64)

    for kernel in (few, full):
        root = spectra.thin_root(kernel)
        torch.testing.assert_close(root, root.T)
        assert len(root) == len(kernel)


def test_a_low_rank_root_gives_scikit_learns_posterior() -> None:
    kernel = a_kernel(spectra.MANY_ARMS + 20, "singular")
    settings = Settings(personalization_steps=200)
    player, arms, rewards = played(a_cell("gp_thompson", settings, kernel=kernel))

    mean, variance = player.believes()

    assert variance is not None
    for run in range(3):
        expected = gp_posterior(kernel, arms[run], rewards[run])
        assert np.abs(mean[run].numpy() - expected[0]).max() < 1e-9
        assert np.abs(variance[run].numpy() - expected[1]).max() < 1e-9


def test_a_prior_mean_written_as_a_whole_number_is_the_same_number() -> None:
    """A document's 50 is an int: support vectors then met an array of integers."""
    task = ValueTask(
        np.linspace(0, 100, 8), 50, True, split_actions(8, range(2), seed=1)
    )
    found = [
        simulate(
            np.eye(8),
            task,
            "svr",
            Settings(prior_mean=mean, personalization_steps=4, generalization_steps=2),
            seed=1,
            replicates=range(2),
            backend="numba",
        )["personalization"]["mean_reward"]
        for mean in (50, 50.0)
    ]
    assert found[0].equal(found[1])
