"""End to end against what a researcher would write: the same law, by other means.

The comparison runs are refitted with scikit-learn at every step, draw with numpy's own
generator, and count for themselves: they share no code and no luck with the engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVR

from bandits.settings import Settings
from bandits.simulate import simulate
from bandits.task import ValueTask, split_actions

Array = NDArray[np.float64]
N_ACTIONS, N_STEPS, N_LATER, N_RUNS = 12, 15, 5, 300


def problem() -> tuple[Array, Array]:
    """A similarity and values that are smooth over it, half of them unsafe."""
    rng = np.random.default_rng(2)
    points = rng.normal(size=(N_ACTIONS, 2))
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    order = (points @ rng.normal(size=2)).argsort().argsort()
    return np.asarray(np.exp(-squares / 2)), 100.0 * order / (N_ACTIONS - 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "agent",
    [
        "gp_thompson",
        "gp_greedy",
        "gp_ucb",
        "gp_softmax",
        "kernel_regression",
        "kernel_ridge_epsilon",
        "svr",
    ],
)
def test_means_agree_with_a_loop_that_refits_scikit_learn(agent: str) -> None:
    similarity, values = problem()
    split = split_actions(N_ACTIONS, range(N_RUNS * 10), seed=0)
    settings = Settings(personalization_steps=N_STEPS, generalization_steps=N_LATER)

    found = simulate(
        similarity,
        ValueTask(values, 50.0, True, split),
        agent,
        settings,
        seed=0,
        replicates=range(N_RUNS * 10),
    )
    loop = refit_loop(agent, similarity, values, np.random.default_rng(9))

    for phase, name in (
        ("personalization", "regret"),
        ("personalization", "unsafe_actions"),
        ("personalization", "unique_actions"),
        ("generalization", "regret"),
        ("generalization", "unsafe_actions"),
    ):
        ours, theirs = found[phase][name].numpy(), loop[phase, name]
        spread = np.hypot(
            ours.std() / len(ours) ** 0.5, theirs.std() / len(theirs) ** 0.5
        )
        # 35 comparisons: beyond 4.5 happens by chance once in 4,000 times.
        assert abs(ours.mean() - theirs.mean()) / spread < 4.5, (phase, name)


def refit_loop(
    agent: str, similarity: Array, values: Array, rng: np.random.Generator
) -> dict[tuple[str, str], Array]:
    rows: dict[tuple[str, str], list[float]] = {}
    for _ in range(N_RUNS):
        mask = np.zeros(N_ACTIONS, dtype=bool)
        mask[rng.permutation(N_ACTIONS)[: N_ACTIONS // 2]] = True
        arms: list[int] = []
        rewards: list[float] = []
        chosen: dict[str, list[int]] = {"personalization": [], "generalization": []}
        for step in range(N_STEPS + N_LATER):
            phase = "personalization" if step < N_STEPS else "generalization"
            allowed = np.flatnonzero(mask if step < N_STEPS else ~mask)
            scores = REFIT[agent](similarity, arms, rewards, rng)[allowed]
            best = np.flatnonzero(scores >= scores.max() - 1e-9)
            arm = int(allowed[rng.choice(best)])
            chosen[phase].append(arm)
            if step < N_STEPS:
                arms.append(arm)
                rewards.append(float(values[arm] + rng.normal(0, 10)))
        for phase, taken in chosen.items():
            got = values[taken]
            best_value = values[mask if phase == "personalization" else ~mask].max()
            for name, measure in (
                ("regret", (best_value - got).sum()),
                ("unsafe_actions", (got < 50).sum()),
                ("unique_actions", len(set(taken))),
            ):
                rows.setdefault((phase, name), []).append(float(measure))
    return {key: np.array(found) for key, found in rows.items()}


class Looked(Kernel):  # type: ignore[misc]  # scikit-learn is not typed
    """Covariance looked up by the number of the arm."""

    def __init__(self, matrix: Array) -> None:
        self.matrix = matrix

    def __call__(self, X: Array, Y: Array | None = None) -> Array:
        rows, columns = X[:, 0].astype(int), (X if Y is None else Y)[:, 0].astype(int)
        return np.asarray(self.matrix[np.ix_(rows, columns)])

    def diag(self, X: Array) -> Array:
        return np.asarray(self.matrix.diagonal()[X[:, 0].astype(int)])

    def is_stationary(self) -> bool:
        return False


def posterior(similarity: Array, arms: list[int], rewards: list[float]) -> Any:
    process = GaussianProcessRegressor(
        Looked(625 * similarity), alpha=100.0, optimizer=None
    )
    if arms:
        process.fit(np.array(arms, float)[:, None], np.array(rewards) - 50)
    return process.predict(np.arange(N_ACTIONS, dtype=float)[:, None], return_cov=True)


def thompson(
    similarity: Array, arms: list[int], rewards: list[float], rng: np.random.Generator
) -> Array:
    mean, cov = posterior(similarity, arms, rewards)
    return rng.multivariate_normal(mean, cov, method="eigh")


def greedy(
    similarity: Array, arms: list[int], rewards: list[float], rng: np.random.Generator
) -> Array:
    return np.asarray(posterior(similarity, arms, rewards)[0])


def nadaraya_watson(
    similarity: Array, arms: list[int], rewards: list[float], rng: np.random.Generator
) -> Array:
    if not arms:
        return np.zeros(N_ACTIONS)
    weights = similarity[:, arms]
    return np.asarray(weights @ np.array(rewards) / weights.sum(1))


def support_vectors(
    similarity: Array, arms: list[int], rewards: list[float], rng: np.random.Generator
) -> Array:
    if not arms:
        return np.zeros(N_ACTIONS)
    machine = SVR(kernel="precomputed", C=10.0, epsilon=1.0, tol=1e-5)
    machine.fit(similarity[np.ix_(arms, arms)], rewards)
    return np.asarray(machine.predict(similarity[:, arms]))


def upper_bound(
    similarity: Array, arms: list[int], rewards: list[float], rng: np.random.Generator
) -> Array:
    mean, cov = posterior(similarity, arms, rewards)
    return np.asarray(mean + 2 * np.sqrt(np.diag(cov)))


def softmax(
    similarity: Array, arms: list[int], rewards: list[float], rng: np.random.Generator
) -> Array:
    """The largest of scores plus Gumbel noise has softmax's law, in any subset."""
    return greedy(similarity, arms, rewards, rng) / 5 + rng.gumbel(size=N_ACTIONS)


def ridge_epsilon(
    similarity: Array, arms: list[int], rewards: list[float], rng: np.random.Generator
) -> Array:
    if not arms or rng.random() < 0.1:
        return np.zeros(N_ACTIONS)  # all tie
    machine = KernelRidge(alpha=100 / 625, kernel="precomputed")
    machine.fit(similarity[np.ix_(arms, arms)], np.array(rewards) - 50)
    return np.asarray(machine.predict(similarity[:, arms]))


REFIT: dict[str, Any] = {
    "gp_thompson": thompson,
    "gp_greedy": greedy,
    "gp_ucb": upper_bound,
    "gp_softmax": softmax,
    "kernel_ridge_epsilon": ridge_epsilon,
    "kernel_regression": nadaraya_watson,
    "svr": support_vectors,
}
