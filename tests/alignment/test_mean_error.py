"""`alignment.mean_error`: an exact identity, slow twins, and what it must not depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.mean_error import MeanError
from tests.witnesses import mean_error as witness

SOME = settings(max_examples=25, deadline=None)


def tabled(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    judged = ~np.isnan(table)
    return np.where(judged, table, 0.0), judged.astype(np.float64)


def study(seed: int, n_raters: int, n_pairs: int, share: float = 1.0) -> np.ndarray:
    """(n_raters, n_pairs) normal judgments, NaN for none; 2 raters a pair or more."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=n_pairs) + rng.normal(size=(n_raters, n_pairs))
    gone = rng.uniform(size=table.shape) > share
    gone[rng.permutation(n_raters)[:2]] = False
    return np.where(gone, np.nan, table)


def known(table: np.ndarray) -> MeanError:
    found = MeanError.of(*tabled(table))
    assert found is not None
    return found


def test_the_loss_of_correlation_is_the_error_across_the_truth() -> None:
    """The identity that all rests on; Q leaves out the mean and the truth's direction."""
    rng = np.random.default_rng(0)
    mu, error = rng.normal(size=(2, 30))
    x = mu + error
    along = (mu - mu.mean()) / np.linalg.norm(mu - mu.mean())
    across = error - error.mean() - (error @ along) * along

    lost = (across @ across) / ((x - x.mean()) @ (x - x.mean()))

    assert lost == pytest.approx(1 - np.corrcoef(x, mu)[0, 1] ** 2)


@SOME
@given(
    st.integers(0, 10_000),
    st.integers(2, 7),
    st.integers(3, 9),
    st.sampled_from([0.4, 1.0]),
)
def test_the_error_is_that_of_obvious_loops(
    seed: int, n_raters: int, n_pairs: int, share: float
) -> None:
    table = study(seed, n_raters, n_pairs, share)

    found = known(table)

    assert found.error == pytest.approx(witness.error_of_mean(table))
    np.testing.assert_allclose(found.mean, np.nanmean(table, axis=0))
    np.testing.assert_allclose(
        found.variance, (witness.shares(table) ** 2).sum(axis=0), atol=1e-12
    )
    assert 1 <= found.dof <= max(n_pairs - 2, 1)


@SOME
@given(st.integers(0, 10_000), st.integers(4, 6), st.integers(5, 12))
def test_the_degrees_of_freedom_are_those_of_four_different_raters(
    seed: int, n_raters: int, n_pairs: int
) -> None:
    table = study(seed, n_raters, n_pairs)

    assert known(table).dof == pytest.approx(witness.dof_of_complete(table))


def test_errors_that_pairs_share_leave_fewer_degrees_of_freedom() -> None:
    rng = np.random.default_rng(0)
    truth = 3 * rng.normal(size=120)
    own = rng.normal(size=(20, 120))
    shared = np.repeat(rng.normal(size=(20, 12)), 10, axis=1)

    apart, together = known(truth + own), known(truth + shared)

    assert apart.dof > 90
    assert together.dof < 25


def test_offsets_of_people_who_judge_the_same_pairs_are_shared_errors() -> None:
    """Ten blocks of ten pairs, six people each: a block's mean offset moves it whole.

    Where people judge random pairs, offsets are like independent errors.
    """
    rng = np.random.default_rng(1)
    truth, own = 3 * rng.normal(size=100), rng.normal(size=(60, 100))
    offset = 3 * rng.normal(size=(60, 1))
    block = np.arange(60)[:, None] // 6 != np.arange(100) // 10
    mixed = block[:, rng.permutation(100)]
    at_random = rng.uniform(size=(60, 100)) > 0.4

    found = {
        name: known(np.where(gone, np.nan, truth + own + offset)).dof
        for name, gone in (("blocks", block), ("mixed", mixed), ("random", at_random))
    }

    assert found["blocks"] == pytest.approx(found["mixed"], rel=0.2)
    assert found["blocks"] < 20
    assert found["random"] > 75


@SOME
@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0]))
def test_the_order_of_raters_and_pairs_and_the_scale_do_not_matter(
    seed: int, share: float
) -> None:
    table = study(seed, 6, 9, share)
    rng = np.random.default_rng(seed)
    mixed = 2 + 5 * table[rng.permutation(6)][:, rng.permutation(9)]

    one, other = known(table), known(mixed)

    assert one.share == pytest.approx(other.share)
    assert one.dof == pytest.approx(other.dof)
    assert one.interval() == pytest.approx(other.interval())
    assert (one.signal > 0) == (other.signal > 0)


def test_offsets_of_people_who_judge_all_pairs_are_no_error() -> None:
    table = study(3, 8, 20)
    offsets = 10 * np.random.default_rng(0).normal(size=(8, 1))

    assert known(table + offsets).share == pytest.approx(known(table).share)


def test_a_use_of_the_scale_is_hardly_an_error_where_all_judge_all_pairs() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(size=80)
    noise = 0.2 * rng.normal(size=(10, 80))
    factor = rng.uniform(0.5, 1.5, size=(10, 1))

    steady, stretched = known(truth + noise), known(truth * factor + noise)

    assert stretched.share == pytest.approx(steady.share, rel=0.25)


def test_in_the_mean_the_estimated_error_is_the_true_one() -> None:
    rng = np.random.default_rng(4)
    told, true = [], []
    for _ in range(150):
        truth = rng.normal(size=40)
        gone = rng.uniform(size=(12, 40)) > 0.5
        gone[:2] = False
        table = np.where(gone, np.nan, truth + rng.normal(size=(12, 40)))
        found = known(table)
        told.append(found.share)
        true.append(1 - np.corrcoef(found.mean, truth)[0, 1] ** 2)

    assert np.mean(told) == pytest.approx(np.mean(true), rel=0.05)


def test_a_pair_of_a_single_rater_has_the_error_of_one_judgment() -> None:
    table = study(5, 6, 12)
    table[1:, 0] = np.nan

    found = known(table)

    several = found.variance[1:]
    assert found.variance[0] == pytest.approx(6 * several.mean())
    assert found.per_pair == pytest.approx(6)


def test_weights_shift_the_mean_and_its_error() -> None:
    rng = np.random.default_rng(6)
    table = rng.normal(size=(5, 8))
    weight = rng.uniform(0.5, 2, size=(5, 8))

    found = MeanError.of(weight * table, weight)

    assert found is not None
    np.testing.assert_allclose(found.mean, np.average(table, axis=0, weights=weight))
    share = weight / weight.sum(axis=0)
    assert found.per_pair == pytest.approx(1 / (share**2).sum(axis=0).mean())
    again = MeanError.of(3 * weight * table, 3 * weight)
    assert again is not None
    assert again.error == pytest.approx(found.error)


def test_without_two_raters_three_pairs_or_a_difference_there_is_nothing() -> None:
    assert MeanError.of(*tabled(study(0, 3, 2))) is None
    assert MeanError.of(np.ones((3, 5)), np.ones((3, 5))) is None
    alone = np.where(np.eye(4, dtype=bool), np.arange(4.0), np.nan)
    assert MeanError.of(*tabled(alone)) is None


def test_many_more_others_come_near_the_truth_and_as_many_are_like_these() -> None:
    found = known(study(1, 8, 60))

    shares = [found.share_of(n)[0] for n in (1, 8, 80, 1e6)]

    assert shares == sorted(shares, reverse=True)
    assert shares[1] == pytest.approx(found.share)
    assert shares[-1] == pytest.approx(0, abs=1e-4)
    value, low, high = found.share_of(3)
    assert 0 < low < value < high < 1
