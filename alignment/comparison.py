"""One matrix against another by every measure, with the reason wherever it fails."""

from math import factorial, isnan

import numpy as np

from alignment.errors import MatrixError
from alignment.judgments import TripletJudgments
from alignment.matrices import SimilarityMatrix
from alignment.measures.kinds import MatrixMeasure
from alignment.measures.table import reported
from alignment.report_files import TRIPLETS, AlignmentRow
from alignment.triplets import odd_one_out_accuracy
from alignment.uncertainty import EXACT_UP_TO, bootstrap_actions, permutation_p

TRIPLET_ACCURACY = "triplet_accuracy"
NAN = float("nan")


def compare(
    measure: MatrixMeasure,
    against: SimilarityMatrix,
    matrix: SimilarityMatrix,
    *,
    n_resamples: int,
    n_permutations: int,
    seed: int,
) -> AlignmentRow:
    """How well `matrix` agrees with `against`, its interval and its permutation p.

    A measure that cannot be had gives a row of NaN with the reason in its note: a
    matrix with gaps where all pairs are needed, or one without any differences.
    """
    n_pairs = int((~np.isnan(matrix.pairs()) & ~np.isnan(against.pairs())).sum())
    reason = _reason_against(measure, against, matrix, n_pairs)
    if not reason:
        try:
            estimate = bootstrap_actions(
                measure, against, matrix, n_resamples=n_resamples, seed=seed
            )
            p = permutation_p(
                measure, against, matrix, n_permutations=n_permutations, seed=seed
            )
        except MatrixError as error:  # too few actions for this measure
            reason = str(error)
    if reason:
        return AlignmentRow(
            matrix.rater,
            measure.name,
            *(NAN, NAN, NAN, NAN),
            n_pairs=n_pairs,
            n_resamples=0,
            n_permutations=0,
            against=against.rater,
            note=reason,
        )
    exact = len(matrix) <= EXACT_UP_TO
    return AlignmentRow(
        matrix.rater,
        measure.name,
        estimate.value,
        estimate.low,
        estimate.high,
        p,
        n_pairs=n_pairs,
        n_resamples=estimate.resampled,
        n_permutations=factorial(len(matrix)) if exact else n_permutations,
        against=against.rater,
        note="undefined" if isnan(estimate.value) else "",
    )


def compare_by_all_measures(
    against: SimilarityMatrix,
    matrix: SimilarityMatrix,
    *,
    n_resamples: int,
    n_permutations: int,
    seed: int,
) -> list[AlignmentRow]:
    """`compare` for every measure of the table, in its order."""
    return [
        compare(
            measure,
            against,
            matrix,
            n_resamples=n_resamples,
            n_permutations=n_permutations,
            seed=seed,
        )
        for measure in reported()
    ]


def compare_with_triplets(
    triplets: TripletJudgments,
    matrix: SimilarityMatrix,
    *,
    n_resamples: int,
    seed: int,
) -> AlignmentRow:
    """How often `matrix` names the odd one out that people named; 1/3 by chance."""
    estimate = odd_one_out_accuracy(
        matrix, triplets, n_resamples=n_resamples, seed=seed
    )
    undefined = "it judged all three pairs of no triplet"
    return AlignmentRow(
        matrix.rater,
        TRIPLET_ACCURACY,
        estimate.value,
        estimate.low,
        estimate.high,
        NAN,
        n_pairs=matrix.n_pairs - matrix.n_missing,
        n_resamples=estimate.resampled,
        n_permutations=0,
        against=TRIPLETS,
        note=undefined if isnan(estimate.value) else "",
    )


def _reason_against(
    measure: MatrixMeasure,
    against: SimilarityMatrix,
    matrix: SimilarityMatrix,
    n_pairs: int,
) -> str:
    """Why the measure cannot be had, or nothing."""
    for each in (matrix, against):
        if measure.needs_complete and not each.complete:
            return (
                f"needs every pair judged: {each.n_missing:,} of {each.n_pairs:,} "
                f"pairs were not judged by {each.rater}"
            )
    if n_pairs < 2:
        return f"needs at least 2 pairs judged by both, got {n_pairs}"
    both = ~np.isnan(matrix.pairs()) & ~np.isnan(against.pairs())
    for each in (matrix, against):
        judged = each.pairs()[both]
        if np.ptp(judged) == 0:
            return (
                f"undefined: {each.rater} gave all {n_pairs:,} pairs the same "
                f"similarity, {judged[0]:.3g}"
            )
    return ""
