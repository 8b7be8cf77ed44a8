from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bandits.figures import Material, draw_outcome, figure_names, save_figure

TASK = ("morality", "group", "study")
PHASE = "personalization"


def row(kernel: str, role: str, form: str, alignment: float, reward: float) -> dict:
    return {
        "agent": "gp_greedy",
        "kernel": kernel,
        "role": role,
        "form": form,
        "share": 0.0,
        "dimension": "morality",
        "values_from": "group",
        "threshold_rule": "study",
        "threshold": 50.0,
        "harm": 1,
        "below_threshold_share": 0.4,
        "harm_note": "",
        "phase": PHASE,
        "n_runs": 20,
        "alignment_spearman": alignment,
        "alignment_spearman_low": alignment - 0.1,
        "alignment_spearman_high": alignment + 0.1,
        "mean_reward": reward,
        "mean_reward_se": 1.0,
    }


def effect(note: str = "too few models to test", n_models: int = 1) -> dict:
    number = float("nan") if note else 0.75
    return {
        "agent": "gp_greedy",
        "dimension": "morality",
        "values_from": "group",
        "threshold_rule": "study",
        "phase": PHASE,
        "form": "matched",
        "metric": "mean_reward",
        "measure": "spearman",
        "n_models": n_models,
        "spearman": number,
        "low": number,
        "high": number,
        "p": number,
        "smallest_p": 1.0,
        "exact": 1,
        "note": note,
        "models": "minilm",
    }


def curve(share: float, value: float) -> dict:
    return {
        "agent": "gp_greedy",
        "dimension": "morality",
        "values_from": "group",
        "threshold_rule": "study",
        "phase": PHASE,
        "metric": "mean_reward",
        "share": share,
        "value": value,
        "se": 1.0,
        "alignment_spearman": 1 - share,
    }


def no_kernel(agent: str, reward: float) -> dict:
    return row("none", "none", "none", float("nan"), reward) | {"agent": agent}


MATERIAL = Material(
    cells=[
        row("minilm", "model", "matched", 0.5, 70),
        row("minilm", "model", "as_given", 0.5, 65),
        row("length", "baseline", "matched", 0.1, 55),
        row("human", "human", "matched", 0.9, 80),
        no_kernel("uniform", 50),
    ],
    effects=[effect()],
    corruption=[curve(0.0, 80), curve(0.5, 60)],
    mark="0badcafe",
    simulated=True,
    definitions={"morality": "Evaluation is affective good-bad, not morality."},
    measure="spearman",
    cross_fit=True,
    n_actions=50,
)


def words_of(figure: Figure) -> str:
    texts = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        texts += [text.get_text() for text in axes.texts]
        texts += [axes.get_title(loc="left"), axes.get_xlabel()]
    legends = [text.get_text() for box in figure.legends for text in box.get_texts()]
    return " ".join(" ".join(texts + legends).split())


def drawn(material: Material = MATERIAL) -> Figure:
    return draw_outcome(material, TASK, PHASE, "mean_reward")


def marks_of(axes: Axes, colour: str) -> list[tuple[float, float]]:
    return [
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_marker() in "oD" and line.get_color() == colour
    ]


def test_a_figure_says_simulated_carries_its_mark_and_names_every_kernel() -> None:
    said = words_of(drawn())

    assert "SIMULATED PARTICIPANTS" in said
    assert "sweep 0badcafe" in said
    for name in ("minilm", "length", "human", "uniform choice"):
        assert name in said


def test_figures_of_real_people_are_not_stamped() -> None:
    assert "SIMULATED" not in words_of(drawn(replace(MATERIAL, simulated=False)))


def test_the_share_of_unsafe_actions_and_the_definition_stand_under_it() -> None:
    said = words_of(drawn())

    assert "20 of the 50 actions (40%) are unsafe: value below 50." in said
    assert "Evaluation is affective good-bad, not morality." in said


def test_low_value_is_said_where_unsafe_may_not_be() -> None:
    cells = [one | {"harm": 0} for one in MATERIAL.cells]

    said = words_of(drawn(replace(MATERIAL, cells=cells)))

    assert "are low-value" in said
    assert "unsafe" not in said


def test_too_few_models_are_counted_and_not_tested() -> None:
    said = words_of(drawn())

    assert "1 independent model (minilm): too few models to test" in said
    assert "smallest attainable p 1.000" in said
    assert "p 0.750" not in said


def test_the_exact_p_of_too_few_models_stands_over_its_panel() -> None:
    few = effect(n_models=3) | {"p": 2 / 6, "smallest_p": 2 / 6}

    said = words_of(drawn(replace(MATERIAL, effects=[few])))

    assert "exact p 0.333" in said
    assert "too few models to test" in said
    assert "Spearman 0" not in said


def test_enough_models_get_their_correlation_and_exact_p() -> None:
    said = words_of(drawn(replace(MATERIAL, effects=[effect("", 8)])))

    assert "Spearman 0.75 [0.75, 0.75], p 0.750" in said
    assert "exact permutation p" in said


def test_the_declared_outcomes_p_by_deals_of_the_values_is_told_to_go_by() -> None:
    dealt = effect("", 8) | {"p_shuffled_values": 0.12, "n_shuffles": 200}

    said = words_of(drawn(replace(MATERIAL, effects=[dealt])))

    assert "Declared outcome (matched kernels): p 0.120 against 200 deals" in said
    assert "permuting models rejects too often" in said
    assert "deals" not in words_of(drawn(replace(MATERIAL, effects=[effect("", 8)])))


def test_the_human_kernel_stands_at_its_own_alignment() -> None:
    left = drawn().axes[0]

    assert marks_of(left, "#b8432f") == [(0.9, 80.0)]
    assert (0.5, 70.0) in marks_of(left, "#1f5f99")


def test_published_means_make_the_human_kernel_a_line() -> None:
    nothing = float("nan")
    cells = [
        one | {"alignment_spearman": nothing} if one["role"] == "human" else one
        for one in MATERIAL.cells
    ]

    figure = drawn(replace(MATERIAL, cells=cells, cross_fit=False))

    assert marks_of(figure.axes[0], "#b8432f") == []
    levels = [list(line.get_ydata()) for line in figure.axes[0].lines]
    assert [80, 80] in levels
    assert "the human kernel has no alignment of its own" in words_of(figure)


def test_real_and_relabelled_kernels_are_never_in_one_panel() -> None:
    left, right = drawn().axes

    assert left.get_title(loc="left") == "GP, greedy"
    assert right.get_title(loc="left") == "The human kernel, relabelled"
    assert not any(60.0 in list(line.get_ydata()) for line in left.lines)
    assert not any(70.0 in list(line.get_ydata()) for line in right.lines)


def test_without_corruption_there_is_one_panel() -> None:
    assert len(drawn(replace(MATERIAL, corruption=[])).axes) == 1


def test_an_outcome_that_is_undefined_everywhere_has_no_figure() -> None:
    cells = [one | {"unsafe_share": float("nan")} for one in MATERIAL.cells]

    assert figure_names(replace(MATERIAL, cells=cells)) == [
        (TASK, PHASE, "mean_reward")
    ]


def test_the_same_results_give_the_same_files(tmp_path: Path) -> None:
    first = save_figure(MATERIAL, tmp_path / "a", TASK, PHASE, "mean_reward")
    second = save_figure(MATERIAL, tmp_path / "b", TASK, PHASE, "mean_reward")

    assert [path.suffix for path in first] == [".svg", ".png", ".pdf"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_only_the_rows_of_one_task_travel_to_a_process() -> None:
    other = row("minilm", "model", "matched", 0.5, 1) | {"dimension": "fun"}
    material = replace(MATERIAL, cells=[*MATERIAL.cells, other])

    kept = material.of_task(TASK).cells

    assert other not in kept
    assert len(kept) == len(MATERIAL.cells)


@pytest.mark.parametrize("n_models", [2, 12])
def test_names_of_points_do_not_overlap(n_models: int) -> None:
    cells = [
        row(f"model-{i}", "model", "matched", 0.3 + i / 200, 70 + i / 10)
        for i in range(n_models)
    ]
    figure = drawn(replace(MATERIAL, cells=cells))
    figure.draw_without_rendering()

    boxes = [
        text.get_window_extent()
        for text in figure.axes[0].texts
        if text.get_text().startswith("model-")
    ]

    assert len(boxes) == n_models
    overlaps = [
        (i, j)
        for i, a in enumerate(boxes)
        for j, b in enumerate(boxes[:i])
        if a.overlaps(b.shrunk(0.9, 0.6))
    ]
    assert overlaps == []
