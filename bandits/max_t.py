"""Many outcomes at once: one permutation of the kernels for all of them.

Dimensions, phases, metrics and alignment measures are tested on the same kernels, so
that chance lifts many of them together. Every draw deals the kernels' outcomes out anew
in one order for all tests; each test's size is compared with the largest of all in the
draw (Westfall & Young, 1993, step down), which keeps the chance of any false claim
below the level whatever the tests share. Holm stands beside it.

Limit: as in `bandits.effects`, kernels are taken for exchangeable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from alignment.multiplicity import holm, max_t
from bandits.effects import (
    CONSTANT,
    EXACT_UP_TO,
    MIN_MODELS,
    SAME,
    TOO_FEW,
    cluster,
    every_order,
)
from bandits.errors import BanditError

Array = NDArray[np.float64]
NAIVE_MISLEADS = (
    "The naive p counts every run as independent evidence (pseudo-replication): runs of"
    " one kernel share its alignment, so that more runs alone make it as small as one"
    " likes. It is shown for comparison and supports no claim; the kernels' p does."
)
UNDEFINED = "undefined for {}: leave these models out of every test, or this test"


@dataclass(frozen=True, eq=False)
class Question:
    """One alignment measure against one outcome, over the raters of the whole family.

    label: Such as ("cka", "morality", "personalization", "mean_reward").
    alignment, outcome: (n_raters,), in the raters' common order.
    runs: (n_raters, n_runs) outcomes of single runs, only for the naive p.
    """

    label: tuple[str, ...]
    alignment: Array
    outcome: Array
    runs: Array | None = None


@dataclass(frozen=True)
class Answer:
    """What is known of one question, by itself and among all.

    spearman: NaN below `MIN_MODELS` models, or where `note` says why.
    p: Two-sided, of this question alone. holm, max_t: adjusted for all questions asked.
    smallest_p: What `p` could at best have been.
    naive_p: Of all runs as if each were evidence; NaN without runs (`NAIVE_MISLEADS`).
    n_runs: Runs that the naive p counts.
    """

    label: tuple[str, ...]
    spearman: float
    p: float
    holm: float
    max_t: float
    smallest_p: float
    exact: bool
    n_models: int
    naive_p: float
    n_runs: int
    note: str


def ask_jointly(
    models: Sequence[str],
    questions: Sequence[Question],
    *,
    seed: int,
    n_permutations: int = 9999,
) -> list[Answer]:
    """Spearman of each question with p alone, by Holm and by max-T, in their order.

    All orders up to `EXACT_UP_TO` models; above, random ones with the observed one added
    (Phipson & Smyth, 2010). A question that is constant, or undefined for a model, is
    not asked: its p are NaN and it burdens no other.

    Args:
        models: (n_raters,); variants `model@variant` are averaged into one.

    Raises:
        BanditError: No question, a label twice, or shapes that do not fit.
    """
    _check(models, questions)
    names, _, _ = cluster(models, *np.zeros((2, len(models))))
    n = len(names)
    orders = _orders(n, seed, n_permutations)
    sizes = np.full(len(questions), math.nan)
    null = np.zeros((len(orders), len(questions)))
    values, notes = sizes.copy(), [""] * len(questions)
    for place, question in enumerate(questions):
        _, x, y = cluster(models, question.alignment, question.outcome)
        bad = [names[k] for k in np.flatnonzero(~np.isfinite(x + y))]
        notes[place] = TOO_FEW if n < MIN_MODELS else ""
        if bad:
            notes[place] = UNDEFINED.format(", ".join(bad))
        elif n < 2 or not np.ptp(x) or not np.ptp(y):
            notes[place] = CONSTANT if n >= MIN_MODELS else TOO_FEW
        else:
            a, b = _unit(x), _unit(y)
            values[place], sizes[place] = a @ b, abs(a @ b)
            null[:, place] = np.abs(b[orders] @ a)
    exact = n <= EXACT_UP_TO
    # Equal correlations differ by rounding between orders: above by that much is equal.
    p = (np.sum(null >= sizes - SAME, axis=0) + (not exact)) / (len(null) + (not exact))
    p = np.where(np.isnan(sizes), math.nan, p)
    top = np.mean(null >= null.max(axis=0) - SAME, axis=0)
    smallest = top if exact else np.full(len(p), 1 / (len(null) + 1))
    by_holm, jointly = holm(p), max_t(sizes, null, all_orders=exact)
    answers = []
    for k, question in enumerate(questions):
        naive_p, n_runs = _naive(question)
        best = 1.0 if math.isnan(p[k]) else float(smallest[k])
        answers.append(
            Answer(
                question.label, math.nan if notes[k] else float(values[k]), float(p[k]),
                float(by_holm[k]), float(jointly[k]), best,
                exact, n, naive_p, n_runs, notes[k],
            )
        )  # fmt: skip
    return answers


def _check(models: Sequence[str], questions: Sequence[Question]) -> None:
    if not questions:
        raise BanditError("joint tests: needs at least one question")
    labels = [question.label for question in questions]
    for label in labels:
        if labels.count(label) > 1:
            raise BanditError(f"joint tests: {'/'.join(label)} is asked twice")
    for question in questions:
        runs = question.runs
        if (
            np.shape(question.alignment) != (len(models),)
            or np.shape(question.outcome) != (len(models),)
            or (runs is not None and (runs.ndim != 2 or len(runs) != len(models)))
        ):
            raise BanditError(
                f"joint tests: {'/'.join(question.label)} needs one alignment, outcome"
                f" and row of runs for each of {len(models)} raters"
            )


def _orders(n: int, seed: int, n_permutations: int) -> NDArray[np.int64]:
    if n <= EXACT_UP_TO:
        return every_order(n)
    base = np.tile(np.arange(n), (n_permutations, 1))
    return np.random.default_rng(seed).permuted(base, axis=1)


def _unit(values: Array) -> Array:
    ranks = rankdata(values)
    ranks = ranks - ranks.mean()
    unit: Array = ranks / np.sqrt(ranks @ ranks)
    return unit


def _naive(question: Question) -> tuple[float, int]:
    if question.runs is None:
        return math.nan, 0
    x = np.broadcast_to(question.alignment[:, None], question.runs.shape).ravel()
    y = question.runs.ravel()
    both = ~(np.isnan(x) | np.isnan(y))
    x, y = x[both], y[both]
    if len(x) < 3 or not np.ptp(x) or not np.ptp(y):
        return math.nan, len(x)
    return float(spearmanr(x, y).pvalue), len(x)


@dataclass(frozen=True)
class EffectiveNumber:
    """As how many independent dimensions the correlated ones count: 1 to `n`.

    With l the eigenvalues of their correlation matrix: li_ji sums [l >= 1] + l -
    floor(l) (Li & Ji, 2005, Heredity 95, 221-227); galwey is (sum sqrt l)^2 / sum l
    (Galwey, 2009, Genetic Epidemiology 33, 559-568). They are descriptions of the
    halo; the adjusted p above do not need them.
    """

    li_ji: float
    galwey: float
    n: int


def effective_number(table: Array) -> EffectiveNumber:
    """Effective number of correlated dimensions.

    Args:
        table: (n_units, n_dimensions), such as actions by values, more units than
            dimensions, or sampling alone lowers the number. Units with a NaN and
            dimensions that are constant over the rest are left out; NaN if none is left.

    Raises:
        BanditError: Not a table, or fewer than three whole units.
    """
    values = np.asarray(table, dtype=float)
    if values.ndim != 2:
        raise BanditError(
            f"effective number: needs units by dimensions, got shape {values.shape}"
        )
    whole = values[~np.isnan(values).any(axis=1)]
    if len(whole) < 3:
        raise BanditError(
            f"effective number: needs at least 3 units with every dimension, got"
            f" {len(whole)}"
        )
    varying = whole[:, np.ptp(whole, axis=0) > 0]
    n = varying.shape[1]
    if not n:
        return EffectiveNumber(math.nan, math.nan, 0)
    correlations = np.corrcoef(varying, rowvar=False).reshape(n, n)
    # Li and Ji's sum jumps at whole numbers, where rounding would decide.
    roots = np.clip(np.linalg.eigvalsh(correlations).round(9), 0, None)
    li_ji = float(np.sum((roots >= 1) + roots - np.floor(roots)))
    return EffectiveNumber(li_ji, float(np.sqrt(roots).sum() ** 2 / roots.sum()), n)
