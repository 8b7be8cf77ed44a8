"""`alignment.report_blocks`: alignment where a sweep uses it, and for each value."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from alignment.action_split import split_actions
from alignment.errors import AlignmentError
from alignment.judgments import SimilarityJudgments, ValueJudgments
from alignment.matrices import SimilarityMatrix
from alignment.report_blocks import (
    ACROSS,
    ALL,
    BLOCKS,
    CEILING,
    WITHIN,
    BlockRow,
    Blocks,
    BlockSettings,
    read_blocks,
    similarity_ceilings,
    similarity_rows,
    value_ceilings,
    value_rows,
    write_blocks,
)

N = 12
IDS = tuple(f"action-{i}" for i in range(N))
SETTINGS = BlockSettings(seed=3, n_splits=5, share=0.5)


def matrix(seed: int, rater: str, gaps: int = 0) -> SimilarityMatrix:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 9, (N, N)) / 8.0
    values = np.triu(values, 1) + np.triu(values, 1).T + np.eye(N)
    for j in range(1, gaps + 1):
        values[0, j] = values[j, 0] = np.nan
    return SimilarityMatrix(values, IDS, rater)


def blocks(n_resamples: int = 40) -> Blocks:
    return Blocks.drawn(N, SETTINGS, n_resamples=n_resamples, seed=1)


def slow_alignment(a: SimilarityMatrix, b: SimilarityMatrix, block: str) -> float:
    """The mean over splits of Spearman on a block's pairs, pair by pair."""
    scores = []
    for split in split_actions(N, range(5), seed=3):
        x, y = [], []
        for i in range(N):
            for j in range(i + 1, N):
                phases = {bool(split[i]), bool(split[j])}
                wanted = {
                    ALL: True,
                    WITHIN: phases == {True},
                    ACROSS: phases == {True, False},
                }[block]
                pair = a.values[i, j], b.values[i, j]
                if wanted and not np.isnan(pair).any():
                    x.append(pair[0])
                    y.append(pair[1])
        scores.append(spearmanr(x, y).statistic)
    return float(np.mean(scores))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_the_mean_over_splits_of_the_pairs_in_it(block: str) -> None:
    human, model = matrix(1, "human", gaps=2), matrix(2, "model", gaps=3)

    (row,) = (
        each
        for each in similarity_rows(human, {"model": model}, blocks())
        if each.block == block
    )

    assert row.value == pytest.approx(slow_alignment(human, model, block))
    assert row.low < row.value < row.high
    assert row.n_splits == (1 if block == ALL else 5)


def test_a_model_can_agree_within_personalization_alone() -> None:
    human, other = matrix(1, "human"), matrix(2, "other")
    one = BlockSettings(seed=3, n_splits=1)
    made = Blocks.drawn(N, one, n_resamples=5, seed=1)
    (split,) = split_actions(N, [0], seed=3)
    mixed = np.where(np.outer(split, split), human.values, other.values)
    model = SimilarityMatrix(mixed, IDS, "model")

    value = {
        row.block: row.value for row in similarity_rows(human, {"model": model}, made)
    }

    assert value[WITHIN] == pytest.approx(1)
    assert value[ACROSS] < 0.5


def test_a_constant_or_hardly_asked_rater_has_a_reason_instead_of_a_number() -> None:
    flat = SimilarityMatrix(np.ones((N, N)), IDS, "flat")
    few = np.full((N, N), np.nan)
    few[0, 1] = few[1, 0] = 0.5
    np.fill_diagonal(few, 1)
    asked = SimilarityMatrix(few, IDS, "asked")

    rows = similarity_rows(matrix(1, "human"), {"flat": flat, "asked": asked}, blocks())

    assert all(np.isnan(row.value) for row in rows)
    assert {row.note for row in rows if row.rater == "flat"} == {
        "undefined: all pairs have the same similarity"
    }
    assert "needs at least 3 pairs judged by both, got 1" in {row.note for row in rows}


def test_a_rater_that_sees_one_value_alone_follows_it_fully() -> None:
    values = np.linspace(0, 100, N) ** 1.3
    apart = np.abs(values[:, None] - values[None, :])
    moral = SimilarityMatrix(1 - apart / apart.max(), IDS, "moral")

    rows = value_rows("morality", values, {"moral": moral}, blocks())

    assert [row.value for row in rows] == pytest.approx([1, 1, 1])
    assert value_rows("morality", np.full(N, 50.0), {"moral": moral}, blocks()) == []


def people(n_raters: int, noise: float) -> SimilarityJudgments:
    truth, rng = matrix(1, "truth"), np.random.default_rng(4)
    a, b = np.triu_indices(N, k=1)
    seen = truth.pairs() + rng.normal(0, noise, (n_raters, len(a)))
    return SimilarityJudgments(
        actions=IDS,
        a=np.tile(a, n_raters),
        b=np.tile(b, n_raters),
        rater=np.repeat([f"p{i}" for i in range(n_raters)], len(a)),
        similarity=np.clip(seen, 0, 1).ravel(),
        weight=np.ones(seen.size),
        group=np.full(seen.size, ""),
    )


def test_ceilings_of_blocks_rise_with_agreement_and_say_why_there_is_none() -> None:
    sure, unsure = (
        similarity_ceilings(people(6, noise), blocks(), seed=1) for noise in (0.02, 0.6)
    )
    alone = similarity_ceilings(people(1, 0.1), blocks(), seed=1)

    assert [row.block for row in sure] == [WITHIN, ACROSS]
    for high, low in zip(sure, unsure, strict=True):
        assert high.value > 0.95 > low.value
    assert "at least 2 participants" in alone[0].note
    assert np.isnan(alone[0].value)


def test_the_ceiling_of_a_value_needs_two_raters() -> None:
    truth = np.linspace(5, 95, N)

    def judged(n_raters: int) -> ValueJudgments:
        size = N * n_raters
        return ValueJudgments(
            actions=IDS,
            action=np.tile(np.arange(N), n_raters),
            dimension=np.full(size, "morality"),
            rater=np.repeat([f"p{i}" for i in range(n_raters)], N),
            value=np.tile(truth, n_raters),
            group=np.full(size, ""),
        )

    agreed = value_ceilings("morality", judged(4), blocks(), seed=1)
    alone = value_ceilings("morality", judged(1), blocks(), seed=1)

    assert [row.value for row in agreed] == pytest.approx([1, 1, 1])
    assert {row.note for row in alone} == {
        "no ceiling: 1 of the people judged morality"
    }


def test_the_table_is_read_back_as_written(tmp_path: Path) -> None:
    rows = similarity_rows(matrix(1, "human"), {"model": matrix(2, "model")}, blocks())
    rows.append(BlockRow("s", ALL, CEILING, "mean", np.nan, 0.1, 0.2, 3, 0, "why"))

    write_blocks(rows, tmp_path / "blocks.csv")

    found = read_blocks(tmp_path / "blocks.csv")
    assert found[:-1] == tuple(rows[:-1])
    assert np.isnan(found[-1].value)


def test_settings_that_give_no_split_are_refused() -> None:
    with pytest.raises(AlignmentError, match="at least 1 split"):
        BlockSettings(n_splits=0)
    with pytest.raises(AlignmentError, match="share needs to lie between 0 and 1"):
        BlockSettings(share=1.0)
