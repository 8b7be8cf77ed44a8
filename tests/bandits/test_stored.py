import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment.errors import FolderError
from alignment.report_files import read_report
from bandits import results
from bandits import stored as module
from bandits.engine import open_engine
from bandits.plan import Plan, make_plan
from bandits.results import write_runs
from bandits.shards import shards, standing_groups, work_of
from bandits.simulate import simulate
from bandits.spec import SweepSpec
from bandits.stored import StoredRuns
from bandits.workers import make_and_keep

MakeReport = Callable[..., Path]
N_RUNS = 150
"""More than one shard's range of replicates."""


@pytest.fixture(scope="module")
def plan(build_report: MakeReport, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    document = {
        "n_runs": N_RUNS,
        "agents": ["gp_greedy"],
        "kernels": ["human", "model-0"],
        "dimensions": ["morality", "fun"],
        "alignment_resamples": 2,
        "phases": {"personalization_steps": 4, "generalization_steps": 2},
    }
    report = build_report(tmp_path_factory.mktemp("stored"), models=1)
    return make_plan(read_report(report), SweepSpec.model_validate(document))


@pytest.fixture(scope="module")
def folder(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every shard of the plan."""
    folder = tmp_path_factory.mktemp("shards")
    for shard in shards(plan, "identity", "cpu"):
        make_and_keep(work_of(plan, shard, open_engine()), folder / shard.name)
    return folder


@pytest.fixture
def runs(plan: Plan, folder: Path) -> StoredRuns:
    made = []
    for shard in shards(plan, "identity", "cpu"):
        groups = standing_groups(folder / shard.name, open_engine())
        assert groups is not None
        made.append((shard, groups))
    assert len({(shard.start, shard.stop) for shard, _ in made}) > 1
    return StoredRuns(plan, folder, made)


def test_every_cell_has_what_the_engine_gives_for_it(
    plan: Plan, runs: StoredRuns
) -> None:
    assert len(runs) == 2 * len(plan.cells)
    for block in runs:
        computation = plan.computations[plan.computation_of[block.cell.number]]
        if computation.agent != "gp_greedy":
            continue
        assert computation.kernel is not None
        alone = simulate(
            plan.kernels[computation.kernel],
            plan.tasks[computation.task].task(range(N_RUNS), seed=plan.spec.seed),
            computation.agent,
            plan.settings,
            seed=plan.spec.seed,
            replicates=range(N_RUNS),
        )[block.phase]
        assert list(block.metrics) == list(alone)
        for name, column in block.metrics.items():
            np.testing.assert_allclose(column, alone[name].numpy(), rtol=1e-12)


@pytest.mark.parametrize("keep", [0, 2**26])
@pytest.mark.parametrize("together", [0, 2**14, 2**24])
def test_what_is_kept_for_the_next_changes_no_number(
    runs: StoredRuns, keep: int, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [dict(block.metrics) for block in runs]
    monkeypatch.setattr(module, "KEEP_BYTES", keep)
    monkeypatch.setattr(module, "TOGETHER_BYTES", together)

    for block, metrics in zip(runs, expected, strict=True):
        for name, column in metrics.items():
            np.testing.assert_array_equal(block.metrics[name], column)


def test_parts_are_the_same_runs_in_order(runs: StoredRuns) -> None:
    parts: dict[tuple[int, str], list[np.ndarray]] = {}
    for part in runs.parts():
        found = parts.setdefault((part.cell.number, part.phase), [])
        assert part.first == sum(map(len, found))
        found.append(part.metrics["mean_reward"])

    for block in runs:
        whole = np.concatenate(parts.pop((block.cell.number, block.phase)))
        np.testing.assert_array_equal(whole, block.metrics["mean_reward"])
    assert not parts


def test_a_measure_a_phase_does_not_have_is_not_there(runs: StoredRuns) -> None:
    learning = runs[0]

    assert learning.phase == "personalization"
    assert "value_rmse" not in learning.metrics
    assert learning.metrics.get("value_rmse") is None
    assert "value_rmse" in runs.metrics
    assert [block.cell.number for block in runs[:4]] == [0, 0, 1, 1]


@pytest.mark.parametrize("n_copies", [4, 40])
def test_what_is_held_does_not_grow_with_the_number_of_runs(
    plan: Plan,
    runs: StoredRuns,
    n_copies: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same shards over and over: ten times the runs, and one peak for both."""
    monkeypatch.setattr(results, "ROWS_A_GROUP", 4 * N_RUNS)
    arrow = pa.proxy_memory_pool(pa.default_memory_pool())
    before = pa.default_memory_pool()
    pa.set_memory_pool(arrow)
    tracemalloc.start()

    parts = (part for _ in range(n_copies) for part in runs.parts())
    write_runs(tmp_path / "runs.parquet", parts, runs.metrics)

    peak = tracemalloc.get_traced_memory()[1] + arrow.max_memory()
    tracemalloc.stop()
    pa.set_memory_pool(before)
    n_rows = n_copies * len(runs) * N_RUNS
    assert pq.ParquetFile(tmp_path / "runs.parquet").metadata.num_rows == n_rows
    row = 8 * (len(runs.metrics) + 13)
    # Two groups of rows, one of them being written, and what Parquet makes of them.
    assert peak < 4 * 4 * N_RUNS * row + 2**21


def test_a_shard_damaged_since_is_a_sentence(runs: StoredRuns, folder: Path) -> None:
    path = min(folder.glob("*.parquet"))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])

    try:
        with pytest.raises(FolderError, match="--resume makes it again"):
            list(runs.parts())
    finally:
        path.write_bytes(content)
        runs.close()
        gc.collect()
