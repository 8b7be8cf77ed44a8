import math
from pathlib import Path

import pytest

from alignment.report_files import read_report
from bandits.__main__ import main
from bandits.bridge_verbs import run_bridge_verbs
from bandits.results import read_sweep
from bandits.spec import SweepSpec

NARROW = SweepSpec.model_validate(
    {
        "n_runs": 3,
        "agents": ["gp_thompson", "thompson_independent"],
        "forms": ["matched"],
        "dimensions": ["evaluation"],
        "thresholds": ["study", "median"],
        "alignment_resamples": 5,
        "phases": {"personalization_steps": 4, "generalization_steps": 2},
    }
)


@pytest.fixture(scope="module")
def made(
    human_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """The folders and the table, made once and only read."""
    out = tmp_path_factory.mktemp("verbs")
    raters = ["length", "words"]
    lines = run_bridge_verbs(human_data, out, processes=1, raters=raters, spec=NARROW)
    return out, "\n".join(lines)


def test_real_peoples_data_goes_from_two_files_to_a_table(
    made: tuple[Path, str],
) -> None:
    out, told = made

    assert told.count("| human |") == 2
    assert "study: all actions unsafe: harm measures undefined" in told
    assert "84% of the verbs below the midpoint (50)" in told
    assert "made from the very means that alignment is measured against" in told
    for verb_class, n_verbs in ((2, 43), (6, 32)):
        report = read_report(out / f"class{verb_class}" / "report")
        assert len(report.actions.ids) == n_verbs
        assert not report.simulated
        assert "affective good-bad, not morality" in (
            report.dimensions["evaluation"].definition
        )


def test_in_class_6_only_the_median_gives_harm_a_meaning(
    made: tuple[Path, str],
) -> None:
    sweep = read_sweep(made[0] / "class6" / "sweep")

    for row in sweep.cells:
        below_midpoint = row["threshold_rule"] == "study"
        assert math.isnan(row["unsafe_share"]) == below_midpoint
        assert row["below_threshold_share"] == (1 if below_midpoint else 0.5)
    human = [row for row in sweep.cells if row["role"] == "human"]
    assert all(math.isnan(row["alignment_spearman"]) for row in human)
    assert not sweep.manifest["cross_fit"]
    assert not sweep.simulated


def test_every_figure_says_that_evaluation_is_not_morality(
    made: tuple[Path, str],
) -> None:
    figures = list((made[0] / "class2" / "sweep" / "figures").glob("*.svg"))

    assert figures
    for path in figures:
        assert "affective good-bad, not morality" in path.read_text()


def test_data_that_is_not_there_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATTUNE_DATA", str(tmp_path / "nowhere"))

    status = main(["bridge-verbs", "--out", str(tmp_path / "out")])

    assert status == 1
    said = capsys.readouterr().err
    assert said.startswith("Real people's data was not found: set ATTUNE_DATA")
    assert not (tmp_path / "out").exists()
