"""What may be claimed about models: against chance, text length, one another, people.

One correlation with an interval over actions invites claims it cannot bear: that it is
more than chance, more than the likeness of text lengths, more than another model's, less
than what people's noise allows. Each has its own test here, and families of tests are
corrected together (Holm, Benjamini and Hochberg, max-T).

Only models that judged every pair that people did are compared: on the pairs common to
all, one that was asked a sample would cost all others most of theirs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

import numpy as np

from alignment.contrasts import (
    AgainstChance,
    Contrast,
    compare_models,
    compare_over_both,
    compare_with_ceiling,
    models_against_chance,
    split_half_ceiling,
)
from alignment.errors import AlignmentError, MatrixError, TooFewRaters
from alignment.folders import write_records
from alignment.judgments import Actions, SimilarityJudgments
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from alignment.partial_mantel import partial_mantel
from alignment.progress import Progress
from alignment.raters.baselines import TextLength
from alignment.two_factor import FactorDraws, factor_draws
from alignment.uncertainty import bootstrap_actions

MEASURE = MATRIX_MEASURES["spearman"]
BOTH, ACTIONS = "people and actions", "actions"


@dataclass(frozen=True)
class ModelTestRow:
    """What may be said of one model's alignment with people (Spearman).

    value, low, high: Alignment, and its 95 % interval with people and actions both as
        samples (actions alone where only means are known: `over` says which).
    p, p_holm, p_max_t: Against chance, one-sided, over orders of the actions.
    beyond_length, p_beyond_length: Partial correlation given how equally long the texts
        are, and its p; NaN for text length itself.
    below_ceiling, below_low, below_high: The model minus the ceiling of the participants'
        agreement, with its interval over actions; p_ceiling, p_ceiling_max_t two-sided.
        NaN without a ceiling.
    note: Why the model was not compared; all numbers are NaN then.
    """

    rater: str
    value: float
    low: float
    high: float
    over: str
    p: float
    p_holm: float
    p_max_t: float
    beyond_length: float
    p_beyond_length: float
    below_ceiling: float
    below_low: float
    below_high: float
    p_ceiling: float
    p_ceiling_max_t: float
    n_pairs: int
    note: str


@dataclass(frozen=True)
class ComparisonRow:
    """The first model's alignment minus the second's.

    over: What the interval and the p take for a sample.
    p, p_holm, p_bh, p_max_t: Two-sided; raw, and corrected over all comparisons.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    over: str
    p: float
    p_holm: float
    p_bh: float
    p_max_t: float
    n_pairs: int


@dataclass(frozen=True)
class Inference:
    """Tests of every model, and of every pair of those that can be compared.

    note: Why people could not be drawn too, where they could not.
    """

    models: tuple[ModelTestRow, ...] = ()
    comparisons: tuple[ComparisonRow, ...] = ()
    note: str = ""


def inference(
    people: SimilarityMatrix,
    judgments: SimilarityJudgments,
    models: Mapping[str, SimilarityMatrix],
    actions: Actions,
    *,
    n_resamples: int,
    n_permutations: int,
    seed: int,
) -> Inference:
    """Every test that the judgments allow.

    Args:
        people: What models are compared with.
        judgments: Those that `people` is the mean of; empty, or without raters, where it
            is made of something else.
    """
    wanted = ~np.isnan(people.pairs())
    given = {
        name: int((wanted & np.isnan(model.pairs())).sum())
        for name, model in models.items()
    }
    whole = [models[name] for name, missing in given.items() if not missing]
    left_out = [
        _left_out(name, missing, int(wanted.sum()))
        for name, missing in given.items()
        if missing
    ]
    if not whole:
        return Inference(tuple(left_out))
    with Progress("tests of alignment", 4) as progress:
        chance = models_against_chance(
            MEASURE, people, whole, n_permutations=n_permutations, seed=seed
        )
        progress.advance()
        draws, note = _draws(judgments, whole, n_resamples, seed)
        progress.advance()
        ceiling = _against_ceiling(people, judgments, whole, n_resamples, seed)
        progress.advance()
        rows = [
            _row(
                each,
                people,
                models[each.model],
                draws,
                ceiling.get(each.model),
                actions,
                n_resamples,
                n_permutations,
                seed,
            )
            for each in chance
        ]
        progress.advance()
    over = ACTIONS if draws is None else BOTH
    pairs: Sequence[Contrast] = ()
    if len(whole) > 1:
        pairs = (
            compare_models(MEASURE, people, whole, n_resamples=n_resamples, seed=seed)
            if draws is None
            else compare_over_both(draws)
        )
    return Inference(
        (*rows, *left_out), tuple(_comparison(each, over) for each in pairs), note
    )


def write_inference(found: Inference, folder: Path) -> None:
    """model_tests.csv and model_comparisons.csv; an empty field for NaN."""
    write_records(folder / "model_tests.csv", ModelTestRow, found.models)
    write_records(folder / "model_comparisons.csv", ComparisonRow, found.comparisons)


def _draws(
    judgments: SimilarityJudgments,
    models: Sequence[SimilarityMatrix],
    n_resamples: int,
    seed: int,
) -> tuple[FactorDraws | None, str]:
    """Draws of people and actions, or none and the sentence why."""
    try:
        found = factor_draws(
            MEASURE, judgments, models, n_resamples=n_resamples, seed=seed
        )
    except AlignmentError as refusal:  # means only, too few raters a pair, empty draws
        return None, f"intervals are over actions alone: {refusal}"
    return found, ""


def _against_ceiling(
    people: SimilarityMatrix,
    judgments: SimilarityJudgments,
    models: Sequence[SimilarityMatrix],
    n_resamples: int,
    seed: int,
) -> dict[str, Contrast]:
    try:
        ceiling = split_half_ceiling(
            MEASURE, judgments, models, n_resamples=n_resamples, seed=seed
        )
    except (TooFewRaters, MatrixError):
        return {}
    if isnan(ceiling.value):
        return {}
    found = compare_with_ceiling(
        MEASURE, people, models, ceiling, n_resamples=n_resamples, seed=seed
    )
    return {each.first: each for each in found}


def _row(
    chance: AgainstChance,
    people: SimilarityMatrix,
    model: SimilarityMatrix,
    draws: FactorDraws | None,
    ceiling: Contrast | None,
    actions: Actions,
    n_resamples: int,
    n_permutations: int,
    seed: int,
) -> ModelTestRow:
    if draws is None:
        estimate = bootstrap_actions(
            MEASURE, people, model, n_resamples=n_resamples, seed=seed
        )
    else:
        estimate = draws.of(chance.model).estimate
    beyond, p_beyond = _beyond_length(people, model, actions, n_permutations, seed)
    below: tuple[float, float, float, float, float] = (nan, nan, nan, nan, nan)
    if ceiling is not None:
        away = ceiling.difference
        below = (away.value, away.low, away.high, ceiling.p, ceiling.p_max_t)
    return ModelTestRow(
        chance.model,
        estimate.value,
        estimate.low,
        estimate.high,
        ACTIONS if draws is None else BOTH,
        chance.p,
        chance.p_holm,
        chance.p_max_t,
        beyond,
        p_beyond,
        *below,
        n_pairs=chance.n_pairs,
        note="",
    )


def _beyond_length(
    people: SimilarityMatrix,
    model: SimilarityMatrix,
    actions: Actions,
    n_permutations: int,
    seed: int,
) -> tuple[float, float]:
    """Partial correlation given text length and its p; NaN where there can be none."""
    length = TextLength().judge(actions, {}).matrix
    if np.array_equal(length.values, model.values):
        return nan, nan
    try:
        found = partial_mantel(
            people, model, [length], n_permutations=n_permutations, seed=seed
        )
    except MatrixError:  # fewer pairs than the fit needs
        return nan, nan
    return found.value, found.p


def _left_out(rater: str, missing: int, wanted: int) -> ModelTestRow:
    note = f"not compared: it lacks {missing:,} of the {wanted:,} pairs people judged"
    numbers = (nan,) * 10
    return ModelTestRow(
        rater, nan, nan, nan, "", *numbers, n_pairs=wanted - missing, note=note
    )


def _comparison(found: Contrast, over: str) -> ComparisonRow:
    between = found.difference
    return ComparisonRow(
        *(found.first, found.second, between.value, between.low, between.high, over),
        *(found.p, found.p_holm, found.p_bh, found.p_max_t, found.n_pairs),
    )
