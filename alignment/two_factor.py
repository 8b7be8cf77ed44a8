"""How sure an alignment with people is: people and actions are both samples.

With other people, and with other actions, the score would differ. Drawing both at once
counts the chance of single judgments twice, so the variance is put together from three
bootstraps (Schuett et al., 2023, eLife 82566): over raters, v_r, over actions, v_a, and
over both, v_b. With k raters a pair and n actions, a = k / (k - 1), b = n / (n - 1),

    v = a v_r + b v_a - a b (v_b - v_r - v_a), between max(a v_r, b v_a) and v_b.

Should the lower bound exceed the upper, as it may where one factor hardly varies, the
lower one holds: it alone allows for small samples. a and b undo that a bootstrap mean
of k varies by (k - 1) / k too little. In a complete design k is the number of raters;
in a sparse one the number *each pair* has, since that is what a mean is taken over. In
100 simulated studies a design of 30 raters, 3 a pair, a v_r was 1.0 to 1.5 times the
true variance over raters; with a of all 30 it would have been 0.7 to 1.05 times.

All errors are on the careful side with few actions: in 150 studies a design of 15
actions v was 1.6 to 2.1 times the true variance and intervals covered in 96 to 99 of
100, because actions drawn twice leave a draw fewer different pairs than the study had.

Several models are scored on the same draws, so differences of theirs can be judged too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from alignment.errors import AlignmentError, TooFewRaters
from alignment.judgments import SimilarityJudgments
from alignment.matrices import FloatArray, SimilarityMatrix
from alignment.measures.kinds import MatrixMeasure
from alignment.rater_draws import RaterTable, RaterUnit, rater_table
from alignment.uncertainty import (
    Estimate,
    bootstrap_draws,
    draw_actions,
    needs_interval,
)

# Below this share of usable draws, those left are no sample of the draws.
ENOUGH = 0.5


@dataclass(frozen=True)
class TwoFactorEstimate:
    """A score, or a difference of scores, with the uncertainty of both factors.

    estimate: The value and its 95 % interval, value -+ t(dof) sqrt(variance). Of a
        single score the ends are kept within the measure's range. NaN without variance
        to be had; `resampled` is the smallest number of usable draws of the three.
    variance: The corrected variance of the value.
    over_raters, over_actions, over_both: The three bootstrap variances it is made from.
    dof: min(raters, actions) - 1.
    """

    estimate: Estimate
    variance: float
    over_raters: float
    over_actions: float
    over_both: float
    dof: int

    def p(self, against: float = 0.0) -> float:
        """Two-sided p of a t-test of the value against a number.

        1 where they are equal without any variance (two identical models), otherwise
        NaN without variance.
        """
        away = abs(self.estimate.value - against)
        if not self.variance > 0:
            return 1.0 if away == 0 else float("nan")
        return float(2 * student.sf(away / np.sqrt(self.variance), self.dof))


@dataclass(frozen=True, eq=False)
class FactorDraws:
    """Scores of some models on shared draws of raters, of actions, and of both.

    models: n_models names. values: (n_models,) scores of all judgments. Then
    (n_resamples, n_models), NaN where undefined: over_raters, over_actions, over_both.
    n_raters: distinct ones. raters_per_pair: their mean number over the judged pairs.
    n_pairs: those that people and every model judged. range: the measure's.
    """

    models: tuple[str, ...]
    values: FloatArray
    over_raters: FloatArray
    over_actions: FloatArray
    over_both: FloatArray
    n_raters: int
    raters_per_pair: float
    n_actions: int
    n_pairs: int
    range: tuple[float, float]

    def of(self, model: str) -> TwoFactorEstimate:
        """The score of one model.

        Raises:
            AlignmentError: There is no such model.
        """
        return self._estimate(self._at(model), self.range)

    def difference(self, first: str, second: str) -> TwoFactorEstimate:
        """The first model's score minus the second's, draw by draw.

        Raises:
            AlignmentError: There is no such model.
        """
        return self._estimate(self._at(first) - self._at(second), (-np.inf, np.inf))

    def _at(self, model: str) -> FloatArray:
        if model not in self.models:
            raise AlignmentError(
                f"two-factor bootstrap: there is no model {model}; "
                f"the models are {', '.join(self.models)}"
            )
        made: FloatArray = np.zeros(len(self.models))
        made[self.models.index(model)] = 1.0
        return made

    def _estimate(
        self, contrast: FloatArray, limits: tuple[float, float]
    ) -> TwoFactorEstimate:
        used = contrast != 0
        value = float(self.values[used] @ contrast[used])
        variances, usable = [], []
        for draws in (self.over_raters, self.over_actions, self.over_both):
            scores = draws[:, used] @ contrast[used]
            scores = scores[~np.isnan(scores)]
            usable.append(len(scores))
            variances.append(float(scores.var(ddof=1)) if len(scores) > 1 else np.nan)
        over_raters, over_actions, over_both = variances
        variance = corrected_variance(
            over_raters,
            over_actions,
            over_both,
            n_raters=self.raters_per_pair,
            n_actions=self.n_actions,
        )
        dof = min(self.n_raters, self.n_actions) - 1
        half = float(student.ppf(0.975, dof)) * np.sqrt(variance)
        low, high = np.clip([value - half, value + half], *limits)
        estimate = Estimate(value, float(low), float(high), min(usable))
        return TwoFactorEstimate(
            estimate, variance, over_raters, over_actions, over_both, dof
        )


def corrected_variance(
    over_raters: float,
    over_actions: float,
    over_both: float,
    *,
    n_raters: float = np.inf,
    n_actions: float = np.inf,
) -> float:
    """The variance of a score from three bootstrap variances; see the module.

    Args:
        over_raters, over_actions, over_both: At least 0; NaN if any is.
        n_raters, n_actions: Raters a pair and actions; the large-sample form
            2 (v_r + v_a) - v_b if left out.

    Raises:
        AlignmentError: Not more than one rater a pair, or one action.
    """
    if not n_raters > 1 or not n_actions > 1:
        raise AlignmentError(
            f"two-factor bootstrap: needs more than one rater a pair and one action, "
            f"got {n_raters:g} and {n_actions:g}"
        )
    if np.isnan([over_raters, over_actions, over_both]).any():
        return float("nan")
    a = 1.0 if np.isinf(n_raters) else n_raters / (n_raters - 1)
    b = 1.0 if np.isinf(n_actions) else n_actions / (n_actions - 1)
    whole = (
        a * over_raters
        + b * over_actions
        - a * b * (over_both - over_raters - over_actions)
    )
    least = max(a * over_raters, b * over_actions)
    return float(max(least, min(whole, over_both)))


def bootstrap_raters(
    measure: MatrixMeasure,
    judgments: SimilarityJudgments,
    model: SimilarityMatrix,
    *,
    n_resamples: int = 1000,
    seed: int,
    unit: RaterUnit | None = None,
) -> Estimate:
    """The measure with its 95 % interval over raters, the actions as they are.

    For any design: each draw's mean matrix is made anew from the raters drawn. Drawn
    means are noisier than the study's, so draws score lower than the study as a rule,
    and their percentiles would lie too low, sometimes below the value itself. The
    interval is therefore value -+ t(raters - 1) sqrt(a v_r), within the measure's
    range: the scatter of the score, not what infinitely many raters would give.

    Args:
        unit: Draw people, or judgments within pairs; see `alignment.rater_draws`.

    Raises:
        TooFewRaters: Only published means, or fewer than 2 raters a pair in the mean.
        AlignmentError: Too many draws leave the measure undefined.
        MatrixError: As `Measure.compute`.
    """
    table = _enough_raters(judgments)
    human = table.matrix(table.means())
    value = measure.compute(human, model)
    ones = np.ones((1, len(human)), dtype=np.int64)
    drawn = table.drawn_means(n_resamples, seed=seed, unit=unit)
    draws = np.array([_score(measure, table, means, model, ones)[0] for means in drawn])
    _enough_draws(measure, [value], draws[:, None])
    usable = draws[~np.isnan(draws)]
    if np.isnan(value) or len(usable) < 2:
        return Estimate(value, np.nan, np.nan, len(usable))
    k = float(table.raters_per_pair.mean())
    sd = float(np.sqrt(usable.var(ddof=1) * k / (k - 1)))
    half = float(student.ppf(0.975, table.n_raters - 1)) * sd
    low, high = np.clip([value - half, value + half], *measure.range)
    return Estimate(value, float(low), float(high), len(usable))


def factor_draws(
    measure: MatrixMeasure,
    judgments: SimilarityJudgments,
    models: Sequence[SimilarityMatrix],
    *,
    n_resamples: int = 1000,
    seed: int,
    unit: RaterUnit | None = None,
) -> FactorDraws:
    """Score models against people on shared draws of raters, of actions and of both.

    O(n_resamples * n_models) times the measure. Scores are over the pairs that people
    and every model judged: a model that refused the hard ones must not look better for
    it. A pair unjudged in a draw is left out of it; a measure that needs every pair is
    undefined there.

    Raises:
        TooFewRaters: Only published means, or fewer than 2 raters a pair in the mean.
        AlignmentError: No model, one name twice, too many undefined draws, or a measure
            without an interval over actions.
        MatrixError: As `Measure.compute`.
    """
    needs_interval(measure)
    names = tuple(model.rater for model in models)
    if not names or len(set(names)) != len(names):
        raise AlignmentError(
            f"two-factor bootstrap: needs at least one model and a name for each, "
            f"got {', '.join(names) or 'none'}"
        )
    table = _enough_raters(judged_by_all(judgments, models))
    human = table.matrix(table.means())
    values = np.array([measure.compute(human, model) for model in models])
    n = len(human)
    counts = draw_actions(n, n_resamples, seed)
    over_actions = np.column_stack(
        [bootstrap_draws(measure, human, model, counts) for model in models]
    )
    # Raters and actions must not be drawn by the same numbers.
    rater_seed = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
    scores = np.empty((n_resamples, len(models), 2))
    ones = np.ones(n, dtype=np.int64)
    drawn = table.drawn_means(n_resamples, seed=rater_seed, unit=unit)
    for draw, means in enumerate(drawn):
        both = np.stack([ones, counts[draw]])
        for k, model in enumerate(models):
            scores[draw, k] = _score(measure, table, means, model, both)
    for draws in (scores[:, :, 0], over_actions, scores[:, :, 1]):
        _enough_draws(measure, values, draws)
    return FactorDraws(
        models=names,
        values=values,
        over_raters=scores[:, :, 0],
        over_actions=over_actions,
        over_both=scores[:, :, 1],
        n_raters=table.n_raters,
        raters_per_pair=float(table.raters_per_pair.mean()),
        n_actions=n,
        n_pairs=len(table.pairs),
        range=measure.range,
    )


def _score(
    measure: MatrixMeasure,
    table: RaterTable,
    means: FloatArray,
    model: SimilarityMatrix,
    counts: npt.NDArray[np.int64],
) -> FloatArray:
    if measure.needs_complete and np.isnan(means).any():
        return np.full(len(counts), np.nan)
    return measure.resampled(table.matrix(means), model, counts)


def judged_by_all(
    judgments: SimilarityJudgments, models: Sequence[SimilarityMatrix]
) -> SimilarityJudgments:
    """The judgments of pairs that no model lacks."""
    kept = np.ones(len(judgments), dtype=bool)
    for model in models:
        if model.actions == judgments.actions:  # others are refused by the measure
            kept &= ~np.isnan(model.values[judgments.a, judgments.b])
    if kept.all():
        return judgments
    columns = ("a", "b", "rater", "similarity", "weight", "group")
    return replace(
        judgments, **{name: getattr(judgments, name)[kept] for name in columns}
    )


def _enough_raters(judgments: SimilarityJudgments) -> RaterTable:
    table = rater_table(judgments)
    mean = table.raters_per_pair.mean()
    if table.n_raters < 2 or mean < 2:
        raise TooFewRaters(
            f"bootstrap over raters: needs at least 2 raters a pair in the mean over "
            f"the {len(table.pairs):,} judged pairs, got {mean:.3g} from "
            f"{table.n_raters} raters; collect more judgments of the same pairs"
        )
    return table


def _enough_draws(
    measure: MatrixMeasure, values: npt.ArrayLike, draws: FloatArray
) -> None:
    """Refuse where a defined score is undefined in most draws."""
    defined = ~np.isnan(np.asarray(values))
    if not defined.any():
        return
    usable = float((~np.isnan(draws[:, defined])).mean(axis=0).min())
    if usable < ENOUGH:
        raise AlignmentError(
            f"bootstrap: {measure.name} is undefined in {1 - usable:.0%} of the draws "
            "(too few different actions, or pairs left unjudged); take more actions or "
            "judgments, or a measure that does with the pairs there are"
        )
