"""`alignment.folders`: what is written can be read, and a change is noticed."""

import csv
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.errors import FolderError, FolderInUse
from alignment.folders import (
    locked,
    read_manifest,
    read_rows,
    sha256_of,
    short_hash,
    write_manifest,
    write_records,
    write_rows,
)

STARTED = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
# What CSV files of ours may hold: any text but lone surrogates, which UTF-8 has not.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a property; each writes the same file anew."""
    return tmp_path_factory.mktemp("rows")


def finish(folder: Path, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "kind": "report",
        "parameters": {"k": 10},
        "inputs": {"snapshot": "ab" * 32},
        "simulated": True,
        "seeds": {"bootstrap": 3},
        "started_at": STARTED,
    }
    return write_manifest(folder, **(arguments | changes))


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    folder = tmp_path / "report"
    (folder / "figures").mkdir(parents=True)
    (folder / "raters.csv").write_text("rater\nhuman\n")
    (folder / "figures" / "map.svg").write_text("<svg/>")
    finish(folder)
    return folder


def test_a_manifest_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = finish(tmp_path, extra={"study": "everyday"})

    read = read_manifest(tmp_path, "report")

    assert read == written
    assert read["study"] == "everyday"
    assert read["inputs"] == {"snapshot": "ab" * 32}
    assert read["simulated"] is True


def test_a_manifest_lists_the_hash_of_every_file_but_itself(finished: Path) -> None:
    with locked(finished):
        finish(finished)

    files = read_manifest(finished, "report")["files"]

    assert files == {
        "raters.csv": hashlib.sha256(b"rater\nhuman\n").hexdigest(),
        "figures/map.svg": hashlib.sha256(b"<svg/>").hexdigest(),
    }


def test_a_manifest_says_how_the_folder_was_made(finished: Path) -> None:
    manifest = read_manifest(finished, "report")

    assert manifest["started_at"] == STARTED.isoformat()
    assert datetime.fromisoformat(manifest["finished_at"]) > STARTED
    assert manifest["command"] == sys.argv
    assert manifest["packages"]["numpy"] == np.__version__
    assert "commit" in manifest


def test_a_short_hash_changes_with_the_manifest(finished: Path) -> None:
    before = short_hash(finished)

    finish(finished, seeds={"bootstrap": 4})

    assert len(before) == 8
    assert short_hash(finished) != before


@pytest.mark.parametrize("name", ["raters.csv", "figures/map.svg"])
def test_a_changed_file_is_refused_by_name(finished: Path, name: str) -> None:
    (finished / name).write_text("something else")

    with pytest.raises(FolderError, match=rf"report folder .*{name} was changed after"):
        read_manifest(finished, "report")


def test_a_missing_file_is_refused_by_name(finished: Path) -> None:
    (finished / "raters.csv").unlink()

    with pytest.raises(FolderError, match=r"raters\.csv is missing, though its"):
        read_manifest(finished, "report")


def test_without_verification_a_changed_file_is_not_looked_at(finished: Path) -> None:
    (finished / "raters.csv").write_text("something else")

    assert read_manifest(finished, "report", verify=False)["kind"] == "report"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="there is no such folder"):
        read_manifest(tmp_path / "nowhere", "report")


def test_a_folder_without_a_manifest_was_never_finished(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="it was never finished; make it again"):
        read_manifest(tmp_path, "report")


def test_a_folder_of_another_kind_is_refused(finished: Path) -> None:
    with pytest.raises(
        FolderError, match="must be a sweep folder, it is a report folder"
    ):
        read_manifest(finished, "sweep")


def test_a_manifest_that_is_not_json_is_refused(finished: Path) -> None:
    (finished / "manifest.json").write_text("{")

    with pytest.raises(FolderError, match=r"its manifest\.json is not JSON"):
        read_manifest(finished, "report")


def test_a_manifest_of_a_later_format_is_refused(finished: Path) -> None:
    manifest = json.loads((finished / "manifest.json").read_text())
    (finished / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))

    with pytest.raises(FolderError, match="reads format 1, got 2"):
        read_manifest(finished, "report")


def test_extra_keys_may_not_replace_common_ones(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="extra keys may not replace simulated"):
        finish(tmp_path, extra={"simulated": False})

    assert not (tmp_path / "manifest.json").exists()


def test_a_start_without_a_time_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="started_at needs a time zone"):
        finish(tmp_path, started_at=STARTED.replace(tzinfo=None))


def test_hashing_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"cannot hash .*: there is no such file"):
        sha256_of(tmp_path / "nothing")


HOLD = """
import sys
from pathlib import Path
from alignment.folders import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"

    with (
        pytest.raises(FolderInUse, match="another process is writing this folder"),
        locked(folder),
    ):
        pass
    first.communicate("let go\n")

    with locked(folder) as held:
        assert held == folder


def test_rows_are_written_plainly(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "share": 1 / 3, "n": np.int64(3), "whole": True, "note": None},
        {"id": "b", "share": np.float64(0.1), "n": 2, "whole": False, "note": 'x,"y"'},
    ]

    write_rows(tmp_path / "t.csv", ["id", "share", "n", "whole", "note"], rows)

    assert (tmp_path / "t.csv").read_bytes() == (
        b'id,share,n,whole,note\na,0.3333333333333333,3,1,\nb,0.1,2,0,"x,""y"""\n'
    )


@given(st.lists(st.tuples(texts, texts), max_size=5))
def test_any_text_survives_a_table(scratch: Path, cells: list[tuple[str, str]]) -> None:
    path = scratch / "t.csv"
    rows = [{"one": one, "two": two} for one, two in cells]

    write_rows(path, ["one", "two"], rows)

    assert read_rows(path) == rows
    with path.open(newline="", encoding="utf-8") as stream:  # the standard reader, too
        assert [dict(row) for row in csv.DictReader(stream)] == rows


@given(st.lists(texts.filter(lambda text: text != ""), max_size=5))
def test_any_text_survives_a_table_of_one_column(
    scratch: Path, cells: list[str]
) -> None:
    path = scratch / "t.csv"

    write_rows(path, ["only"], [{"only": cell} for cell in ["", *cells]])

    assert [row["only"] for row in read_rows(path)] == ["", *cells]


@given(st.floats(allow_nan=False))
def test_a_float_survives_a_table_to_the_last_digit(
    scratch: Path, number: float
) -> None:
    path = scratch / "t.csv"

    write_rows(path, ["x"], [{"x": number}])

    assert float(read_rows(path)[0]["x"]) == number


def test_a_refused_row_leaves_the_old_table_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    write_rows(path, ["x"], [{"x": 1}])

    with pytest.raises(FolderError, match="row 2: needs the columns x; got y"):
        write_rows(path, ["x"], [{"x": 2}, {"y": 3}])

    assert read_rows(path) == [{"x": "1"}]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a,b\n1,2\n3\n", "line 3: needs 2 fields, got 1"),
        (b"a,a\n1,2\n", "the first line must name each column once"),
        (b"", "the first line must name each column once"),
        (b"a\n\xff\n", "must be a CSV file in UTF-8"),
        (b'a\n"1\n', "must be a CSV file in UTF-8"),
    ],
)
def test_a_broken_table_is_refused(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "t.csv").write_bytes(content)

    with pytest.raises(FolderError, match=sentence):
        read_rows(tmp_path / "t.csv")


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="there is no such file"):
        read_rows(tmp_path / "t.csv")


def test_a_table_saved_by_a_spreadsheet_with_a_mark_of_order_is_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "t.csv").write_bytes("\ufeffid,x\r\na,1\r\n".encode())

    assert read_rows(tmp_path / "t.csv") == [{"id": "a", "x": "1"}]


@pytest.mark.parametrize("module", ["folders", "progress", "errors", "snapshot_files"])
def test_what_the_web_imports_brings_no_numpy(module: str) -> None:
    code = f"import sys, alignment.{module}; sys.exit('numpy' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@dataclass(frozen=True)
class Line:
    name: str
    value: float


@dataclass(frozen=True)
class Other:
    name: str


def test_records_are_a_column_a_field_and_an_empty_field_for_nan(
    tmp_path: Path,
) -> None:
    write_records(tmp_path / "t.csv", Line, [Line("a", 0.5), Line("b", float("nan"))])

    assert (tmp_path / "t.csv").read_text() == "name,value\na,0.5\nb,\n"


def test_records_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        FolderError, match="row 1: needs the columns name, value; got nam"
    ):
        write_records(tmp_path / "t.csv", Line, [Other("a")])
