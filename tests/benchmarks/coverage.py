"""How often do 95 % intervals of noise ceilings hold the truth?

    python tests/benchmarks/coverage.py [--studies 2000] [--parts NAME ...]
        [--keep FOLDER]

Studies of simulated people whose truth is known. Each study has its own people (and one
of 50 truths, `collection.truth`) who differ in bias and in noisiness as Attune's other
simulated people do (`collection.simulated_people.Nature`) and answer in whole numbers
from 0 to 100, with answers beyond the ends cut off. The population matrix is the mean
of infinitely many of them, computed exactly.

    designs   complete  20 people who all judge all pairs
              sparse    different people a pair: 60 pairs each, 20 people a pair
              each with 20 and with 50 actions
    people    usual     as everywhere in Attune: a ceiling of about .98
              noisy     all spreads six times as large: a ceiling of about .67
              own       noise one and a half times as large; besides, each person sees
                        every action nearer to or farther from all others (sd .1), and
                        stretches or squeezes the scale by a factor of their own (sd .3)

    mean      covers the correlation, in this very study, of the mean of the people asked
              with the population matrix (`alignment.reliability.noise_ceiling`);
              "halves" is what Spearman and Brown's formula makes of random halves of the
              same people (Spearman, first 200 studies): its error in the mean.
    answers   a language model asked 5 times about all pairs of 20 actions: the mean of
              its answers as above, and the correlation to expect of a single answer
              (`alignment.reliability.others_ceiling`)
    raters    the expected lower and upper ceiling of single raters
              (`alignment.rater_ceilings`), of one truth and 20 actions; the expectation
              is the mean over the same studies

The bar: between 93 and 97 %. The Monte Carlo error stands beside each. A part is kept in
the folder as soon as it is done, and not run again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy loads
os.environ["OPENBLAS_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import spearmanr

from alignment.judgments import SimilarityJudgments
from alignment.mean_error import MeanError
from alignment.rater_ceilings import rater_ceilings
from alignment.reliability import ceiling_of, split_half_correlation, stepped_up
from collection.simulated_people import USUAL_NATURE
from collection.truth import similarity_of

Array = NDArray[np.float64]
ACTIONS = Path(__file__).parents[2] / "collection/studies/everyday/actions.csv"
BAR = (0.93, 0.97)
N_TRUTHS = 50
N_DRAWS = 100
PAIRS_EACH = 60
MIDDLE = 0.5
"""Where stretching the scale leaves an answer as it is."""


@dataclass(frozen=True)
class Design:
    n_actions: int
    n_raters: int
    complete: bool


@dataclass(frozen=True)
class People:
    """times: of the usual spreads. stretch_sd, view_sd: as in the table above."""

    times: float
    stretch_sd: float = 0.0
    view_sd: float = 0.0


DESIGNS = {
    "complete 20": Design(20, 20, True),
    "complete 50": Design(50, 20, True),
    "sparse 20": Design(20, 63, False),
    "sparse 50": Design(50, 408, False),
}
PEOPLE = {
    "usual": People(1.0),
    "noisy": People(6.0),
    "own": People(1.5, stretch_sd=0.3, view_sd=0.1),
}
MODELS = {"steady": People(1.0), "wavering": People(3.0)}
REPEATS = Design(20, 5, True)

Row = dict[str, float | str]


@dataclass(frozen=True)
class Asked:
    """What the people of one study said: (n_raters, n_pairs) sums and weights."""

    said: Array
    judged: Array
    truth: Array
    population: Array

    @property
    def mean(self) -> Array:
        made: Array = self.said.sum(axis=0) / self.judged.sum(axis=0)
        return made


@cache
def truth(n_actions: int, seed: int) -> Array:
    """(n_pairs,) what is true of some of the everyday actions."""
    with ACTIONS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    order = np.random.default_rng((seed, 7)).permutation(len(rows))[:n_actions]
    similarity = similarity_of([rows[i] for i in order], seed=seed)
    upper: Array = similarity[np.triu_indices(n_actions, 1)]
    return upper


@cache
def expected_answers(people: People) -> tuple[Array, Array]:
    """What is true, on a grid, and the mean answer of infinitely many people to it."""
    grid = np.linspace(0, 1, 401)
    beyond = (np.arange(1, 101) - 0.5) / 100  # an answer is at least k from here on
    nature = USUAL_NATURE.noisier(people.times)
    sds = nature.similarity_sd * (6 + 10 * (np.arange(40) + 0.5) / 40) / 11
    common = nature.similarity_bias_sd**2 + 2 * people.view_sd**2
    factors, weights = np.polynomial.hermite_e.hermegauss(15)
    if not people.stretch_sd:
        factors, weights = np.zeros(1), np.ones(1)
    answers = np.zeros(len(grid))
    for factor, weight in zip(factors, weights / weights.sum(), strict=True):
        seen = MIDDLE + (1 + people.stretch_sd * factor) * (grid - MIDDLE)
        for sd in sds:
            above = (seen[:, None] - beyond) / np.sqrt(common + sd**2)
            answers += weight / len(sds) * ndtr(above).sum(axis=1) / 100
    return grid, answers


def dealt(design: Design, n_pairs: int, rng: np.random.Generator) -> Array:
    """(n_raters, n_pairs) 1 where somebody judges: evenly, no pair twice by one."""
    if design.complete:
        return np.ones((design.n_raters, n_pairs))
    judged = np.zeros((design.n_raters, n_pairs))
    waiting = rng.permutation(n_pairs)
    for row in judged:
        mine = waiting[:PAIRS_EACH]
        waiting = waiting[PAIRS_EACH:]
        if (lacking := PAIRS_EACH - len(mine)) > 0:
            again = rng.permutation(n_pairs)
            again = np.concatenate([again[~np.isin(again, mine)], mine])
            mine = np.concatenate([mine, again[:lacking]])
            waiting = again[lacking:]
        row[mine] = 1
    return judged


def ask(design: Design, people: People, *, seed: int, of_truth: int) -> Asked:
    true = truth(design.n_actions, of_truth)
    rng = np.random.default_rng((seed, 8))
    judged = dealt(design, len(true), rng)
    s, p = np.nonzero(judged > 0)
    a, b = np.triu_indices(design.n_actions, 1)
    nature = USUAL_NATURE.noisier(people.times)
    bias = nature.similarity_bias_sd * rng.normal(size=design.n_raters)
    sd = nature.similarity_sd * (6 + 10 * rng.uniform(size=design.n_raters)) / 11
    stretch = 1 + people.stretch_sd * rng.normal(size=design.n_raters)
    view = people.view_sd * rng.normal(size=(design.n_raters, design.n_actions))
    seen = MIDDLE + stretch[s] * (true[p] - MIDDLE) + bias[s]
    seen += view[s, a[p]] + view[s, b[p]] + sd[s] * rng.normal(size=len(s))
    said = np.zeros(judged.shape)
    said[s, p] = np.clip(np.round(100 * seen), 0, 100) / 100
    return Asked(said, judged, true, np.interp(true, *expected_answers(people)))


def correlation(x: Array, y: Array, *, ranked: bool) -> float:
    return float(spearmanr(x, y).statistic if ranked else np.corrcoef(x, y)[0, 1])


def of_means(design: Design, people: People, n_studies: int) -> list[Row]:
    """The ceiling of the mean against this study's own correlation."""
    found: dict[str, list[tuple[float, ...]]] = {"pearson": [], "spearman": []}
    halves = []
    for seed in range(n_studies):
        asked = ask(design, people, seed=seed, of_truth=seed % N_TRUTHS)
        known = MeanError.of(asked.said, asked.judged)
        if known is None or not known.signal > 0:
            continue
        for measure, rows in found.items():
            ranked = measure == "spearman"
            told = ceiling_of(known, ranked=ranked, n_resamples=N_DRAWS, seed=seed)
            true = correlation(known.mean, asked.population, ranked=ranked)
            rows.append((told.low <= true <= told.high, told.high - told.low, true,
                         told.value - true))  # fmt: skip
        if seed < 200:
            r = split_half_correlation(asked.said, asked.judged, n_splits=10, seed=seed)
            halves.append(np.sqrt(max(stepped_up(r), 0)) - true)
    rows = [_row(f"mean, {name}", rows, n_studies) for name, rows in found.items()]
    rows[-1]["halves"] = float(np.mean(halves))
    return rows


def of_answers(people: People, n_studies: int) -> list[Row]:
    """A model asked several times: the mean of its answers, and a single one.

    What to expect of a single one is the mean over many studies of the same truth.
    """
    names = [
        f"{what}, {m}" for what in ("mean", "single") for m in ("pearson", "spearman")
    ]
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    singles: dict[tuple[str, int], list[float]] = {}
    told_single = []
    for seed in range(n_studies):
        of_truth = seed % N_TRUTHS
        asked = ask(REPEATS, people, seed=seed, of_truth=of_truth)
        known = MeanError.of(asked.said, asked.judged)
        for measure in ("pearson", "spearman"):
            ranked = measure == "spearman"
            singles.setdefault((measure, of_truth), []).extend(
                correlation(row, asked.population, ranked=ranked) for row in asked.said
            )
            if known is None or not known.signal > 0:
                continue
            told = ceiling_of(known, ranked=ranked, n_resamples=N_DRAWS, seed=seed)
            true = correlation(known.mean, asked.population, ranked=ranked)
            found[f"mean, {measure}"].append(
                (told.low <= true <= told.high, told.high - told.low, true,
                 told.value - true))  # fmt: skip
            one = ceiling_of(known, ranked=ranked, n_raters=1, n_resamples=N_DRAWS,
                             seed=seed)  # fmt: skip
            told_single.append((measure, of_truth, one))
    for measure, of_truth, one in told_single:
        true = float(np.mean(singles[measure, of_truth]))
        covers = one.low <= true <= one.high
        found[f"single, {measure}"].append(
            (covers, one.high - one.low, true, one.value - true)
        )
    return [_row(name, rows, n_studies) for name, rows in found.items()]


def of_raters(design: Design, people: People, n_studies: int) -> list[Row]:
    """Lower and upper ceilings of single raters against their expectation."""
    told: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(n_studies):
        asked = ask(design, people, seed=seed, of_truth=0)
        judgments = judgments_of(design, asked)
        for measure in ("pearson", "spearman"):
            ceilings = rater_ceilings(judgments, measure=measure)
            for what, each in (("lower", ceilings.lower), ("upper", ceilings.upper)):
                told.setdefault(f"{what}, {measure}", []).append(
                    (each.low, each.high, each.value)
                )
    rows = []
    for name, seen in told.items():
        true = float(np.mean([value for *_, value in seen]))
        rows.append(_row(name, [(low <= true <= high, high - low, true, 0.0)
                                for low, high, _ in seen], n_studies))  # fmt: skip
    return rows


def judgments_of(design: Design, asked: Asked) -> SimilarityJudgments:
    s, p = np.nonzero(asked.judged)
    a, b = np.triu_indices(design.n_actions, 1)
    return SimilarityJudgments(
        actions=tuple(f"action-{i}" for i in range(design.n_actions)),
        a=a[p],
        b=b[p],
        rater=np.array([f"p-{i:03}" for i in range(design.n_raters)])[s],
        similarity=asked.said[s, p],
        weight=np.ones(len(s)),
        group=np.full(len(s), "all"),
    )


def _row(name: str, rows: list[tuple[float, ...]], n_studies: int) -> Row:
    covered, width, true, error = np.array(rows, dtype=np.float64).mean(axis=0)
    return {
        "interval": name,
        "studies": len(rows),
        "without": n_studies - len(rows),
        "covered": float(covered),
        "monte_carlo": float(np.sqrt(covered * (1 - covered) / len(rows))),
        "width": float(width),
        "truth": float(true),
        "error": float(error),
    }


def parts() -> dict[str, Callable[[int], list[Row]]]:
    made: dict[str, Callable[[int], list[Row]]] = {}
    for design_name, design in DESIGNS.items():
        for people_name, people in PEOPLE.items():
            made[f"{design_name} {people_name}"] = lambda n, d=design, p=people: (
                of_means(d, p, n)
            )
    for name, people in MODELS.items():
        made[f"answers {name}"] = lambda n, p=people: of_answers(p, n)
    for design_name in ("complete 20", "sparse 20"):
        for people_name, people in PEOPLE.items():
            made[f"raters {design_name} {people_name}"] = (
                lambda n, d=DESIGNS[design_name], p=people: of_raters(d, p, n)
            )
    return made


def told(name: str, rows: list[Row]) -> str:
    lines = []
    for row in rows:
        covered = float(row["covered"])
        holds = "holds" if BAR[0] <= covered <= BAR[1] else "OUTSIDE 93-97 %"
        line = (
            f"{name:<27}{row['interval']:<18}{row['studies']:>6}{covered:>8.1%}"
            f"{row['monte_carlo']:>7.1%}{row['width']:>8.4f}{row['truth']:>8.4f}"
            f"{row['error']:>9.4f}  {holds}"
        )
        if row["without"]:
            line += f"; {row['without']} studies without a ceiling"
        if "halves" in row:
            line += f"; halves {row['halves']:+.4f}"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    available = parts()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--parts", nargs="+", default=list(available), metavar="NAME",
                        help="parts whose name begins so (default: all)")  # fmt: skip
    parser.add_argument("--keep", type=Path, help="folder of parts that are done")
    options = parser.parse_args()
    chosen = [name for name in available if name.startswith(tuple(options.parts))]
    if not chosen:
        parser.error(f"no such part; there are: {', '.join(available)}")
    print(
        f"{platform.machine()}, Python {platform.python_version()}, numpy "
        f"{np.__version__}; {options.studies:,} studies a part; one thread"
    )
    print(f"{'part':<27}{'interval of':<18}{'n':>6}{'covers':>8}{'+-':>7}{'width':>8}"
          f"{'truth':>8}{'error':>9}")  # fmt: skip
    started, outside = time.process_time(), 0
    for name in chosen:
        rows: list[Row] | None = None
        kept = None
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            kept = options.keep / f"{name.replace(' ', '-')}-{options.studies}.json"
            if kept.exists():
                rows = json.loads(kept.read_text())
        if rows is None:
            rows = available[name](options.studies)
            if kept:
                kept.write_text(json.dumps(rows))
        outside += sum(not BAR[0] <= float(row["covered"]) <= BAR[1] for row in rows)
        print(told(name, rows), flush=True)
    spent = time.process_time() - started
    print(
        f"{'the bar holds for all' if not outside else f'{outside} outside the bar'}; "
        f"{spent:.0f} s of CPU"
    )


if __name__ == "__main__":
    main()
