"""How many run-steps a second the simulator does, and a refit loop beside it.

    python tests/benchmarks/bench_simulate.py [--runs 256] [--steps 100] [--rounds 5]

Every round runs each agent once and the scikit-learn loop of the same agent once, in
turn, so that all see the same weather; medians and the range over rounds are printed,
and the ratio within rounds. One thread. The loop is what a researcher would write: one
run at a time, refitted to all rewards at each step.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel
from sklearn.svm import SVR
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bandits.policies import AGENTS
from bandits.settings import Settings
from bandits.simulate import simulate
from bandits.task import ValueTask, split_actions

Array = NDArray[np.float64]
N_ACTIONS = 50


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


def refit_scores(
    agent: str,
    similarity: Array,
    arms: list[int],
    rewards: list[float],
    rng: np.random.Generator,
) -> Array:
    """Scores of all arms, from a model fitted to all rewards anew."""
    n = len(similarity)
    if not arms:
        return rng.random(n)
    y = np.array(rewards)
    if agent == "kernel_regression":
        weights = similarity[:, arms]
        return np.asarray(weights @ y / weights.sum(1))
    if agent == "svr":
        machine = SVR(kernel="precomputed", C=10.0, epsilon=1.0)
        machine.fit(similarity[np.ix_(arms, arms)], y)
        return np.asarray(machine.predict(similarity[:, arms]))
    if agent == "thompson_independent":
        counts = np.bincount(arms, minlength=n)
        variance = 1 / (1 / 625 + counts / 100)
        mean = 50 + variance * np.bincount(arms, y - 50, minlength=n) / 100
        return rng.normal(mean, np.sqrt(variance))
    covariance = Looked(625 * similarity)
    process = GaussianProcessRegressor(covariance, alpha=100.0, optimizer=None)
    process.fit(np.array(arms, dtype=float)[:, None], y - 50)
    grid = np.arange(n, dtype=float)[:, None]
    if agent == "gp_greedy":
        return np.asarray(process.predict(grid))
    return rng.multivariate_normal(*process.predict(grid, return_cov=True))


def refit_run(
    agent: str, similarity: Array, values: Array, n_steps: int, seed: int
) -> None:
    """One run of the loop, among the first half of the actions."""
    rng = np.random.default_rng(seed)
    arms: list[int] = []
    rewards: list[float] = []
    for _ in range(n_steps):
        scores = refit_scores(agent, similarity, arms, rewards, rng)
        arms.append(int(scores[: N_ACTIONS // 2].argmax()))
        rewards.append(float(values[arms[-1]] + rng.normal(0, 10)))


def rate(work: Callable[[], object], run_steps: int) -> float:
    """Run-steps a second of wall time."""
    began = time.perf_counter()
    work()
    return run_steps / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    torch.set_num_threads(1)

    rng = np.random.default_rng(0)
    points = 0.6 * rng.normal(size=(N_ACTIONS, 8))
    squares = ((points[:, None] - points[None]) ** 2).sum(-1)
    similarity = np.exp(-squares / 2)
    values = 100.0 * (points @ rng.normal(size=8)).argsort().argsort() / (N_ACTIONS - 1)
    runs = range(asked.runs)
    task = ValueTask(values, 50.0, True, split_actions(N_ACTIONS, runs, seed=0))
    settings = Settings(personalization_steps=asked.steps, generalization_steps=0)

    def engine(agent: str) -> None:
        kernel = similarity if AGENTS[agent].uses_kernel else None
        simulate(
            kernel, task, agent, settings, seed=0, replicates=runs, device=asked.device
        )

    agents = [name for name in AGENTS if name != "uniform"]
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in agents}
    for round_number in range(asked.rounds + 1):
        for name in agents:
            pair = (
                rate(partial(engine, name), asked.runs * asked.steps),
                rate(
                    partial(
                        refit_run, name, similarity, values, asked.steps, round_number
                    ),
                    asked.steps,
                ),
            )
            if round_number:  # the first round warms up
                rates[name].append(pair)

    load = os.getloadavg()[0]
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{load:.1f}; Python {platform.python_version()}, torch {torch.__version__}, "
        f"scikit-learn {sklearn.__version__}; {asked.device}, float64, 1 thread\n"
        f"{N_ACTIONS} actions, {asked.runs} runs, {asked.steps} steps (refit loop: 1 "
        f"run), {asked.rounds} rounds; run-steps/s, median (lowest to highest)"
    )
    for name, pairs in rates.items():
        ours, theirs = ([pair[i] for pair in pairs] for i in (0, 1))
        ratio = statistics.median(a / b for a, b in pairs)
        print(
            f"{name:22s} {_spread(ours):>32s}   refit {_spread(theirs):>26s}   "
            f"x {ratio:,.1f}"
        )


def _spread(rates: list[float]) -> str:
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
