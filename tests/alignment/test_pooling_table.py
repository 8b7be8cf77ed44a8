"""`alignment.pooling_table`: one alignment per rater and pooling, or the reason."""

from math import isnan
from pathlib import Path

import numpy as np
import pytest

from alignment.judgments import AGGREGATE, SimilarityJudgments
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from alignment.pooling import POOLINGS
from alignment.pooling_table import PoolingRow, poolings, write_poolings

N = 8
NAMES = tuple(f"a{i}" for i in range(N))


def seen(seed: int, rater: str) -> SimilarityMatrix:
    upper = np.triu(np.random.default_rng(seed).uniform(0.1, 0.9, (N, N)), 1)
    return SimilarityMatrix(upper + upper.T + np.eye(N), NAMES, rater)


def judged(rater_names: bool = True) -> SimilarityJudgments:
    """Three people, each with a level of their own, on two thirds of the pairs each."""
    rng = np.random.default_rng(1)
    truth = seen(0, "truth").values
    rows = []
    for person, level in enumerate((-0.1, 0.0, 0.1)):
        for i in range(N):
            for j in range(i + 1, N):
                if (i + j + person) % 3:
                    noisy = truth[i, j] + level + rng.normal(0, 0.02)
                    rows.append((i, j, f"p{person}", float(np.clip(noisy, 0, 1))))
    a, b, rater, similarity = zip(*rows, strict=True)
    return SimilarityJudgments(
        actions=NAMES,
        a=np.array(a),
        b=np.array(b),
        rater=np.array(
            rater if rater_names else [AGGREGATE] * len(rater), dtype=np.str_
        ),
        similarity=np.array(similarity),
        weight=np.ones(len(rows)),
        group=np.array(["g"] * len(rows), dtype=np.str_),
    )


def test_every_rater_has_its_alignment_under_every_pooling() -> None:
    matrices = {"human": seen(0, "human"), "m": seen(0, "m"), "other": seen(9, "other")}

    rows = {(row.pooling, row.rater): row for row in poolings(judged(), matrices)}

    assert set(rows) == {(name, who) for name in POOLINGS for who in ("m", "other")}
    for (name, who), row in rows.items():
        pooled = POOLINGS[name](judged()).matrix
        expected = MATRIX_MEASURES["spearman"].compute(pooled, matrices[who])
        assert row.value == pytest.approx(expected)
        assert row.note == ""
    assert rows["mean", "m"].value > rows["mean", "other"].value


def test_what_cannot_be_pooled_says_why() -> None:
    rows = {row.pooling: row for row in poolings(judged(False), {"m": seen(0, "m")})}

    assert not isnan(rows["mean"].value)
    assert isnan(rows["centred"].value)
    assert "means" in rows["centred"].note


def test_nobodys_ratings_give_no_rows(tmp_path: Path) -> None:
    nothing = judged().only([])
    assert poolings(nothing, {"m": seen(0, "m")}) == ()

    write_poolings([PoolingRow("mean", "m", float("nan"), 0, 0, "why")], tmp_path / "p")
    assert (tmp_path / "p").read_text().splitlines()[1] == "mean,m,,0,0,why"
