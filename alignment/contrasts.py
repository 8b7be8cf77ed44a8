"""Which model is more aligned: models against chance, each other, and the ceiling.

A difference between two models is taken on the same draws of actions (`draw_actions`,
one seed), so that what makes a draw hard for both cancels. Many differences need
adjusted p-values: each row gives Holm's, Benjamini and Hochberg's, and max-T, which
knows how much the models share (`alignment.multiplicity`). A family is one table: the
models against chance, the pairs of models, or the models against the ceiling.

All scores of one table are over the pairs that people and *every* model judged: a model
that refused the hard pairs must not look better for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from alignment.errors import AlignmentError
from alignment.judgments import SimilarityJudgments
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures.kinds import MatrixMeasure
from alignment.multiplicity import benjamini_hochberg, holm, max_t
from alignment.reliability import split_halves
from alignment.two_factor import FactorDraws, judged_by_all
from alignment.uncertainty import (
    SAME,
    Estimate,
    bootstrap_draws,
    draw_actions,
    draw_orders,
    needs_interval,
    percentile_estimate,
)

# Raw p, Holm's, Benjamini and Hochberg's, max-T's.
Adjusted = tuple[float, float, float, float]
CEILING = "ceiling"
# A mean of halves steps up by Spearman and Brown's formula for these alone.
WITH_CEILING = ("pearson", "spearman")


@dataclass(frozen=True)
class AgainstChance:
    """One model's score and its one-sided permutation p, raw and adjusted.

    NaN where the score is undefined; such a model is not part of the family.
    """

    model: str
    value: float
    p: float
    p_holm: float
    p_bh: float
    p_max_t: float
    n_pairs: int


@dataclass(frozen=True)
class Contrast:
    """The first score minus the second, and two-sided p, raw and adjusted.

    difference: With its 95 % interval over the draws. NaN where either score is
        undefined; such a row is not part of the family.
    n_pairs: Pairs both scores are over.
    """

    first: str
    second: str
    difference: Estimate
    p: float
    p_holm: float
    p_bh: float
    p_max_t: float
    n_pairs: int


@dataclass(frozen=True, eq=False)
class CeilingDraws:
    """The ceiling of the data and of each draw of actions.

    value: As `noise_ceiling`; NaN where the halves do not agree. draws: (n_resamples,)
    of the draws of `draw_actions` under the same seed, 0 where halves do not agree.
    """

    value: float
    draws: FloatArray


def models_against_chance(
    measure: MatrixMeasure,
    human: SimilarityMatrix,
    models: Sequence[SimilarityMatrix],
    *,
    n_permutations: int = 1000,
    seed: int,
) -> tuple[AgainstChance, ...]:
    """Permutation tests of many models, one order of actions a draw for all of them.

    For max-T each model's scores are set in standard deviations from the mean of its
    own permuted scores, so that models with other spreads weigh alike. Up to 7 actions
    all orders are tried. A permuted score that is undefined counts against the claim.

    Raises:
        AlignmentError: No model, or one name twice.
        MatrixError: As `Measure.compute`.
    """
    human = _on_common_pairs(human, models)
    orders = draw_orders(len(human), n_permutations, seed)
    values = np.array([measure.compute(human, model) for model in models])
    null = np.column_stack(
        [
            np.concatenate(
                [measure.permuted(human, model, rows) for rows in orders.chunks()]
            )
            for model in models
        ]
    )
    # Where nothing is defined there is nothing to count; such a value is NaN already.
    least = np.where(np.isnan(null), np.inf, null) >= values - SAME
    p = np.where(
        np.isnan(values), np.nan, [orders.p(int(column.sum())) for column in least.T]
    )
    known = np.where(np.isnan(null), 0.0, null)
    n = np.maximum((~np.isnan(null)).sum(axis=0), 1)
    mean = known.sum(axis=0) / n
    off = np.where(np.isnan(null), 0.0, null - mean)
    sd = np.sqrt((off**2).sum(axis=0) / n)
    sd = np.where(sd > SAME, sd, 1.0)
    adjusted = max_t((values - mean) / sd, (null - mean) / sd, all_orders=orders.exact)
    return tuple(
        AgainstChance(model.rater, float(value), *ps, _n_pairs(human))
        for model, value, ps in zip(models, values, _families(p, adjusted), strict=True)
    )


def compare_models(
    measure: MatrixMeasure,
    human: SimilarityMatrix,
    models: Sequence[SimilarityMatrix],
    *,
    n_resamples: int = 1000,
    seed: int,
) -> tuple[Contrast, ...]:
    """Every pair of models: a paired bootstrap over actions.

    p is two-sided, 2 min(share of draws <= 0, share >= 0), each with one added to its
    count and to the draws; a draw of exactly 0 counts on both sides. Two identical
    models have p 1. Draws without a score are left out and counted.

    Raises:
        AlignmentError: Fewer than two models, one name twice, or a measure without an
            interval over actions.
        MatrixError: As `Measure.compute`.
    """
    needs_interval(measure)
    human = _on_common_pairs(human, models, least=2)
    counts = draw_actions(len(human), n_resamples, seed)
    values, draws = _scores(measure, human, models, counts)
    pairs = list(combinations(range(len(models)), 2))
    first, second = (list(side) for side in zip(*pairs, strict=True))
    return _contrasts(
        [(models[i].rater, models[j].rater) for i, j in pairs],
        values[first] - values[second],
        draws[:, first] - draws[:, second],
        _n_pairs(human),
    )


def compare_with_ceiling(
    measure: MatrixMeasure,
    human: SimilarityMatrix,
    models: Sequence[SimilarityMatrix],
    ceiling: CeilingDraws,
    *,
    n_resamples: int = 1000,
    seed: int,
) -> tuple[Contrast, ...]:
    """Each model minus the ceiling, on the same draws of actions.

    Args:
        ceiling: Of the same judgments, `n_resamples` and seed; see
            `split_half_ceiling`. Where its value is NaN, so is every row.

    Raises:
        AlignmentError: No model, one name twice, a ceiling of other draws, or a measure
            without an interval over actions.
        MatrixError: As `Measure.compute`.
    """
    needs_interval(measure)
    if ceiling.draws.shape != (n_resamples,):
        raise AlignmentError(
            f"ceiling: needs {n_resamples} draws as the models have, "
            f"got shape {ceiling.draws.shape}"
        )
    human = _on_common_pairs(human, models)
    counts = draw_actions(len(human), n_resamples, seed)
    values, draws = _scores(measure, human, models, counts)
    return _contrasts(
        [(model.rater, CEILING) for model in models],
        values - ceiling.value,
        draws - ceiling.draws[:, None],
        _n_pairs(human),
    )


def split_half_ceiling(
    measure: MatrixMeasure,
    judgments: SimilarityJudgments,
    models: Sequence[SimilarityMatrix] = (),
    *,
    n_splits: int = 20,
    n_resamples: int = 1000,
    seed: int,
) -> CeilingDraws:
    """sqrt(2r / (1 + r)) on each draw of actions, r the mean over splits of the raters.

    The splits are the same for every draw, so the ceiling and the models share the
    actions' chance and the raters are taken as they are.

    Args:
        models: Those to be compared with it: pairs that one of them lacks are left out
            here too.

    Raises:
        AlignmentError: A measure that is no correlation: Spearman and Brown's formula
            is about variances.
        TooFewRaters: Fewer than 2 participants, or only published means.
    """
    if measure.name not in WITH_CEILING:
        raise AlignmentError(
            f"ceiling by split halves: holds for {' and '.join(WITH_CEILING)}, "
            f"got {measure.name}"
        )
    judgments = judged_by_all(judgments, models)
    counts = draw_actions(len(judgments.actions), n_resamples, seed)
    states = np.random.SeedSequence(seed).generate_state(n_splits)
    halves = [split_halves(judgments, seed=int(state)) for state in states]
    values = np.array([measure.compute(one, other) for one, other in halves])
    draws = np.stack(
        [bootstrap_draws(measure, one, other, counts) for one, other in halves]
    )
    r = _mean_known(values[:, None])[0]
    value = float(np.sqrt(2 * r / (1 + r))) if r > 0 else float("nan")
    mean = np.clip(_mean_known(draws), 0.0, 1.0)
    return CeilingDraws(value, np.sqrt(2 * mean / (1 + mean)))


def compare_over_both(draws: FactorDraws) -> tuple[Contrast, ...]:
    """Every pair of models, people and actions both drawn: t-tests.

    Variances are corrected as in `alignment.two_factor`. Max-T compares |t| with the
    largest |d* - d| of the draws over both factors, each in its own standard
    deviations: the draws say how the differences go together.

    Raises:
        AlignmentError: Fewer than two models.
    """
    names = draws.models
    if len(names) < 2:
        raise AlignmentError(
            f"comparison of models: needs at least 2 models, got {len(names)}"
        )
    pairs = list(combinations(range(len(names)), 2))
    found = [draws.difference(names[i], names[j]) for i, j in pairs]
    p = np.array([each.p() for each in found])
    first, second = (list(side) for side in zip(*pairs, strict=True))
    away = draws.over_both[:, first] - draws.over_both[:, second]
    away -= np.array([each.estimate.value for each in found])
    t = np.array([_in_sds(abs(e.estimate.value), np.sqrt(e.variance)) for e in found])
    adjusted = _max_of(t, np.abs(away), p)
    return tuple(
        Contrast(names[i], names[j], each.estimate, *ps, draws.n_pairs)
        for (i, j), each, ps in zip(pairs, found, _families(p, adjusted), strict=True)
    )


def _scores(
    measure: MatrixMeasure,
    human: SimilarityMatrix,
    models: Sequence[SimilarityMatrix],
    counts: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """(n_models,) scores, and (n_draws, n_models) on the draws."""
    values = np.array([measure.compute(human, model) for model in models])
    draws = [bootstrap_draws(measure, human, model, counts) for model in models]
    return values, np.column_stack(draws)


def _contrasts(
    names: Sequence[tuple[str, str]],
    values: FloatArray,
    draws: FloatArray,
    n_pairs: int,
) -> tuple[Contrast, ...]:
    p = np.array([_two_sided(v, d) for v, d in zip(values, draws.T, strict=True)])
    away = np.abs(draws - values)
    t = np.array([_in_sds(abs(v), _sd(d)) for v, d in zip(values, away.T, strict=True)])
    table = _families(p, _max_of(t, away, p))
    return tuple(
        Contrast(*pair, percentile_estimate(float(value), column), *ps, n_pairs)
        for pair, value, column, ps in zip(names, values, draws.T, table, strict=True)
    )


def _families(p: FloatArray, max_t_p: FloatArray) -> list[Adjusted]:
    columns = np.column_stack([p, holm(p), benjamini_hochberg(p), max_t_p])
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in columns]


def _two_sided(value: float, draws: FloatArray) -> float:
    usable = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(usable):
        return float("nan")
    side = min((usable <= SAME).sum(), (usable >= -SAME).sum())
    return float(min(1.0, 2 * (1 + side) / (1 + len(usable))))


def _sd(away: FloatArray) -> float:
    """Root mean square of how far draws lie from the value."""
    usable = away[~np.isnan(away)]
    return float(np.sqrt((usable**2).mean())) if len(usable) else float("nan")


def _in_sds(away: float, sd: float) -> float:
    """0 for no difference; infinite for one that never varies."""
    if away <= SAME:
        return 0.0
    return away / sd if sd > SAME else float("inf")


def _max_of(t: FloatArray, away: FloatArray, p: FloatArray) -> FloatArray:
    """Max-T of |d| in sds against |d* - d| in sds, on the draws all rows have."""
    tested = ~np.isnan(p)
    adjusted: FloatArray = np.full(len(t), np.nan)
    usable = ~np.isnan(away[:, tested]).any(axis=1)
    if not tested.any() or not usable.any():
        return adjusted
    null = away[usable][:, tested]
    sd = np.array([_sd(column) for column in null.T])
    null = np.divide(null, sd, out=np.zeros_like(null), where=sd > SAME)
    adjusted[tested] = max_t(t[tested], null)
    return adjusted


def _mean_known(rows: FloatArray) -> FloatArray:
    """Mean down each column of what is not NaN; 0 where nothing is."""
    known = ~np.isnan(rows)
    n = known.sum(axis=0)
    summed = np.where(known, rows, 0.0).sum(axis=0)
    made: FloatArray = np.divide(summed, n, out=np.zeros(len(n)), where=n > 0)
    return made


def _on_common_pairs(
    human: SimilarityMatrix, models: Sequence[SimilarityMatrix], *, least: int = 1
) -> SimilarityMatrix:
    """The human matrix with the pairs alone that every model judged."""
    names = [model.rater for model in models]
    if len(names) < least:
        raise AlignmentError(
            f"comparison of models: needs at least {least} models, got {len(names)}"
        )
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise AlignmentError(
            f"comparison of models: each has its own name; {twice} stands twice"
        )
    values = human.values.copy()
    for model in models:
        human.same_actions(model)
        values[np.isnan(model.values)] = np.nan
    return replace(human, values=values)


def _n_pairs(human: SimilarityMatrix) -> int:
    return human.n_pairs - human.n_missing
