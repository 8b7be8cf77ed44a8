"""Two sweeps side by side: the same luck cancels, and every difference is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy import stats

from alignment.folders import read_manifest, read_rows
from bandits import compare
from bandits.__main__ import main
from bandits.compare import paired_difference, unpaired_difference
from bandits.errors import BanditError
from bandits.results import SweepData, read_sweep
from bandits.spec import SweepSpec
from bandits.sweep import run_sweep

MakeReport = Callable[..., Path]


class Swept(NamedTuple):
    """Sweeps of one report: as it is, longer, otherwise, and with another seed."""

    plain: SweepData
    longer: SweepData
    bolder: SweepData
    reseeded: SweepData


@pytest.fixture(scope="module")
def swept(build_report: MakeReport, tmp_path_factory: pytest.TempPathFactory) -> Swept:
    inside = tmp_path_factory.mktemp("compared")
    report = build_report(inside, models=1)

    def one(name: str, **changes: object) -> SweepData:
        spec = SweepSpec.model_validate(
            {
                "n_runs": 4,
                "agents": ["gp_greedy"],
                "kernels": ["human", "model-0"],
                "forms": ["as_given"],
                "dimensions": ["morality"],
                "alignment_resamples": 5,
                "phases": {"personalization_steps": 6, "generalization_steps": 3},
            }
            | changes
        )
        run_sweep(spec, report, inside / name, processes=1, figures=False)
        return read_sweep(inside / name)

    return Swept(
        one("plain"),
        one("longer", n_runs=6),
        one("bolder", learner={"exploration": 0.5}, kernels=["model-0"]),
        one("reseeded", seed=2),
    )


def test_runs_that_both_sweeps_share_do_not_differ(swept: Swept) -> None:
    rows = compare.difference_rows(swept.plain, swept.longer, paired=True)

    assert rows
    assert {row["difference"] for row in rows} == {0.0}
    assert {(row["low"], row["high"], row["p"]) for row in rows} == {(0.0, 0.0, 1.0)}
    assert max(row["n"] for row in rows) == 4


def test_a_difference_is_that_of_the_runs_themselves(swept: Swept) -> None:
    rows = compare.difference_rows(swept.plain, swept.bolder, paired=True)
    (row,) = (
        row
        for row in rows
        if (row["kernel"], row["phase"], row["metric"])
        == ("model-0", "personalization", "mean_reward")
    )
    first, second = (
        table[(table["kernel"] == "model-0") & (table["phase"] == "personalization")]
        .sort_values("replicate")["mean_reward"]
        .to_numpy()
        for table in (s.runs().to_pandas() for s in (swept.plain, swept.bolder))
    )

    found = stats.ttest_rel(second, first)
    interval = found.confidence_interval()
    assert row["difference"] == pytest.approx((second - first).mean())
    assert (row["low"], row["high"]) == pytest.approx(tuple(interval))
    assert row["p"] == pytest.approx(found.pvalue)
    assert row["p_holm"] >= row["p"]


def test_only_cells_that_both_have_are_compared(swept: Swept) -> None:
    rows = compare.difference_rows(swept.plain, swept.bolder, paired=True)

    assert {row["kernel"] for row in rows} == {"none", "model-0"}


def test_what_differs_is_listed_and_nothing_else(swept: Swept) -> None:
    told = compare.setting_rows(swept.plain, swept.longer)

    assert told == [{"what": "n_runs", "first": "4", "second": "6"}]


def test_a_kernel_is_the_same_or_another_or_missing(swept: Swept) -> None:
    rows = compare.kernel_rows(swept.plain, swept.bolder)

    status = {row["kernel"]: row["status"] for row in rows}
    assert status == {"human": "only in the first", "model-0": "the same"}


def test_other_seeds_are_not_paired(swept: Swept, tmp_path: Path) -> None:
    out = compare.compare(
        swept.plain.folder, swept.reseeded.folder, tmp_path / "out", figures=False
    )

    rows = read_rows(out / "differences.csv")
    assert {row["paired"] for row in rows} == {"0"}
    manifest = read_manifest(out, "comparison")
    assert (manifest["paired"], manifest["same_report"]) == (False, True)
    told = {row["what"] for row in read_rows(out / "settings.csv")}
    assert told == {"seed"}


def test_welchs_interval_is_scipys() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.normal(0, 1, 7), rng.normal(1, 3, 11)

    found = unpaired_difference(np.append(first, np.nan), second)

    expected = stats.ttest_ind(second, first, equal_var=False)
    assert (found.low, found.high) == pytest.approx(
        tuple(expected.confidence_interval())
    )
    assert found.p == pytest.approx(expected.pvalue)


def test_pairs_of_which_one_is_undefined_are_left_out() -> None:
    nan = float("nan")
    found = paired_difference(
        np.array([1.0, nan, 3.0, 5.0]), np.array([2.0, 9.0, nan, 7.0, 100.0])
    )

    assert (found.n, found.difference) == (2, 1.5)


def test_the_pairing_narrows_an_interval_whose_runs_share_their_luck() -> None:
    rng = np.random.default_rng(3)
    luck = rng.normal(0, 10, 50)
    first, second = luck + rng.normal(0, 1, 50), luck + 1 + rng.normal(0, 1, 50)

    pairs, samples = (
        paired_difference(first, second),
        unpaired_difference(first, second),
    )

    assert pairs.difference == pytest.approx(samples.difference)
    assert pairs.high - pairs.low < (samples.high - samples.low) / 4


@pytest.mark.parametrize("one_side", [[1.0], [float("nan")]])
def test_below_two_runs_there_is_no_interval(one_side: list[float]) -> None:
    for way in (paired_difference, unpaired_difference):
        found = way(np.array(one_side), np.array([2.0]))

        assert np.isnan([found.low, found.high, found.p]).all()


def test_the_command_draws_and_refuses_in_words(
    swept: Swept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(swept.plain.folder), str(swept.bolder.folder)]

    assert main(["compare", *folders, "--out", str(tmp_path / "out")]) == 0
    stems = {path.suffix for path in (tmp_path / "out" / "figures").iterdir()}
    assert stems == {".svg", ".png", ".pdf", ".json", ".csv"}
    assert main(["compare", folders[0], folders[0], "--out", str(tmp_path)]) == 1
    assert "is the same sweep as" in capsys.readouterr().err


def test_sweeps_without_a_common_cell_are_refused(swept: Swept) -> None:
    for row in (other := read_sweep(swept.bolder.folder)).cells:
        row["dimension"] = "fun"

    with pytest.raises(BanditError, match="no cell in common: the first has agents"):
        compare.difference_rows(swept.plain, other, paired=True)
