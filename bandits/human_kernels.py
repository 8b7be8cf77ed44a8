"""The human kernels of a sweep: of each halving, without a participant, and corrupted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from alignment.corruption import RELABEL, as_matrix, corrupt
from alignment.errors import AlignmentError
from alignment.kernels import as_kernel
from alignment.report_files import HUMAN, ReportData
from alignment.uncertainty import Estimate
from bandits.errors import BanditError
from bandits.kernel_alignment import estimate, point
from bandits.kernel_entry import ROLE_OF_KIND, KernelEntry
from bandits.people import View, left_out, views
from bandits.spec import Fault, SweepSpec


class Circle(NamedTuple):
    """The people behind the human kernels of some tasks.

    number: 0 for everybody, whose kernels serve all tasks but those of the others.
    """

    number: int
    without: str
    views: tuple[View, ...]
    instead: frozenset[str]


def circles_of(
    report: ReportData, spec: SweepSpec, faults: list[Fault]
) -> list[Circle]:
    """Everybody, then everybody but each participant whose own values pay."""
    persons = left_out(report, spec)
    made = []
    for number, without in enumerate(("", *persons)):
        try:
            found = views(report, spec, without=without)
        except BanditError as refusal:
            place = f"values_from[{spec.values_from.index(without)}]" if number else ""
            faults.append((place or "people", str(refusal)))
            continue
        instead = frozenset() if number else frozenset(persons)
        made.append(Circle(number, without, found, instead))
    return made


def human_kernels(
    circles: list[Circle], spec: SweepSpec, place: str | None, faults: list[Fault]
) -> list[KernelEntry]:
    """The human kernels: of every circle and halving. A matched one is the same."""
    made: list[KernelEntry] = []
    if place is None:
        return made
    for circle in circles:
        for number, view in enumerate(circle.views):
            if view.human is None or view.held_out is None:
                continue
            try:
                kernel = as_kernel(
                    view.human, completion=spec.completion, repair=spec.repair
                )
            except AlignmentError as refusal:
                faults.append((place, str(refusal)))
                continue
            found: dict[str, Estimate] = {}
            if view.cross_fit:
                found = {
                    m: estimate(m, view.human, [view.held_out], spec)
                    for m in spec.measures
                }
            draw = circle.number * spec.people.splits + number
            made += [
                KernelEntry(
                    *(HUMAN, HUMAN, form, 0.0, draw, kernel, found),
                    values_from=circle.without,
                    instead=circle.instead,
                )
                for form in spec.forms
            ]
    return made


def corrupted_kernels(
    circles: list[Circle], spec: SweepSpec, faults: list[Fault]
) -> Iterator[KernelEntry]:
    """The human kernel of every circle's first halving, corrupted in each way."""
    corruption = spec.corruption
    for circle in circles:
        human, held_out, _ = circle.views[0]
        if human is None or held_out is None:
            if any(corruption.shares):
                said = "needs people's similarities to corrupt; this report has none"
                faults.append(("corruption.shares", said))
            return
        for at, kind in enumerate(corruption.kinds):
            for place, share in enumerate(corruption.shares):
                if share == 0:
                    continue  # the human kernel itself, in the sweep anyway
                for draw in range(1, corruption.draws + 1):
                    # One seed for all shares: a draw's curve corrupts ever more.
                    key = np.random.SeedSequence([spec.seed, draw])
                    seed = int(key.generate_state(1)[0])
                    try:
                        matrix = corrupt(
                            *(human, kind, share),
                            seed=seed,
                            completion=spec.completion,
                        )
                        kernel = as_kernel(
                            matrix, completion=spec.completion, repair=spec.repair
                        )
                    except AlignmentError as refusal:
                        faults.append((f"corruption.shares[{place}]", str(refusal)))
                        break
                    # Relabelling needs no repair; the others are measured after it.
                    seen = matrix if kind == RELABEL else as_matrix(kernel)
                    reached = {m: point(m, seen, [held_out]) for m in spec.measures}
                    block = circle.number * len(corruption.kinds) + at
                    number = block * corruption.draws + draw
                    for form in spec.forms:
                        yield KernelEntry(
                            *(HUMAN, ROLE_OF_KIND[kind], form, share, number),
                            *(kernel, reached),
                            corruption=kind,
                            values_from=circle.without,
                            instead=circle.instead,
                        )
