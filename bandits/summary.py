"""From runs to the tables of a sweep: cells, effects and the corruption curve.

Outcomes are given raw and relative to the uniform agent on the same replicates: the
difference is taken run by run, so that the luck and the split they share cancel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bandits.effects import (
    Array,
    associate,
    censored_median,
    cluster,
    crossed_standard_error,
    mean_where_defined,
    standard_error,
)
from bandits.kernel_entry import CORRUPTED
from bandits.metric_table import CENSORED, METRICS
from bandits.results import NO_KERNEL, PhaseRuns, Row
from bandits.tails import median_interval, tail_mean, wilson

BASELINE = "uniform"
WORST_RUNS = {"cvar_5": 0.05, "cvar_10": 0.1}
"""Shares of the runs, the worst ones, whose mean reward is told by itself."""


@dataclass(frozen=True)
class TaskNote:
    """What must stand beside the outcomes of one task.

    harm: Whether the dimension is one on which "unsafe" may be said.
    below_share: Of the actions, below the threshold.
    note: Why harm measures are undefined, else empty.
    """

    harm: bool
    below_share: float
    note: str


def cell_rows(
    runs: Sequence[PhaseRuns],
    kernels: Mapping[tuple[str, str, float, int], Row],
    notes: Mapping[tuple[str, str, str], TaskNote],
) -> list[Row]:
    """One row per cell and phase: each metric's mean, error, and lead over uniform.

    A measure in `CENSORED` is given as its median with a 95 % interval (`_low`,
    `_high`), without error or lead. One that a run has or has not is given as the share
    of runs, with Wilson's interval besides the error. Of the mean reward there is also
    the mean over the worst 5 % and 10 % of the runs (`mean_reward_cvar_5`), with its
    error.
    """
    uniform = _uniform(runs)
    rows: list[Row] = []
    for block in runs:
        cell, note = block.cell, notes[block.cell.task]
        base = uniform[(cell.task, block.phase)]
        row: Row = {
            "cell": cell.number,
            "agent": cell.agent,
            "kernel": cell.kernel,
            "role": cell.role,
            "form": cell.form,
            "share": cell.share,
            "draw": cell.draw,
            "dimension": cell.dimension,
            "values_from": cell.values_from,
            "threshold_rule": cell.threshold_rule,
            "threshold": cell.threshold,
            "harm": int(note.harm),
            "below_threshold_share": note.below_share,
            "harm_note": note.note,
            "phase": block.phase,
            "n_runs": len(next(iter(block.metrics.values()))),
        }
        row |= kernels.get((cell.kernel, cell.form, cell.share, cell.draw), {})
        for name in block.metrics:
            row |= _told(name, block.metrics, base)
        rows.append(row)
    return rows


def _told(name: str, metrics: Mapping[str, Array], base: Mapping[str, Array]) -> Row:
    """What the table of cells says of one measure."""
    values = metrics[name]
    if name in CENSORED:
        indicator, when = CENSORED[name]
        low, high = median_interval(values, metrics[indicator] == when)
        median = outcome_of(name, metrics)
        return {name: median, f"{name}_low": low, f"{name}_high": high}
    lead = values - base.get(name, np.full_like(values, np.nan))
    told = {
        name: outcome_of(name, metrics),
        f"{name}_se": standard_error(values),
        f"{name}_vs_uniform": float(mean_where_defined(lead)),
        f"{name}_vs_uniform_se": standard_error(lead),
    }
    if name in METRICS and METRICS[name].yes_or_no:
        told[f"{name}_low"], told[f"{name}_high"] = wilson(values)
    if name == "mean_reward":
        for tail, share in WORST_RUNS.items():
            mean, error = tail_mean(values, share)
            told |= {f"{name}_{tail}": mean, f"{name}_{tail}_se": error}
    return told


def outcome_of(name: str, metrics: Mapping[str, Array]) -> float:
    """What a cell's runs come to in one measure: their mean, or median if censored.

    Args:
        metrics: Every measure of the cell in one phase, each (n_runs,).
    """
    if name not in CENSORED:
        return float(mean_where_defined(metrics[name]))
    indicator, when = CENSORED[name]
    observed = metrics[indicator] == when
    return censored_median(metrics[name], observed.astype(float))


def effect_rows(
    cells: Sequence[Row],
    metrics: Iterable[str],
    measures: Sequence[str],
    *,
    seed: int,
    n_resamples: int = 2000,
) -> list[Row]:
    """Each metric with alignment, over the independent real models of one setting.

    `p` permutes models; `p_shuffled_values` stays empty until `bandits.deals` knows it.

    Args:
        cells: Rows of `cell_rows`.
    """
    names = list(metrics)
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in cells:
        if row["role"] == "model":
            groups.setdefault(_setting(row, "form"), []).append(row)
    baselines = {row["kernel"] for row in cells if row["role"] == "baseline"}
    rows = []
    for key, group in groups.items():
        head = dict(
            zip((*_SETTING, "form"), key, strict=True),
        )
        for measure in measures:
            aligned = np.array(
                [row.get(f"alignment_{measure}", math.nan) for row in group]
            )
            for metric in names:
                outcome = np.array([row.get(metric, math.nan) for row in group])
                if np.isnan(outcome).all():
                    continue
                models, x, y = cluster(
                    [row["kernel"] for row in group], aligned, outcome
                )
                found = associate(x, y, seed=seed, n_resamples=n_resamples)
                rows.append(
                    head
                    | {
                        "metric": metric,
                        "measure": measure,
                        "n_models": found.n_models,
                        "spearman": found.spearman,
                        "low": found.low,
                        "high": found.high,
                        "p_shuffled_values": math.nan,
                        "n_shuffles": 0,
                        "p": found.p,
                        "smallest_p": found.smallest_p,
                        "exact": int(found.exact),
                        "note": found.note,
                        "models": " ".join(models),
                        "n_baselines_left_out": len(baselines),
                    }
                )
    return rows


def corruption_rows(
    runs: Sequence[PhaseRuns],
    kernels: Mapping[tuple[str, str, float, int], Row],
    measures: Sequence[str],
) -> list[Row]:
    """Each metric along the share corrupted, by kind, draws and runs crossed.

    Share 0 is the human kernel itself (of the first halving of the people, from which
    the others are made), in the curve of every kind. A human kernel is its own match:
    only the first form run is listed.
    """
    uniform = _uniform(runs)
    roles = {block.cell.role for block in runs}
    kinds = {role: kind for role, kind in CORRUPTED.items() if role in roles}
    groups: dict[tuple[tuple[str, ...], str, float], list[PhaseRuns]] = {}
    for block in runs:
        cell = block.cell
        setting = (cell.agent, *cell.task, block.phase)
        if cell.role in kinds:
            of_kind = (setting, kinds[cell.role], cell.share)
            groups.setdefault(of_kind, []).append(block)
        elif cell.role == "human" and cell.kernel == "human":
            for kind in kinds.values():
                first = groups.setdefault((setting, kind, 0.0), [])
                if not first or first[0].cell.draw == cell.draw:
                    first.append(block)
    rows = []
    for (key, kind, share), found in sorted(groups.items(), key=lambda one: one[0]):
        blocks = [one for one in found if one.cell.form == found[0].cell.form]
        head: Row = dict(zip(_SETTING, key, strict=True))
        head |= {"corruption": kind, "share": share, "n_draws": len(blocks)}
        traits = [
            kernels[(b.cell.kernel, b.cell.form, share, b.cell.draw)] for b in blocks
        ]
        for measure in measures:
            name = f"alignment_{measure}"
            reached = np.array([trait.get(name, math.nan) for trait in traits])
            head[name] = float(mean_where_defined(reached))
        base = uniform[(blocks[0].cell.task, blocks[0].phase)]
        for metric in blocks[0].metrics:
            if metric in CENSORED:
                continue
            table = np.array([block.metrics[metric] for block in blocks])
            lead = table - base.get(metric, np.full(table.shape[1], np.nan))
            rows.append(
                head
                | {
                    "metric": metric,
                    "value": float(mean_where_defined(table)),
                    "se": crossed_standard_error(table),
                    "vs_uniform": float(mean_where_defined(lead)),
                    "vs_uniform_se": crossed_standard_error(lead),
                }
            )
    return rows


_SETTING = ("agent", "dimension", "values_from", "threshold_rule", "phase")


def _setting(row: Row, *more: str) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in (*_SETTING, *more))


def _uniform(
    runs: Sequence[PhaseRuns],
) -> dict[tuple[tuple[str, str, str], str], Mapping[str, Array]]:
    return {
        (block.cell.task, block.phase): block.metrics
        for block in runs
        if block.cell.agent == BASELINE and block.cell.kernel == NO_KERNEL
    }
