import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet as pq
import pytest

from alignment.report_files import read_report
from bandits import shards as module
from bandits.engine import open_engine
from bandits.plan import Plan, make_plan
from bandits.shards import Shard, shards, standing_groups, work_of
from bandits.simulate import simulate
from bandits.spec import SweepSpec
from bandits.workers import make_and_keep

MakeReport = Callable[..., Path]
ENGINE = open_engine()


def plan_of(folder: Path, **changes: object) -> Plan:
    document = {
        "n_runs": 6,
        "agents": ["gp_greedy", "thompson_independent"],
        "kernels": ["all"],
        "dimensions": ["morality", "fun"],
        "alignment_resamples": 2,
        "phases": {"personalization_steps": 4, "generalization_steps": 2},
    }
    return make_plan(read_report(folder), SweepSpec.model_validate(document | changes))


@pytest.fixture
def made(make_report: MakeReport, tmp_path: Path) -> tuple[Path, Shard]:
    """A shard that stands."""
    plan = plan_of(make_report(models=1))
    shard = next(shards(plan, "identity", "cpu"))
    make_and_keep(work_of(plan, shard, ENGINE), tmp_path / shard.name)
    return tmp_path / shard.name, shard


def test_a_shard_stands_with_the_measures_of_every_computation_and_phase(
    made: tuple[Path, Shard],
) -> None:
    path, shard = made

    groups = standing_groups(path, ENGINE)

    assert groups is not None
    assert [group[:2] for group in groups] == [
        (computation, phase)
        for computation in range(shard.first, shard.last)
        for phase in ("personalization", "generalization")
    ]
    assert "value_rmse" not in groups[0].metrics
    assert "value_rmse" in groups[1].metrics


@pytest.mark.parametrize("damage", ["cut off", "one bit", "no header", "half a header"])
def test_a_damaged_shard_does_not_stand(made: tuple[Path, Shard], damage: str) -> None:
    path, _ = made
    header, content = path.with_suffix(".json"), bytearray(path.read_bytes())

    if damage == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "one bit":
        content[len(content) // 3] ^= 1
        path.write_bytes(content)
    elif damage == "no header":
        header.unlink()
    else:
        header.write_text(header.read_text()[:40])

    assert standing_groups(path, ENGINE) is None


def test_a_shard_of_another_engine_or_other_versions_does_not_stand(
    made: tuple[Path, Shard],
) -> None:
    path, _ = made
    header = path.with_suffix(".json")

    assert standing_groups(path, ENGINE._replace(dtype="float32")) is None

    found = json.loads(header.read_text())
    found["versions"]["torch"] = "0.1"
    header.write_text(json.dumps(found))
    assert standing_groups(path, ENGINE) is None


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_a_shard_is_computed_by_the_engine_that_its_header_names(
    make_report: MakeReport, tmp_path: Path, backend: Literal["torch", "numba"]
) -> None:
    plan, engine = plan_of(make_report(models=1)), open_engine(backend)
    place = next(p for p, c in enumerate(plan.computations) if c.agent == "gp_greedy")
    shard = next(s for s in shards(plan, "identity", "cpu") if s.first == place)
    path = tmp_path / shard.name

    make_and_keep(work_of(plan, shard, engine), path)

    assert json.loads(path.with_suffix(".json").read_text())["engine"] == {
        "backend": backend,
        "dtype": "float64",
        "device": "cpu",
    }
    computation = plan.computations[place]
    assert computation.kernel is not None
    alone = simulate(
        plan.kernels[computation.kernel],
        plan.tasks[computation.task].task(range(6), seed=plan.spec.seed),
        "gp_greedy",
        plan.settings,
        seed=plan.spec.seed,
        replicates=range(6),
        backend=backend,
    )["generalization"]["value_rmse"]
    table = pq.ParquetFile(path).read_row_group(1, columns=["value_rmse"])
    np.testing.assert_array_equal(table["value_rmse"].to_numpy(), alone.numpy())


@pytest.mark.parametrize("n_runs", [2, 300, 70_000])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_shards_cover_every_computation_and_replicate_once(
    make_report: MakeReport, n_runs: int, device: str
) -> None:
    plan = plan_of(make_report(models=3), n_runs=n_runs)
    covered = np.zeros((len(plan.computations), n_runs), dtype=int)

    cut = list(shards(plan, "identity", device))

    for shard in cut:
        covered[shard.first : shard.last, shard.start : shard.stop] += 1
        agents = {c.agent for c in plan.computations[shard.first : shard.last]}
        assert agents == {work_of(plan, shard, ENGINE).agent}
        assert shard.size <= max(module.RUNS_A_SHARD[device], module.LEAST_RUNS)
    assert (covered == 1).all()
    assert len({shard.name for shard in cut}) == len(cut)


def test_shards_are_named_by_the_sweep_and_by_the_runs_in_them(
    make_report: MakeReport,
) -> None:
    plan = plan_of(make_report(models=1), n_runs=5000)

    cut = list(shards(plan, "0123456789abcdefXYZ", "cpu"))

    for one in cut:
        places = f"{one.first:05}-{one.last:05}-{one.start:07}-{one.stop:07}"
        assert one.name == f"0123456789abcdef-{places}.parquet"


def test_a_long_horizon_is_cut_into_fewer_runs_a_shard(
    make_report: MakeReport,
) -> None:
    folder = make_report(models=1)
    phases = {"personalization_steps": 100_000, "generalization_steps": 0}
    plan = plan_of(folder, n_runs=5000, phases=phases)

    sizes = {shard.size for shard in shards(plan, "identity", "cpu")}

    assert max(sizes) == module.LEAST_RUNS
