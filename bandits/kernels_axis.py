"""Which kernels enter a sweep: the human's, each rater's, matched, and relabelled.

Cross-fit: where a report has split halves of its participants, the human kernel is made
from half a, and the alignment of EVERY kernel, the human one too, is measured against
half b. So the human kernel stands at its split-half alignment, never at 1. Published
means have no halves: then models are measured against the means, and the human kernel
made from those same means is given no alignment at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignment.corruption import relabel
from alignment.errors import AlignmentError
from alignment.kernels import Kernel, as_kernel, matched
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from alignment.progress import Progress
from alignment.report_files import HALF_A, HALF_B, HUMAN, ReportData
from alignment.uncertainty import Estimate, bootstrap_actions
from bandits.errors import SpecError
from bandits.spec import Fault, SweepSpec

ALL, ARRANGEMENTS, TRIPLETS = "all", "arrangements", "triplets"
# Kinds of the same people's judgments, beside their pair ratings.
OTHER_TRIALS = (ARRANGEMENTS, TRIPLETS)
RELABELLED = "relabelled"
_TRAITS = (
    "mean_off_diagonal",
    "effective_rank",
    "repaired_share",
    "negative_share",
    "completed_pairs",
)


@dataclass(frozen=True)
class KernelEntry:
    """One kernel of the sweep, under one name and form.

    role: "human", "relabelled", "model", "baseline", "arrangements" or "triplets";
        only models enter a correlation.
    share, draw: Of the actions relabelled, and which relabelling; 0 and 0 if none.
    alignment: Measure to its estimate against held-out people; empty if there are none.
    """

    name: str
    role: str
    form: str
    share: float
    draw: int
    kernel: Kernel
    alignment: dict[str, Estimate]

    @property
    def key(self) -> tuple[str, str, float, int]:
        """Name, form, share and draw: unique in a sweep."""
        return self.name, self.form, self.share, self.draw

    def row(self) -> dict[str, Any]:
        """The kernel's spectrum, repair and alignment, as columns of a table."""
        traits = {name: getattr(self.kernel, name) for name in _TRAITS}
        return traits | _columns(self.alignment)


@dataclass(frozen=True)
class KernelsAxis:
    """All kernels of a sweep, in order, and what was left out and why.

    skipped: Rater to the reason why it has no kernel.
    alignment: Alignment of every rater of the report, with or without a kernel.
    cross_fit: Whether alignment was measured against other people than those the
        human kernel was made from.
    """

    entries: tuple[KernelEntry, ...]
    skipped: dict[str, str]
    alignment: dict[str, dict[str, Estimate]]
    cross_fit: bool

    def rows(self, report: ReportData) -> list[dict[str, Any]]:
        """Rows of kernels.csv: every kernel, then the raters that have none."""
        kinds = {row.rater: (row.kind, row.family) for row in report.raters}
        rows = []
        for entry in self.entries:
            kind, family = kinds.get(entry.name, (HUMAN, ""))
            head = {
                "kernel": entry.name,
                "role": entry.role,
                "kind": kind,
                "family": family,
                "form": entry.form,
                "share": entry.share,
                "draw": entry.draw,
                "skipped": "",
            }
            rows.append(head | entry.row())
        for rater, reason in self.skipped.items():
            kind, family = kinds[rater]
            head = {"kernel": rater, "role": role_of(kind), "kind": kind}
            head |= {"family": family, "form": "none", "skipped": reason}
            rows.append(head | _columns(self.alignment.get(rater, {})))
        return rows


def role_of(kind: str) -> str:
    """A rater's part in the sweep, from its kind in the report."""
    return kind if kind in (HUMAN, *OTHER_TRIALS, "baseline") else "model"


def known_kernels(report: ReportData) -> list[str]:
    """What a spec may list under `kernels`, apart from "all"."""
    return [name for name in report.matrices if name not in (HALF_A, HALF_B)]


def build_kernels(report: ReportData, spec: SweepSpec) -> KernelsAxis:
    """Make every kernel the spec asks for, and measure their alignment.

    Raises:
        SpecError: With every kernel that is refused (pairs never judged and no
            completion rule) and every impossible share of corruption.
    """
    roles = {row.rater: role_of(row.kind) for row in report.raters} | {HUMAN: HUMAN}
    human, held_out = _human(report)
    wanted, skipped = _wanted(report, spec, roles)
    faults: list[Fault] = []
    kernels: dict[str, Kernel] = {}
    matrices = report.matrices if human is None else report.matrices | {HUMAN: human}
    for name, place in wanted.items():
        try:
            kernels[name] = as_kernel(matrices[name], completion=spec.completion)
        except AlignmentError as refusal:
            faults.append((place, str(refusal)))
    if human is None and "matched" in spec.forms:
        said = "the matched form needs people's similarities; this report has none"
        faults.append((f"forms[{spec.forms.index('matched')}]", said))
    degraded = _degraded(human, spec, faults)
    if faults:
        raise SpecError(faults)

    alignment = _alignment(report, spec, roles, human, held_out)
    entries = []
    for name, kernel in kernels.items():
        for form in spec.forms:
            shaped = kernel
            # The human kernel is what the others are matched to: its own match.
            if form == "matched" and name != HUMAN and human is not None:
                scale = _distribution(human, kernels.get(HUMAN), spec)
                shaped = matched(matrices[name], scale, completion=spec.completion)
            found = alignment.get(name, {})
            entry = KernelEntry(name, roles[name], form, 0.0, 0, shaped, found)
            entries.append(entry)
    for share, draw, matrix in degraded:
        kernel = as_kernel(matrix, completion=spec.completion)
        found = {}
        if held_out is not None:
            found = {m: _point(m, matrix, held_out) for m in spec.measures}
        entries += [
            KernelEntry(HUMAN, RELABELLED, form, share, draw, kernel, found)
            for form in spec.forms
        ]
    return KernelsAxis(tuple(entries), skipped, alignment, HALF_B in report.matrices)


def _human(
    report: ReportData,
) -> tuple[SimilarityMatrix | None, SimilarityMatrix | None]:
    """What the human kernel is made from, and what alignment is measured against."""
    if HALF_A in report.matrices and HALF_B in report.matrices:
        return report.matrices[HALF_A], report.matrices[HALF_B]
    means = report.matrices.get(HUMAN)
    return means, means


def _wanted(
    report: ReportData, spec: SweepSpec, roles: dict[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Kernels to make, each with its place in the spec; and skipped raters."""
    wanted: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for number, name in enumerate(spec.kernels):
        if name != ALL:
            wanted.setdefault(name, f"kernels[{number}]")
    for number, name in enumerate(spec.kernels):
        if name != ALL:
            continue
        for rater in known_kernels(report):
            matrix = report.matrices[rater]
            if rater in wanted:
                continue
            role = roles.get(rater)
            # Arranging may be how a study asks for similarity, instead of pairs.
            alone = role == ARRANGEMENTS and HUMAN not in report.matrices
            again = role in OTHER_TRIALS and not alone
            if rater == HUMAN or (matrix.complete and not again):
                wanted[rater] = f"kernels[{number}]"
            elif not matrix.complete:
                skipped[rater] = (
                    f"has an alignment but no kernel: {matrix.n_missing:,} of"
                    f" {matrix.n_pairs:,} pairs were never judged"
                )
            else:
                skipped[rater] = (
                    "the same people as the human kernel, by another kind of"
                    " trial: name it to include it"
                )
    if any(spec.corruption.shares) and HUMAN in report.matrices:
        # The curve begins at the human kernel itself.
        wanted.setdefault(HUMAN, "corruption.shares")
    return wanted, skipped


def _degraded(
    human: SimilarityMatrix | None, spec: SweepSpec, faults: list[Fault]
) -> list[tuple[float, int, SimilarityMatrix]]:
    if human is None:
        if any(spec.corruption.shares):
            said = "needs people's similarities to relabel; this report has none"
            faults.append(("corruption.shares", said))
        return []
    degraded = []
    for number, share in enumerate(spec.corruption.shares):
        if share == 0:
            continue  # the human kernel itself, which stands in the sweep anyway
        for draw in range(1, spec.corruption.draws + 1):
            # One seed for all shares: a draw's curve relabels ever more of the same.
            key = np.random.SeedSequence([spec.seed, draw])
            seed = int(key.generate_state(1)[0])
            try:
                degraded.append((share, draw, relabel(human, share, seed=seed)))
            except AlignmentError as refusal:
                faults.append((f"corruption.shares[{number}]", str(refusal)))
                break
    return degraded


def _distribution(
    human: SimilarityMatrix, kernel: Kernel | None, spec: SweepSpec
) -> SimilarityMatrix:
    """The distribution of off-diagonals that matched kernels get: the human kernel's.

    Without a human kernel in the sweep, one is made; where pairs are missing and no
    completion is named, the judged pairs give the distribution.
    """
    if kernel is None:
        try:
            kernel = as_kernel(human, completion=spec.completion)
        except AlignmentError:
            return human
    # Repair may take an entry just below 0, outside what a similarity may be.
    return SimilarityMatrix(np.clip(kernel.values, 0, 1), human.actions, HUMAN)


def _alignment(
    report: ReportData,
    spec: SweepSpec,
    roles: dict[str, str],
    human: SimilarityMatrix | None,
    held_out: SimilarityMatrix | None,
) -> dict[str, dict[str, Estimate]]:
    if human is None or held_out is None:
        return {}
    compared = {
        name: report.matrices[name]
        for name in known_kernels(report)
        # Other trials may come from the very people of the held-out half.
        if name != HUMAN and roles.get(name) not in OTHER_TRIALS
    }
    if human is not held_out:
        compared = {HUMAN: human} | compared
    found: dict[str, dict[str, Estimate]] = {}
    with Progress("alignment", len(compared) * len(spec.measures)) as progress:
        for name, matrix in compared.items():
            found[name] = {}
            for measure in spec.measures:
                found[name][measure] = _estimate(measure, matrix, held_out, spec)
                progress.advance()
    return found


def _estimate(
    measure: str, matrix: SimilarityMatrix, held_out: SimilarityMatrix, spec: SweepSpec
) -> Estimate:
    point = _point(measure, matrix, held_out)
    if math.isnan(point.value):
        return point
    return bootstrap_actions(
        MATRIX_MEASURES[measure],
        matrix,
        held_out,
        n_resamples=spec.alignment_resamples,
        seed=spec.seed,
    )


def _point(
    measure: str, matrix: SimilarityMatrix, held_out: SimilarityMatrix
) -> Estimate:
    """The measure without an interval; NaN where it needs pairs nobody judged."""
    row = MATRIX_MEASURES[measure]
    if row.needs_complete and not (matrix.complete and held_out.complete):
        return Estimate(math.nan, math.nan, math.nan, 0)
    return Estimate(row.compute(matrix, held_out), math.nan, math.nan, 0)


def _columns(alignment: dict[str, Estimate]) -> dict[str, float]:
    columns = {}
    for measure, estimate in alignment.items():
        columns[f"alignment_{measure}"] = estimate.value
        columns[f"alignment_{measure}_low"] = estimate.low
        columns[f"alignment_{measure}_high"] = estimate.high
    return columns
