"""`alignment.raters.common_pairs`: compared where everybody answered, losses counted."""

import numpy as np
import pytest

from alignment.errors import AlignmentError
from alignment.matrices import SimilarityMatrix
from alignment.raters.base import RaterResult
from alignment.raters.common_pairs import common_pairs

IDS = ("a", "b", "c", "d")


def result(
    lost: list[tuple[int, int]], *, not_asked: list[tuple[int, int]] | None = None
) -> RaterResult:
    values = np.full((4, 4), 0.5)
    np.fill_diagonal(values, 1)
    asked = np.ones((4, 4), dtype=np.bool_)
    for i, j in [*lost, *(not_asked or [])]:
        values[i, j] = values[j, i] = np.nan
    for i, j in not_asked or []:
        asked[i, j] = asked[j, i] = False
    matrix = SimilarityMatrix(values, IDS, "r")
    return RaterResult(matrix, "", 6, asked=None if not_asked is None else asked)


def test_only_what_all_were_asked_and_answered_is_common() -> None:
    found = common_pairs(
        {
            "open": result([]),
            "prim": result([(0, 1), (0, 2)]),
            "sampled": result([(0, 1), (1, 3)], not_asked=[(2, 3)]),
        }
    )

    upper = {tuple(pair) for pair in np.argwhere(np.triu(found.mask)).tolist()}
    assert upper == {(0, 3), (1, 2)}
    np.testing.assert_array_equal(found.mask, found.mask.T)
    assert (found.n_common, found.n_asked) == (2, 5)
    assert found.lost == {"open": 0, "prim": 2, "sampled": 2}
    assert found.lost_alone == {"open": 0, "prim": 1, "sampled": 1}
    assert found.sentence() == (
        "All raters answered 2 of the 5 pairs that all were asked; 3 were lost. Asked "
        "but not answered: prim 2, sampled 2."
    )


def test_where_all_answered_everything_nothing_is_lost() -> None:
    found = common_pairs({"one": result([])})

    assert found.n_common == 6
    assert found.sentence().endswith("6 pairs that all were asked; 0 were lost.")


def test_no_rater_or_different_actions_are_refused() -> None:
    other = RaterResult(SimilarityMatrix(np.eye(2), ("a", "b"), "r"), "", 1)

    with pytest.raises(AlignmentError, match="needs at least one rater"):
        common_pairs({})
    with pytest.raises(AlignmentError, match="must have judged the same actions"):
        common_pairs({"one": result([]), "two": other})
