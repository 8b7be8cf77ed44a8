"""What measuring a run costs, per step: the totals of torch, and the compiled ones.

    python tests/benchmarks/bench_tally.py [--runs 256] [--arms 50] [--rounds 15]

One process, one thread, subjects in turn in every round, so that all see the same
weather; printed are nanoseconds of CPU a run-step, least, median and largest. All that
an engine can tell is told: arms, rewards, greedy arms and probabilities of harm; once in
a hundred steps the greedy arm changes. The peer is one step of torch kernel regression
(learn, predict, choose) on as many runs: the cheapest agent that learns, without its
random numbers. The bars: 50 ns a run-step compiled, for blocks of 16 to 128 steps; and
less than a tenth of the peer in torch.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

# In place of this folder, whose coverage.py numba would take for the package.
sys.path[0] = str(Path(__file__).resolve().parents[2])
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor

from bandits import compiled_tally, metrics, regressors
from bandits.policies import choose
from bandits.settings import Settings
from bandits.tally import Scene

BAR_NS, BAR_OF_PEER = 50.0, 0.1
BLOCKS = (16, 64, 128, 512)


def scene(n_runs: int, n_arms: int, n_steps: int) -> Scene:
    """Half of the arms admissible, about half of them harmful."""
    luck = torch.Generator().manual_seed(0)
    allowed = torch.rand(n_runs, n_arms, generator=luck) < 0.5
    allowed[:, 0] = True
    return Scene(
        values=torch.rand(n_arms, dtype=torch.float64, generator=luck) * 100,
        allowed=allowed,
        threshold=50.0,
        harm=True,
        harm_defined=True,
        moral_unsafe=None,
        moral_defined=True,
        convergence=True,
        n_steps=n_steps,
    )


def told(at: Scene, n_steps: int) -> tuple[Tensor, ...]:
    """One block, which is then told again and again."""
    luck = torch.Generator().manual_seed(1)
    n_runs, n_arms = at.allowed.shape
    arms = torch.randint(0, n_arms, (n_steps, n_runs), generator=luck)
    rewards = at.values[arms] + 10 * torch.randn(arms.shape, generator=luck)
    changes = torch.rand(arms.shape, generator=luck) < 0.01
    greedy = changes.long().cumsum(0) % n_arms
    p_unsafe = torch.rand(arms.shape, dtype=torch.float64, generator=luck)
    return arms, rewards, greedy, p_unsafe


def cost(run: Callable[[], None], n_run_steps: int) -> float:
    """Nanoseconds of this process's CPU time a run-step."""
    begin = time.process_time()
    run()
    return (time.process_time() - begin) / n_run_steps * 1e9


def tallied(
    add: Callable[..., metrics.Tally], n_runs: int, n_arms: int, block: int
) -> float:
    """A phase of eight blocks at least, from the first step to the measures."""
    n_blocks = max(8, 1024 // block)
    at = scene(n_runs, n_arms, n_blocks * block)
    known = told(at, block)

    def run() -> None:
        tally = metrics.start_tally(at)
        for _ in range(n_blocks):
            tally = add(tally, at, *known)
        metrics.finish(tally, at)

    return cost(run, n_blocks * block * n_runs)


def peer(n_runs: int, n_arms: int) -> float:
    """A hundred steps of kernel regression."""
    at = scene(n_runs, n_arms, 100)
    kernel = torch.eye(n_arms, dtype=torch.float64) * 0.5 + 0.5
    ties = torch.full((n_runs,), 0.5)

    def run() -> None:
        state = regressors.kernel_regression(kernel, n_runs, Settings())
        for _ in range(100):
            expected = regressors.predict_regression(state)
            arms = choose(expected, at.allowed, ties, tolerance=1e-9)
            state = regressors.regress(state, arms, at.values[arms])

    return cost(run, 100 * n_runs)


def main() -> int:
    """Print the table, and whether the bars hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=256)
    parser.add_argument("--arms", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    torch.set_num_threads(1)
    size = given.runs, given.arms
    tallied(compiled_tally.add_block, *size, 16)  # compiles, where it is the first time

    found: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        found.setdefault("peer", []).append(peer(*size))
        for block in BLOCKS:
            for name, add in (
                ("compiled", compiled_tally.add_block),
                ("torch", metrics.add_block),
            ):
                here = found.setdefault(f"{name}, blocks of {block}", [])
                here.append(tallied(add, *size, block))

    load = os.getloadavg()[0]
    print(f"{platform.processor() or platform.machine()}, load {load:.1f}, one thread,")
    print(
        f"{size[0]} runs, {size[1]} arms, {given.rounds} rounds; ns of CPU a run-step"
    )
    of_peer = statistics.median(found["peer"])
    for name, costs in found.items():
        middle = statistics.median(costs)
        print(
            f"{name:24} {min(costs):8.1f} least {middle:8.1f} median {max(costs):8.1f}"
            f" largest   {middle / of_peer:.3f} of the peer"
        )
    for name, bar in (("compiled", BAR_NS), ("torch", BAR_OF_PEER * of_peer)):
        medians = [
            statistics.median(found[f"{name}, blocks of {block}"])
            for block in (16, 64, 128)
        ]
        word = "holds" if max(medians) < bar else "does not hold"
        print(f"{name}: {max(medians):.1f} ns at most, bar {bar:.1f} ns: {word}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
