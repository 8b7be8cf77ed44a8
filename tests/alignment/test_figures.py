"""`alignment.figures`: what a report holds can be seen, read and traced."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from alignment.figure_alignment import draw_alignment
from alignment.figure_map import draw_map
from alignment.figure_matrices import draw_matrices
from alignment.figure_style import SIMULATED
from alignment.figures import draw
from alignment.layout import mid_ranks
from alignment.report import ReportSettings, write_report
from alignment.report_files import (
    HALF_A,
    HALF_B,
    HUMAN,
    ReliabilityRow,
    ReportData,
)

WriteSnapshot = Callable[..., Path]


@pytest.fixture
def report(small_snapshot: WriteSnapshot, tmp_path: Path) -> ReportData:
    settings = ReportSettings(
        raters=("length", "words"),
        n_resamples=20,
        n_permutations=20,
        n_splits=2,
        figures=False,
    )
    return write_report(small_snapshot(unjudged=2), tmp_path / "report", settings)


def words(figure: Figure) -> str:
    """Everything that is written on a figure."""
    texts = [text.get_text() for text in figure.findobj(matplotlib.text.Text)]
    return "\n".join(text for text in texts if text)


def all_figures(report: ReportData) -> list[Figure]:
    drawn = [step(report) for step in (draw_matrices, draw_alignment, draw_map)]
    return [each[0] for each in drawn if each is not None]


def test_three_figures_are_written_as_svg_png_and_pdf(
    report: ReportData, tmp_path: Path
) -> None:
    files = draw(report, tmp_path / "figures", mark="snapshot 0123abcd")

    assert sorted(file.name for file in files) == [
        f"{name}.{ending}"
        for name in ("alignment", "map", "matrices")
        for ending in ("csv", "json", "pdf", "png", "svg")
    ]
    begins = {".png": b"PNG", ".svg": b"<?xml", ".pdf": b"%PDF", ".json": b"{"}
    begins[".csv"] = b","
    for file in files:
        assert begins[file.suffix] in file.read_bytes()[:200]


@pytest.mark.parametrize("simulated", [True, False])
def test_figures_of_simulated_people_say_so_and_others_do_not(
    report: ReportData, tmp_path: Path, simulated: bool
) -> None:
    from alignment.figure_style import finish

    for number, figure in enumerate(all_figures(report)):
        finish(
            figure,
            tmp_path / str(number),
            title="T",
            subtitle="S",
            mark="snapshot 0123abcd",
            simulated=simulated,
        )

        assert (SIMULATED in words(figure)) is simulated
        assert "snapshot 0123abcd" in words(figure)


def test_nothing_written_runs_out_of_the_page(
    report: ReportData, tmp_path: Path
) -> None:
    draw(report, tmp_path, mark="snapshot 0123abcd")

    for figure in all_figures(report):
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert box.x0 >= -0.01
        assert box.y0 >= -0.01
        assert box.x1 <= width + 0.01
        assert box.y1 <= height + 0.01


def test_all_matrices_stand_in_one_order_and_gaps_are_left_empty(
    report: ReportData,
) -> None:
    drawn = draw_matrices(report)

    assert drawn is not None
    shown = [axes.get_images()[0] for axes in drawn[0].axes if axes.get_images()]
    pictures = [np.ma.filled(image.get_array(), np.nan) for image in shown]
    assert len(pictures) == 4  # people, triplets and two baselines; no halves
    assert int(np.isnan(pictures[0]).sum()) == 8 + 2 * 2
    assert "people (93% of pairs)" in words(drawn[0])
    labels = [text.get_text() for text in drawn[0].axes[0].get_yticklabels()]
    order = [report.actions.index(label) for label in labels]
    assert sorted(order) == list(range(8))
    assert order != list(range(8))
    shown_raters = [name for name in report.matrices if name not in (HALF_A, HALF_B)]
    for name, picture in zip(shown_raters, pictures, strict=True):
        ranks = mid_ranks(report.matrices[name])
        np.testing.assert_array_equal(picture, ranks[np.ix_(order, order)])


def test_undefined_alignment_is_written_not_drawn(report: ReportData) -> None:
    flat = np.full((8, 8), 0.5)
    np.fill_diagonal(flat, 1)
    undefined = [
        replace(
            row,
            value=np.nan,
            low=np.nan,
            high=np.nan,
            note="undefined: words gave all 26 pairs the same similarity, 0.5",
        )
        if row.rater == "words"
        else row
        for row in report.alignment
    ]

    drawn = draw_alignment(replace(report, alignment=tuple(undefined)))

    assert drawn is not None
    said = words(drawn[0]).replace("\n", " ")
    assert "undefined" in said
    assert "Undefined: words gave all 26 pairs the same similarity, 0.5." in said
    assert "needs all pairs" in said


def test_the_ceiling_is_a_band_or_the_reason_why_there_is_none(
    report: ReportData,
) -> None:
    with_ceiling = draw_alignment(report)
    nan = float("nan")
    none = ReliabilityRow(
        "noise_ceiling",
        nan,
        nan,
        nan,
        0,
        nan,
        "no ceiling: only means are available",
    )
    without = draw_alignment(replace(report, reliability=(none,)))

    assert with_ceiling is not None
    assert without is not None
    assert re.search(
        r"noise ceiling 0\.9\d \[0\.\d\d, [01]\.\d\d\]", words(with_ceiling[0])
    )
    assert "No ceiling: only means are available." in words(without[0])


def test_raters_stand_best_first_within_their_kind(report: ReportData) -> None:
    drawn = draw_alignment(report)

    assert drawn is not None
    labels = [text.get_text() for text in drawn[0].axes[0].get_yticklabels()]
    value = {
        row.rater: row.value for row in report.alignment if row.measure == "spearman"
    }
    assert labels[0] == "people (triplets)"
    assert labels[1:] == sorted(("length", "words"), key=lambda n: -value[n])


def test_the_map_names_every_action_and_tells_the_dimension(
    report: ReportData,
) -> None:
    drawn = draw_map(report)

    assert drawn is not None
    said = words(drawn[0])
    for action in report.actions.ids:
        assert action in said
    assert "morality: Whether doing this is right or wrong." in said
    assert "immoral" in said
    assert "2 pairs that were never judged count as the mean." in said


def test_a_map_without_values_has_no_colours(report: ReportData) -> None:
    drawn = draw_map(replace(report, values={}))

    assert drawn is not None
    assert "morality" not in words(drawn[0])


def test_without_matrices_there_is_nothing_to_draw(
    report: ReportData, tmp_path: Path
) -> None:
    empty = replace(report, matrices={}, alignment=())

    assert draw(empty, tmp_path / "figures", mark="") == []


def test_halves_alone_are_not_shown(report: ReportData) -> None:
    halves = {HALF_A: report.matrices[HALF_A]}

    assert draw_matrices(replace(report, matrices=halves)) is None


def test_sixty_actions_and_nine_raters_still_fit(report: ReportData) -> None:
    n = 60
    rng = np.random.default_rng(2)
    ids = tuple(f"a-rather-long-action-name-{i}" for i in range(n))
    values = rng.random((n, n))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    one = replace(report.matrices[HUMAN], values=values, actions=ids)
    big = replace(
        report,
        actions=replace(report.actions, ids=ids, texts=ids, attributes=({},) * n),
        matrices={HUMAN: one, **{f"model{i}": one for i in range(9)}},
        values={},
    )

    for step in (draw_matrices, draw_map):
        drawn = step(big)
        assert drawn is not None
        box = drawn[0].get_tightbbox()
        assert box.x0 >= -0.01
        assert box.x1 <= 10.01


def test_drawing_leaves_matplotlibs_settings_alone(
    report: ReportData, tmp_path: Path
) -> None:
    before = dict(matplotlib.rcParams)

    draw(report, tmp_path, mark="")

    assert dict(matplotlib.rcParams) == before
