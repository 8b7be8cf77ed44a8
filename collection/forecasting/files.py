"""A forecast as a folder: forecast.csv, forecast.txt, the plot, and a manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from math import isnan
from pathlib import Path

from alignment.folders import locked, write_manifest, write_rows
from collection.forecasting.curve import Band, CurvePoint
from collection.forecasting.figure import draw_forecast
from collection.forecasting.runs import Forecast
from collection.forecasting.settings import LEVELS, NOISE

KIND = "forecast"
_PARTS = ("", "_low", "_high")
_COST = ("currency", "pay_cents", "fee_cents", "vat_cents", "total_cents")


def columns() -> list[str]:
    """The columns of forecast.csv; `ceiling_refused` is a share of the studies."""
    named: list[str] = ["level"]
    for field in fields(CurvePoint):
        if field.name in ("half_r", "reliability", "ceiling"):
            named += [f"{field.name}{part}" for part in _PARTS]
        else:
            named.append({"refused": "ceiling_refused"}.get(field.name, field.name))
    return [*named, *_COST]


def write_forecast(
    result: Forecast, folder: Path, *, told: str, started_at: datetime
) -> list[str]:
    """Write everything; the manifest comes last. Returns the names of the files.

    What is not known stands empty in the table, with a note, never as NaN.

    Raises:
        FolderInUse: somebody else writes there.
    """
    with locked(folder):
        write_rows(
            folder / "forecast.csv",
            columns(),
            [
                _row(result, level, point)
                for level in LEVELS
                for points in result.curves[level].values()
                for point in points
            ],
        )
        (folder / "forecast.txt").write_text(f"{told}\n", encoding="utf-8")
        drawn = draw_forecast(result, folder / "forecast")
        write_manifest(
            folder,
            kind=KIND,
            parameters={**result.settings.as_json(), "noise": dict(NOISE)},
            inputs={"definition": result.definition_sha256},
            simulated=True,
            seeds={"forecast": result.settings.seed},
            started_at=started_at,
            extra={"study": result.slug},
        )
    return ["forecast.csv", "forecast.txt", *(path.name for path in drawn)]


def _row(result: Forecast, level: str, point: CurvePoint) -> Mapping[str, object]:
    row: dict[str, object] = {"level": level}
    for field in fields(point):
        value = getattr(point, field.name)
        if isinstance(value, Band):
            for part, number in zip(
                _PARTS, (value.value, value.low, value.high), strict=True
            ):
                row[f"{field.name}{part}"] = _known(number)
        elif field.name == "refused":
            row["ceiling_refused"] = value
        else:
            row[field.name] = _known(value) if isinstance(value, float) else value
    if result.pay is None:
        return row | dict.fromkeys(_COST)
    cost = result.pay.cost(point.n)
    paid = (result.pay.section.currency, cost.rewards, cost.fee, cost.vat, cost.total)
    return row | dict(zip(_COST, paid, strict=True))


def _known(number: float) -> float | None:
    return None if isnan(number) else number
