"""`alignment.variance_shares`: what is shared, one's own view, and chance."""

from dataclasses import replace

import numpy as np
import pytest

from alignment.errors import TooFewRaters
from alignment.ratings import Ratings, ratings_of_table
from alignment.variance_shares import repeat_consistency, variance_shares
from tests.witnesses import raters as slow


def rated_twice(
    seed: int,
    n_raters: int = 12,
    n_things: int = 15,
    *,
    sds: tuple[float, float, float, float] = (2.0, 1.0, 1.0, 1.0),
    twice: int = 60,
) -> Ratings:
    """Everybody rates everything, and the first cells again."""
    rng = np.random.default_rng(seed)
    cells = np.append(np.arange(n_raters * n_things), np.arange(twice))
    rater, thing = np.divmod(cells, n_things)
    sizes = (n_things, n_raters, n_raters * n_things, len(cells))
    u, v, c, e = (sd * rng.normal(size=n) for sd, n in zip(sds, sizes, strict=True))
    value = 50 + u[thing] + v[rater] + c[rater * n_things + thing] + e
    return Ratings(thing, rater, value, np.ones(len(cells)), n_things, n_raters, "r")


def test_shares_add_to_one_and_are_those_of_the_components() -> None:
    found = variance_shares(rated_twice(1))

    parts = [found.shared, found.level, found.own, found.noise]
    assert sum(each.value for each in parts) == pytest.approx(1)
    assert found.unexplained.value == pytest.approx(found.own.value + found.noise.value)
    fit = found.fit
    assert found.own_of_stable.value == pytest.approx(
        fit.var_cells / (fit.var_things + fit.var_cells)
    )
    assert (found.n_raters, found.n_things, found.n_repeated) == (12, 15, 60)
    assert np.isnan(found.shared.low)


def test_of_a_complete_table_shared_is_the_printed_icc_of_absolute_agreement() -> None:
    # Shrout & Fleiss (1979), table 4: ICC(2, 1) = .29 and ICC(3, 1) = .71.
    table = np.array(
        [
            [9, 6, 8, 7, 10, 6],
            [2, 1, 4, 1, 5, 2],
            [5, 3, 6, 2, 6, 4],
            [8, 2, 8, 6, 9, 7],
        ]
    )

    found = variance_shares(ratings_of_table(table))

    shared, rest = found.shared.value, found.unexplained.value
    assert round(shared, 2) == 0.29
    assert round(shared / (shared + rest), 2) == 0.71


def test_the_planted_shares_are_found_on_average() -> None:
    found = [variance_shares(rated_twice(seed)) for seed in range(10)]

    # Planted 4 : 1 : 1 : 1; the shares' standard errors over 10 studies are under .04.
    for name, share in (("shared", 4 / 7), ("level", 1 / 7), ("own", 1 / 7)):
        mean = np.mean([getattr(each, name).value for each in found])
        assert mean == pytest.approx(share, abs=0.15)


def test_chance_and_a_view_of_ones_own_are_told_apart_by_repeats() -> None:
    views = variance_shares(rated_twice(2, sds=(1.0, 0.5, 2.0, 0.3)))
    chance = variance_shares(rated_twice(2, sds=(1.0, 0.5, 0.0, 2.0)))

    assert views.own.value > 0.5 > views.noise.value
    assert chance.noise.value > 0.5 > chance.own.value


def test_without_repeats_they_are_not() -> None:
    found = variance_shares(rated_twice(3, twice=0))

    assert np.isnan(
        [found.own.value, found.noise.value, found.own_of_stable.value]
    ).all()
    assert found.shared.value + found.level.value + found.unexplained.value == (
        pytest.approx(1)
    )
    assert found.n_repeated == 0


def test_the_interval_holds_the_share_and_comes_from_groups_of_raters() -> None:
    found = variance_shares(rated_twice(4, n_raters=8), interval=True)

    left = [
        variance_shares(rated_twice(4, n_raters=8).without([rater])).shared.value
        for rater in range(8)
    ]
    t7 = 2.3646243
    half = t7 * np.sqrt(7 / 8 * np.sum((left - np.mean(left)) ** 2))
    assert found.shared.high == pytest.approx(min(1, found.shared.value + half))
    for each in (found.shared, found.level, found.own, found.noise):
        assert 0 <= each.low <= each.value <= each.high <= 1
        assert each.resampled == 8
    assert found.shared.low < found.shared.high


def test_two_raters_leave_no_interval_and_say_so() -> None:
    found = variance_shares(
        ratings_of_table(np.array([[1.0, 5, 3, 8], [2.0, 4, 4, 9]])), interval=True
    )

    assert found.shared.value > 0.5
    assert np.isnan(found.shared.low)
    assert found.shared.resampled == 0


def test_ratings_that_never_vary_have_no_shares() -> None:
    found = variance_shares(ratings_of_table(np.full((3, 4), 2.0)))

    assert np.isnan(
        [found.shared.value, found.level.value, found.unexplained.value]
    ).all()


def test_a_reversed_rater_has_a_view_of_their_own() -> None:
    rng = np.random.default_rng(0)
    place = np.linspace(0, 10, 12)
    table = np.stack([place, place, place, 10 - place]) + rng.normal(0, 0.3, (4, 12))
    ratings = ratings_of_table(np.hstack([table, table + rng.normal(0, 0.3, (4, 12))]))
    twice = replace(ratings, thing=ratings.thing % 12, n_things=12)

    found = variance_shares(twice)

    assert found.own.value > 0.3
    assert found.noise.value < 0.05


def test_consistency_is_the_intraclass_correlation_of_ones_own_repeats() -> None:
    first = np.array([10.0, 40, 80, 90])
    again = np.array([20.0, 30, 85, 95])
    ratings = Ratings(
        thing=np.tile([0, 1, 2, 3], 2),
        rater=np.zeros(8, dtype=int),
        value=np.append(first, again),
        weight=np.ones(8),
        n_things=5,
        n_raters=2,
        what="r",
    )

    everybody, own = repeat_consistency(ratings)

    assert own.icc == pytest.approx(slow.icc_one_way(np.stack([first, again]))[0])
    assert own.sd == pytest.approx(np.sqrt((first - again) @ (first - again) / 8))
    assert (own.rater, own.n_repeated, everybody.rater) == (0, 4, -1)
    assert everybody.icc == pytest.approx(own.icc)


def test_levels_do_not_make_people_look_consistent() -> None:
    ratings = rated_twice(1, sds=(0.0, 30.0, 0.0, 1.0), twice=120)

    everybody, *each = repeat_consistency(ratings)

    assert len(each) == 8
    assert everybody.icc < 0.4
    assert everybody.sd == pytest.approx(1, abs=0.35)


def test_one_repeat_has_scatter_but_no_correlation() -> None:
    ratings = Ratings(
        thing=np.array([0, 0, 1]),
        rater=np.array([0, 0, 0]),
        value=np.array([2.0, 4.0, 9.0]),
        weight=np.ones(3),
        n_things=2,
        n_raters=1,
        what="r",
    )

    _, own = repeat_consistency(ratings)

    assert np.isnan(own.icc)
    assert own.sd == pytest.approx(np.sqrt(2))


def test_nobody_repeated_anything() -> None:
    assert repeat_consistency(ratings_of_table(np.eye(3))) == ()
    assert repeat_consistency(ratings_of_table(np.empty((0, 0)))) == ()


def test_a_lone_rater_has_no_shares() -> None:
    with pytest.raises(TooFewRaters, match="at least 2 raters"):
        variance_shares(ratings_of_table(np.array([[1.0, 2.0, 3.0]])))
