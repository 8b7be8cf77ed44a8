"""A sweep's figures to explore: every kernel named, every number that of the table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bandits.figure_data import outcome_data
from bandits.figure_data_over_time import over_time_data
from tests.bandits.test_figure_over_time import rows as over_time_rows
from tests.bandits.test_figures import MATERIAL, PHASE, TASK


def by_name(traces: Any) -> dict[str, Any]:
    return {trace["name"]: trace for trace in traces if "name" in trace}


def test_each_point_tells_its_kernel_outcome_and_alignment() -> None:
    figure = outcome_data(MATERIAL, TASK, PHASE, "mean_reward")

    told = " ".join(
        text for trace in figure.traces for text in trace.get("customdata", ())
    )
    real = [row for row in MATERIAL.cells if row["role"] in ("model", "human")]
    assert real
    for row in real:
        assert f"<b>{row['kernel']}</b>" in told
        assert f"{row['mean_reward']:.2f}" in told
        assert f"alignment {row['alignment_spearman']:.2f}" in told


def test_kernels_as_given_wait_in_the_legend_where_there_are_matched_ones() -> None:
    traces = by_name(outcome_data(MATERIAL, TASK, PHASE, "mean_reward").traces)

    given = {name for name in traces if name.startswith("as given")}
    assert all(traces[name]["visible"] == "legendonly" for name in given)
    assert all(
        traces[name].get("visible", True) is True for name in set(traces) - given
    )


def test_intervals_are_seen_where_a_marker_is_open() -> None:
    """Plotly gives bars the colour of the marker's middle: white on a white page."""
    traces = outcome_data(MATERIAL, TASK, PHASE, "mean_reward").traces

    marked = [trace for trace in traces if trace.get("mode") == "markers"]
    assert any(trace["marker"]["color"] == "#ffffff" for trace in marked)
    for trace in marked:
        for bars in ("error_x", "error_y"):
            assert trace[bars]["color"] == trace["marker"]["line"]["color"]


def test_the_table_holds_both_panels_apart() -> None:
    figure = outcome_data(MATERIAL, TASK, PHASE, "mean_reward")

    panels = [row["panel"] for row in figure.rows]
    assert panels.count("relabelled") == len(MATERIAL.corruption)
    for row in figure.rows:
        if row["panel"] == "relabelled":
            middle = (row["low"] + row["high"]) / 2
            assert row["mean_reward"] == pytest.approx(middle)


def test_without_relabelled_kernels_there_is_no_panel_for_them() -> None:
    bare = replace(MATERIAL, corruption=[])
    layout = outcome_data(bare, TASK, PHASE, "mean_reward").layout

    assert not any("relabelled" in note["text"] for note in layout["annotations"])


def test_a_learning_curve_has_a_band_around_every_kernel() -> None:
    figure = over_time_data(over_time_rows(), TASK, "mean_reward", alignment={})

    lines = [trace for trace in figure.traces if "fill" not in trace]
    bands = [trace for trace in figure.traces if "fill" in trace]
    assert {line["name"] for line in lines} >= {"human", "model-1", "50% relabelled"}
    for band in bands:
        n = len(band["x"]) // 2
        assert all(
            high >= low
            for high, low in zip(band["y"][:n], band["y"][n:][::-1], strict=True)
        )
    for row in figure.rows:
        assert (
            row["low"] <= row["mean_reward"] <= row["high"] or row["low"] != row["low"]
        )


def test_a_name_stands_once_in_the_legend() -> None:
    figure = over_time_data(over_time_rows(), TASK, "mean_reward", alignment={})

    shown = [trace["name"] for trace in figure.traces if trace["showlegend"]]
    assert len(shown) == len(set(shown))
