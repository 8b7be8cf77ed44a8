"""`alignment.rater_draws`: raters drawn with replacement, in any design."""

import numpy as np
import pytest

from alignment.errors import AlignmentError, TooFewRaters
from alignment.matrices import SimilarityMatrix
from alignment.rater_draws import rater_table
from tests.sparse_studies import ids, published, rated, seen, similarities

PAIRS = np.array([[0, 1], [0, 2], [1, 2]])


def truth(n: int = 6) -> SimilarityMatrix:
    return seen(np.random.default_rng(0).normal(size=(n, 3)), "truth")


def drawn(judgments, n: int, **how) -> np.ndarray:
    return np.stack(list(rater_table(judgments).drawn_means(n, seed=3, **how)))


@pytest.mark.parametrize("per_pair", [2, 5])
def test_the_means_of_the_table_are_the_studys(per_pair: int) -> None:
    judgments = rated(truth(), seed=1, n_raters=5, per_pair=per_pair)
    table = rater_table(judgments)

    np.testing.assert_allclose(
        table.matrix(table.means()).values, judgments.mean().values, atol=1e-12
    )
    assert table.raters_per_pair.tolist() == [per_pair] * 15


def test_weights_and_repeats_count_as_in_the_studys_mean() -> None:
    judgments = similarities(
        ids(3),
        PAIRS[[0, 0, 0, 2]],
        np.array([0, 0, 1, 1]),
        np.array([0.2, 0.6, 0.9, 0.5]),
        np.array([1.0, 2.0, 4.0, 1.0]),
    )
    table = rater_table(judgments)

    assert table.raters_per_pair.tolist() == [2, 1]
    np.testing.assert_array_equal(
        table.matrix(table.means()).values, judgments.mean().values
    )


def test_a_person_is_drawn_with_all_they_judged() -> None:
    # Ada judged the first two pairs and nobody else did; Bo judged the third.
    judgments = similarities(
        ids(3), PAIRS, np.array([0, 0, 1]), np.array([0.1, 0.2, 0.3])
    )

    means = drawn(judgments, 60)

    absent = np.isnan(means)
    assert rater_table(judgments).unit == "people"
    np.testing.assert_array_equal(absent[:, 0], absent[:, 1])
    assert 0 < absent[:, 0].sum() < 60
    assert not (absent[:, 0] & absent[:, 2]).any()
    assert np.nanmax(np.abs(means - [0.1, 0.2, 0.3])) < 1e-12


def test_people_who_rate_high_move_all_their_pairs_together() -> None:
    judgments = rated(truth(), seed=1, n_raters=6, per_pair=6, noise=0.001, level=0.1)

    people, within = (
        drawn(judgments, 200, unit=unit) for unit in ("people", "within pairs")
    )

    assert np.corrcoef(people[:, 0], people[:, 9])[0, 1] > 0.95
    assert abs(np.corrcoef(within[:, 0], within[:, 9])[0, 1]) < 0.4


def test_unlinked_judgments_are_drawn_within_pairs_and_leave_none_unjudged() -> None:
    judgments = similarities(
        ids(3),
        np.repeat(PAIRS, 2, axis=0),
        np.arange(6),
        np.array([0.0, 1.0, 0.2, 0.4, 0.5, 0.5]),
    )

    means = drawn(judgments, 200)

    assert rater_table(judgments).unit == "within pairs"
    for column, possible in zip(
        means.T, ([0, 0.5, 1], [0.2, 0.3, 0.4], [0.5]), strict=True
    ):
        np.testing.assert_allclose(np.unique(column.round(9)), possible)


def test_draws_of_people_scatter_as_the_mean_of_people_does() -> None:
    judgments = rated(truth(), seed=2, n_raters=12, per_pair=12)
    table = rater_table(judgments)

    scatter = drawn(judgments, 800).var(axis=0)

    own = np.stack([judgments.by_rater(r).pairs() for r in judgments.raters])
    np.testing.assert_allclose(scatter, own.var(axis=0) / 12, rtol=0.35)
    assert scatter.mean() == pytest.approx(own.var(axis=0).mean() / 12, rel=0.1)
    assert table.linked


def test_one_seed_gives_the_same_draws() -> None:
    judgments = rated(truth(), seed=2, n_raters=5, per_pair=3)

    np.testing.assert_array_equal(drawn(judgments, 5), drawn(judgments, 8)[:5])


def test_what_cannot_be_drawn_is_refused() -> None:
    judgments = rated(truth(), seed=2, n_raters=3, per_pair=2)
    nobody = judgments.only([])

    with pytest.raises(TooFewRaters, match="got only published means"):
        rater_table(published(judgments))
    with pytest.raises(TooFewRaters, match="got none"):
        rater_table(nobody)
    with pytest.raises(AlignmentError, match="at least 1 resample, got 0"):
        rater_table(judgments).drawn_means(0, seed=1)
    with pytest.raises(AlignmentError, match="people or within pairs, got cells"):
        rater_table(judgments).drawn_means(1, seed=1, unit="cells")  # type: ignore[arg-type]
