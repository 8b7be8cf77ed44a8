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

The bar: between 93 and 97 %. The Monte Carlo error stands beside each. Studies are kept
in the folder one by one, so that a run that was stopped goes on where it was.
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
from functools import cache, partial
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
# What was told, and what is true, by the interval's name; see `summed_up`.
Study = dict[str, list[float]]
MEASURES = ("pearson", "spearman")
N_HALVED = 200


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


def of_mean(design: Design, people: People, seed: int) -> Study:
    """The ceiling of the mean, and this study's own correlation."""
    asked = ask(design, people, seed=seed, of_truth=seed % N_TRUTHS)
    found = _ceilings(asked, seed)
    if found and seed < N_HALVED:
        r = split_half_correlation(asked.said, asked.judged, n_splits=10, seed=seed)
        found["halves"] = [float(np.sqrt(max(stepped_up(r), 0)))]
    return found


def of_answers(people: People, seed: int) -> Study:
    """A model asked several times: the mean of its answers, and a single one."""
    asked = ask(REPEATS, people, seed=seed, of_truth=seed % N_TRUTHS)
    found = _ceilings(asked, seed)
    known = MeanError.of(asked.said, asked.judged)
    for measure in MEASURES:
        ranked = measure == "spearman"
        singles = [correlation(row, asked.population, ranked=ranked)
                   for row in asked.said]  # fmt: skip
        found[f"answers, {measure}"] = [float(np.mean(singles))]
        if known is not None and known.signal > 0:
            one = ceiling_of(known, ranked=ranked, n_raters=1, n_resamples=N_DRAWS,
                             seed=seed)  # fmt: skip
            found[f"single, {measure}"] = [one.low, one.high, one.value]
    return found


def of_raters(design: Design, people: People, seed: int) -> Study:
    """Lower and upper ceilings of single raters."""
    asked = ask(design, people, seed=seed, of_truth=0)
    judgments = judgments_of(design, asked)
    found: Study = {}
    for measure in MEASURES:
        ceilings = rater_ceilings(judgments, measure=measure)
        for what, each in (("lower", ceilings.lower), ("upper", ceilings.upper)):
            found[f"{what}, {measure}"] = [each.low, each.high, each.value]
    return found


def _ceilings(asked: Asked, seed: int) -> Study:
    """Low, high, value and truth by measure; nothing where there is no ceiling."""
    known = MeanError.of(asked.said, asked.judged)
    if known is None or not known.signal > 0:
        return {}
    found: Study = {}
    for measure in MEASURES:
        ranked = measure == "spearman"
        told = ceiling_of(known, ranked=ranked, n_resamples=N_DRAWS, seed=seed)
        true = correlation(known.mean, asked.population, ranked=ranked)
        found[f"mean, {measure}"] = [told.low, told.high, told.value, true]
    return found


def summed_up(studies: dict[int, Study]) -> list[Row]:
    """Coverage of each interval, over studies by their seeds."""
    rows = []
    for what in ("mean", "single", "lower", "upper"):
        for measure in MEASURES:
            name = f"{what}, {measure}"
            told = {seed: one[name] for seed, one in studies.items() if name in one}
            if not told:
                continue
            true = _truths(name, told, studies)
            row = _row(name, [(low <= true[seed] <= high, high - low, true[seed],
                               value - true[seed])
                              for seed, (low, high, value, *_) in told.items()],
                       len(studies))  # fmt: skip
            halves = [(one["halves"][0] - one[name][3])
                      for one in studies.values() if "halves" in one]  # fmt: skip
            if name == "mean, spearman" and halves:
                row["halves"] = float(np.mean(halves))
            rows.append(row)
    return rows


def _truths(
    name: str, told: dict[int, list[float]], studies: dict[int, Study]
) -> dict[int, float]:
    """The study's own truth; or what is expected, the mean over studies alike."""
    what, measure = name.split(", ")
    if what == "mean":
        return {seed: found[3] for seed, found in told.items()}
    if what != "single":
        expected = float(np.mean([found[2] for found in told.values()]))
        return dict.fromkeys(told, expected)
    by_truth: dict[int, list[float]] = {}
    for seed, one in studies.items():
        by_truth.setdefault(seed % N_TRUTHS, []).extend(one[f"answers, {measure}"])
    return {seed: float(np.mean(by_truth[seed % N_TRUTHS])) for seed in told}


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


def parts() -> dict[str, Callable[[int], Study]]:
    """Name -> a study, from its seed."""
    made: dict[str, Callable[[int], Study]] = {}
    for design_name, design in DESIGNS.items():
        for people_name, people in PEOPLE.items():
            made[f"{design_name} {people_name}"] = partial(of_mean, design, people)
    for name, people in MODELS.items():
        made[f"answers {name}"] = partial(of_answers, people)
    for design_name in ("complete 20", "sparse 20"):
        for people_name, people in PEOPLE.items():
            made[f"raters {design_name} {people_name}"] = partial(
                of_raters, DESIGNS[design_name], people
            )
    return made


def studied(
    study: Callable[[int], Study], n_studies: int, kept: Path | None
) -> dict[int, Study]:
    """Studies by their seeds, those that lie in the file and those that did not yet."""
    done: dict[int, Study] = {}
    if kept and kept.exists():
        for line in kept.read_text().splitlines():
            seed, found = json.loads(line)
            done[seed] = found
    for seed in range(n_studies):
        if seed not in done:
            done[seed] = study(seed)
            if kept:
                with kept.open("a") as file:
                    file.write(json.dumps([seed, done[seed]]) + "\n")
    return {seed: found for seed, found in done.items() if seed < n_studies}


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
    parser.add_argument("--keep", type=Path, help="folder of studies that are done")
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
        kept = None
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            kept = options.keep / f"{name.replace(' ', '-')}.jsonl"
        rows = summed_up(studied(available[name], options.studies, kept))
        outside += sum(not BAR[0] <= float(row["covered"]) <= BAR[1] for row in rows)
        print(told(name, rows), flush=True)
    spent = time.process_time() - started
    print(
        f"{'the bar holds for all' if not outside else f'{outside} outside the bar'}; "
        f"{spent:.0f} s of CPU"
    )


if __name__ == "__main__":
    main()
