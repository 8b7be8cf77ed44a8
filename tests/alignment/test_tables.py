"""`alignment.tables`: other people's CSV files, refused with file and line."""

from pathlib import Path

import pytest

from alignment.errors import AlignmentError
from alignment.tables import read_lines


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "table.csv"


def test_rows_know_their_line_even_after_blank_lines_and_quoted_breaks(
    file: Path,
) -> None:
    file.write_text('a,b\n1,"x\ny"\n\n2,z\n', encoding="utf-8")

    lines = read_lines(file, ("a",))

    assert [(line.number, line["a"], line["b"]) for line in lines] == [
        (3, "1", "x\ny"),
        (5, "2", "z"),
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_column(file: Path) -> None:
    file.write_text("a,b\n1,2\n", encoding="utf-8-sig")

    assert read_lines(file)[0]["a"] == "1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", r"table\.csv, line 1: needs the columns a, c; missing: c$"),
        ("a,c,a\n1,2,3\n", r"line 1: the column a stands twice"),
        ("a,c\n1,2\n3\n", r"line 3: needs 2 fields, got 1"),
        ("a,c\n", r"needs rows below its first line, got none"),
        ("", r"missing: a, c"),
        ('a,c\n1,"2', r"must be a CSV file in UTF-8"),
    ],
)
def test_a_malformed_file_is_refused_with_its_place(
    file: Path, text: str, message: str
) -> None:
    file.write_text(text, encoding="utf-8")

    with pytest.raises(AlignmentError, match=message):
        read_lines(file, ("a", "c"))


def test_a_file_in_another_encoding_is_refused(file: Path) -> None:
    file.write_bytes("a\ncafé\n".encode("latin-1"))

    with pytest.raises(AlignmentError, match="must be a CSV file in UTF-8"):
        read_lines(file)


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(AlignmentError, match=r"table\.csv: there is no such file"):
        read_lines(file)


def test_a_number_must_lie_in_its_range_and_an_empty_field_is_none(file: Path) -> None:
    file.write_text("a,b\n0.5,\n", encoding="utf-8")
    (line,) = read_lines(file)

    assert line.number_in("a", 0, 1) == 0.5
    assert line.number_in("b", 0, 1) is None
    with pytest.raises(
        AlignmentError, match=r"line 2: a must be a number, 1 to 2; got '0.5'"
    ):
        line.number_in("a", 1, 2)


@pytest.mark.parametrize("text", ["x", "nan", "-1", "1e"])
def test_what_is_no_number_or_below_the_range_is_refused(file: Path, text: str) -> None:
    file.write_text(f"a\n{text}\n", encoding="utf-8")
    (line,) = read_lines(file)

    with pytest.raises(AlignmentError, match="a must be a number, at least 0; got"):
        line.number_in("a", 0, float("inf"))
