"""`alignment.rank_error`: what ranking makes of errors, against closed forms."""

import numpy as np
import pytest

from alignment.mean_error import MeanError
from alignment.rank_error import rank_loss


def known(noise: float, seed: int = 0, n_pairs: int = 1500) -> MeanError:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=n_pairs) + noise * rng.normal(size=(12, n_pairs))
    found = MeanError.of(table, np.ones(table.shape))
    assert found is not None
    return found


@pytest.mark.parametrize("noise", [0.6, 2.0, 4.0])
def test_of_normal_pairs_it_is_pearsons_formula(noise: float) -> None:
    """Spearman's is 6 / pi arcsin(r / 2) of Pearson's (Pearson, 1907)."""
    found = known(noise)
    r = np.sqrt(1 - found.share)
    expected = (1 - (6 / np.pi * np.arcsin(r / 2)) ** 2) / (1 - r**2)

    loss = rank_loss(found, n_draws=60, seed=1)

    assert loss.times == pytest.approx(expected, rel=0.03)
    assert loss.spread > 0


def test_of_fewer_raters_it_is_the_loss_of_more_noise() -> None:
    found = known(1.5)
    r = np.sqrt(1 - found.share_of(1)[0])
    expected = (1 - (6 / np.pi * np.arcsin(r / 2)) ** 2) / (1 - r**2)

    loss = rank_loss(found, n_raters=1, n_draws=60, seed=1)

    assert loss.times == pytest.approx(expected, rel=0.03)


def test_draws_depend_on_the_seed_and_not_on_how_many_are_worked_on_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = known(1.0, n_pairs=60)
    whole = rank_loss(found, n_draws=55, seed=3)

    monkeypatch.setattr("alignment.rank_error.CHUNK", 7)
    in_pieces = rank_loss(found, n_draws=55, seed=3)

    assert (in_pieces.times, in_pieces.spread) == pytest.approx(
        (whole.times, whole.spread)
    )
    assert rank_loss(found, n_draws=55, seed=4) != whole


def test_ends_of_a_scale_leave_less_room_to_differ() -> None:
    """Errors that are small where pairs lie close cost few ranks."""
    rng = np.random.default_rng(5)
    truth = np.sort(rng.uniform(size=900)) ** 3  # crowded near 0
    even = truth + 0.2 * rng.normal(size=(10, 900))
    small_there = truth + 0.4 * np.sqrt(truth) * rng.normal(size=(10, 900))
    found = []
    for table in (even, small_there):
        one = MeanError.of(table, np.ones(table.shape))
        assert one is not None
        found.append(rank_loss(one, n_draws=40, seed=0).times)

    assert found[1] < 0.8 * found[0]


def test_three_pairs_and_a_single_draw_give_numbers() -> None:
    rng = np.random.default_rng(0)
    table = np.array([0.0, 5.0, 9.0]) + 0.1 * rng.normal(size=(4, 3))
    found = MeanError.of(table, np.ones(table.shape))
    assert found is not None

    loss = rank_loss(found, n_draws=1, seed=0)

    assert np.isfinite([loss.times, loss.spread]).all()
