import platform
import shutil
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignment.errors import FolderError, FolderInUse
from alignment.folders import locked, read_manifest, sha256_of
from alignment.report_files import read_report
from bandits.engine import open_engine
from bandits.errors import SpecError
from bandits.plan import make_plan
from bandits.results import SweepData, read_sweep
from bandits.shards import ShardData, keep_shard, make_shard, shards, work_of
from bandits.simulate import simulate
from bandits.spec import SweepSpec
from bandits.sweep import run_sweep, sweep_hash

MakeReport = Callable[..., Path]


def spec(**changes: object) -> SweepSpec:
    return SweepSpec.model_validate(
        {
            "n_runs": 3,
            "agents": ["gp_thompson", "thompson_independent"],
            "kernels": ["human", "model-0"],
            "dimensions": ["morality"],
            "alignment_resamples": 5,
            "phases": {"personalization_steps": 5, "generalization_steps": 3},
        }
        | changes
    )


def with_rewards(shard: ShardData, reward: float) -> ShardData:
    """The shard with one mean reward everywhere, so that it can be told in a table."""
    parquet = pq.ParquetFile(pa.BufferReader(shard.content))
    place = parquet.schema_arrow.get_field_index("mean_reward")
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, parquet.schema_arrow) as writer:
        for number in range(parquet.num_row_groups):
            table = parquet.read_row_group(number)
            column = pa.array([reward] * len(table))
            writer.write_table(table.set_column(place, "mean_reward", column))
    return ShardData(sink.getvalue().to_pybytes(), shard.contents)


def sweep(given: SweepSpec, report: Path, out: Path, **more: object) -> Path:
    """Without figures, in this process, unless told otherwise."""
    options = {"processes": 1, "figures": False} | more
    return run_sweep(given, report, out, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def swept(
    build_report: MakeReport, tmp_path_factory: pytest.TempPathFactory
) -> SweepData:
    """One sweep that the tests only read."""
    inside = tmp_path_factory.mktemp("swept")
    given = spec(
        dimensions=["morality", "fun"],
        cross_harm="morality",
        corruption={"shares": [1.0], "draws": 2},
    )
    folder = build_report(inside, models=1)
    return read_sweep(sweep(given, folder, inside / "sweep", figures=True))


def test_a_sweep_leaves_every_file_of_its_folder_and_no_shards(
    swept: SweepData,
) -> None:
    names = {path.name for path in swept.folder.iterdir()}

    assert names == {
        "manifest.json",
        "spec.toml",
        "kernels.csv",
        "tasks.csv",
        "cells.csv",
        "runs.parquet",
        "effects.csv",
        "corruption.csv",
        "over_time.csv",
        "calibration.csv",
        "figures",
        ".lock",
    }
    assert len(list((swept.folder / "figures").glob("*.png"))) == 10


def test_the_manifest_says_what_the_sweep_was_made_from(
    swept: SweepData,
) -> None:
    report = swept.folder.parent / "report"

    assert swept.manifest["inputs"] == {"report": sha256_of(report / "manifest.json")}
    assert swept.simulated
    assert swept.manifest["cross_fit"]
    assert swept.manifest["parameters"]["n_runs"] == 3
    assert swept.manifest["skipped_kernels"] == {}


def test_runs_are_one_row_per_cell_replicate_and_phase(swept: SweepData) -> None:
    runs = pd.read_parquet(swept.folder / "runs.parquet")

    n_cells = len({row["cell"] for row in swept.cells})
    assert len(runs) == n_cells * 3 * 2
    assert not runs.duplicated(["cell", "replicate", "phase"]).any()
    assert set(runs["phase"]) == {"personalization", "generalization"}


def test_cells_are_the_means_and_errors_of_their_runs(swept: SweepData) -> None:
    runs = pd.read_parquet(swept.folder / "runs.parquet")
    grouped = runs.groupby(["cell", "phase"])["mean_reward"]

    for row in swept.cells:
        values = grouped.get_group((int(row["cell"]), row["phase"]))
        assert row["mean_reward"] == pytest.approx(values.mean())
        assert row["mean_reward_se"] == pytest.approx(values.sem())


def test_unsafe_is_said_of_harm_dimensions_only(swept: SweepData) -> None:
    by_dimension = {row["dimension"]: row for row in swept.cells}

    assert np.isfinite(by_dimension["morality"]["unsafe_share"])
    assert np.isnan(by_dimension["morality"]["low_value_share"])
    assert np.isnan(by_dimension["fun"]["unsafe_share"])
    assert np.isfinite(by_dimension["fun"]["low_value_share"])


def test_harm_on_another_dimension_is_counted_while_one_is_learnt(
    swept: SweepData,
) -> None:
    harm = {row["dimension"]: row["moral_harm"] for row in swept.cells}

    assert np.isfinite(harm["fun"])
    assert np.isnan(harm["morality"])


def test_a_cell_is_what_the_engine_gives_for_it(swept: SweepData) -> None:
    report = read_report(swept.folder.parent / "report")
    plan = make_plan(report, swept.spec)
    cell = next(c for c in plan.cells if c.kernel == "model-0" and c.form == "matched")
    computation = plan.computations[plan.computation_of[cell.number]]
    assert computation.kernel is not None

    alone = simulate(
        plan.kernels[computation.kernel],
        plan.tasks[computation.task].task(range(3), seed=swept.spec.seed),
        cell.agent,
        plan.settings,
        seed=swept.spec.seed,
        replicates=range(3),
    )

    runs = swept.runs().to_pandas()
    rows = runs[(runs["cell"] == cell.number) & (runs["phase"] == "generalization")]
    np.testing.assert_allclose(
        rows["value_rmse"], alone["generalization"]["value_rmse"].numpy()
    )


def test_the_human_kernel_is_its_own_match_in_the_results(swept: SweepData) -> None:
    found = {
        row["form"]: row["mean_reward"]
        for row in swept.cells
        if row["role"] == "human"
        and (row["agent"], row["dimension"]) == ("gp_thompson", "morality")
        and row["phase"] == "personalization"
    }

    assert found["as_given"] == found["matched"]


def test_any_number_of_processes_gives_the_same_runs(
    make_report: MakeReport, tmp_path: Path
) -> None:
    folder = make_report(models=1)

    for processes in (1, 2):
        sweep(spec(), folder, tmp_path / str(processes), processes=processes)

    one, two = (tmp_path / name / "runs.parquet" for name in ("1", "2"))
    assert sha256_of(one) == sha256_of(two)


@pytest.mark.parametrize("resume", [True, False])
def test_only_resumption_takes_up_the_shards_that_stand(
    make_report: MakeReport, tmp_path: Path, resume: bool
) -> None:
    folder, out = make_report(models=1), tmp_path / "cut"
    given = spec()
    plan = make_plan(read_report(folder), given)
    engine = open_engine()
    identity = sweep_hash(given, sha256_of(folder / "manifest.json"), engine)
    first = next(shards(plan, identity, "cpu"))
    (out / "shards").mkdir(parents=True)
    made = make_shard(work_of(plan, first, engine))
    marked = with_rewards(made, 1000.0)
    keep_shard(marked, out / "shards" / first.name, engine)

    sweep(given, folder, out, resume=resume)

    found = [row["mean_reward"] == 1000 for row in read_sweep(out).cells]
    assert any(found) == resume
    assert not all(found)


def test_a_shard_cut_off_by_a_full_disk_is_made_again_and_not_merged(
    make_report: MakeReport, tmp_path: Path
) -> None:
    folder, out = make_report(models=1), tmp_path / "cut"
    engine = open_engine()
    plan = make_plan(read_report(folder), spec())
    identity = sweep_hash(spec(), sha256_of(folder / "manifest.json"), engine)
    (out / "shards").mkdir(parents=True)
    for shard in shards(plan, identity, "cpu"):
        path = out / "shards" / shard.name
        made = make_shard(work_of(plan, shard, engine))
        keep_shard(with_rewards(made, 1000.0), path, engine)
        path.write_bytes(path.read_bytes()[:-100])

    sweep(spec(), folder, out, resume=True)
    sweep(spec(), folder, tmp_path / "whole")

    whole, again = (tmp_path / n / "runs.parquet" for n in ("whole", "cut"))
    assert sha256_of(again) == sha256_of(whole)


def test_resuming_a_finished_sweep_leaves_it_as_it_is(
    make_report: MakeReport, tmp_path: Path
) -> None:
    folder, out = make_report(models=1), tmp_path / "sweep"
    sweep(spec(), folder, out)
    before = (out / "manifest.json").stat().st_mtime_ns

    sweep(spec(), folder, out, resume=True)

    assert (out / "manifest.json").stat().st_mtime_ns == before


def test_a_replicate_does_not_depend_on_how_many_there_are(
    make_report: MakeReport, tmp_path: Path
) -> None:
    folder = make_report(models=1)

    for n_runs in (2, 4):
        sweep(spec(n_runs=n_runs), folder, tmp_path / str(n_runs))

    few, many = (pd.read_parquet(tmp_path / n / "runs.parquet") for n in ("2", "4"))
    pd.testing.assert_frame_equal(
        few, many[many["replicate"] < 2].reset_index(drop=True)
    )


def test_all_actions_unsafe_leaves_harm_undefined_beside_their_share(
    make_report: MakeReport, tmp_path: Path
) -> None:
    low = {("morality", "group"): np.linspace(5, 45, 8)}
    folder = make_report(models=1, values=low)

    given = spec(thresholds=["study", "median"])
    sweep(given, folder, tmp_path / "s", figures=True)

    found = read_sweep(tmp_path / "s")
    for row in found.cells:
        if row["threshold_rule"] == "study":
            assert np.isnan(row["unsafe_share"])
            assert row["harm_note"] == "all actions unsafe: harm measures undefined"
            assert row["below_threshold_share"] == 1
        else:
            assert np.isfinite(row["unsafe_share"])
    drawn = {path.stem for path in (found.folder / "figures").iterdir()}
    assert "morality_group_median_personalization_unsafe_share" in drawn
    assert "morality_group_study_personalization_unsafe_share" not in drawn


def test_a_participants_own_values_can_pay(
    make_report: MakeReport, tmp_path: Path
) -> None:
    sweep(
        spec(values_from=["group", "p-ada"]),
        make_report(models=1),
        tmp_path / "s",
    )

    rewards = {
        row["values_from"]: row["mean_reward"]
        for row in read_sweep(tmp_path / "s").cells
        if row["agent"] == "gp_thompson" and row["phase"] == "personalization"
    }
    assert rewards["group"] != rewards["p-ada"]


def test_a_folder_of_another_kind_is_never_overwritten(
    make_report: MakeReport,
) -> None:
    folder = make_report(models=1)

    with pytest.raises(FolderError, match="must be a sweep folder, it is a report"):
        sweep(spec(), folder, folder)

    assert read_manifest(folder, "report")


def test_a_second_writer_is_refused(make_report: MakeReport, tmp_path: Path) -> None:
    folder = make_report(models=1)

    with (
        locked(tmp_path / "s"),
        pytest.raises(FolderInUse, match="another process is writing this folder"),
    ):
        sweep(spec(), folder, tmp_path / "s")


def test_a_refused_spec_leaves_the_earlier_sweep_alone(
    make_report: MakeReport, tmp_path: Path
) -> None:
    folder, out = make_report(models=1), tmp_path / "s"
    sweep(spec(), folder, out)

    with pytest.raises(SpecError, match='"gpt" is not a kernel of this report'):
        sweep(spec(kernels=["gpt"]), folder, out)

    assert read_sweep(out).spec == spec()


def test_a_changed_file_is_noticed_when_a_sweep_is_read(
    swept: SweepData, tmp_path: Path
) -> None:
    copy = shutil.copytree(swept.folder, tmp_path / "copy")
    with (copy / "cells.csv").open("a") as stream:
        stream.write("\n")

    with pytest.raises(FolderError, match=r"cells\.csv"):
        read_sweep(copy)


def test_runs_hold_nan_only_where_a_measure_is_undefined(swept: SweepData) -> None:
    table = pq.read_table(swept.folder / "runs.parquet")

    assert table["mean_reward"].null_count == 0
    assert table["value_rmse"].null_count == len(table) // 2


def test_the_manifest_says_what_computed_the_sweep_and_when(
    swept: SweepData,
) -> None:
    found = swept.manifest

    assert (found["backend"], found["dtype"], found["device"]) == tuple(open_engine())
    assert found["seeds"] == {"sweep": swept.spec.seed}
    assert {"attune", "numpy", "torch", "pyarrow"} <= set(found["packages"])
    assert found["python"] == platform.python_version()
    assert found["command"] == sys.argv
    assert "commit" in found
    begun, ended = (
        datetime.fromisoformat(found[name]) for name in ("started_at", "finished_at")
    )
    assert begun < ended
    assert begun.tzinfo is not None
    assert (swept.folder / found["report_folder"]).samefile(
        swept.folder.parent / "report"
    )
