"""The CSV of actions, and its faults by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from collection.actions_file import read_actions

GOOD = "action_id,text\na,I eat\nb,I sleep\nc,I run\n"


def read(tmp_path: Path, text: str) -> tuple[list[str], list[str]]:
    path = tmp_path / "actions.csv"
    path.write_bytes(text.encode())
    rows, faults = read_actions(path)
    return [row["action_id"] for row in rows], [str(fault) for fault in faults]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\n\n"),
        'action_id , text\n a,I eat\nb," I sleep"\nc,I run\n',
    ],
)
def test_rows_are_read_in_the_files_order(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == (["a", "b", "c"], [])


@pytest.mark.parametrize(
    ("added", "fault"),
    [
        ("a,I do it again\n", "line 5: action_id 'a' stands already on line 2"),
        ("d,i  EAT\n", "line 5: text 'i  EAT' stands already on line 2"),
        ("D d,I walk\n", "line 5: action_id needs lower-case letters"),
        ("d,\n", "line 5: text is empty"),
        (
            "d,I walk, and talk\n",
            "line 5: 3 fields for 2 columns; put texts with commas",
        ),
        ("d\n", "line 5: 1 fields for 2 columns"),
    ],
)
def test_a_bad_row_is_a_fault_with_its_line_and_the_others_are_kept(
    tmp_path: Path, added: str, fault: str
) -> None:
    ids, faults = read(tmp_path, GOOD + added)

    assert ids == ["a", "b", "c"]
    assert faults[0].startswith(f"actions.csv {fault}")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("id,text\na,I eat\n", "line 1: needs a column 'action_id'; found id, text"),
        ("", "line 1: needs a column 'action_id'; found none"),
        ("action_id,text,x,x\n", "line 1: column 'x' stands twice"),
        ("action_id,text,\n", "line 1: a column has no name"),
        ("action_id,text\na,I eat\n", "needs at least three actions, found 1"),
    ],
)
def test_a_file_that_cannot_hold_actions_says_why(
    tmp_path: Path, text: str, fault: str
) -> None:
    ids, faults = read(tmp_path, text)

    assert any(fault in one for one in faults)
    assert len(ids) < 3


def test_bytes_that_are_not_utf8_are_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "actions.csv"
    path.write_bytes("action_id,text\na,caf\xe9\n".encode("latin-1"))

    (fault,) = read_actions(path)[1]

    assert str(fault).startswith("actions.csv: cannot be read: 'utf-8'")
