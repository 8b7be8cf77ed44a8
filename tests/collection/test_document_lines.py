"""On which line a fault is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.document_lines import line_of, lines_of, places_of
from collection.errors import Fault

DOCUMENT = '''slug = "x"  # the address
instructions = """
[consent]
text = "not a table"
"""
languages = ["en", "de"]

[consent]
text = 'it is = so'
uses = [
    { key = "a", text = "[" },
    # a comment, with ] and "
    { key = "b" },
]
support.label = "x"

[[dimensions]]
name = "morality"
[dimensions.more]
deep = 1

[[dimensions]]
"name" = "fairness"
low = """one \\""" two
[[dimensions]]
"""
high = "x"
'''
SHORT = Path(__file__).resolve().parents[1] / "studies" / "short"


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("slug", 1),
        ("instructions", 2),
        ("languages", 6),
        ("languages[1]", 6),
        ("consent", 8),
        ("consent.text", 9),
        ("consent.uses", 10),
        ("consent.uses[0]", 11),
        ("consent.uses[1]", 13),
        ("consent.uses[1].text", 13),  # not there: the element around it
        ("consent.support.label", 15),
        ("dimensions[0]", 17),
        ("dimensions[0].name", 18),
        ("dimensions[0].more.deep", 20),
        ("dimensions[1].name", 23),
        ("dimensions[1].low", 24),
        ("dimensions[1].high", 27),
        ("dimensions[1].question", 22),
        ("blocks[3].key", 1),
        ("", 1),
    ],
)
def test_a_place_has_the_line_that_it_or_its_table_stands_on(
    place: str, line: int
) -> None:
    assert line_of(place, lines_of(DOCUMENT)) == line


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (Fault("study.toml: consent.text", "is empty"), ("study.toml", 9)),
        (
            Fault("study.toml", "is not TOML: x (at line 3, column 5)"),
            ("study.toml", 3),
        ),
        (Fault("actions.csv line 3", "text is empty"), ("actions.csv", 3)),
        (Fault("actions.csv: action bravo", "is unknown"), ("actions.csv", 3)),
        (Fault("actions.csv", "cannot be read"), ("actions.csv", 1)),
        (Fault("study tiny", "people took part"), None),
        (Fault("other.csv line 3", "x"), None),
    ],
)
def test_a_fault_is_found_in_the_files_that_were_sent(
    fault: Fault, found: tuple[str, int] | None
) -> None:
    files = {
        "study.toml": DOCUMENT,
        "actions.csv": "action_id,text\nalpha,A\nbravo,B\n",
    }

    assert list(places_of([fault], files)) == [found]


@given(st.text(alphabet="ab.=[]{}\"'#\\ \n,", max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    lines = lines_of(text)

    assert all(1 <= line <= max(1, len(text.splitlines())) for line in lines.values())


@pytest.mark.parametrize(
    "text",
    ['title = "' + "x" * 1_000_000, "[" + " " * 1_000_000, "a = [" + "1," * 500_000],
)
def test_a_line_without_end_is_walked_once(text: str) -> None:
    """Each of these once kept a server's process busy for minutes, or for hours."""
    faults = [Fault("study.toml: title", "is too long")] * 150

    found = list(places_of(faults, {"study.toml": text}))

    assert found == [("study.toml", 1)] * 150


def test_every_table_of_a_real_study_is_found() -> None:
    lines = lines_of((SHORT / "study.toml").read_text())

    assert {"slug", "consent.uses[2]", "dimensions[0].low", "blocks[0].key"} <= set(
        lines
    )
