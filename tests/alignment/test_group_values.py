"""`alignment.group_values`: the group's mean, and who has a complete vector."""

import numpy as np
import pytest

from alignment.group_values import group_mean, value_vectors
from alignment.judgments import ValueJudgments
from alignment.report_files import GROUP

Row = tuple[int, str, float, str]


def judged(*rows: Row) -> ValueJudgments:
    """Judgments of three actions on morality: (action, rater, value, group)."""
    return ValueJudgments(
        actions=("a", "b", "c"),
        action=np.array([row[0] for row in rows], dtype=np.int64),
        dimension=np.array(["morality"] * len(rows), dtype=str),
        rater=np.array([row[1] for row in rows], dtype=str),
        value=np.array([row[2] for row in rows], dtype=np.float64),
        group=np.array([row[3] for row in rows], dtype=str),
    )


ROWS = judged(
    (0, "ada", 90, "north"),
    (0, "bo", 60, "north"),
    (0, "cy", 15, "south"),
    (1, "ada", 40, "north"),
    (2, "ada", 10, "north"),
)


def test_raters_count_alike_unless_groups_shall() -> None:
    plain = group_mean(ROWS, "morality")
    equally = group_mean(ROWS, "morality", equally=True)

    np.testing.assert_allclose(plain, [55, 40, 10])
    np.testing.assert_allclose(equally, [(75 + 15) / 2, 40, 10])


def test_with_one_group_both_ways_are_the_same() -> None:
    one = judged((0, "ada", 90, ""), (0, "bo", 60, ""), (1, "bo", 5, ""))

    np.testing.assert_allclose(
        group_mean(one, "morality", equally=True), group_mean(one, "morality")
    )
    assert np.isnan(group_mean(one, "morality", equally=True)[2])


def test_only_complete_participants_have_a_vector_of_their_own() -> None:
    vectors = value_vectors(ROWS, pool_equally=False)

    assert set(vectors.values) == {("morality", GROUP), ("morality", "ada")}
    assert vectors.values["morality", "ada"].tolist() == [90, 40, 10]
    assert vectors.counts["morality", "ada"].tolist() == [1, 1, 1]
    assert vectors.counts["morality", GROUP].tolist() == [3, 1, 1]


@pytest.mark.parametrize("equally", [True, False])
def test_no_judgments_give_no_vectors(equally: bool) -> None:
    assert value_vectors(judged(), pool_equally=equally).values == {}
