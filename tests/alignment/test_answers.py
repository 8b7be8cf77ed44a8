"""What models answered stands in a folder that can be looked at before any report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alignment.__main__ import main
from alignment.folders import read_manifest, read_rows, short_hash

WriteSnapshot = Callable[..., Path]


def test_answers_are_written_drawn_and_traced_to_their_snapshot(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot, out = small_snapshot(), tmp_path / "answers"

    cache = ["--cache", str(tmp_path / "cache"), "--out", str(out)]
    status = main(["ask", str(snapshot), "--raters", "length,words", *cache])

    assert status == 0
    manifest = read_manifest(out, "answers")
    assert manifest["simulated"] == read_manifest(snapshot, "snapshot")["simulated"]
    assert [row["rater"] for row in read_rows(out / "raters.csv")] == [
        "length",
        "words",
    ]
    assert read_rows(out / "refused.csv") == []
    with np.load(out / "matrices.npz") as held:
        assert {"length", "words", "action_ids"} == set(held)
    endings = {path.suffix for path in (out / "figures").iterdir()}
    assert endings == {".svg", ".png", ".pdf", ".json", ".csv"}
    assert (
        f"snapshot {short_hash(snapshot)}"
        in (out / "figures" / "matrices.json").read_text()
    )


def test_who_cannot_be_asked_is_named_and_the_others_are_kept(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    raters = tmp_path / "raters.toml"
    raters.write_text(
        '[[rater]]\nname = "gone"\nkind = "recorded"\nfamily = "gone"\n'
        f'files = ["{tmp_path / "nowhere.npz"}"]\n'
    )
    out = tmp_path / "answers"

    cache = ["--cache", str(tmp_path / "cache"), "--out", str(out)]
    status = main(
        ["ask", str(small_snapshot()), "--raters", f"length,{raters}", *cache]
    )

    assert status == 0
    assert [row["rater"] for row in read_rows(out / "raters.csv")] == ["length"]
    (refused,) = read_rows(out / "refused.csv")
    assert refused["rater"] == "gone"
    assert "nowhere.npz" in refused["reason"]


def test_where_nobody_answers_no_folder_is_made(
    small_snapshot: WriteSnapshot,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raters = tmp_path / "raters.toml"
    raters.write_text(
        '[[rater]]\nname = "gone"\nkind = "recorded"\nfamily = "gone"\n'
        f'files = ["{tmp_path / "nowhere.npz"}"]\n'
    )
    out = tmp_path / "answers"

    status = main(
        ["ask", str(small_snapshot()), "--raters", str(raters), "--out", str(out)]
    )

    assert status == 1
    assert not out.exists()
    assert "gone: not done." in capsys.readouterr().out
