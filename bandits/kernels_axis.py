"""Which kernels enter a sweep: the human's, each rater's, matched, and corrupted.

Cross-fit: where a report has split halves of its participants, the human kernel is made
from half a, and the alignment of EVERY kernel, the human one too, is measured against
half b. So the human kernel stands at its split-half alignment, never at 1. Published
means have no halves: then models are measured against the means, and the human kernel
made from those same means is given no alignment at all.

The ends of the scale (`bandits.kernel_ends`) enter where they are named, and never a
correlation. They and a human kernel that leaves a participant out serve some tasks only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from alignment.corruption import as_matrix
from alignment.errors import AlignmentError
from alignment.kernels import Kernel, as_kernel, matched
from alignment.matrices import SimilarityMatrix
from alignment.report_files import HALF_A, HALF_B, HUMAN, ReportData
from alignment.uncertainty import Estimate
from bandits.end_kernels import end_kernels
from bandits.errors import SpecError
from bandits.human_kernels import circles_of, corrupted_kernels, human_kernels
from bandits.kernel_alignment import alignments, columns, value_columns, values_apart
from bandits.kernel_ends import END, ENDS
from bandits.kernel_entry import CORRUPTED, RELABELLED, KernelEntry
from bandits.spec import Fault, SweepSpec

__all__ = ["CORRUPTED", "RELABELLED", "KernelEntry", "KernelsAxis", "build_kernels"]

ALL, ARRANGEMENTS, TRIPLETS = "all", "arrangements", "triplets"
# Kinds of the same people's judgments, beside their pair ratings.
OTHER_TRIALS = (ARRANGEMENTS, TRIPLETS)


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
            if entry.role == END:
                kind = END
            head = {
                "kernel": entry.name,
                "role": entry.role,
                "kind": kind,
                "family": family,
                "form": entry.form,
                "share": entry.share,
                "draw": entry.draw,
                "dimension": entry.dimension,
                "values_from": entry.values_from,
                "skipped": "",
            }
            rows.append(head | entry.row())
        for rater, reason in self.skipped.items():
            kind, family = kinds[rater]
            head = {"kernel": rater, "role": role_of(kind), "kind": kind}
            head |= {"family": family, "form": "none", "skipped": reason}
            rows.append(head | columns(self.alignment.get(rater, {})))
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
            completion rule), every impossible share of corruption, and what is asked
            of people that the report cannot give.
    """
    roles = {row.rater: role_of(row.kind) for row in report.raters} | {HUMAN: HUMAN}
    wanted, skipped = _wanted(report, spec, roles)
    faults: list[Fault] = []
    circles = circles_of(report, spec, faults)
    human = circles[0].views[0].human if circles else None
    models: dict[str, Kernel] = {}
    for name, place in wanted.items():
        if name in ENDS or name == HUMAN:
            continue
        try:
            models[name] = as_kernel(
                report.matrices[name], completion=spec.completion, repair=spec.repair
            )
        except AlignmentError as refusal:
            faults.append((place, str(refusal)))
    own = human_kernels(circles, spec, wanted.get(HUMAN), faults)
    if circles and human is None and "matched" in spec.forms:
        said = "the matched form needs people's similarities; this report has none"
        faults.append((f"forms[{spec.forms.index('matched')}]", said))
    degraded = list(corrupted_kernels(circles, spec, faults))
    ends = end_kernels(report, spec, wanted, faults)
    if faults:
        raise SpecError(faults)

    general = circles[0].views
    held_out = [v.held_out for v in general if v.held_out is not None]
    alignment: dict[str, dict[str, Estimate]] = {}
    if held_out:
        compared = {
            name: report.matrices[name]
            for name in known_kernels(report)
            # Other trials may come from the very people of the held-out half.
            if name != HUMAN and roles.get(name) not in OTHER_TRIALS
        }
        alignment = alignments(compared, held_out, spec)
    fits = values_apart(report, general[0], spec)
    entries: list[KernelEntry] = []
    for name in wanted:
        if name == HUMAN:
            entries += own
        elif name in ENDS:
            entries += ends[name]
        else:
            for form in spec.forms:
                shaped = models[name]
                if form == "matched" and human is not None:
                    scale = _distribution(human, own, spec)
                    shaped = matched(
                        report.matrices[name],
                        scale,
                        completion=spec.completion,
                        repair=spec.repair,
                    )
                found = alignment.get(name, {})
                entries.append(
                    KernelEntry(name, roles[name], form, 0.0, 0, shaped, found)
                )
    every = (
        replace(entry, fit=value_columns(entry.kernel, fits, spec))
        for entry in (*entries, *degraded)
    )
    people = {HUMAN: own[0].alignment} if own and own[0].alignment else {}
    return KernelsAxis(tuple(every), skipped, people | alignment, general[0].cross_fit)


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


def _distribution(
    human: SimilarityMatrix, own: list[KernelEntry], spec: SweepSpec
) -> SimilarityMatrix:
    """The distribution of off-diagonals that matched kernels get: the human kernel's.

    Without a human kernel in the sweep, one is made; where pairs are missing and no
    completion is named, the judged pairs give the distribution.
    """
    if own:
        return as_matrix(own[0].kernel)
    try:
        return as_matrix(
            as_kernel(human, completion=spec.completion, repair=spec.repair)
        )
    except AlignmentError:
        return human
