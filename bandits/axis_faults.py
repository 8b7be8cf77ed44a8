"""What a spec asks of raters, rewards and splits that its report cannot give."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alignment.report_files import GROUP, ReportData
from bandits.errors import BanditError
from bandits.people import people_faults
from bandits.spec import Fault, SweepSpec
from bandits.splits import areas_of, split
from bandits.task_values import suits, task_values


def axis_faults(report: ReportData, spec: SweepSpec) -> list[Fault]:
    """Every such fault, each once, with its place in the spec.

    Names that the report does not have are passed over: `plan.name_faults` tells them.
    """
    found = [*people_faults(report, spec), *_split_faults(report, spec)]
    if not found:
        found += [*_pairing_faults(spec), *_task_faults(report, spec)]
    return list(dict.fromkeys(found))


def _split_faults(report: ReportData, spec: SweepSpec) -> Iterator[Fault]:
    unsafe = np.zeros(len(report.actions), dtype=bool)
    try:
        split(spec.phases.split, unsafe, areas_of(report.actions), range(1), seed=0)
    except BanditError as refusal:
        yield "phases.split", str(refusal)


def _pairing_faults(spec: SweepSpec) -> Iterator[Fault]:
    """Sources of rewards without values they could pay, and the other way round."""
    sources = spec.rewards.sources
    for place, source in enumerate(sources):
        if not any(suits(source, values) for values in spec.values_from):
            whose = "the group's" if source == "rater_draw" else "a participant's"
            yield (
                f"rewards.sources[{place}]",
                f'"{source}" pays {whose} values; values_from names none',
            )
    for place, values in enumerate(spec.values_from):
        if not any(suits(source, values) for source in sources):
            fitting = "rater_draw" if values == GROUP else "participant"
            yield (
                f"values_from[{place}]",
                f'no source of rewards suits {values}; add "mean+noise" or "{fitting}"',
            )


def _task_faults(report: ReportData, spec: SweepSpec) -> Iterator[Fault]:
    for dimension in spec.dimensions:
        for values_from in spec.values_from:
            vector = report.values.get((dimension, values_from))
            if vector is None or np.isnan(vector).any():
                continue
            for place, source in enumerate(spec.rewards.sources):
                if not suits(source, values_from):
                    continue
                try:
                    found = task_values(report, spec, dimension, values_from, source)
                except BanditError as refusal:
                    at = f"rewards.sources[{place}]"
                    if source == "mean+noise":
                        at = "rewards.sd" if spec.rewards.sd == "measured" else "people"
                    yield at, str(refusal)
                    continue
                if "set_aside" not in spec.disputed or found.margin is not None:
                    continue
                at = f"disputed[{spec.disputed.index('set_aside')}]"
                try:
                    found.disputed(0.0)
                except BanditError as refusal:
                    if values_from == GROUP:
                        yield at, str(refusal)
                    else:
                        said = f"{values_from} rated no action of {dimension} twice"
                        yield at, f"{said}: how sure their ratings are is not known"
