"""The ends of the scale as kernels of a sweep, each for the tasks that it is an end of."""

from __future__ import annotations

from collections.abc import Mapping

from alignment.report_files import ReportData
from bandits.errors import BanditError
from bandits.kernel_ends import (
    END,
    ENDS,
    IDENTITY,
    ORACLE,
    SHUFFLED,
    identity,
    shuffled,
    value_oracle,
)
from bandits.kernel_entry import KernelEntry
from bandits.spec import Fault, SweepSpec
from bandits.task_values import task_values


def end_kernels(
    report: ReportData,
    spec: SweepSpec,
    wanted: Mapping[str, str],
    faults: list[Fault],
) -> dict[str, list[KernelEntry]]:
    """The ends of the scale that the spec names, by name; one form each."""
    made: dict[str, list[KernelEntry]] = {name: [] for name in ENDS}
    actions, form = report.actions.ids, spec.forms[0]
    if IDENTITY in wanted:
        kernel = identity(actions)
        made[IDENTITY].append(KernelEntry(IDENTITY, END, form, 0.0, 0, kernel, {}))
    asked = [name for name in (ORACLE, SHUFFLED) if name in wanted]
    tasks = [(d, s) for d in spec.dimensions for s in spec.values_from]
    for number, (dimension, source) in enumerate(tasks if asked else ()):
        try:
            values = task_values(report, spec, dimension, source, "mean+noise").values
            oracle = value_oracle(
                values, actions, form=spec.ends.form, length=spec.ends.length
            )
        except BanditError as refusal:
            faults.append((wanted[asked[0]], f"{dimension}: {refusal}"))
            continue
        if ORACLE in wanted:
            made[ORACLE].append(
                KernelEntry(
                    *(ORACLE, END, form, 0.0, number, oracle, {}),
                    dimension=dimension,
                    values_from=source,
                )
            )
        if SHUFFLED in wanted:
            made[SHUFFLED] += [
                KernelEntry(
                    *(SHUFFLED, END, form, 0.0),
                    number * spec.ends.shuffles + draw,
                    shuffled(oracle, draw, seed=spec.seed),
                    {},
                    dimension=dimension,
                    values_from=source,
                )
                for draw in range(1, spec.ends.shuffles + 1)
            ]
    return made
