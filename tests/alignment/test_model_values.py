"""`alignment.model_values`: a model's own ratings beside people's."""

from math import isnan

import numpy as np
import pytest
from scipy.stats import spearmanr

from alignment.matrices import FloatArray, SimilarityMatrix
from alignment.model_values import ModelValueRow, model_values
from alignment.raters.base import RaterResult, ValueRatings
from alignment.report_files import GROUP

N = 8
PEOPLE = np.array([90.0, 80, 70, 60, 40, 30, 20, np.nan])
MATRIX = SimilarityMatrix(np.eye(N), tuple(f"a{i}" for i in range(N)), "chat")


def rated(values: FloatArray, dimension: str = "morality") -> RaterResult:
    """A model that was asked about every action, once."""
    own = ValueRatings(
        dimension,
        np.asarray(values, dtype=np.float64),
        (~np.isnan(values)).astype(np.int64),
        np.ones(N, dtype=np.int64),
    )
    return RaterResult(MATRIX, "A chat model.", n_asked=N, values={dimension: own})


def compared(values: FloatArray, people: FloatArray = PEOPLE) -> ModelValueRow:
    (row,) = model_values(
        {("morality", GROUP): people, ("morality", "p-ada"): people},
        {"chat": rated(values), "silent": RaterResult(MATRIX, "It.", n_asked=0)},
        n_resamples=50,
        seed=0,
    )
    return row


def test_order_and_height_are_told_apart() -> None:
    own = np.array([95.0, 99, 85, 75, 55, 45, 50, 10])

    row = compared(own)

    assert row.rater == "chat"
    assert row.value == pytest.approx(spearmanr(own[:7], PEOPLE[:7]).statistic)
    assert row.low <= row.value <= row.high
    assert row.higher_by == pytest.approx((own[:7] - PEOPLE[:7]).mean())
    assert (row.n_actions, row.n_lost) == (7, 0)


def test_what_a_model_refused_is_counted_and_no_score() -> None:
    own = np.array([95.0, 90, 85, 75, np.nan, np.nan, np.nan, np.nan])

    row = compared(own)

    assert (row.n_actions, row.n_lost) == (4, 3)


@pytest.mark.parametrize(
    ("own", "people", "note"),
    [
        (np.full(N, 50.0), PEOPLE, "undefined: the model rated all 7 actions alike"),
        (PEOPLE, np.full(N, 50.0), "undefined: people rated all 7 actions alike"),
        (
            np.r_[50.0, 60.0, np.full(N - 2, np.nan)],
            PEOPLE,
            "needs at least 3 actions rated by both, got 2",
        ),
    ],
)
def test_what_has_no_score_says_why(
    own: FloatArray, people: FloatArray, note: str
) -> None:
    row = compared(own, people)

    assert isnan(row.value)
    assert row.note == note
