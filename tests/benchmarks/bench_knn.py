"""Mutual k-NN of two embeddings, and what scikit-learn takes for the same.

    python tests/benchmarks/bench_knn.py [--actions 5000] [--units 768 1024] [--rounds 5]

Each side of each round runs in a child process of its own, with one thread, so that its
peak memory is its own: what the process held at its peak above what it held with the
features made. Rounds alternate, so that both sides see the same weather; medians and
ranges are printed, and the ratio within rounds. The goal, for a quiet machine: 2 CPU
seconds and 200 MB at 5,000 actions.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy loads
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ROOT = Path(__file__).parents[2]
K = 10
SECONDS, MEGABYTES = 2.0, 200.0


def embeddings(n: int, units: Sequence[int]) -> list[Array]:
    """Two views of the same 50 hidden features, with noise."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(n, 50))
    return [
        hidden @ rng.normal(size=(50, p)) + 5 * rng.normal(size=(n, p)) for p in units
    ]


def ours(x: Array, y: Array) -> float:
    """The package's measure."""
    from alignment.measures.feature_neighbours import mutual_knn

    return mutual_knn(x, y, K)


def peer(x: Array, y: Array) -> float:
    """Two brute-force searches by scikit-learn and the overlap of what they found."""
    from sklearn.neighbors import NearestNeighbors

    near = [
        NearestNeighbors(n_neighbors=K, metric="cosine", algorithm="brute", n_jobs=1)
        .fit(each)
        .kneighbors(return_distance=False)
        for each in (x, y)
    ]
    shared = [len(np.intersect1d(a, b)) for a, b in zip(*near, strict=True)]
    return float(np.mean(shared) / K)


SIDES = {"attune": ours, "scikit-learn": peer}


def peak_megabytes() -> float:
    """The most that this process has held; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3 / 1.024)


def run_side(name: str, n: int, units: Sequence[int]) -> None:
    """In a child: one measurement, as a line of JSON."""
    SIDES[name](*embeddings(50, units))  # imports are not what is measured
    x, y = embeddings(n, units)
    before, started = peak_megabytes(), time.process_time()
    score = SIDES[name](x, y)
    took = time.process_time() - started
    print(json.dumps([score, took, peak_megabytes() - before]))


def bench_knn(n: int, units: Sequence[int], rounds: int) -> None:
    """Print both sides of every round, and whether the goal was met."""
    made: dict[str, list[list[float]]] = {name: [] for name in SIDES}
    common = ["--actions", str(n), "--units", *map(str, units)]
    for _ in range(rounds):
        for name in SIDES:
            child = subprocess.run(
                [sys.executable, __file__, "--side", name, *common],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                check=True,
            )
            made[name].append(json.loads(child.stdout))
    print(f"mutual k-NN, k = {K}, {n:,} actions, {units[0]} and {units[1]} units")
    for name, runs in made.items():
        scores, seconds, megabytes = zip(*runs, strict=True)
        print(
            f"  {name:13} {statistics.median(seconds):6.2f} CPU s "
            f"({min(seconds):.2f} to {max(seconds):.2f}), "
            f"{statistics.median(megabytes):5.0f} MB more at the peak, "
            f"score {scores[0]:.5f}"
        )
    ratios = [
        theirs[1] / mine[1]
        for mine, theirs in zip(made["attune"], made["scikit-learn"], strict=True)
    ]
    print(
        f"  scikit-learn takes {statistics.median(ratios):.2f} times as long "
        f"({min(ratios):.2f} to {max(ratios):.2f}), round by round"
    )
    seconds, megabytes = (
        statistics.median(run[i] for run in made["attune"]) for i in (1, 2)
    )
    for what, is_, goal in (
        ("CPU seconds", seconds, SECONDS),
        ("MB", megabytes, MEGABYTES),
    ):
        word = "met" if is_ < goal else "MISSED"
        print(f"  goal of {goal:g} {what}: {word} ({is_:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--actions", type=int, default=5000)
    parser.add_argument("--units", type=int, nargs=2, default=[768, 1024])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.side:
        run_side(chosen.side, chosen.actions, chosen.units)
        return
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; Python {platform.python_version()}, "
        f"numpy {np.__version__}; one thread, {chosen.rounds} rounds"
    )
    bench_knn(chosen.actions, chosen.units, chosen.rounds)


if __name__ == "__main__":
    main()
