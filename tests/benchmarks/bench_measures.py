"""How long measures take and how much memory, each beside a named peer.

    python tests/benchmarks/bench_measures.py [--part cka] [--rounds 5] [--quick]

Every part names its subjects: ours first, then peers that give the same number. In each
round each subject runs once, in turn, in a process of its own with one thread, so that
all see the same weather and memory is theirs alone. Printed are medians and the range
over rounds: CPU seconds of one call once a small call has warmed up, and MB that the
process grew by during the call, beyond the data and what was imported. The goals are for
a quiet machine; on a busy one read the ratios.

rsatoolbox is in the `bench` extra; a peer that is not installed is named and left out.
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
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Makes its data at a scale of 1 (or less, to warm up), and gives back what is timed.
Subject = Callable[[float], Callable[[], object]]


@dataclass(frozen=True)
class Goal:
    """What a part's first subject should reach on a quiet machine."""

    cpu_s: float
    mb: float | None = None


@dataclass(frozen=True)
class Part:
    """One thing that is timed.

    title: What, with its sizes.
    subjects: Ours first, then peers, by name; a name starting "package:" needs it.
    goal: Of the first subject.
    """

    title: str
    subjects: Mapping[str, Subject]
    goal: Goal


@dataclass(frozen=True)
class Run:
    """One call, as its process saw it."""

    cpu_s: float
    grown_mb: float
    traced_mb: float
    result: str


# --- linear CKA of features


def _two_sides(scale: float) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    n, p, q = (max(8, int(scale * size)) for size in (5000, 768, 1024))
    return rng.normal(size=(n, p)), rng.normal(size=(n, q))


def _our_cka(name: str) -> Subject:
    def prepared(scale: float) -> Callable[[], object]:
        from alignment.measures.table import FEATURE_MEASURES

        x, y = _two_sides(scale)
        return lambda: FEATURE_MEASURES[name].compute(x, y)

    return prepared


def _gram_cka(scale: float) -> Callable[[], object]:
    """By kernels of actions, as in the notebook of Kornblith et al. (2019)."""
    x, y = _two_sides(scale)

    def kernel(side: Array) -> Array:
        gram = side @ side.T
        means = gram.mean(axis=0)
        means -= means.mean() / 2
        return np.asarray(gram - means[:, None] - means[None, :])

    def score() -> object:
        k, l_ = kernel(x), kernel(y)
        return k.ravel() @ l_.ravel() / np.linalg.norm(k) / np.linalg.norm(l_)

    return score


def _rsatoolbox_cka(scale: float) -> Callable[[], object]:
    """Its whitened cosine of squared Euclidean RDMs, which is linear CKA."""
    x, y = _two_sides(scale)
    data, rdm = import_module("rsatoolbox.data"), import_module("rsatoolbox.rdm")

    def score() -> object:
        one, other = (
            rdm.calc_rdm(data.Dataset(side), method="euclidean") for side in (x, y)
        )
        return rdm.compare(one, other, method="cosine_cov")[0, 0]

    return score


# --- nearest neighbours of features

NEIGHBOURS = 10


def _two_views(scale: float) -> tuple[Array, Array]:
    """Two views of the same 50 hidden features, with noise."""
    rng = np.random.default_rng(0)
    n = max(3 * NEIGHBOURS, int(scale * 5000))
    hidden = rng.normal(size=(n, 50))
    one, other = (
        hidden @ rng.normal(size=(50, p)) + 5 * rng.normal(size=(n, p))
        for p in (768, 1024)
    )
    return one, other


def _our_knn(scale: float) -> Callable[[], object]:
    from alignment.measures.feature_neighbours import mutual_knn

    x, y = _two_views(scale)
    return lambda: mutual_knn(x, y, NEIGHBOURS)


def _sklearn_knn(scale: float) -> Callable[[], object]:
    """Two searches by brute force, and the overlap of what they found."""
    neighbours = import_module("sklearn.neighbors")
    sides = _two_views(scale)

    def score() -> object:
        near = [
            neighbours.NearestNeighbors(
                n_neighbors=NEIGHBOURS, metric="cosine", algorithm="brute", n_jobs=1
            )
            .fit(side)
            .kneighbors(return_distance=False)
            for side in sides
        ]
        shared = [len(np.intersect1d(a, b)) for a, b in zip(*near, strict=True)]
        return float(np.mean(shared) / NEIGHBOURS)

    return score


# --- Spearman RSA: one score of many actions, and a bootstrap of many models

N_MODELS, N_RESAMPLES = 20, 1000


def _matrices(n: int, n_models: int) -> list[Array]:
    """People's ratings in steps of .01, and models that partly agree with them."""
    rng = np.random.default_rng(0)
    made = []
    seen = rng.uniform(size=(n, n))
    for number in range(n_models + 1):
        values = (
            0.6 * seen + 0.4 * rng.uniform(size=(n, n)) if number else seen.round(2)
        )
        values = np.triu(values, 1)
        made.append(values + values.T + np.eye(n))
    return made


def _our_spearman(scale: float) -> Callable[[], object]:
    from alignment.matrices import SimilarityMatrix
    from alignment.measures.table import MATRIX_MEASURES

    n = max(10, int(scale * 5000))
    names = tuple(f"a{i}" for i in range(n))
    people, model = (
        SimilarityMatrix(values, names, f"r{k}")
        for k, values in enumerate(_matrices(n, 1))
    )
    return lambda: MATRIX_MEASURES["spearman"].compute(people, model)


def _scipy_spearman(scale: float) -> Callable[[], object]:
    stats = import_module("scipy.stats")
    people, model = _matrices(max(10, int(scale * 5000)), 1)

    def score() -> object:
        pairs = np.triu_indices(len(people), k=1)
        return stats.spearmanr(people[pairs], model[pairs]).statistic

    return score


def _our_bootstrap(n_actions: int) -> Subject:
    def prepared(scale: float) -> Callable[[], object]:
        from alignment.matrices import SimilarityMatrix
        from alignment.measures.table import MATRIX_MEASURES
        from alignment.uncertainty import bootstrap_actions

        n = max(10, int(scale * n_actions))
        names = tuple(f"a{i}" for i in range(n))
        people, *models = (
            SimilarityMatrix(values, names, f"r{k}")
            for k, values in enumerate(_matrices(n, N_MODELS))
        )

        def widths() -> object:
            made = [
                bootstrap_actions(
                    MATRIX_MEASURES["spearman"],
                    people,
                    model,
                    n_resamples=max(10, int(scale * N_RESAMPLES)),
                    seed=0,
                )
                for model in models
            ]
            return float(np.mean([each.high - each.low for each in made]))

        return widths

    return prepared


def _rsatoolbox_bootstrap(n_actions: int) -> Subject:
    def prepared(scale: float) -> Callable[[], object]:
        rdm, model = import_module("rsatoolbox.rdm"), import_module("rsatoolbox.model")
        inference = import_module("rsatoolbox.inference")
        n = max(10, int(scale * n_actions))
        people, *others = (1 - values for values in _matrices(n, N_MODELS))
        models = [
            model.ModelFixed(f"m{k}", rdm.RDMs(each[None]))
            for k, each in enumerate(others)
        ]
        data = rdm.RDMs(people[None])

        def widths() -> object:
            found = inference.eval_bootstrap_pattern(
                models,
                data,
                method="spearman",
                N=max(10, int(scale * N_RESAMPLES)),
                boot_noise_ceil=False,
            )
            draws = np.squeeze(found.evaluations)
            low, high = np.nanpercentile(draws, [2.5, 97.5], axis=0)
            return float(np.mean(high - low))

        return widths

    return prepared


PARTS = {
    "cka": Part(
        "linear CKA of features, 5000 x 768 against 5000 x 1024, float64",
        {
            "attune cka_linear": _our_cka("cka_linear"),
            "numpy, n x n kernels": _gram_cka,
            "rsatoolbox: cosine_cov": _rsatoolbox_cka,
        },
        Goal(cpu_s=0.5, mb=100),
    ),
    "cka_debiased": Part(
        "debiased linear CKA of features, 5000 x 768 against 5000 x 1024, float64",
        {"attune cka_linear_debiased": _our_cka("cka_linear_debiased")},
        Goal(cpu_s=0.5, mb=100),
    ),
    "knn": Part(
        "mutual k-NN of features, k = 10, 5000 x 768 against 5000 x 1024",
        {"attune mutual_knn": _our_knn, "sklearn: brute force": _sklearn_knn},
        Goal(cpu_s=2, mb=200),
    ),
    "spearman": Part(
        "one Spearman RSA of matrices, 5000 actions",
        {"attune spearman": _our_spearman, "scipy: spearmanr": _scipy_spearman},
        Goal(cpu_s=8, mb=600),
    ),
    "bootstrap50": Part(
        "bootstrap over actions, 1,000 resamples x 20 models, Spearman, 50 actions",
        {
            "attune": _our_bootstrap(50),
            "rsatoolbox: bootstrap": _rsatoolbox_bootstrap(50),
        },
        Goal(cpu_s=1),
    ),
    "bootstrap200": Part(
        "bootstrap over actions, 1,000 resamples x 20 models, Spearman, 200 actions",
        {
            "attune": _our_bootstrap(200),
            "rsatoolbox: bootstrap": _rsatoolbox_bootstrap(200),
        },
        Goal(cpu_s=15),
    ),
}

# --- running and printing


def run_here(part: str, subject: str, scale: float) -> Run:
    """One call, in this process, which should have done nothing else."""
    prepare = PARTS[part].subjects[subject]
    prepare(0.02 * scale)()
    call = prepare(scale)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    result = call()
    cpu_s = time.process_time() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    traced = 0
    if PARTS[part].goal.mb is not None:  # a second call, several times slower
        tracemalloc.start()
        call()
        _, traced = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return Run(cpu_s, grown / 1024, traced / 2**20, f"{result:.12g}")


def run_apart(part: str, subject: str, scale: float) -> Run:
    """The same in a process of its own, with one thread."""
    threads = dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )
    ended = subprocess.run(
        [sys.executable, __file__, "--one", part, subject, "--scale", str(scale)],
        env=os.environ | threads,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        sys.exit(f"{part}, {subject}: failed\n{ended.stderr}")
    return Run(**json.loads(ended.stdout.splitlines()[-1]))


def show(name: str, part: Part, rounds: int, scale: float) -> None:
    """Run a part and print what it took."""
    print(f"\n{name}: {part.title}")
    runs: dict[str, list[Run]] = {}
    for subject in part.subjects:
        package = subject.partition(":")[0]
        if package != subject and find_spec(package) is None:
            print(f"  {subject:34s} not installed: pip install '.[bench]'")
        else:
            runs[subject] = []
    for _ in range(rounds):
        for subject, made in runs.items():
            made.append(run_apart(name, subject, scale))
    ours = next(iter(runs.values()))
    for subject, made in runs.items():
        ratios = [b.cpu_s / a.cpu_s for a, b in zip(ours, made, strict=True)]
        print(
            f"  {subject:34s} CPU s {spread([each.cpu_s for each in made], '.3f')}"
            f"   grown MB {spread([each.grown_mb for each in made], '.0f')}"
            f"   traced MB {max(each.traced_mb for each in made):,.0f}"
            f"   x {statistics.median(ratios):.1f}   = {made[0].result}"
        )
    cpu_s = statistics.median(each.cpu_s for each in ours)
    # What numpy asked for, where making the data had been the process's peak before.
    mb = max(max(each.grown_mb, each.traced_mb) for each in ours)
    wanted = f"under {part.goal.cpu_s} s"
    holds = cpu_s < part.goal.cpu_s
    if part.goal.mb is not None:
        wanted += f" and {part.goal.mb} MB"
        holds = holds and mb < part.goal.mb
    if scale == 1:
        print(
            f"  goal, on a quiet machine: {wanted}; here {cpu_s:.3f} s and {mb:.0f} MB: "
            f"{'holds' if holds else 'does not hold'}"
        )


def spread(values: list[float], form: str) -> str:
    """Median (lowest to highest)."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):{form}} ({low:{form}} to {high:{form}})"


def machine() -> str:
    """What ran it, for the first line."""
    versions = []
    for package in ("numpy", "scipy", "rsatoolbox"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} absent")
    return (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}; Python {platform.python_version()}, "
        f"{', '.join(versions)}; 1 thread"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=PARTS, action="append", help="all if absent")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the sizes: does it run?"
    )
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=float, default=1.0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        part, subject = asked.one
        print(json.dumps(vars(run_here(part, subject, asked.scale))))
        return
    print(f"{machine()}; {asked.rounds} rounds, median (lowest to highest)")
    for name in asked.part or PARTS:
        show(name, PARTS[name], asked.rounds, 0.1 if asked.quick else asked.scale)


if __name__ == "__main__":
    main()
