import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from alignment.report_files import read_report
from bandits import cluster as module
from bandits.__main__ import main
from bandits.cluster import cluster_workers, job_script, make_on
from bandits.engine import open_engine
from bandits.errors import BanditError, SpecError
from bandits.plan import make_plan
from bandits.results import read_sweep
from bandits.shards import ShardWork, shards, work_of
from bandits.spec import SweepSpec
from bandits.sweep import run_sweep
from bandits.workers import make_and_keep

MakeReport = Callable[..., Path]
SPEC = {
    "n_runs": 70,
    "agents": ["gp_thompson", "thompson_independent"],
    "kernels": ["human", "model-0"],
    "dimensions": ["morality"],
    "alignment_resamples": 5,
    "phases": {"personalization_steps": 5, "generalization_steps": 3},
}


@contextmanager
def scheduler(seen: set[str] | None = None) -> Iterator[str]:
    """The address of a scheduler with two workers, threads of this process.

    Args:
        seen: Filled with the names of the tasks that the scheduler was given.
    """
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        dashboard_address=None,
    ) as cluster:
        yield cluster.scheduler_address
        if seen is not None:
            seen |= {str(one.key) for one in cluster.scheduler.transition_log}


def tasks_for(report: Path, folder: Path) -> list[tuple[ShardWork, Path]]:
    plan = make_plan(read_report(report), SweepSpec.model_validate(SPEC))
    folder.mkdir()
    return [
        (work_of(plan, shard, open_engine()), folder / shard.name)
        for shard in shards(plan, "identity", "cpu")
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_sweep_over_a_cluster_equals_one_in_this_process(
    make_report: MakeReport, tmp_path: Path
) -> None:
    report, spec = make_report(models=1), SweepSpec.model_validate(SPEC)
    here, there = tmp_path / "here", tmp_path / "there"

    run_sweep(spec, report, here, processes=1, figures=False)
    with scheduler() as address:
        run_sweep(spec, report, there, processes=1, figures=False, cluster=address)

    assert read_sweep(here).manifest["files"] == read_sweep(there).manifest["files"]


def test_deals_of_a_declared_outcome_are_made_on_the_cluster_too(
    make_report: MakeReport, tmp_path: Path
) -> None:
    declared = {"agent": "gp_thompson", "dimension": "morality", "shuffles": 19}
    declared |= {"phase": "generalization", "metric": "mean_reward", "form": "matched"}
    kernels = ["human", "model-0", "model-1"]
    more = {"confirmatory": declared, "kernels": kernels, "forms": ["matched"]}
    report, spec = make_report(models=2), SweepSpec.model_validate(SPEC | more)
    here, there = tmp_path / "here", tmp_path / "there"
    seen: set[str] = set()

    run_sweep(spec, report, here, processes=1, figures=False)
    with scheduler(seen) as address:
        run_sweep(spec, report, there, processes=1, figures=False, cluster=address)

    assert sum("-deal-" in name for name in seen) == 19
    assert read_sweep(here).manifest["files"] == read_sweep(there).manifest["files"]


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_loses_nothing(
    make_report: MakeReport, tmp_path: Path
) -> None:
    report = make_report(models=1)
    here = tasks_for(report, tmp_path / "here")
    there = tasks_for(report, tmp_path / "there")
    for task in here:
        make_and_keep(*task)

    with cluster_workers("local", 2) as client:
        before = set(client.run(os.getpid).values())
        done = []
        for place in make_on(client, there):
            done.append(place)
            if len(done) == 1:
                os.kill(min(before), signal.SIGKILL)

    assert sorted(done) == list(range(len(there)))
    assert contents(tmp_path / "there") == contents(tmp_path / "here")


def test_only_a_few_shards_are_with_the_cluster_at_a_time(
    make_report: MakeReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AHEAD", 1)
    tasks = tasks_for(make_report(models=1), tmp_path / "shards")

    with scheduler() as address, Client(address) as client:
        with_it = [len(client.who_has()) for _ in make_on(client, tasks)]

    assert len(with_it) == len(tasks) > 4
    assert max(with_it) <= 4


def test_a_worker_with_other_versions_is_refused(
    make_report: MakeReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = tasks_for(make_report(models=1), tmp_path / "shards")
    monkeypatch.setattr(
        module,
        "library_versions",
        iter([{"torch": "1.0"}, *[{"torch": "2.0"}] * 99]).__next__,
    )

    with (
        scheduler() as address,
        Client(address) as client,
        pytest.raises(BanditError, match=r"has torch 2\.0 instead of 1\.0"),
    ):
        list(make_on(client, tasks))


def test_nobody_at_the_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_WITHIN", "300ms")

    with (
        pytest.raises(BanditError, match="no Dask scheduler answers there"),
        cluster_workers("tcp://127.0.0.1:9", 1),
    ):
        pass


def test_without_the_extra_a_sentence_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)

    with (
        pytest.raises(BanditError, match=r"pip install 'attune\[cluster\]'"),
        cluster_workers("local", 1),
    ):
        pass


def test_a_slurm_job_asks_for_what_the_options_say(tmp_path: Path) -> None:
    path = tmp_path / "slurm.toml"
    path.write_text(
        'cores = 4\nmemory = "16GB"\nwalltime = "08:00:00"\nqueue = "long"\n'
        'account = "lab"\nprologue = ["module load python"]\n'
        'directives = ["--mail-type=END"]\n'
    )

    script = job_script(path).splitlines()

    assert script[0] == "#!/usr/bin/env bash"
    for line in (
        "#SBATCH -p long",
        "#SBATCH -A lab",
        "#SBATCH -t 08:00:00",
        "#SBATCH --mem=15G",
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --mail-type=END",
        "export OMP_NUM_THREADS=1",
        "module load python",
    ):
        assert line in script
    command = script[-1]
    assert "--nworkers 4" in command
    assert "--nthreads 1" in command
    assert "tcp://" in command


def test_every_fault_of_the_slurm_options_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "slurm.toml"
    path.write_text('cores = 0\nmemory = "lots"\nwalltime = 60\npartition = "long"\n')

    with pytest.raises(SpecError) as refusal:
        job_script(path)

    faults = dict(refusal.value.faults)
    assert set(faults) == {"cores", "memory", "walltime", "partition"}
    assert faults["partition"].startswith(
        "is not a field of SLURM options; fields there: jobs, cores, memory"
    )


def test_a_check_for_slurm_shows_the_job_it_would_submit(
    make_report: MakeReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "spec.json"
    spec.write_text(
        "\n".join(
            f"{name} = {json.dumps(value)}"
            for name, value in SPEC.items()
            if name != "phases"
        )
    )

    status = main(
        f"sweep {spec} --from {make_report(models=1)} --check --cluster slurm".split()
    )

    said = capsys.readouterr().out
    assert status == 0
    assert "shared by the cluster's workers" in said
    assert "#SBATCH" in said
