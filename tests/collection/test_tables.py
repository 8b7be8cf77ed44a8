"""Results as a page shows them: rounded for the eye, never made up."""

from __future__ import annotations

from pathlib import Path

import pytest

from alignment.errors import FolderError
from collection import tables
from collection.tables import Column


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.6249", "0.62"),
        ("-0.625001", "−0.63"),
        ("0.0", "0.00"),
        ("-0.0001", "0.00"),
        ("1225", "1,225"),
        ("52.0", "52"),
        ("-3.0", "−3"),
        ("", "–"),
        ("nan", "–"),
        ("words", "–"),
        ("inf", "∞"),
    ],
)
def test_a_number_is_rounded_and_nothing_is_a_dash(text: str, shown: str) -> None:
    assert tables.rounded(text) == shown


def test_an_interval_that_was_not_computed_is_left_out() -> None:
    whole = {"value": "0.5", "low": "0.4", "high": "0.61"}

    assert tables.interval(whole) == "0.50 (0.40 to 0.61)"
    assert tables.interval({**whole, "low": ""}) == "0.50"
    assert tables.interval({"value": ""}) == "–"


@pytest.mark.parametrize(
    ("text", "shown"), [("0.0001", "< 0.001"), ("0.04", "0.040"), ("", "–")]
)
def test_a_p_is_never_shown_as_zero(text: str, shown: str) -> None:
    assert tables.p_value(text) == shown


def test_a_pivot_leaves_a_dash_where_nothing_was_measured() -> None:
    rows = [
        {"rater": "minilm", "measure": "spearman", "value": "0.5"},
        {"rater": "minilm", "measure": "cka_debiased", "value": "0.25"},
        {"rater": "smollm2", "measure": "spearman", "value": "0.125"},
    ]

    table = tables.pivot(
        rows, down="rater", across="measure", show=tables.interval, caption="c"
    )

    assert table.columns == (
        Column("Rater"),
        Column("Spearman", number=True),
        Column("Cka debiased", number=True),
    )
    assert table.rows == (("minilm", "0.50", "0.25"), ("smollm2", "0.12", "–"))


def test_columns_of_numbers_are_told_from_columns_of_words() -> None:
    rows = [
        {"kernel": "minilm", "reward": "52.25", "p": "0.0001", "note": ""},
        {"kernel": "3d", "reward": "", "p": "0.5", "note": "few"},
    ]

    table = tables.plain(
        rows,
        caption="c",
        columns={
            "Kernel": "kernel",
            "Reward": "reward",
            "p": lambda row: tables.p_value(row["p"]),
            "Note": "note",
        },
    )

    assert [column.number for column in table.columns] == [False, True, True, False]
    assert table.rows == (
        ("minilm", "52.25", "< 0.001", "–"),
        ("3d", "–", "0.500", "few"),
    )
    assert table.marked_rows[0][1] == ("52.25", "number")


def test_a_column_of_sentences_is_given_room() -> None:
    rows = [{"a": "short", "b": "a sentence that would otherwise be one word wide"}]

    table = tables.plain(rows, caption="c")

    assert [column.css for column in table.columns] == ["", "prose-cell"]


def test_a_table_of_no_rows_has_no_rows() -> None:
    assert tables.plain([], caption="c").rows == ()
    assert tables.pivot([], down="a", across="b", show=str, caption="c").rows == ()


def test_a_file_that_is_not_there_has_no_rows_and_a_broken_one_is_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "broken.csv").write_text("a,b\n1\n")

    assert tables.rows_of(tmp_path, "absent.csv") == []
    with pytest.raises(FolderError, match="needs 2 fields, got 1"):
        tables.rows_of(tmp_path, "broken.csv")
