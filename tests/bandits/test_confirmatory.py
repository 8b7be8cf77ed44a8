import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from alignment.folders import read_rows
from alignment.report_files import read_report
from bandits.confirmatory import declare, mark
from bandits.errors import SpecError
from bandits.plan import check
from bandits.results import read_sweep
from bandits.spec import SweepSpec, parse_spec
from bandits.sweep import run_sweep

MakeReport = Callable[..., Path]
PRIMARY = {
    "agent": "gp_greedy",
    "dimension": "morality",
    "phase": "generalization",
    "metric": "unsafe_share",
}


def document(**primary: object) -> dict[str, Any]:
    return {
        "n_runs": 2,
        "agents": ["gp_greedy"],
        "dimensions": ["morality", "fun"],
        "alignment_resamples": 2,
        "phases": {"personalization_steps": 3, "generalization_steps": 2},
        "confirmatory": PRIMARY | primary,
    }


def spec_of(**primary: object) -> SweepSpec:
    return SweepSpec.model_validate(document(**primary))


def test_every_fault_of_the_section_is_told_at_once_with_its_place() -> None:
    _, faults = parse_spec(
        document(
            agent="svr",
            dimension="fame",
            phase="later",
            metric="sausage",
            measure="pearson",
            form="bent",
            values_from="p-ada",
            threshold=30,
            colour="red",
        )
    )

    found = dict(faults)
    assert set(found) == {
        f"confirmatory.{name}"
        for name in (*PRIMARY, "measure", "form", "values_from", "threshold", "colour")
    }
    assert found["confirmatory.agent"] == (
        '"svr" is not among the agents of this sweep: gp_greedy'
    )
    assert found["confirmatory.metric"].startswith(
        '"sausage" is not a measure of a phase; known: mean_reward,'
    )


def test_a_missing_field_is_a_fault() -> None:
    given = document()
    del given["confirmatory"]["metric"]

    _, faults = parse_spec(given)

    assert faults == [("confirmatory.metric", "is required and was not given")]


def test_an_agent_without_a_kernel_cannot_go_with_alignment() -> None:
    given = document(agent="uniform")
    given["agents"] = ["uniform"]

    _, faults = parse_spec(given)

    assert faults == [
        (
            "confirmatory.agent",
            '"uniform" sees no kernel: its outcomes cannot go with alignment',
        )
    ]


@pytest.mark.parametrize(
    "primary",
    [
        {"dimension": "fun"},  # unsafe is not said of it
        {"phase": "personalization", "metric": "value_rmse"},
    ],
)
def test_a_measure_its_dimension_or_phase_does_not_have_is_a_fault(
    make_report: MakeReport, primary: dict[str, str]
) -> None:
    with pytest.raises(SpecError) as refusal:
        check(document(**primary), read_report(make_report()))

    [(place, said)] = refusal.value.faults
    assert place == "confirmatory.metric"
    assert "is not measured in the" in said


def test_one_row_is_confirmatory_and_all_others_explore(
    make_report: MakeReport, tmp_path: Path
) -> None:
    out = tmp_path / "sweep"

    run_sweep(spec_of(), make_report(models=3), out, processes=1, figures=False)

    rows = read_rows(out / "effects.csv")
    declared = [row for row in rows if row["status"] == "confirmatory"]
    assert len(declared) == 1
    assert {row["status"] for row in rows} == {"confirmatory", "exploratory"}
    chosen = PRIMARY | {"measure": "spearman", "form": "matched"}
    assert {name: declared[0][name] for name in chosen} == chosen
    assert read_sweep(out).effects[0]["status"] == "exploratory"


def test_the_manifest_says_what_was_declared_and_when(
    make_report: MakeReport, tmp_path: Path
) -> None:
    report, out = make_report(models=2), tmp_path / "sweep"

    run_sweep(spec_of(), report, out, processes=1, figures=False)
    first = read_sweep(out).manifest
    run_sweep(spec_of(form="as_given"), report, out, processes=1, figures=False)
    second = read_sweep(out).manifest

    found = first["confirmatory"]
    assert found["metric"] == "unsafe_share"
    assert len(found["sha256"]) == 64
    times = [first["started_at"], found["declared_at"], first["finished_at"]]
    assert sorted(times, key=datetime.fromisoformat) == times
    # Declared a second time over results that were there to be seen: it says so.
    assert found["replaces_sweep"] is None
    assert second["confirmatory"]["replaces_sweep"] == first["sweep_hash"]
    assert second["confirmatory"]["sha256"] != found["sha256"]


def test_a_declaration_keeps_its_time_through_resumptions(tmp_path: Path) -> None:
    first = declare(spec_of(), tmp_path, None)

    again = declare(spec_of(), tmp_path, "another")
    other = declare(spec_of(form="as_given"), tmp_path, None)

    assert first is not None
    assert other is not None
    assert again == first
    assert other["declared_at"] > first["declared_at"]


def test_a_broken_declaration_is_written_anew(tmp_path: Path) -> None:
    (tmp_path / "confirmatory.json").write_text("{")

    record = declare(spec_of(), tmp_path, None)

    assert json.loads((tmp_path / "confirmatory.json").read_text()) == record


def test_without_the_section_everything_explores(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"agent": "gp_greedy"}]

    mark(rows, None)

    assert rows == [{"agent": "gp_greedy", "status": "exploratory"}]
    silent = SweepSpec.model_validate(document() | {"confirmatory": None})
    assert declare(silent, tmp_path, None) is None
