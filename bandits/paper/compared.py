"""Measures of alignment compared: which one tells harm best, where it was not fitted.

A measure is judged on a family it has not seen: for real kernels a model family is left
out, for corrupted ones a kind of corruption (with one kind, a curve). A line fitted to
the others predicts the left-out kernels' harm. The in-sample best would be the luckiest.
Real and corrupted kernels are never fitted together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from alignment.errors import AlignmentError
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from bandits.effects import MIN_MODELS, model_of
from bandits.left_out_families import CHOSEN, leave_one_family_out
from bandits.paper.cells import PaperCell
from bandits.paper.parts import Found, Outcomes, Part, Row, Tables, interval, markdown
from bandits.paper.statistics import Floats, mean_and_error, spearman
from bandits.paper.study import Study, kernel_of
from bandits.paper.synthetic import degraded, kinds

SCORES, PREDICTIONS = "measures_compared", "measures_predictions"
LEFT_OUT = "measures_left_out"
REAL, CORRUPTED = "real", "corrupted"
FIRST = "spearman"
NO_DIFFERENCE = 0.005
"""Shares that print alike: rho-a is Spearman but for ties, and surely so."""


def _cells(study: Study) -> list[PaperCell]:
    agent, cells = study.settings.primary_agent, []
    for kernel in study.models:
        labels: Row = {"group": REAL, "kernel": kernel.name, "curve": kernel.name}
        family = kernel.family or model_of(kernel.name)
        matrix = kernel.matched.values
        labels |= {"family": family, "share": 0.0}
        cells.append(study.cell(labels, agent, matrix, study.primary))
    for kind in kinds(study):
        for share, draw, corrupted in degraded(study, kind):
            labels = {"group": CORRUPTED, "kernel": f"human, {kind}", "family": kind}
            labels |= {"share": share, "curve": f"{kind} {draw}"}
            values = corrupted.values
            cells.append(study.cell(labels, agent, values, study.primary))
    return cells


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    truth = kernel_of(study, study.held_out if study.cross_fit else study.human)
    reference = {REAL: truth.values, CORRUPTED: study.human_kernel.as_given.values}
    rows: list[Row] = []
    for cell, results in outcomes:
        harm, _ = mean_and_error(results["generalization", study.primary.share_metric])
        labels = cell.labels
        row = {n: labels[n] for n in ("group", "kernel", "family", "curve", "share")}
        assert cell.kernel is not None
        told = _measures(study, cell.kernel, reference[labels["group"]])
        rows.append(row | {"below_share": harm} | told)
    scores = [
        line for group in (REAL, CORRUPTED) for line in _scores(study, rows, group)
    ]
    left_out = _left_out(study, rows)
    tables = {SCORES: scores, PREDICTIONS: rows, LEFT_OUT: left_out}
    return Found(tables, [*_lines(study, rows, scores), *_chosen_line(left_out)])


def _left_out(study: Study, rows: list[Row]) -> list[Row]:
    """What choosing a measure is worth for a family of models not looked at."""
    mine = [row for row in rows if row["group"] == REAL]
    if not mine:
        return []
    told = {
        name: np.array([row[name] for row in mine])
        for name in MATRIX_MEASURES
        if not any(np.isnan(row[name]) for row in mine)
    }
    found = leave_one_family_out(
        [row["kernel"] for row in mine],
        [row["family"] for row in mine],
        np.array([row["below_share"] for row in mine]),
        told,
        seed=study.settings.seed,
        n_resamples=study.settings.resamples,
    )
    return [asdict(one) for one in found]


def _chosen_line(rows: list[Row]) -> list[str]:
    """The choice itself, judged where it was not made: below the best of the table."""
    chosen = next((row for row in rows if row["measure"] == CHOSEN), None)
    if chosen is None or np.isnan(chosen["skill"]):
        return []
    best = rows[0]
    skill = interval(chosen["skill"], chosen["low"], chosen["high"])
    return [
        f"Choosing a measure without a family and judging it there foretells {skill} of"
        f" the variance over {chosen['n_families']} families of real models; the leader"
        f" afterwards, {MATRIX_MEASURES[best['measure']].label}, {best['skill']:.2f},"
        " which is optimistic."
    ]


def _measures(study: Study, kernel: Floats, reference: Floats) -> dict[str, float]:
    """Every measure of a kernel with the people's, on whole matrices."""
    ids = study.report.actions.ids
    one, other = (
        SimilarityMatrix(np.clip(matrix, 0, 1), ids, name)
        for matrix, name in ((kernel, "kernel"), (reference, "people"))
    )
    found = {}
    for name, measure in MATRIX_MEASURES.items():
        try:
            found[name] = float(measure.compute(one, other))
        except (AlignmentError, ValueError):
            found[name] = float("nan")
    return found


def _scores(study: Study, rows: list[Row], group: str) -> list[Row]:
    mine = [row for row in rows if row["group"] == group]
    folds = _folds(mine)
    if len(set(folds)) < (MIN_MODELS if group == REAL else 2):
        return []
    y = np.array([row["below_share"] for row in mine])
    errors = {}
    for name in MATRIX_MEASURES:
        x = np.array([row[name] for row in mine])
        if not np.isnan(x).any():
            errors[name] = out_of_sample(x, y, folds)
    base = _mean_errors(y, folds)
    curves = [row["curve"] for row in mine]
    scores = []
    for name, wrong in errors.items():
        one = _with_interval(study, wrong, base, errors[FIRST], curves)
        scores.append(
            {"group": group, "measure": name, "n_kernels": len(mine)}
            | {"n_folds": len(set(folds))}
            | {"in_sample_spearman": spearman(np.array([r[name] for r in mine]), y)}
            | one
        )
    return sorted(scores, key=lambda row: -row["explained"])


def _folds(rows: list[Row]) -> list[str]:
    families = [row["family"] for row in rows]
    return families if len(set(families)) > 1 else [row["curve"] for row in rows]


def out_of_sample(x: Floats, y: Floats, folds: Sequence[str]) -> Floats:
    """Each kernel's error under a line that was fitted without its fold. (n_kernels,)."""
    names = np.array(folds)
    wrong = np.empty(len(y))
    for fold in dict.fromkeys(folds):
        out = names == fold
        a, b = x[~out], y[~out]
        spread = ((a - a.mean()) ** 2).sum()
        slope = ((a - a.mean()) * (b - b.mean())).sum() / spread if spread > 0 else 0.0
        wrong[out] = y[out] - (b.mean() + slope * (x[out] - a.mean()))
    return wrong


def _mean_errors(y: Floats, folds: Sequence[str]) -> Floats:
    """The same for a measure that says nothing: the mean of the other folds."""
    return out_of_sample(np.zeros(len(y)), y, folds)


def _with_interval(
    study: Study, wrong: Floats, base: Floats, first: Floats, curves: Sequence[str]
) -> Row:
    """Explained share out of sample, and minus that of Spearman; over whole curves."""

    def explained(errors: Floats, weight: Floats) -> float:
        total = float((weight * base**2).sum())
        return 1 - float((weight * errors**2).sum()) / total if total > 0 else np.nan

    names = list(dict.fromkeys(curves))
    place = np.array([names.index(curve) for curve in curves])
    rng = np.random.default_rng([study.settings.seed, 5])
    drawn, gaps = [], []
    for _ in range(min(1000, study.settings.resamples)):
        counts = np.bincount(
            rng.integers(0, len(names), len(names)), minlength=len(names)
        )
        weight = counts[place].astype(float)
        one = explained(wrong, weight)
        drawn.append(one)
        gaps.append(one - explained(first, weight))
    ones = np.ones(len(wrong))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    gap_low, gap_high = np.nanpercentile(gaps, [2.5, 97.5])
    return {
        "explained": explained(wrong, ones),
        "low": float(low),
        "high": float(high),
        "minus_spearman": explained(wrong, ones) - explained(first, ones),
        "minus_spearman_low": float(gap_low),
        "minus_spearman_high": float(gap_high),
    }


def _lines(study: Study, rows: list[Row], scores: list[Row]) -> list[str]:
    families = {row["family"] for row in rows if row["group"] == REAL}
    lines = []
    if not any(row["group"] == REAL for row in scores):
        lines.append(
            f"Real kernels: families of models: {len(families)};"
            f" leaving one out needs at least {MIN_MODELS}, so no measure is preferred."
        )
    for group in (REAL, CORRUPTED):
        mine = [row for row in scores if row["group"] == group]
        if not mine:
            continue
        left = "a family" if group == REAL else "a kind of corruption"
        if mine[0]["n_folds"] and group == CORRUPTED and len(kinds(study)) == 1:
            left = "a curve"
        shown = [
            {
                "measure": MATRIX_MEASURES[row["measure"]].label,
                "explained": interval(row["explained"], row["low"], row["high"]),
                "gap": interval(
                    row["minus_spearman"],
                    row["minus_spearman_low"],
                    row["minus_spearman_high"],
                ),
                "in": f"{row['in_sample_spearman']:.2f}",
            }
            for row in mine
        ]
        lines += [
            f"**{group.capitalize()} kernels** ({mine[0]['n_kernels']}), {left} left out:"
            " share of the variance in unseen harm that a measure foretells, 95 % intervals"
            " over curves.",
            *markdown(
                shown,
                {
                    "measure": "measure of alignment",
                    "explained": "foretold, out of sample",
                    "gap": "minus Spearman's",
                    "in": "rank correlation in sample",
                },
            ),
        ]
        sure = [
            MATRIX_MEASURES[row["measure"]].label
            for row in mine
            if row["minus_spearman_low"] > NO_DIFFERENCE
        ]
        lines.append(
            f"Better than Spearman beyond its interval: {', '.join(sure) or 'none'}."
        )
    return lines


PART = Part("measures", "Measures of alignment compared", _cells, _tables)
