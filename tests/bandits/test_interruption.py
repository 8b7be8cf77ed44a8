"""Sweeps ended from outside, in real processes: what is kept, and what is said."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from bandits.__main__ import main
from tests.bandits.children import (
    PATIENCE_S,
    begin,
    is_gone,
    kill_alone,
    kill_group,
    wait_until,
)

MakeReport = Callable[..., Path]
# An agent without a compiled form: the others are done before one can end them.
SPEC = """
n_runs = {n_runs}
agents = ["gp_gated"]
kernels = ["human", "model-0"]
dimensions = ["morality"]
alignment_resamples = 5

[phases]
personalization_steps = 20
generalization_steps = 10
"""
two_processes = pytest.param(2, marks=pytest.mark.slow)
"""Each of them loads torch afresh."""


def sweep_of(n_runs: int, make_report: MakeReport, tmp_path: Path) -> str:
    path = tmp_path / "spec.toml"
    path.write_text(SPEC.format(n_runs=n_runs))
    return f"sweep {path} --from {make_report(models=1)} --no-figures"


@pytest.fixture
def command(make_report: MakeReport, tmp_path: Path) -> str:
    """A sweep's command line but for --out and --processes."""
    return sweep_of(300, make_report, tmp_path)


@pytest.fixture
def long_command(make_report: MakeReport, tmp_path: Path) -> str:
    """The same of a sweep that is still at it when it is ended."""
    return sweep_of(100_000, make_report, tmp_path)


def headers(out: Path) -> set[Path]:
    return set((out / "shards").glob("*.json"))


def contents(out: Path) -> dict[str, bytes]:
    """Every file's bytes, of the manifest all but its times and its command line."""
    found = {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }
    manifest = json.loads(found["manifest.json"])
    for name in ("started_at", "finished_at", "command"):
        del manifest[name]
    found["manifest.json"] = json.dumps(manifest).encode()
    return found


@pytest.mark.parametrize("processes", [1, two_processes])
def test_a_killed_sweep_resumes_to_the_same_bytes(
    command: str, tmp_path: Path, processes: int
) -> None:
    whole, cut, log = tmp_path / "whole", tmp_path / "cut", tmp_path / "log"
    assert main(f"{command} --processes 1 --out {whole}".split()) == 0
    child = begin(f"{command} --processes {processes} --out {cut}", log)
    wait_until(lambda: len(headers(cut)) >= 3, child)

    kill_alone(child, signal.SIGKILL)
    child.join(PATIENCE_S)
    wait_until(lambda: is_gone(child))
    kept = headers(cut)
    assert not (cut / "manifest.json").exists()
    # Its own lock must not stand in the way, nor what it left half-written.
    assert main(f"{command} --processes 1 --out {cut} --resume".split()) == 0

    assert len(kept) >= 3
    assert contents(cut) == contents(whole)


@pytest.mark.parametrize("processes", [1, two_processes])
@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_says_how_to_go_on_and_leaves_no_process(
    long_command: str, tmp_path: Path, processes: int, ended_by: signal.Signals
) -> None:
    out, log = tmp_path / "sweep", tmp_path / "log"
    child = begin(f"{long_command} --out {out} --processes {processes}", log)
    wait_until(lambda: len(headers(out)) >= 1, child)

    kill = kill_group if ended_by is signal.SIGINT else kill_alone
    kill(child, ended_by)
    child.join(PATIENCE_S)

    said = log.read_text()
    assert child.exitcode == 130
    assert "Traceback" not in said
    assert "Stopped. What was finished is kept; go on with:" in said
    assert f"--out {out} --processes {processes} --resume" in said
    wait_until(lambda: is_gone(child))
    assert headers(out)


@pytest.mark.slow
def test_ctrl_c_ends_a_local_cluster_as_well(long_command: str, tmp_path: Path) -> None:
    out, log = tmp_path / "sweep", tmp_path / "log"
    child = begin(f"{long_command} --out {out} --processes 1 --cluster local", log)
    wait_until(lambda: len(headers(out)) >= 1, child)

    kill_group(child, signal.SIGINT)
    child.join(PATIENCE_S)

    said = log.read_text()
    assert child.exitcode == 130
    assert "Traceback" not in said
    assert "--cluster local --resume" in said
    wait_until(lambda: is_gone(child))


def test_a_second_sweep_of_the_same_folder_is_refused_while_one_runs(
    long_command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sweep"
    child = begin(f"{long_command} --out {out} --processes 1", tmp_path / "log")
    wait_until(lambda: len(headers(out)) >= 1, child)
    kill_alone(child, signal.SIGSTOP)  # or it might be done before it is found

    status = main(f"{long_command} --out {out} --processes 1 --resume".split())

    assert status == 1
    assert "another process is writing this folder" in capsys.readouterr().err
    kill_alone(child, signal.SIGKILL)
    child.join(PATIENCE_S)
