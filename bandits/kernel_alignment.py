"""How well each kernel of a sweep agrees with people, and with the values themselves.

Alignment is measured against people held out from the human kernel; over several
halvings it is the mean over them, on the same draws of the actions. Beside it stands
how well the kernel fits the values (`bandits.value_alignment`), by the ratings of people
whose similarity judgments alignment was not measured against.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from alignment.kernels import Kernel
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from alignment.progress import Progress
from alignment.report_files import GROUP, ReportData
from alignment.uncertainty import Estimate, bootstrap_actions
from bandits.people import View
from bandits.spec import SweepSpec
from bandits.value_alignment import Floats, value_alignment


def alignments(
    matrices: Mapping[str, SimilarityMatrix],
    held_out: Sequence[SimilarityMatrix],
    spec: SweepSpec,
) -> dict[str, dict[str, Estimate]]:
    """Every measure of every matrix, with its interval over actions.

    Args:
        held_out: One matrix for each halving of the people, at least one.

    Returns:
        Name -> measure -> estimate.
    """
    found: dict[str, dict[str, Estimate]] = {}
    with Progress("alignment", len(matrices) * len(spec.measures)) as progress:
        for name, matrix in matrices.items():
            found[name] = {}
            for measure in spec.measures:
                found[name][measure] = estimate(measure, matrix, held_out, spec)
                progress.advance()
    return found


def estimate(
    measure: str,
    matrix: SimilarityMatrix,
    held_out: Sequence[SimilarityMatrix],
    spec: SweepSpec,
) -> Estimate:
    """The measure's mean over the halvings, with its interval over actions."""
    first = point(measure, matrix, held_out)
    if math.isnan(first.value):
        return first
    row = MATRIX_MEASURES[measure]
    if len(held_out) > 1:
        once = row.resampled

        def over_halvings(
            a: SimilarityMatrix, b: SimilarityMatrix, counts: IntArray
        ) -> FloatArray:
            return np.asarray(np.mean([once(a, h, counts) for h in held_out], axis=0))

        row = replace(row, resampled=over_halvings)
    return bootstrap_actions(
        row, matrix, held_out[0], n_resamples=spec.alignment_resamples, seed=spec.seed
    )


def point(
    measure: str, matrix: SimilarityMatrix, held_out: Sequence[SimilarityMatrix]
) -> Estimate:
    """The measure without an interval; NaN where it needs pairs nobody judged."""
    row = MATRIX_MEASURES[measure]
    every = (matrix, *held_out)
    if row.needs_complete and not all(one.complete for one in every):
        return Estimate(math.nan, math.nan, math.nan, 0)
    value = float(np.mean([row.compute(matrix, half) for half in held_out]))
    return Estimate(value, math.nan, math.nan, 0)


def columns(alignment: Mapping[str, Estimate]) -> dict[str, float]:
    """Estimates as columns of a table."""
    made = {}
    for measure, found in alignment.items():
        made[f"alignment_{measure}"] = found.value
        made[f"alignment_{measure}_low"] = found.low
        made[f"alignment_{measure}_high"] = found.high
    return made


def values_apart(report: ReportData, view: View, spec: SweepSpec) -> dict[str, Floats]:
    """Dimension -> (n_actions,) the mean of raters whom alignment did not ask.

    NaN where none of them rated an action. Where everybody was asked, or single raters
    are not known, the means are those of all.
    """
    made = {}
    for dimension in spec.dimensions:
        made[dimension] = report.values[dimension, GROUP]
        if report.judgments is not None:
            judged = report.judgments.values
            others = set(judged.raters(dimension)) - view.asked
            if others and view.asked:
                made[dimension] = judged.only(others).mean(dimension)
    return made


def value_columns(
    kernel: Kernel, values: Mapping[str, Floats], spec: SweepSpec
) -> dict[str, float]:
    """`kta_<dimension>` and `lml_<dimension>` for every dimension of the sweep."""
    prior = spec.learner
    made = {}
    for dimension, given in values.items():
        found = value_alignment(
            kernel.values,
            given,
            prior_mean=prior.prior_mean,
            prior_sd=prior.prior_sd,
            reward_sd=prior.reward_sd,
        )
        made[f"kta_{dimension}"], made[f"lml_{dimension}"] = found
    return made
