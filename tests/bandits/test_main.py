import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bandits.__main__ import main
from bandits.results import read_sweep

MakeReport = Callable[..., Path]
SPEC = """
n_runs = 2
agents = ["gp_greedy"]
kernels = ["human", "model-0"]
dimensions = ["morality"]
alignment_resamples = 5

[phases]
personalization_steps = 3
generalization_steps = 2
"""


@pytest.fixture
def spec_file(tmp_path: Path) -> Path:
    path = tmp_path / "spec.toml"
    path.write_text(SPEC)
    return path


def test_the_sweep_command_writes_a_folder_and_tells_what_it_holds(
    make_report: MakeReport,
    spec_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report, out = make_report(models=1), tmp_path / "sweep"

    status = main(
        f"sweep {spec_file} --from {report} --out {out} --processes 1 --seed 7".split()
    )

    assert status == 0
    assert read_sweep(out).spec.seed == 7
    assert f"5 cells of 2 runs in {out}" in capsys.readouterr().out


def test_every_fault_is_printed_with_its_place(
    make_report: MakeReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        SPEC.replace('"gp_greedy"', '"ucb"').replace("model-0", "gpt") + "\n[extra]\n"
    )

    status = main(["check", str(path), "--from", str(make_report())])

    said = capsys.readouterr().err
    assert status == 1
    assert "The spec has 3 faults:" in said
    for place in ("agents[0]:", "kernels[1]:", "extra:"):
        assert f"  {place}" in said


def test_a_sound_spec_gets_a_forecast(
    make_report: MakeReport, spec_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["check", str(spec_file), "--from", str(make_report())])

    assert status == 0
    assert "5 cells" in capsys.readouterr().out


def test_the_module_runs_and_a_missing_report_is_a_sentence(
    spec_file: Path, tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere"

    done = subprocess.run(
        [sys.executable, *f"-m bandits check {spec_file} --from {nowhere}".split()],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )

    assert done.returncode == 1
    assert "there is no such folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_process_at_all_is_refused(
    spec_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sweep", str(spec_file), "--from", "r", "--out", "s"]

    with pytest.raises(SystemExit):
        main([*arguments, "--processes", "0"])

    assert "needs at least 1, got 0" in capsys.readouterr().err
