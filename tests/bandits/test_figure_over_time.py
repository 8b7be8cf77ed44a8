"""Figures over time show every line there is, and say whose it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from bandits.cell_tables import add_calibration, calibration_table, over_time_table
from bandits.cell_totals import CellTotals
from bandits.figure_over_time import (
    draw_over_time,
    over_time_figures,
    save_over_time,
)
from bandits.harm_calibration import PART, HarmCalibration
from bandits.over_time import POINT, OverTime
from bandits.results import Cell
from bandits.summary import TaskNote

TASK = ("morality", "group", "study")
SAID: dict[str, Any] = {"mark": "0123abcd", "simulated": True}


def cell(number: int, agent: str = "gp_greedy", **changed: Any) -> Cell:
    given: dict[str, Any] = {
        "kernel": "human",
        "role": "human",
        "form": "matched",
        "share": 0.0,
        "draw": 0,
    }
    return Cell(number, agent, *(given | changed).values(), *TASK, 50.0)


def totals(reward: float) -> CellTotals:
    """Two runs, two steps and one more; the runs' rewards 2 points apart."""

    def curves(n_steps: int) -> OverTime:
        both = [round((reward + side) * POINT) for side in (-1, 1)]
        paid = (sum(both),) * n_steps, (sum(x * x for x in both),) * n_steps
        half = (1,) * n_steps, (1,) * n_steps
        sums = {"reward": paid, "below": half, "near": half}
        return OverTime(tuple(range(1, n_steps + 1)), 2, sums)

    phases = {"personalization": curves(2), "generalization": curves(1)}
    judged = HarmCalibration((4,) + (0,) * 9, (1,) + (0,) * 9, (PART // 4,) + (0,) * 9)
    return CellTotals(phases, judged)


CELLS = [
    (cell(0), totals(70.0)),
    (cell(1, kernel="model-1", role="model"), totals(60.0)),
    (cell(2, kernel="model-1", role="model", form="as_given"), totals(10.0)),
    (cell(3, role="relabelled", share=0.5), totals(55.0)),
    (cell(4, role="relabelled", share=0.5, draw=1), totals(45.0)),
    (cell(5, "uniform", kernel="none", role="none", form="none"), totals(50.0)),
]


def rows(harm: bool = True, note: str = "") -> list[dict[str, Any]]:
    return over_time_table(CELLS, {TASK: TaskNote(harm, 0.5, note)})


def texts(figure: Figure) -> list[str]:
    own = [text.get_text() for text in figure.texts]
    return own + [t.get_text() for axes in figure.axes for t in axes.texts]


def test_a_row_says_whose_stretch_it_is_and_what_happened_there() -> None:
    first = rows()[0]

    assert (first["kernel"], first["phase"], first["last_step"]) == (
        "human",
        "personalization",
        1,
    )
    assert first["mean_reward"] == 70
    assert first["mean_reward_se"] == pytest.approx(1)
    assert first["unsafe_share"] == 0.5


def test_every_outcome_that_is_defined_has_a_figure() -> None:
    assert over_time_figures(rows()) == [(TASK, "mean_reward"), (TASK, "unsafe_share")]
    assert over_time_figures(rows(harm=False))[1] == (TASK, "low_value_share")
    undefined = rows(note="no action unsafe: harm measures undefined")
    assert over_time_figures(undefined) == [(TASK, "mean_reward")]


def test_one_form_of_each_kernel_is_drawn_in_both_phases_and_named() -> None:
    figure = draw_over_time(rows(), TASK, "mean_reward", **SAID)

    left, right = figure.axes
    # Human, model-1 and uniform, once for each phase, and the cut between phases.
    assert len(left.lines) == 3 * 2 + 1
    assert len(right.lines) == 3 * 2 + 1
    heights = {float(line.get_ydata()[0]) for line in left.lines[:-1]}
    assert heights == {70, 60, 50}  # and not the 10 of the kernel as given
    named = set(texts(figure))
    assert {"human", "model-1", "uniform choice", "50% relabelled"} <= named


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_participants_are_stamped(simulated: bool) -> None:
    figure = draw_over_time(
        rows(), TASK, "unsafe_share", mark="0123abcd", simulated=simulated
    )

    said = texts(figure)
    assert ("SIMULATED PARTICIPANTS" in said) is simulated
    assert "sweep 0123abcd" in said
    assert any("unsafe below 50" in text for text in said)


def test_without_relabelling_there_is_one_column() -> None:
    real = [row for row in rows() if row["role"] != "relabelled"]

    assert len(draw_over_time(real, TASK, "mean_reward", **SAID).axes) == 1


def test_other_corruptions_and_shuffled_values_are_not_among_the_real_kernels() -> None:
    more = [
        (cell(6, role="blended", share=0.5), totals(33.0)),
        (cell(7, kernel="value_shuffled", role="end"), totals(34.0)),
        (cell(8, draw=1), totals(90.0)),  # another half of the people
    ]
    made = over_time_table([*CELLS, *more], {TASK: TaskNote(True, 0.5, "")})

    left, right = draw_over_time(made, TASK, "mean_reward", **SAID).axes

    def heights(lines: list[Any]) -> set[float]:
        return {float(line.get_ydata()[0]) for line in lines}

    # Both halves' kernels are one line on the left; the first is where the right begins.
    assert heights(left.lines[:-1]) == {80, 60, 50}
    assert heights(right.lines[:-1]) == {70, 50}


def test_the_better_aligned_model_has_the_darker_line() -> None:
    models = [
        (cell(n, kernel=f"m{n}", role="model"), totals(50.0 + n)) for n in range(3)
    ]
    made = over_time_table(models, {TASK: TaskNote(True, 0.5, "")})

    figure = draw_over_time(
        made, TASK, "mean_reward", alignment={"m0": 0.1, "m1": 0.9, "m2": 0.5}, **SAID
    )

    light = [
        sum(int(line.get_color()[at : at + 2], 16) for at in (1, 3, 5))
        for line in figure.axes[0].lines[0:6:2]
    ]
    assert light[1] < light[2] < light[0]


def test_the_same_rows_give_the_same_files(tmp_path: Path) -> None:
    once = save_over_time(rows(), tmp_path / "a", TASK, "unsafe_share", **SAID)
    again = save_over_time(rows(), tmp_path / "b", TASK, "unsafe_share", **SAID)

    assert once[0].name == "morality_group_study_over_time_unsafe_share.svg"
    assert [p.read_bytes() for p in once] == [p.read_bytes() for p in again]


def test_the_reliability_of_harm_goes_into_the_table_of_cells() -> None:
    table = [
        {"cell": 0, "phase": phase, "harm": 1}
        for phase in ("personalization", "generalization")
    ]
    other = [{"cell": 0, "phase": "generalization", "harm": 0}]
    by_number = {one.number: found for one, found in CELLS}

    add_calibration(table, by_number)
    add_calibration(other, by_number)

    assert "harm_reliability" not in table[0]
    # Four predictions of 1/16, of which one in four came true.
    assert table[1]["harm_reliability"] == pytest.approx((1 / 16 - 1 / 4) ** 2)
    assert other[0]["low_value_reliability"] == table[1]["harm_reliability"]
    classes = calibration_table(CELLS)
    assert len(classes) == len(CELLS)
    assert classes[0]["n_predictions"] == 4
