"""Two sweeps side by side: what differs between them, and by how much agents do.

    comparison/ manifest.json     kind "comparison"; both sweeps by hash
                settings.csv      every field of the specs, inputs and engines that differs
                kernels.csv       every kernel: in which sweep, and whether it is the same
                differences.csv   second minus first, of every cell, phase and measure

Replicate i of both sweeps has the same luck where the seeds agree (and the same split,
where that is drawn alike): differences are then taken run by run, so that what the runs
share cancels. Otherwise the runs are two samples, and the interval is Welch's. Either
says how sure the difference is over luck and splits, for these kernels and people; it
says nothing of other kernels.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.dataset as pads
from scipy import stats

from alignment.folders import locked, read_manifest, sha256_of, write_manifest
from alignment.multiplicity import holm
from alignment.progress import Progress
from bandits.comparison_figures import draw_comparison
from bandits.errors import BanditError
from bandits.metric_table import CENSORED, METRICS
from bandits.results import Array, Row, SweepData, read_sweep, write_table

KIND = "comparison"
SIDES = ("first", "second")
KEY = (
    "agent",
    "kernel",
    "role",
    "form",
    "share",
    "draw",
    "dimension",
    "values_from",
    "threshold_rule",
    "phase",
)
"""What makes rows of two sweeps the same cell and phase."""
_KERNEL = ("kernel", "role", "form", "share", "draw")
_ENGINE = ("device", "backend", "dtype", "commit", "python")


class Difference(NamedTuple):
    """Second minus first, with a 95 % interval and a two-sided p.

    n: Pairs of runs, or runs of the smaller sample where they are not paired.
    low, high, p: NaN below two runs a side. Where no run differs at all, the interval is
        the point and p is 1 if that is 0, else 0.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float
    n: int


def compare(first: Path, second: Path, out: Path, *, figures: bool = True) -> Path:
    """Write the comparison of two finished sweeps.

    Args:
        first, second: What `python -m bandits sweep` wrote. The same report or not.
        out: The comparison's folder, made if missing; an earlier one is replaced.
        figures: Whether to draw them.

    Returns:
        `out`.

    Raises:
        FolderError: One of them is no finished sweep, or `out` holds something else.
        FolderInUse: Another process writes there.
        BanditError: It is one sweep twice, or they have no cell in common.
    """
    started_at = datetime.now(UTC)
    sweeps = (read_sweep(first), read_sweep(second))
    marks = [sha256_of(sweep.folder / "manifest.json") for sweep in sweeps]
    if marks[0] == marks[1]:
        raise BanditError(
            f"{second} is the same sweep as {first}: there is nothing to compare"
        )
    if (out / "manifest.json").is_file():
        read_manifest(out, KIND, verify=False)
    paired = sweeps[0].spec.seed == sweeps[1].spec.seed
    with locked(out):
        (out / "manifest.json").unlink(missing_ok=True)
        settings = setting_rows(*sweeps)
        rows = difference_rows(*sweeps, paired=paired)
        write_table(out / "settings.csv", settings, empty=("what", *SIDES))
        write_table(out / "kernels.csv", kernel_rows(*sweeps))
        write_table(out / "differences.csv", rows)
        simulated = any(sweep.simulated for sweep in sweeps)
        if figures:
            names = [str(sweep.manifest["sweep_hash"])[:8] for sweep in sweeps]
            draw_comparison(
                rows,
                out / "figures",
                mark=f"{names[1]} \N{MINUS SIGN} {names[0]}",
                simulated=simulated,
            )
        write_manifest(
            out,
            kind=KIND,
            parameters={"paired": paired},
            inputs=dict(zip(SIDES, marks, strict=True)),
            simulated=simulated,
            seeds={
                side: sweep.spec.seed for side, sweep in zip(SIDES, sweeps, strict=True)
            },
            started_at=started_at,
            extra={
                "paired": paired,
                "same_report": len({_report(sweep) for sweep in sweeps}) == 1,
                "n_differences": len(rows),
                "folders": {
                    side: os.path.relpath(sweep.folder.resolve(), out.resolve())
                    for side, sweep in zip(SIDES, sweeps, strict=True)
                },
            },
        )
    return out


def setting_rows(first: SweepData, second: SweepData) -> list[Row]:
    """Every field in which two sweeps differ: of the spec, the report, the engine.

    A spec's title changes no number, and is left out.
    """
    sides = (_settings(first), _settings(second))
    return [
        {"what": name, **dict(zip(SIDES, (s.get(name) for s in sides), strict=True))}
        for name in dict.fromkeys([*sides[0], *sides[1]])
        if sides[0].get(name) != sides[1].get(name)
    ]


def kernel_rows(first: SweepData, second: SweepData) -> list[Row]:
    """Every kernel of either sweep; `status` says whether both have the same one.

    Two kernels of one name are the same where all their numbers are: spectrum, repair
    and alignment.
    """
    sides = [
        {tuple(row[name] for name in _KERNEL): row for row in sweep.kernels}
        for sweep in (first, second)
    ]
    found = []
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        one, other = (side.get(key) for side in sides)
        status = (
            f"only in the {SIDES[one is None]}"
            if one is None or other is None
            else "the same"
            if _same(one, other)
            else "another"
        )
        row: Row = {**dict(zip(_KERNEL, key, strict=True)), "status": status}
        for side, held in zip(SIDES, (one, other), strict=True):
            for name in ("effective_rank", "mean_off_diagonal", "alignment_spearman"):
                row[f"{name}_{side}"] = (held or {}).get(name, math.nan)
        found.append(row)
    return found


def difference_rows(first: SweepData, second: SweepData, *, paired: bool) -> list[Row]:
    """Second minus first, of each measure of each cell and phase that both have.

    `p_holm` is adjusted over all kernels and agents of one task, phase and measure. A
    measure that is often undefined (`CENSORED`) is a median, and is not compared.

    Raises:
        BanditError: No cell is in both.
    """
    sides = [{_key(row): row for row in sweep.cells} for sweep in (first, second)]
    common = [key for key in sides[0] if key in sides[1]]
    if not common:
        raise BanditError(
            "the sweeps have no cell in common: the first has "
            f"{_offers(first.cells)}; the second has {_offers(second.cells)}"
        )
    rows: list[Row] = []
    with Progress("comparing cells", len(common)) as progress:
        runs = [_Runs(sweep) for sweep in (first, second)]
        for key in common:
            held = [
                some.of(int(side[key]["cell"]), key[-1])
                for some, side in zip(runs, sides, strict=True)
            ]
            for metric in METRICS:
                if metric in CENSORED or any(metric not in one for one in held):
                    continue
                found = (
                    paired_difference(held[0][metric], held[1][metric])
                    if paired
                    else unpaired_difference(held[0][metric], held[1][metric])
                )
                if found.n:
                    rows.append(
                        dict(zip(KEY, key, strict=True))
                        | {"metric": metric}
                        | found._asdict()
                        | {"paired": int(paired)}
                    )
            progress.advance()
    _adjust(rows)
    return rows


def paired_difference(first: Array, second: Array) -> Difference:
    """Mean of the differences by replicate, over those that both sides have.

    Args:
        first, second: (n_runs,) by replicate, from 0; NaN where undefined.
    """
    n = min(len(first), len(second))
    defined = np.isfinite(first[:n]) & np.isfinite(second[:n])
    one, other = first[:n][defined], second[:n][defined]
    apart = other - one
    if not len(apart):
        return Difference(*(math.nan,) * 6, 0)
    error = _error(apart)
    return _difference(one, other, error, len(apart) - 1, len(apart))


def unpaired_difference(first: Array, second: Array) -> Difference:
    """Difference of two independent samples' means, with Welch's (1947) interval."""
    one, other = first[np.isfinite(first)], second[np.isfinite(second)]
    if not len(one) or not len(other):
        return Difference(*(math.nan,) * 6, 0)
    parts = _error(one) ** 2, _error(other) ** 2
    error = math.sqrt(sum(parts))
    freedom = math.nan
    if error > 0:
        freedom = error**4 / sum(
            part**2 / (len(side) - 1)
            for part, side in zip(parts, (one, other), strict=True)
        )
    return _difference(one, other, error, freedom, min(len(one), len(other)))


# ------------------------------------------------------------------ the pieces


class _Runs:
    """The runs of a sweep, a cell and phase at a time."""

    def __init__(self, sweep: SweepData) -> None:
        self._runs = pads.dataset(sweep.folder / "runs.parquet")
        self._metrics = [name for name in self._runs.schema.names if name in METRICS]

    def of(self, cell: int, phase: object) -> dict[str, Array]:
        """(n_runs,) each measure by replicate; only those that have a number."""
        wanted = (pads.field("cell") == cell) & (pads.field("phase") == phase)
        table = self._runs.to_table(
            columns=["replicate", *self._metrics], filter=wanted
        ).sort_by("replicate")
        columns = {
            name: np.asarray(table[name].to_numpy(), dtype=float)
            for name in self._metrics
        }
        return {
            name: values
            for name, values in columns.items()
            if np.isfinite(values).any()
        }


def _difference(
    one: Array, other: Array, error: float, freedom: float, n: int
) -> Difference:
    first, second = float(one.mean()), float(other.mean())
    apart = second - first
    if math.isnan(error):
        low = high = p = math.nan
    elif error == 0:
        low = high = apart
        p = float(apart == 0)
    else:
        half = float(stats.t.ppf(0.975, freedom)) * error
        low, high = apart - half, apart + half
        p = float(2 * stats.t.sf(abs(apart) / error, freedom))
    return Difference(first, second, apart, low, high, p, n)


def _error(values: Array) -> float:
    """Standard error of the mean; NaN of a single run."""
    if len(values) < 2:
        return math.nan
    return float(values.std(ddof=1)) / math.sqrt(len(values))


def _adjust(rows: Sequence[Row]) -> None:
    families: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        family = (*(row[name] for name in KEY[6:]), row["metric"])
        families.setdefault(family, []).append(row)
    for family_rows in families.values():
        adjusted = holm([row["p"] for row in family_rows])
        for row, p in zip(family_rows, adjusted, strict=True):
            row["p_holm"] = float(p)


def _settings(sweep: SweepData) -> dict[str, str]:
    """What made a sweep, one text a field."""
    found = dict(_flat(sweep.spec.model_dump(mode="json", exclude={"title"})))
    found["report"] = _report(sweep)
    for name in _ENGINE:
        found[name] = str(sweep.manifest.get(name))
    for name, version in sweep.manifest.get("packages", {}).items():
        found[f"packages.{name}"] = str(version)
    return found


def _flat(document: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            yield f"{before}{name}", ", ".join(map(str, value))
        else:
            yield f"{before}{name}", "" if value is None else str(value)


def _report(sweep: SweepData) -> str:
    return str(sweep.manifest["inputs"]["report"])[:8]


def _same(one: Row, other: Row) -> bool:
    names = one.keys() & other.keys()
    return all(_equal(one[name], other[name]) for name in names)


def _equal(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return one == other


def _key(row: Row) -> tuple[object, ...]:
    return tuple(row[name] for name in KEY)


def _offers(cells: Sequence[Row]) -> str:
    return "; ".join(
        f"{name}s {', '.join(dict.fromkeys(str(row[name]) for row in cells))}"
        for name in ("agent", "kernel", "dimension")
    )
