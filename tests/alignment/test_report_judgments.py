"""`alignment.report_judgments`: what single people said survives the report."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alignment.judgments import AGGREGATE, SimilarityJudgments, ValueJudgments
from alignment.reliability import halved, split_halves
from alignment.report import ReportSettings, write_report
from alignment.report_files import HALF_A, HALF_B, read_report
from alignment.report_judgments import (
    Judgments,
    people_of,
    read_judgments,
    write_judgments,
)
from alignment.snapshots import read_snapshot

WriteSnapshot = Callable[..., Path]
ACTIONS = ("a", "b", "c")
QUICK = ReportSettings(
    raters=("length",), n_resamples=10, n_permutations=10, n_splits=2, figures=False
)


def values(raters: list[str]) -> ValueJudgments:
    n = len(raters)
    return ValueJudgments(
        actions=ACTIONS,
        action=np.arange(n) % 3,
        dimension=np.array(["fun"] * n),
        rater=np.array(raters, dtype=str),
        value=np.linspace(0, 100, n),
        group=np.array(["x"] * n),
    )


def pairs(raters: list[str]) -> SimilarityJudgments:
    n = len(raters)
    return SimilarityJudgments(
        actions=ACTIONS,
        a=np.zeros(n),
        b=np.arange(n) % 2 + 1,
        rater=np.array(raters, dtype=str),
        similarity=np.linspace(0, 1, n),
        weight=np.ones(n),
        group=np.array(["y"] * n),
    )


def same(one: object, two: object) -> bool:
    """Whether two tables have the same columns."""
    return all(
        np.array_equal(getattr(one, name), getattr(two, name))
        for name in type(one).__dataclass_fields__  # type: ignore[attr-defined]
    )


def test_a_report_gives_back_every_judgment_of_its_snapshot(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    snapshot = small_snapshot(unjudged=3)
    write_report(snapshot, tmp_path / "report", QUICK)

    found = read_report(tmp_path / "report").judgments

    frozen = read_snapshot(snapshot)
    assert found is not None
    assert same(found.values, frozen.values)
    assert same(found.similarities, frozen.similarities)


def test_the_halves_of_a_report_can_be_made_again_from_its_judgments_and_seed(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    report = write_report(small_snapshot(), tmp_path / "report", QUICK)
    assert report.judgments is not None
    pairs = report.judgments.similarities
    seed = report.manifest["seeds"]["seed"]

    halves = split_halves(pairs, seed=seed)

    for name, half, raters in zip(
        (HALF_A, HALF_B), halves, halved(pairs.raters, seed=seed), strict=True
    ):
        np.testing.assert_array_equal(half.values, report.matrices[name].values)
        np.testing.assert_array_equal(half.values, pairs.mean(raters).values)


def test_one_who_repeated_a_judgment_stands_in_it_twice(tmp_path: Path) -> None:
    given = Judgments(values(["p"] * 5), pairs(["q", "p", "q"]))

    write_judgments(given, tmp_path)
    found = read_judgments(tmp_path, ACTIONS)

    assert found is not None
    assert same(found.values, given.values)
    assert found.both() == ("p",)


def test_judgments_of_one_kind_alone_are_kept_too(tmp_path: Path) -> None:
    write_judgments(Judgments(values([]), pairs(["q", "p"])), tmp_path)

    found = read_judgments(tmp_path, ACTIONS)

    assert found is not None
    assert (len(found.values), len(found.similarities)) == (0, 2)
    assert found.both() == ()


def test_published_means_are_nobodys_judgments() -> None:
    means = [AGGREGATE] * 3

    assert people_of(values(means), pairs(means)) is None
    kept = people_of(values(["p", AGGREGATE]), pairs(means))
    assert kept is not None
    assert (len(kept.values), len(kept.similarities)) == (1, 0)


def test_a_report_of_before_has_none(tmp_path: Path) -> None:
    assert read_judgments(tmp_path, ACTIONS) is None


@pytest.mark.parametrize("n", [2, 5, 8])
def test_halves_are_everybody_once_and_follow_the_seed(n: int) -> None:
    raters = [f"p{i}" for i in range(n)]

    first, second = halved(raters, seed=3)

    assert sorted(first + second) == raters
    assert len(first) - len(second) == n % 2
    assert (first, second) == halved(raters, seed=3)
    assert any(halved(raters, seed=s) != (first, second) for s in range(20))
