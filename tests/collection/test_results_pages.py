"""What a report's and a sweep's page show, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignment.errors import FolderError
from alignment.folders import write_rows
from collection import results_pages
from collection.result_kinds import RESULTS
from tests import researchers


def test_a_sweeps_figures_stand_in_the_order_of_its_cells(tmp_path: Path) -> None:
    def fill(home: Path) -> None:
        for stem in (
            "challenge_group_study_personalization_mean_reward",
            "morality_group_0-5_generalization_value_rank_correlation",
            "morality_group_0-5_personalization_unsafe_share",
            "morality_group_0-5_personalization_mean_reward",
            "fun_group~rater_draw_study~set_aside_personalization_mean_reward",
            "something_else",
        ):
            researchers.figure(home, stem)
        cells = [
            {
                "dimension": dimension,
                "values_from": source,
                "threshold_rule": rule,
                "phase": "personalization",
                "role": "model",
            }
            for dimension, source, rule in (
                ("morality", "group", "0.5"),
                ("challenge", "group", "study"),
                ("fun", "group~rater_draw", "study~set_aside"),
            )
        ]
        write_rows(home / "cells.csv", list(cells[0]), cells)

    folder = researchers.results_folder(tmp_path / "sweep", "sweep", fill)

    page = results_pages.sweep_page(folder)

    assert [(group.heading, len(group.figures)) for group in page.figures] == [
        ("Morality, threshold 0.5", 3),
        ("Challenge", 1),
        ("Fun, paid by rater draw, disputed actions set aside", 1),
        ("More", 1),
    ]
    assert [figure.stem.split("_")[-2:] for figure in page.figures[0].figures] == [
        ["mean", "reward"],
        ["unsafe", "share"],
        ["rank", "correlation"],
    ]


def test_a_reports_figures_and_measures_have_their_names(tmp_path: Path) -> None:
    def fill(home: Path) -> None:
        for stem in ("map", "alignment", "matrices"):
            researchers.figure(home, stem)
        row = {"rater": "minilm", "measure": "mutual_knn", "value": 0.5}
        write_rows(home / "alignment.csv", list(row), [row])

    page = results_pages.report_page(
        researchers.results_folder(tmp_path / "report", "report", fill)
    )

    (group,) = page.figures
    stems = [figure.stem for figure in group.figures]
    assert stems == ["matrices", "alignment", "map"]
    assert [column.heading for column in page.tables[0].columns] == [
        "Rater",
        "Mutual k-NN",
    ]
    assert page.incomplete == []


def test_a_report_shows_what_the_exclusion_of_people_does(tmp_path: Path) -> None:
    def fill(home: Path) -> None:
        rows = [
            {"exclusion": scheme, "n_raters": n, "what": what, "value": value,
             "low": low, "high": low and 0.9}
            for scheme, n in (("none", 5), ("default", 4), ("strict", 3))
            for what, value, low in (("noise_ceiling", 0.8, 0.7), ("words", 0.25, None))
        ]  # fmt: skip
        write_rows(home / "sensitivity.csv", list(rows[0]), rows)

    page = results_pages.report_page(
        researchers.results_folder(tmp_path / "report", "report", fill)
    )

    (table,) = page.tables
    assert [column.heading for column in table.columns] == [
        "What",
        "No exclusion",
        "Default",
        "Strict",
    ]
    assert table.rows[0] == ("noise_ceiling", *["0.80 (0.70 to 0.90)"] * 3)
    assert table.rows[1] == ("words", "0.25", "0.25", "0.25")


@pytest.mark.parametrize("kind", list(RESULTS))
def test_a_folder_of_another_kind_is_refused(tmp_path: Path, kind: str) -> None:
    other = researchers.results_folder(tmp_path / "x", "snapshot", lambda home: None)

    with pytest.raises(FolderError, match=f"must be a {RESULTS[kind].folder} folder"):
        RESULTS[kind].page(other)


def test_corrupted_kernels_stand_in_a_table_of_their_own(tmp_path: Path) -> None:
    def fill(home: Path) -> None:
        cells = [
            {
                "dimension": "morality",
                "values_from": "group",
                "threshold_rule": "study",
                "phase": "personalization",
                "role": role,
                "kernel": role,
            }
            for role in ("model", "relabelled", "pairs_permuted", "blended", "noisy")
        ]
        write_rows(home / "cells.csv", list(cells[0]), cells)
        tasks = [{"dimension": "morality", "reward": "rater_draw"}]
        write_rows(home / "tasks.csv", list(tasks[0]), tasks)

    folder = researchers.results_folder(tmp_path / "sweep", "sweep", fill)

    page = results_pages.sweep_page(folder)

    assert [len(table.rows) for table in page.tables] == [1]
    assert [table.caption for table in page.more] == [
        "tasks.csv: what every task is",
    ]


def _with_effects(path: Path, **declared: object) -> results_pages.Page:
    def fill(home: Path) -> None:
        effect = {
            "agent": "gp_thompson",
            "phase": "generalization",
            "metric": "unsafe_share",
            "p_shuffled_values": "",
            "n_shuffles": 0,
            "p": 0.004,
            "note": "",
        }
        rows = [effect, effect | declared]
        write_rows(home / "effects.csv", list(effect), rows)

    return results_pages.sweep_page(
        researchers.results_folder(path / "sweep", "sweep", fill)
    )


def test_both_ways_to_a_p_are_named_and_which_one_to_go_by(tmp_path: Path) -> None:
    declared = {"p_shuffled_values": 0.13, "n_shuffles": 200}

    first, second = _with_effects(tmp_path, **declared).notes

    assert first == (
        "The declared outcome, unsafe_share of gp_thompson in the generalization phase: "
        "p = 0.130 with the values dealt out to the actions anew 200 times "
        "(p_shuffled_values: go by this one), p = 0.004 with the models permuted."
    )
    assert "rejected in 12 % to 20 % of studies with nothing to find" in second


def test_a_sweep_without_deals_says_how_to_get_their_p(tmp_path: Path) -> None:
    first, second = _with_effects(tmp_path).notes

    assert "shuffles = 200 in the sweep's spec" in first
    assert "takes them for exchangeable" in second
