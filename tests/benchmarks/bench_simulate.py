"""How many run-steps a second the simulator does, and a refit loop beside it.

    python tests/benchmarks/bench_simulate.py [--steps 100 1000] [--rounds 5]
        [--arms 50] [--growth] [--processes] [--memory] [--device cuda]

Every round runs each agent once and the scikit-learn loop of the same agent once, in
turn, so that all see the same weather; medians over rounds are printed, the ratio is
taken within rounds. What is timed is `simulate` with all its measures, one thread; the
bare loop, without measures, stands beside it. The refit loop is what a researcher would
write: one run at a time, refitted to all rewards at each step. It is timed at every
`steps / 50`-th step of a run of ours, for at 1,000 steps a whole run takes minutes.

Without numba's machine code in the cache the first round, which is not counted, waits
for it to be compiled.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time

# The checkout in place of this folder, whose coverage.py numba would take for the
# package of that name.
_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:] = [
    os.path.dirname(os.path.dirname(_HERE)),
    *(path for path in sys.path if path != _HERE),
]

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVR
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from bandits.backends import Backend, backend_of, players
from bandits.cell import CHUNK_BYTES, Cell, chunks, most_tried, open_cell, tries_few
from bandits.noise import Phase
from bandits.policies import AGENTS
from bandits.settings import Settings
from bandits.simulate import RunResults, simulate, trace
from bandits.spectra import thin_root
from bandits.task import ValueTask, split_actions

Array = NDArray[np.float64]
DTYPES = {"float64": torch.float64, "float32": torch.float32}
BARS: dict[tuple[str, str], tuple[float, float]] = {
    ("gp_thompson", "float64"): (1_200, 11_000),
    ("gp_thompson", "float32"): (1_800, 13_000),
    ("kernel_ridge", "float64"): (2_500, 25_000),
    ("svr", "float64"): (700, 1_500),
    ("kernel_regression", "float64"): (180, 700),
}
"""agent, dtype -> the least ratio to the refit loop at 100 and at 1,000 steps, n = 50."""
FLOPS = {"gp_thompson": 6.0, "kernel_ridge": 1.0, "gp_ucb": 1.0}
"""Operations a step, times n_arms squared; ridge corrects the admissible half alone."""


MOST_CHUNKS = 2
"""A chunk's beliefs, what is told of its steps, and room to measure them."""
GROWTH = (
    (200, 0, 100, 256),
    (200, 50, 100, 256),
    (200, 0, 1000, 16),
    (1000, 0, 100, 64),
    (1000, 50, 100, 64),
    (1000, 0, 1000, 4),
)
"""Arms, rank (0 for full), steps and runs."""


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


class Problem:
    """A kernel, a task and one agent's settings; made anew in every process."""

    def __init__(
        self, n_arms: int, n_runs: int, n_steps: int, rank: int = 0, first: int = 0
    ) -> None:
        rng = np.random.default_rng(0)
        points = 0.6 * rng.normal(size=(n_arms, rank or 8))
        if rank:
            unit = points / np.linalg.norm(points, axis=1, keepdims=True)
            self.similarity = unit @ unit.T
        else:
            squares = ((points[:, None] - points[None]) ** 2).sum(-1)
            self.similarity = np.exp(-squares / 2)
        order = (points @ rng.normal(size=rank or 8)).argsort().argsort()
        self.values = 100.0 * order / (n_arms - 1)
        self.runs = range(first, first + n_runs)
        self.task = ValueTask(
            self.values, 50.0, True, split_actions(n_arms, self.runs, seed=0)
        )
        self.settings = Settings(personalization_steps=n_steps, generalization_steps=0)

    def kernel(self, agent: str) -> Array | None:
        return self.similarity if AGENTS[agent].uses_kernel else None

    def simulate(
        self,
        agent: str,
        dtype: str,
        device: str = "cpu",
        backend: Backend = "auto",
    ) -> RunResults:
        return simulate(
            self.kernel(agent),
            self.task,
            agent,
            self.settings,
            seed=0,
            replicates=self.runs,
            dtype=DTYPES[dtype],
            device=device,
            backend=backend,
        )

    def _opened(self, agent: str, dtype: torch.dtype) -> Cell:
        return open_cell(
            *(self.kernel(agent), self.task, agent, self.settings, 0, self.runs),
            *("cpu", dtype, "kernel"),
        )

    def keeps(self, agent: str) -> str:
        """What a compiled run of this agent keeps its belief as."""
        cell = self._opened(agent, torch.float64)
        if tries_few(cell):
            return f"at most {most_tried(cell)} arms tried"
        rows = len(thin_root(torch.from_numpy(self.similarity)))
        return f"a root of {rows} rows"

    def bare(self, agent: str, dtype: str) -> None:
        """The same without measures; nothing where the agent has no compiled form."""
        cell = self._opened(agent, DTYPES[dtype])
        if backend_of(cell, "auto") != "numba":
            return
        start = players(cell)
        for rows in chunks(cell, None, "numba"):
            for _ in start(rows).play(Phase.PERSONALIZATION):
                pass

    def history(self, agent: str) -> tuple[list[int], list[float]]:
        """Arms and rewards of one run of ours, for the refit loop to refit to."""
        first = ValueTask(self.values, 50.0, True, self.task.personalization[:1])
        found = trace(
            self.kernel(agent),
            first,
            agent,
            self.settings,
            seed=0,
            replicates=self.runs[:1],
        )["personalization"]
        return found.arms[:, 0].tolist(), found.rewards[:, 0].tolist()


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
    if agent == "kernel_ridge":
        ridge = KernelRidge(alpha=100 / 625, kernel="precomputed")
        ridge.fit(similarity[np.ix_(arms, arms)], y - 50)
        return np.asarray(ridge.predict(similarity[:, arms]))
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


def refit_rate(agent: str, problem: Problem, parts: int = 50) -> float:
    """Steps a second of the refit loop, from `parts` steps spread over a whole run."""
    arms, rewards = problem.history(agent)
    rng, spent = np.random.default_rng(0), 0.0
    at = np.linspace(0, len(arms) - 1, min(parts, len(arms))).round().astype(int)
    for step in at:
        began = time.perf_counter()
        scores = refit_scores(
            agent, problem.similarity, arms[:step], rewards[:step], rng
        )
        scores[: len(scores) // 2].argmax()
        spent += time.perf_counter() - began
    return len(at) / spent


def rate(work: Callable[[], object], run_steps: int) -> float:
    """Run-steps a second of wall time."""
    began = time.perf_counter()
    work()
    return run_steps / (time.perf_counter() - began)


def matrix_rate(dtype: str, device: str, n: int = 1024) -> float:
    """Operations a second of a matrix product of this dtype: the arithmetic's bound."""
    a = torch.rand(n, n, dtype=DTYPES[dtype], device=device)
    best = 0.0
    for _ in range(8):
        began = time.perf_counter()
        product = a @ a
        float(product[0, 0])  # waits for a GPU
        best = max(best, 2 * n**3 / (time.perf_counter() - began))
    return best


def copy_rate(device: str, n_bytes: int = 2**30) -> float:
    """Bytes a second read and written by a copy within the device's memory."""
    source = torch.zeros(n_bytes, dtype=torch.uint8, device=device)
    target, best = torch.empty_like(source), 0.0
    for _ in range(8):
        began = time.perf_counter()
        target.copy_(source)
        int(target[0])
        best = max(best, 2 * n_bytes / (time.perf_counter() - began))
    return best


def bars(n_steps: int, rounds: int, n_arms: int) -> None:
    """The table of agents: run-steps/s, ratio to the refit loop, bound, bar."""
    place = {100: 0, 1000: 1}.get(n_steps) if n_arms == 50 else None
    n_runs = {50: 2048, 200: 128}.get(n_arms, 8) * 100 // n_steps + 8
    slow = {"svr"}
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {
        key: [] for key in BARS
    }
    for round_number in range(rounds + 1):
        for agent, dtype in found:
            runs = n_runs // 4 + 1 if agent in slow else n_runs
            if agent == "kernel_regression":
                runs = 8 * n_runs
            problem = Problem(n_arms, runs, n_steps)
            ours = rate(partial(problem.simulate, agent, dtype), runs * n_steps)
            bare = rate(partial(problem.bare, agent, dtype), runs * n_steps)
            theirs = refit_rate(agent, problem, 50 if n_arms == 50 else 5)
            if round_number:  # the first round warms up
                found[agent, dtype].append((ours, bare, theirs))
    peak = {dtype: matrix_rate(dtype, "cpu") for dtype in DTYPES}
    print(
        f"\nn = {n_arms}, T = {n_steps}, 1 thread, {rounds} rounds, run-steps/s "
        f"(medians); a matrix product does {peak['float64'] / 1e9:,.0f} GFLOP/s in "
        f"float64, {peak['float32'] / 1e9:,.0f} in float32"
    )
    for (agent, dtype), rates in found.items():
        ours, bare, theirs = (statistics.median(r[i] for r in rates) for i in range(3))
        ratios = [r[0] / r[2] for r in rates]
        ratio = statistics.median(ratios)
        line = (
            f"{agent:18s} {dtype}  {ours:11,.0f}  bare {bare:11,.0f}  refit "
            f"{theirs:9,.1f}  x {ratio:9,.0f} ({min(ratios):,.0f} to {max(ratios):,.0f})"
        )
        if agent in FLOPS:
            share = FLOPS[agent] * n_arms**2 * ours / peak[dtype]
            line += f"  {100 * share:.0f} % of the bound"
        if place is not None:
            bar = BARS[agent, dtype][place]
            alone = statistics.median(r[1] / r[2] for r in rates)
            line += (
                f"  bar {bar:,.0f}: {_verdict(ratio, bar)}; without measures x "
                f"{alone:,.0f}: {_verdict(alone, bar)}"
            )
        print(line, flush=True)


def _verdict(ratio: float, bar: float) -> str:
    return "holds" if ratio >= bar else "does not hold"


def growth(rounds: int, cases: tuple[tuple[int, int, int, int], ...] = GROWTH) -> None:
    """Thompson sampling with many arms: full rank and low, few steps and many.

    Args:
        cases: Arms, rank (0 for full), steps and runs.
    """
    print(
        "\nmany arms, gp_thompson: what a run keeps, arms it tried (mean), and as above"
    )
    for n_arms, rank, n_steps, n_runs in cases:
        problem = Problem(n_arms, n_runs, n_steps, rank)
        for dtype in DTYPES:
            found = problem.simulate("gp_thompson", dtype)["personalization"]
            tried = float(found["unique_actions"].mean())
            pairs = []
            for _ in range(rounds):
                ours = rate(
                    partial(problem.simulate, "gp_thompson", dtype), n_steps * n_runs
                )
                pairs.append((ours, refit_rate("gp_thompson", problem, 3)))
            ours, theirs = (statistics.median(p[i] for p in pairs) for i in (0, 1))
            ratios = [a / b for a, b in pairs]
            print(
                f"n = {n_arms:4d} rank {rank or 'full'!s:>4} T = {n_steps:4d} {dtype} "
                f"{problem.keeps('gp_thompson')}, {tried:.0f} tried: "
                f"{ours:11,.0f} run-steps/s  refit {theirs:8,.1f}  x "
                f"{statistics.median(ratios):9,.0f} ({min(ratios):,.0f} to "
                f"{max(ratios):,.0f})",
                flush=True,
            )


def _half(first: int, n_runs: int, n_steps: int) -> float:
    """Seconds of a processor that those runs take."""
    torch.set_num_threads(1)
    with threadpool_limits(1):
        problem = Problem(50, n_runs, n_steps, first=first)
        before = time.process_time()
        problem.simulate("gp_thompson", "float64")
        return time.process_time() - before


def processes(rounds: int) -> None:
    """Two processes on half of the runs each, against one on all.

    Beside other work two processors are not free: what the processes took of them is
    told too, and would be the gain if they were.
    """
    gains, alone = [], []
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(_half, (0, 0), (8, 8), (10, 10)))
        for _ in range(rounds):
            began = time.perf_counter()
            (one,) = pool.map(_half, (0,), (8000,), (100,))
            between = time.perf_counter()
            halves = list(pool.map(_half, (0, 4000), (4000,) * 2, (100,) * 2))
            gains.append((between - began) / (time.perf_counter() - between))
            alone.append(one / max(halves))
    for gain, how in (
        (statistics.median(gains), "by the clock"),
        (statistics.median(alone), "by the processors' time"),
    ):
        print(
            f"two processes do {gain:.2f} times one {how} (bar 1.6: "
            f"{_verdict(gain, 1.6)}; needs two free processors)"
        )


def peak(n_runs: int) -> tuple[float, float]:
    """What simulating so many runs adds to this process at most, and the results (MiB).

    A small simulation goes before, so that libraries and machine code are there.
    """
    Problem(50, 8, 100).simulate("gp_thompson", "float64")
    problem = Problem(50, n_runs, 100)
    # Linux forgets the peak so far: making the task may have taken more.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    found = problem.simulate("gp_thompson", "float64")
    results = sum(x.nbytes for phase in found.values() for x in phase.values())
    return _status("VmHWM") - before, results / 2**20


def _status(field: str) -> float:
    """What Linux says of this process's memory, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"--memory: needs Linux, which says {field} of a process")


def memory(sizes: tuple[int, ...] = (2_000, 32_000, 128_000)) -> None:
    """Peak memory of a process, for more and more runs."""
    chunk = CHUNK_BYTES["numba"] / 2**20
    for n_runs in sizes:
        found = subprocess.run(
            [sys.executable, __file__, "--peak", str(n_runs)],
            capture_output=True,
            text=True,
            check=True,
        )
        added, results = map(float, found.stdout.split())
        beside = added - results
        print(
            f"{n_runs:,} runs: peak {added:,.0f} MiB, of it {results:,.1f} MiB results; "
            f"the rest is {beside / chunk:.2f} chunks of {chunk:,.0f} MiB "
            f"(at most {MOST_CHUNKS}: {_verdict(-beside, -MOST_CHUNKS * chunk)})"
        )


def gpu(device: str, n_runs: int = 65_536, n_steps: int = 100) -> None:
    """What the card can do, and what share of it each agent takes.

    With "cpu" the same code runs on a processor, in torch: so it is tested.
    """
    on_card = device.startswith("cuda")
    name = torch.cuda.get_device_name(device) if on_card else "this processor"
    bandwidth = copy_rate(device, 2**30 if on_card else 2**24)
    print(f"{name}: copy {bandwidth / 1e12:.3f} TB/s")
    peaks = {
        dtype: matrix_rate(dtype, device, 8192 if on_card else 256) for dtype in DTYPES
    }
    for dtype, most in peaks.items():
        print(f"matrix product in {dtype}: {most / 1e12:.2f} TFLOP/s")
    for agent, dtype in BARS:
        runs = n_runs if agent != "svr" else max(1, n_runs // 16)
        problem = Problem(50, runs, n_steps)
        work = partial(problem.simulate, agent, dtype, device, "torch")
        work()
        speed = rate(work, runs * n_steps)
        line = f"{agent:18s} {dtype}  {speed:13,.0f} run-steps/s"
        if agent in FLOPS:
            # Three passes over what a step reads and writes: read, read and write.
            passes = 3 * 50**2 * DTYPES[dtype].itemsize
            line += (
                f"  {100 * speed * passes / bandwidth:.0f} % of the copy's bound, "
                f"{100 * speed * FLOPS[agent] * 50**2 / peaks[dtype]:.0f} % of the "
                "product's"
            )
        if agent == "gp_thompson":
            line += (
                f"  a billion in {1e9 / speed:.1f} s (goal 12: "
                f"{_verdict(speed, 1e9 / 12)})"
            )
        print(line, flush=True)


def refusal(device: str) -> str | None:
    """Why nothing can be measured there; None where it can."""
    if device == "cpu" or (device.startswith("cuda") and torch.cuda.is_available()):
        return None
    if not device.startswith("cuda"):
        return f"--device needs to be cpu or cuda, got {device!r}"
    return (
        "--device cuda: torch sees no CUDA GPU here, so nothing was measured; run it "
        "where nvidia-smi lists a card, with a torch built for CUDA"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--arms", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--processes", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.peak:
        print(*peak(asked.peak))
        return 0
    if why := refusal(asked.device):
        print(why, file=sys.stderr)
        return 2
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; Python {platform.python_version()}, torch "
        f"{torch.__version__}, scikit-learn {sklearn.__version__}; {asked.device}"
    )
    if asked.device != "cpu":
        gpu(asked.device)
        return 0
    for n_steps in asked.steps:
        bars(n_steps, asked.rounds, asked.arms)
    if asked.growth:
        growth(max(1, asked.rounds // 2))
    if asked.processes:
        processes(asked.rounds)
    if asked.memory:
        memory()
    return 0


if __name__ == "__main__":
    with threadpool_limits(1):
        raise SystemExit(main())
