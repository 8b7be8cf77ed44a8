"""A forecast in words and a short table, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf, isnan

from collection.forecasting.curve import (
    Band,
    CurvePoint,
    Needed,
    needed_for_reliability,
    needed_for_width,
)
from collection.forecasting.runs import Forecast
from collection.forecasting.settings import NOISE, SOURCES

MOST_UNJUDGED = 0.02
"""More pairs than this without a judgment are worth a word."""


def told(
    result: Forecast, *, reliability: float = 0.8, ceiling_width: float = 0.05
) -> str:
    """Everything, as lines: sentences first, then tables, then what was assumed."""
    lines = [
        f"Forecast for {result.slug}: SIMULATED PARTICIPANTS, "
        f"{result.settings.replicates} studies at each level of noise.",
        "Intervals: where 95 of 100 such studies should come out.",
        "",
        *_summary(result),
        "",
        *_needs(result, reliability, ceiling_width),
    ]
    for target in result.targets:
        lines += ["", *_table(result, target)]
    lines += ["", *_time_and_pay(result), *_assumed(result)]
    lines += [f"Note: {remark}" for remark in result.remarks]
    return "\n".join(lines)


def _summary(result: Forecast) -> list[str]:
    target = result.targets[0]
    return [sentence(result, point) for point in result.expected[target]]


def sentence(result: Forecast, point: CurvePoint) -> str:
    """What so many participants buy, in one line."""
    said = f"{point.n:,} {'participant' if point.n == 1 else 'participants'}: "
    if isnan(point.reliability.value) or point.refused > 0.5:
        said += f"no reliability or ceiling for {point.target} ({point.note})"
    else:
        said += (
            f"reliability of {point.target} {shown(point.reliability)}, "
            f"ceiling {shown(point.ceiling)}"
        )
    if result.pay is not None:
        said += f"; {result.pay.shown(result.pay.cost(point.n).total)} with fees"
    if point.unjudged > MOST_UNJUDGED:
        said += f"; {point.unjudged:.0%} unjudged"
    return said + "."


def _needs(result: Forecast, reliability: float, width: float) -> list[str]:
    lines = []
    for target in result.targets:
        by_noise = []
        for level, studies in result.studies.items():
            need = needed_for_reliability(studies, target, reliability)
            if level == "expected":
                lines.append(f"{target}: {need_said(need)}")
            else:
                by_noise.append(f"{level} noise {_number(need.value, need)}")
        lines[-1] += f" ({', '.join(by_noise)})."
        if target.startswith("value ") and target != result.targets[0]:
            continue  # a line for each of ten dimensions would bury the rest
        narrow = needed_for_width(
            result.studies["expected"], target, width, seed=result.settings.seed
        )
        lines.append(f"{target}: {need_said(narrow)}.")
    return lines


def need_said(need: Needed) -> str:
    """How many participants something takes, and how sure that is."""
    if isinf(need.value):
        least = (
            "" if isinf(need.low) else f", at the very least {_number(need.low, need)}"
        )
        return f"a {need.what} takes more than {need.most:,} participants{least}"
    if need.value <= need.least and need.high <= need.least:
        return f"a {need.what} takes {need.least:,} participants or fewer"
    return (
        f"a {need.what} takes about {_number(need.value, need)} participants "
        f"[{_number(need.low, need)}, {_number(need.high, need)}]"
    )


def _number(value: float, need: Needed) -> str:
    return f">{need.most:,}" if isinf(value) else f"{-int(-value // 1):,}"


def shown(band: Band) -> str:
    """.81 [.77, .84]; a dash where there is none."""
    if isnan(band.value):
        return "-"
    if isnan(band.low):
        return f"{_short(band.value)} [?]"
    return f"{_short(band.value)} [{_short(band.low)}, {_short(band.high)}]"


def _short(value: float) -> str:
    """Two digits without the nought, as correlations are written."""
    if isnan(value):
        return "-"
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text


def _table(result: Forecast, target: str) -> list[str]:
    points = result.expected[target]
    values = target.startswith("value ")
    heads = ["N", "usable", "raters", "per " + ("action" if values else "pair")]
    heads += ["unjudged", "halves r", "reliability", "ceiling", "ICC(1)", "closed form"]
    heads += ["repeats r"]
    rows = [_row(point) for point in points]
    if values:
        heads.insert(4, "complete")
        for row, point in zip(rows, points, strict=True):
            row.insert(4, f"{point.complete:.0f}")
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [
        "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True))
        for row in [heads, *rows]
    ]
    notes = [
        f"  {point.n:,}: no ceiling in {point.refused:.0%} of the studies: {point.note}"
        for point in points
        if point.refused and point.note
    ]
    return [target, *lines, *notes]


def _row(point: CurvePoint) -> list[str]:
    refused = point.refused > 0.5
    return [
        f"{point.n:,}",
        f"{point.n_usable:.0f}",
        f"{point.n_raters:.0f}",
        f"{point.per_cell:.1f}",
        f"{point.unjudged:.0%}",
        "refused" if refused else _short(point.half_r.value),
        "refused" if refused else shown(point.reliability),
        "refused" if refused else shown(point.ceiling),
        _short(point.icc),
        _short(point.closed_form),
        _short(point.repeat_r),
    ]


def _time_and_pay(result: Forecast) -> list[str]:
    low, high = result.tenths
    lines = [
        f"A session takes {result.minutes:.0f} min (median; a tenth is below {low:.0f}, "
        f"a tenth above {high:.0f})."
    ]
    points = result.expected[result.targets[0]]
    if result.pay is None:
        lines.append(
            "No cost: the definition names no reward_cents in [recruitment]; "
            "give --pay-per-hour."
        )
        return lines
    lines.append(f"Pay: {result.pay.source}.")
    for point in points:
        cost = result.pay.cost(point.n)
        lines.append(
            f"  {point.n:>6,} paid (about {point.n_joined:,.0f} join): "
            f"{result.pay.shown(cost.rewards)} pay + {result.pay.shown(cost.fee)} fee + "
            f"{result.pay.shown(cost.vat)} tax = {result.pay.shown(cost.total)}"
        )
    return lines


def _assumed(result: Forecast) -> list[str]:
    settings, nature = result.settings, result.settings.nature
    values: Sequence[tuple[str, str]] = (
        ("pair noise", f"{nature.similarity_sd:g} on 0-1"),
        ("pair bias", f"{nature.similarity_bias_sd:g} on 0-1"),
        ("value noise", f"{nature.value_sd:g} on 0-100"),
        ("value offset", f"{nature.value_offset_sd:g} on 0-100"),
        ("own view", f"{nature.own_share:.0%} of the noise"),
        ("careless", f"{settings.careless:.0%}"),
        ("dropout", f"{settings.dropout:.0%}"),
        ("pace", f"x {settings.pace:g}, and {settings.extra_minutes:g} min to begin"),
    )
    lines = ["Assumed (a default's source in brackets; your own pilot beats them all):"]
    lines += [f"  {name} {value} [{SOURCES[name]}]" for name, value in values]
    lines.append(f"  truth [{SOURCES['truth']}]")
    lines.append(
        "  optimistic and pessimistic: noise x "
        f"{NOISE['optimistic']:g} and x {NOISE['pessimistic']:g}"
    )
    return lines
