"""Figures: files of all three kinds, the stamp, and sentences where nothing is."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bandits.paper import dealt, figure_central, figure_checks, figure_dealt
from bandits.paper.drawing import Page, page, panel, point, said, spread
from bandits.paper.sensitivity import HERE
from bandits.paper.study import open_study
from tests.bandits.paper.conftest import tiny

MakeStudy = Callable[..., Path]


def central_rows() -> dict[str, list[dict[str, Any]]]:
    """A central table of two kernels, and the shuffles behind them."""
    head: dict[str, Any] = {"phase": "generalization", "low": -0.5, "high": -0.1}
    head |= {"alignment_low": 0.1, "alignment_high": 0.6, "kernel_value_alignment": 0.3}
    rows = [
        head
        | {"kernel": name, "role": role, "form": form}
        | {"alignment": at, "below_minus_no_kernel": -at}
        for name, role, at in (("human", "human", 0.6), ("model-0", "model", 0.2))
        for form in ("as_given", "matched")
    ]
    shuffled: list[dict[str, Any]] = [
        {"phase": "generalization", "form": form, "below_minus_no_kernel": gap}
        for form in ("as_given", "matched")
        for gap in (-0.1, 0.0, 0.1)
    ]
    return {"central": rows, "central_shuffled": shuffled}


@pytest.mark.parametrize("simulated", [True, False])
def test_the_central_figure_is_written_thrice_and_stamped(
    build_study: MakeStudy, tmp_path: Path, simulated: bool
) -> None:
    report = build_study(tmp_path, simulated=simulated, people=False)
    study = open_study(report, tiny())
    files = figure_central.draw(Page(study, central_rows(), tmp_path, "paper 1234"))
    assert {path.suffix for path in files} == {".svg", ".png", ".pdf"}
    text = (tmp_path / "central.svg").read_text()
    assert ("SIMULATED" in text) == simulated
    assert all(path.stat().st_size > 1000 for path in files)


def test_without_its_table_a_figure_is_not_drawn(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = open_study(build_study(tmp_path, people=False), tiny())
    assert figure_central.draw(Page(study, {}, tmp_path, "")) == []


def test_the_sensitivity_figures_words_do_not_run_into_one_another(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = open_study(build_study(tmp_path, people=False), tiny())
    asked = [
        "corruption costs reward while learning",
        "corruption costs reward on unseen actions",
        "corruption makes unseen choices low-value",
        *(f"human kernel: fewer low-value than {name}, unseen"
          for name in ("no kernel", "wordllama", "minilm", "length")),
    ]  # fmt: skip
    rows = [
        {"conclusion": name, "setting": setting, "value": value, "estimate": 0.1 * at,
         "low": 0.1 * at - 0.3, "high": 0.1 * at + 0.3, "says": "open", "survives": "-"}
        for at, name in enumerate(asked)
        for setting, value in ((HERE, "-"), ("reward_sd", "1.0"), ("reward_sd", "5.0"))
    ]  # fmt: skip
    kept: list[Figure] = []

    class Kept(Page):
        def save(self, figure: Figure, *told: str) -> list[Path]:
            kept.append(figure)
            return super().save(figure, *told)

    figure_checks.draw(Kept(study, {"sensitivity": rows}, tmp_path, "paper 1234"))

    [figure] = kept
    renderer = FigureCanvasAgg(figure).get_renderer()
    words = [axes.title for axes in figure.axes]
    words += [axes._left_title for axes in figure.axes]  # type: ignore[attr-defined]
    for axes in figure.axes:
        least, most = axes.get_xlim()
        ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        words += [label for at, label in ticks if least <= at <= most]
    words += list(figure.texts)
    boxes = [
        (word.get_text(), word.get_window_extent(renderer))
        for word in words
        if word.get_text()
    ]
    assert len(figure.axes) == len(asked)
    assert not [
        (one, other)
        for (one, box), (other, beside) in combinations(boxes, 2)
        if box.overlaps(beside)
    ]


def test_conclusions_beyond_what_fits_are_counted_in_the_caption(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = open_study(build_study(tmp_path, people=False), tiny())
    rows = [
        {"conclusion": f"human kernel: fewer unsafe than model-{at}, unseen",
         "setting": HERE, "value": "-", "estimate": -0.2, "low": -0.3, "high": -0.1,
         "says": "below 0", "survives": "-"}
        for at in range(11)
    ]  # fmt: skip
    figure_checks.draw(Page(study, {"sensitivity": rows}, tmp_path, ""))

    text = (tmp_path / "sensitivity.svg").read_text()
    assert "model-7" in text
    assert "model-8" not in text
    assert "3 more conclusions stand in tables/sensitivity.csv" in text


@pytest.mark.parametrize("simulated", [True, False])
def test_dealt_values_are_drawn_for_every_kernel_and_stamped(
    build_study: MakeStudy, tmp_path: Path, simulated: bool
) -> None:
    report = build_study(tmp_path, simulated=simulated, people=False)
    study = open_study(report, tiny())
    head: dict[str, Any] = {"null": 0.7, "null_low": 0.5, "null_high": 0.9}
    head |= {"value": 0.3, "holm": 0.005, "n_deals": 200.0}
    rows = [
        head | {"outcome": outcome, "kernel": name, "role": role}
        for outcome in (dealt.ERROR, dealt.HARM)
        for name, role in (("human", "human"), ("model-0", "model"))
    ]
    tables = {"shuffled_values_kernels": rows}
    files = figure_dealt.draw(Page(study, tables, tmp_path, "paper 1234"))
    assert {path.suffix for path in files} == {".svg", ".png", ".pdf"}
    text = (tmp_path / "shuffled_values.svg").read_text()
    assert ("SIMULATED" in text) == simulated
    assert text.count("p 0.005") == 4
    assert "model-0" in text
    assert figure_dealt.draw(Page(study, {}, tmp_path, "")) == []


def axes() -> Axes:
    figure, bottom = page(3.0, ["A caption."])
    return panel(figure, (1, bottom, 3, 2), "Title")


def test_a_panel_that_cannot_be_drawn_says_why() -> None:
    one = axes()
    said(one, "No single rater's values are at hand")
    assert "No single rater's values" in one.texts[0].get_text().replace("\n", " ")


def test_baselines_are_hollow_and_people_are_not() -> None:
    one = axes()
    point(one, 0, 0, "baseline")
    point(one, 1, 1, "human")
    inside = [line.get_markerfacecolor() for line in one.lines]
    assert inside[0] == "white"
    assert inside[1] != "white"


def test_names_are_moved_apart_and_keep_their_order() -> None:
    moved = spread([0.0, 0.1, 0.1, 5.0], 1.0)
    assert moved == sorted(moved)
    assert min(b - a for a, b in pairwise(moved)) > 0.999
    assert spread([0.0, 3.0], 1.0) == [0.0, 3.0]


def test_a_figure_of_one_value_says_what_that_value_is(
    build_study: MakeStudy, tmp_path: Path
) -> None:
    study = open_study(build_study(tmp_path, people=False), tiny())
    alone = replace(study, tasks=study.tasks[:1])
    figure, _ = Page(alone, {}, tmp_path, "").blank(3.0, ["A caption."])

    told = " ".join(" ".join(text.get_text() for text in figure.texts).split())

    name = alone.primary.dimension
    meaning = study.report.dimensions[name].definition.rstrip(".")
    assert meaning
    assert f"A caption. {name}: {meaning}." in told
