"""`python -m alignment`: the commands, as a person runs them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alignment.__main__ import main
from alignment.measures.table import MEASURES
from alignment.report_files import read_report
from alignment.snapshots import read_snapshot

WriteSnapshot = Callable[..., Path]
QUICK = ["--raters", "length,words", "--resamples", "10", "--permutations", "10"]
QUICK += ["--no-figures"]


def test_a_snapshot_becomes_a_report_and_the_numbers_are_told(
    small_snapshot: WriteSnapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"

    code = main(["report", str(small_snapshot()), "--out", str(out), *QUICK])

    assert code == 0
    report = read_report(out)
    assert [row.rater for row in report.raters][-2:] == ["length", "words"]
    said = capsys.readouterr().out
    assert "Spearman with human" in said
    assert "noise ceiling: " in said
    assert said.endswith(f"Report: {out}\n")


def test_a_simulated_study_is_announced(
    small_snapshot: WriteSnapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = small_snapshot(simulated=True, world="null")

    main(["report", str(snapshot), "--out", str(tmp_path / "report"), *QUICK])

    assert capsys.readouterr().out.startswith("SIMULATED PARTICIPANTS\n")


def test_none_leaves_people_alone_and_a_file_can_be_a_rater(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(
        "action_a,action_b,rating\nread-book,water-plants,70\n"
        "read-book,steal-bicycle,5\n"
    )
    arguments = ["--raters", "none", "--recorded", f"mine={file}", *QUICK[2:]]

    main(["report", str(small_snapshot()), "--out", str(tmp_path / "r"), *arguments])

    report = read_report(tmp_path / "r")
    assert [row.rater for row in report.raters if row.kind not in ("human",)] == [
        "human_triplets",
        "mine",
    ]


def test_a_refusal_is_one_sentence_and_an_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["report", str(tmp_path / "none"), "--out", str(tmp_path / "r")])

    assert code == 1
    assert capsys.readouterr().err == (
        f"alignment report: snapshot folder {tmp_path / 'none'}: there is no such "
        "folder\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--raters", "bert"], "there is no rater bert"),
        (["--chat", "big=llama"], "--chat big: needs NAME=MODEL@URL, got llama"),
        (["--resamples", "0"], "n_resamples must be at least 1"),
    ],
)
def test_impossible_wishes_are_refused(
    small_snapshot: WriteSnapshot,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    code = main(["report", str(small_snapshot()), "--out", str(tmp_path), *arguments])

    assert code == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chat-pairs", "few"], "needs a number of pairs or all, got 'few'"),
        (["--recorded", "mine"], "needs two names around =, got 'mine'"),
    ],
)
def test_what_cannot_be_read_is_explained(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit):
        main(["report", "x", "--out", "y", *arguments])
    assert message in capsys.readouterr().err


def test_two_files_become_a_snapshot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs, values = tmp_path / "p.csv", tmp_path / "v.csv"
    pairs.write_text("one,two,near\nhelp,cheat,0.2\n")
    values.write_text("what,who,good,hard\nhelp,1,5,2\ncheat,1,1,4\n")
    arguments = ["--pairs", str(pairs), "--values", str(values), "--name", "mine"]
    arguments += ["--similarity-from", "similarity", "--pair-columns", "one,two,near"]
    arguments += ["--value-columns", "what,who", "--value-range", "1:5"]
    arguments += ["--dimension", "good=goodness", "--dimension", "hard=challenge"]

    code = main(["import", "--out", str(tmp_path / "s"), *arguments])

    assert code == 0
    snapshot = read_snapshot(tmp_path / "s")
    assert snapshot.values.mean("goodness").tolist() == [0, 100]
    assert snapshot.values.mean("challenge").tolist() == [75, 25]
    assert "2 actions, 1 pairs, 4 ratings" in capsys.readouterr().out


def test_an_import_without_data_says_what_it_needs(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ATTUNE_DATA", str(tmp_path / "nowhere"))
    out = ["--out", str(tmp_path / "s")]

    assert main(["import", *out]) == 1
    assert main(["import", *out, "--bridge-verbs", "2"]) == 1
    assert (
        main(["import", *out, "--pairs", "p", "--name", "n", "--pair-columns", "a"])
        == 1
    )

    said = capsys.readouterr().err.splitlines()
    assert said[0] == "alignment import: needs --pairs and --name, or --bridge-verbs"
    assert "set ATTUNE_DATA to the folder that holds bridge-verbs" in said[1]
    assert "--pair-columns needs three names" in said[2]


def test_bridge_verbs_are_imported_by_their_class(
    human_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTUNE_DATA", str(human_data))

    code = main(["import", "--bridge-verbs", "6", "--out", str(tmp_path / "s")])

    assert code == 0
    assert len(read_snapshot(tmp_path / "s").actions) == 32


def test_measures_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["measures"]) == 0

    said = capsys.readouterr().out
    for measure in MEASURES.values():
        assert measure.use_when in said
        assert measure.misleads_when in said


def test_help_needs_no_heavy_package() -> None:
    heavy = "torch,scipy,numpy,matplotlib,httpx"
    code = (
        "import sys, alignment.__main__ as m\n"
        "try: m.main(['report', '--help'])\n"
        "except SystemExit: pass\n"
        f"sys.exit(str([n for n in '{heavy}'.split(',') if n in sys.modules] or ''))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert done.stderr.strip() == ""
