from collections.abc import Callable
from pathlib import Path

import pytest

from alignment.report_files import read_report
from bandits.cell import CHUNK_BYTES
from bandits.engine import open_engine
from bandits.forecast import chunk_memory, duration, make_forecast, without_report
from bandits.plan import Plan, make_plan
from bandits.spec import SweepSpec

MakeReport = Callable[..., Path]
SOUND = {
    "n_runs": 4,
    "agents": ["gp_greedy", "thompson_independent"],
    "dimensions": ["morality"],
    "alignment_resamples": 5,
    "phases": {"personalization_steps": 5, "generalization_steps": 3},
}


@pytest.fixture
def plan(make_report: MakeReport) -> Plan:
    return make_plan(read_report(make_report()), SweepSpec.model_validate(SOUND))


def test_the_forecast_counts_what_would_run(plan: Plan) -> None:
    told = "\n".join(make_forecast(plan, open_engine()).lines(2))

    assert f"{len(plan.cells)} cells" in told
    assert f"{len(plan.computations)} of them to compute" in told
    assert f"{len(plan.computations) * 4:,} runs and" in told
    assert f"{len(plan.computations) * 4 * 8:,} run-steps" in told
    assert "chat: has an alignment but no kernel" in told


def test_time_is_what_each_agents_own_rate_makes_of_its_runs(plan: Plan) -> None:
    found = make_forecast(plan, open_engine())

    assert set(found.rates) == {"uniform", "gp_greedy", "thompson_independent"}
    agents = [computation.agent for computation in plan.computations]
    expected = sum(4 * 8 / found.rates[agent] for agent in agents)
    assert found.seconds == pytest.approx(expected)


def test_time_is_shared_by_processes_and_left_open_for_a_cluster(plan: Plan) -> None:
    found = make_forecast(plan, open_engine())._replace(seconds=7200.0)

    assert "about 2.0 h with 1 process " in found.lines(1)[3]
    assert "about 60 min with 2 processes" in found.lines(2)[3]
    assert "2.0 h of one process, shared by the cluster's" in found.lines(None)[3]


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_a_chunks_memory_stops_growing_with_the_number_of_runs(backend: str) -> None:
    engine = open_engine(backend)

    few, many, more = (chunk_memory(50, n, engine) for n in (10, 10**4, 10**6))

    assert few[0] == 10
    assert few[1] < many[1]
    assert many == more
    place = "numba" if backend == "numba" else "cpu"
    assert many[0] * 50**2 * 8 <= CHUNK_BYTES[place]


def test_one_run_too_large_for_a_chunk_still_goes_through() -> None:
    runs, n_bytes = chunk_memory(2000, 100, open_engine())

    assert runs == 1
    assert n_bytes > 2000**2 * 8


def test_without_a_report_the_forecast_says_what_was_not_checked() -> None:
    told = without_report(SweepSpec.model_validate(SOUND))

    assert "4 runs of 8 steps each" in told[0]
    assert "were not checked: name a report" in told[-1]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "less than a second"),
        (30.4, "30 s"),
        (600, "10 min"),
        (5400, "1.5 h"),
        (3 * 86400, "3.0 days"),
    ],
)
def test_a_forecasts_time_is_said_no_finer_than_it_is(
    seconds: float, said: str
) -> None:
    assert duration(seconds) == said
