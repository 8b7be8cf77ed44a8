"""The benchmark's own functions, on a CPU: what it times is timed by hand."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

pytest.importorskip("numba", reason="the benchmark times compiled agents, an extra")
SCRIPT = Path(__file__).parents[1] / "benchmarks" / "bench_simulate.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_simulate", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU here")
def test_where_there_is_no_gpu_it_says_so_and_what_to_do() -> None:
    told = subprocess.run(
        [sys.executable, str(SCRIPT), "--device", "cuda"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert told.returncode == 2
    assert told.stderr.startswith("--device cuda: torch sees no CUDA GPU here")
    assert "where nvidia-smi lists a card" in told.stderr
    assert "Traceback" not in told.stderr


def test_an_unknown_device_is_refused_by_name(bench: ModuleType) -> None:
    assert bench.refusal("cpu") is None
    assert bench.refusal("gpu") == "--device needs to be cpu or cuda, got 'gpu'"


def test_a_cards_table_has_its_rates_and_a_line_for_every_agent(
    bench: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.gpu("cpu", n_runs=16, n_steps=2)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("TB/s")
    assert [line.split(":")[0] for line in lines[1:3]] == [
        "matrix product in float64",
        "matrix product in float32",
    ]
    assert [tuple(line.split()[:2]) for line in lines[3:]] == list(bench.BARS)
    thompson = [line for line in lines if line.startswith("gp_thompson")]
    assert all("of the copy's bound" in line for line in thompson)
    assert all("a billion in" in line for line in thompson)


def test_growth_says_what_a_run_keeps(
    bench: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.growth(1, ((120, 0, 10, 2), (20, 4, 10, 2)))

    lines = capsys.readouterr().out.strip().splitlines()[1:]
    assert "at most 10 arms tried" in lines[0]
    assert "a root of 20 rows" in lines[2]
