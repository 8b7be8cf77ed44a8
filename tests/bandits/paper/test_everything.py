from collections.abc import Callable
from pathlib import Path

import pytest

from bandits.__main__ import main
from bandits.paper.everything import latest, run_everything

MakeStudy = Callable[..., Path]


def test_the_latest_report_is_the_one_with_the_highest_number(tmp_path: Path) -> None:
    for name in ("2", "10", "draft", "11"):
        (tmp_path / name).mkdir()
        if name != "11":  # unfinished: it has no manifest
            (tmp_path / name / "manifest.json").write_text("{}")
    assert latest(tmp_path) == tmp_path / "10"
    assert latest(tmp_path / "nowhere") is None


def test_what_is_not_at_hand_is_told_and_nothing_fails(tmp_path: Path) -> None:
    lines = list(
        run_everything(tmp_path / "out", demo=tmp_path / "none", data=tmp_path)
    )
    assert "there is no report of the demo's study" in lines[0]
    assert "Real people's data was not found" in lines[1]
    assert len(lines) == 2


def test_the_command_refuses_a_folder_that_is_no_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["paper", "--from", str(tmp_path), "--out", str(tmp_path / "out")])
    assert status == 1
    assert "report" in capsys.readouterr().err
