"""Who is asked for what: whose views make the kernel, and whose it is measured against.

Cross-fit (`science.md`, rule 15): the human kernel comes from some participants, the
alignment of every kernel is measured against others, and, where people judged both
similarity and values, the values come from yet others. Halves may be drawn repeatedly.
A participant whose own values pay is left out of the human kernel that learns them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from alignment.matrices import SimilarityMatrix
from alignment.reliability import halved
from alignment.report_files import GROUP, HALF_A, HALF_B, HUMAN, ReportData
from bandits.errors import BanditError
from bandits.spec import Fault, SweepSpec

# Whose number in a seed's sequence a draw has; never renumber.
_APART, _HARM, _HALVES = 1, 2, 3


class View(NamedTuple):
    """One division of the people who judged similarity.

    human: What the human kernel is made from; None where nobody judged pairs.
    held_out: What alignment is measured against; the same matrix for published means.
    asked: The raters behind `held_out`; empty where they are not known.
    """

    human: SimilarityMatrix | None
    held_out: SimilarityMatrix | None
    asked: frozenset[str]

    @property
    def cross_fit(self) -> bool:
        """Whether alignment is measured on others than those behind the kernel."""
        return self.held_out is not self.human


def views(
    report: ReportData, spec: SweepSpec, *, without: str = ""
) -> tuple[View, ...]:
    """Each repeated halving of the people who judged similarity.

    One halving of everybody is the report's own.

    Args:
        without: A participant who is left out of both halves; the others stay where
            they were.

    Raises:
        BanditError: More was asked than published means, or a report of before single
            judgments were kept, can give; or a half has nobody left.
    """
    people = spec.people
    plain = people.splits == 1 and people.value_raters == "all" and not without
    if plain:
        means = report.matrices.get(HUMAN)
        if HALF_A in report.matrices and HALF_B in report.matrices:
            asked = _report_halves(report)[1]
            halves = report.matrices[HALF_A], report.matrices[HALF_B]
            return (View(*halves, frozenset(asked)),)
        return (View(means, means, frozenset()),)
    if report.judgments is None or len(report.judgments.similarities) == 0:
        raise BanditError(
            "needs single participants' similarity judgments, and this report has "
            "none: make it again from its snapshot, if people judged pairs there"
        )
    pairs = report.judgments.similarities
    away = value_people(report, spec) if people.value_raters == "apart" else set()
    raters = [rater for rater in pairs.raters if rater not in away]
    found = []
    for number in range(people.splits):
        halves_of = _report_halves(report)
        if number or away or not all(halves_of):
            halves_of = halved(raters, seed=_seed(spec, _HALVES, number))
        kept = [tuple(r for r in half if r != without) for half in halves_of]
        if not all(kept):
            raise BanditError(
                f"needs people in both halves of those who judged similarity, got "
                f"{len(kept[0])} and {len(kept[1])}"
            )
        human, held_out = (
            pairs.mean(half, rater=name)
            for half, name in zip(kept, (HALF_A, HALF_B), strict=True)
        )
        found.append(View(human, held_out, frozenset(kept[1])))
    return tuple(found)


def left_out(report: ReportData, spec: SweepSpec) -> tuple[str, ...]:
    """Whose own values pay, and who stands behind the human kernel as well."""
    if report.judgments is None:
        return ()
    judged = set(report.judgments.similarities.raters)
    away = value_people(report, spec) if spec.people.value_raters == "apart" else set()
    return tuple(
        source
        for source in spec.values_from
        if source != GROUP and source in judged - away
    )


def value_people(report: ReportData, spec: SweepSpec) -> set[str]:
    """Those asked for values alone: half of the people who judged both, and the rest."""
    if report.judgments is None:
        return set()
    both = report.judgments.both()
    asked = set(report.judgments.values.rater.tolist())
    return asked - set(halved(both, seed=_seed(spec, _APART))[0])


def value_halves(
    raters: tuple[str, ...], spec: SweepSpec
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those whose ratings are paid, and those who decide what is harm."""
    return halved(raters, seed=_seed(spec, _HARM))


def people_faults(report: ReportData, spec: SweepSpec) -> list[Fault]:
    """What the spec asks of people that this report cannot give."""
    faults: list[Fault] = []
    for place, wanted in (
        ("people.splits", spec.people.splits > 1),
        ("people.value_raters", spec.people.value_raters == "apart"),
    ):
        if wanted:
            try:
                views(report, spec)
            except BanditError as refusal:
                faults.append((place, str(refusal)))
    if spec.people.harm_raters == "other_half":
        for dimension in spec.dimensions:
            n = 0
            if report.judgments is not None:
                n = len(report.judgments.values.raters(dimension))
            if n < 2 and GROUP in spec.values_from:
                said = (
                    f'"other_half" needs at least 2 raters of {dimension} whose own '
                    f"ratings are in the report, got {n}"
                )
                faults.append(("people.harm_raters", said))
    return faults


def _report_halves(report: ReportData) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The raters behind the report's own halves; nobody where they are not known."""
    seed = report.manifest.get("seeds", {}).get("seed")
    if report.judgments is None or seed is None:
        return (), ()
    raters = report.judgments.similarities.raters
    return halved(raters, seed=int(seed)) if len(raters) > 1 else ((), ())


def _seed(spec: SweepSpec, *purpose: int) -> int:
    sequence = np.random.SeedSequence([spec.seed, *purpose])
    return int(sequence.generate_state(1)[0])
