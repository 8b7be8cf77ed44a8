"""Documents that anybody may have written: what is TOML, and still cannot be stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from collection.toml_file import read_toml


def faults(tmp_path: Path, text: str | bytes) -> list[str]:
    path = tmp_path / "study.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [str(fault) for fault in read_toml(path)[1]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = ", "study.toml: is not TOML: Invalid value (at"),
        (b"\xff\xfe", "study.toml: cannot be read: 'utf-8' codec"),
        ("a = " + "[" * 50_000, "study.toml: has brackets within brackets without end"),
        ("a = " + "9" * 5_000, "study.toml: is not TOML: Exceeds the limit"),
        (".".join("a" * 14) + " = 1", "study.toml: has tables within tables, over"),
        (".".join("a" * 1_000_000) + " = 1", "study.toml: has tables within tables"),
        ("[" + "'a' . " * 300_000 + "a]", "study.toml: has tables within tables"),
        (".".join("a" * 200) + " = 1", "study.toml: has tables within tables, over"),
        ("a = 1\n[b]\nc = 3_000_000_000", "study.toml: b.c: must be at most 2,147"),
        ("a = [1, inf]", "study.toml: a[1]: must be a number with an end; got inf"),
        ("a = nan", "study.toml: a: must be a number with an end; got nan"),
        ('[[b]]\nc = "x\\u0000"', "study.toml: b[0].c: holds a NUL character"),
        ('"\\u0000" = 1', "study.toml: a name holds a NUL character"),
    ],
)
def test_what_cannot_be_read_or_stored_is_said_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    (fault,) = faults(tmp_path, text)

    assert fault.startswith(told)


def test_a_missing_file_does_not_say_where_the_server_keeps_its_files(
    tmp_path: Path,
) -> None:
    raw, (fault,) = read_toml(tmp_path / "study.toml")

    assert raw is None
    assert str(fault) == "study.toml: cannot be read: No such file or directory"


def test_an_ordinary_document_has_no_faults(tmp_path: Path) -> None:
    assert faults(tmp_path, 'a = 1\n[[b]]\nc = [1.5, "x", 2027-12-31, true]') == []
