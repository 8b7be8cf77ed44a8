"""`alignment.crossed`: variance components of unbalanced designs."""

import numpy as np
import pytest

from alignment.crossed import CrossedFit, fit_crossed
from alignment.errors import AlignmentError, TooFewRaters
from tests.witnesses import raters as slow

Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


def planted(
    seed: int,
    n_things: int = 9,
    n_raters: int = 7,
    *,
    share: float = 0.6,
    repeats: int = 0,
    sds: tuple[float, float, float, float] = (2.0, 1.0, 1.0, 1.0),
) -> Columns:
    """Ratings of a share of all cells, some of them twice."""
    rng = np.random.default_rng(seed)
    cells = np.flatnonzero(rng.random(n_things * n_raters) < share)
    cells = np.concatenate([cells, cells[:repeats]])
    thing, rater = np.divmod(cells, n_raters)
    u, v, c = (
        sd * rng.normal(size=n)
        for sd, n in zip(sds, (n_things, n_raters, n_things * n_raters), strict=False)
    )
    noise = sds[3] * rng.normal(size=len(cells))
    return thing, rater, 10 + u[thing] + v[rater] + c[cells] + noise


def fitted(columns: Columns, n_things: int = 9, n_raters: int = 7, **how) -> CrossedFit:
    return fit_crossed(*columns, n_things=n_things, n_raters=n_raters, **how)


def parts(fit: CrossedFit) -> list[float]:
    return [fit.var_things, fit.var_raters, fit.var_cells, fit.var_noise]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("cells", [True, False])
def test_it_is_the_likelihood_of_the_whole_covariance_matrix(
    seed: int, cells: bool
) -> None:
    thing, rater, value = planted(seed, repeats=12)
    weight = np.ones(len(value)) if cells else 0.5 + (np.arange(len(value)) % 3)

    fit = fitted((thing, rater, value), weight=weight, cells=cells)

    s, mu, things = slow.reml(thing, rater, value, weight, cells=cells)
    found = [x for x in parts(fit) if not np.isnan(x)]
    np.testing.assert_allclose(found, s, rtol=0.01, atol=2e-3)
    assert fit.mean == pytest.approx(mu, abs=2e-3)
    np.testing.assert_allclose(fit.things[np.unique(thing)], things, atol=5e-3)


def test_balanced_designs_give_the_textbooks_analysis_of_variance() -> None:
    rng = np.random.default_rng(4)
    table = (
        rng.normal(0, 2, (12, 1, 1))
        + rng.normal(0, 1, (1, 9, 1))
        + rng.normal(0, 1.5, (12, 9, 1))
        + rng.normal(0, 1, (12, 9, 2))
    )
    thing, rater, _ = (each.ravel() for each in np.indices(table.shape))

    fit = fitted((thing, rater, table.ravel()), 12, 9)

    np.testing.assert_allclose(parts(fit), slow.anova(table), rtol=2e-3)


def test_what_was_planted_is_found_on_average() -> None:
    fits = [parts(fitted(planted(s, 20, 15, repeats=60), 20, 15)) for s in range(12)]

    # Means of 12 studies; their standard errors are about .4, .11, .06 and .04.
    away = np.abs(np.mean(fits, axis=0) - [4, 1, 1, 1])
    assert (away < [1.6, 0.5, 0.3, 0.3]).all()


def test_things_and_raters_may_change_places() -> None:
    thing, rater, value = planted(3, repeats=10)

    one, other = fitted((thing, rater, value)), fitted((rater, thing, value), 7, 9)

    assert one.var_things == pytest.approx(other.var_raters, rel=5e-3)
    assert one.var_raters == pytest.approx(other.var_things, rel=5e-3)
    np.testing.assert_allclose(one.things, other.raters, atol=5e-3)


def test_other_units_give_the_same_components_in_those_units() -> None:
    thing, rater, value = planted(5, repeats=10)

    one, other = fitted((thing, rater, value)), fitted((thing, rater, 3 - 10 * value))

    np.testing.assert_allclose(100 * np.array(parts(one)), parts(other), rtol=5e-3)


def test_fewer_ratings_are_drawn_closer_to_the_mean() -> None:
    # The first thing is rated by all, the second by two, both at the same height.
    thing = np.array([0] * 7 + [1] * 2 + [2] * 7 + [3] * 7)
    rater = np.array([*range(7), 0, 1, *range(7), *range(7)])
    value = np.array([8.0] * 9 + [3.0] * 7 + [1.0] * 7)
    value += np.random.default_rng(0).normal(0, 1.5, len(value)) * (value < 8)

    fit = fitted((thing, rater, value), 4, 7, cells=False)

    assert 0 < fit.things[1] < fit.things[0] < 8 - fit.mean + 0.5


def test_values_that_never_vary_have_no_variance() -> None:
    thing, rater, value = planted(1, repeats=5)

    fit = fitted((thing, rater, np.full(len(value), 0.1)))

    assert parts(fit) == [0, 0, 0, 0]
    assert fit.mean == pytest.approx(0.1)
    assert not fit.things.any()


def test_without_repeats_own_views_and_chance_stay_together() -> None:
    fit = fitted(planted(2))

    assert np.isnan(fit.var_cells)
    assert fit.var_noise > 0


def test_repeats_that_never_differ_leave_nothing_to_chance() -> None:
    thing, rater, value = planted(2)
    twice = (np.tile(thing, 2), np.tile(rater, 2), np.tile(value, 2))

    once, both = fitted((thing, rater, value)), fitted(twice)

    assert both.var_noise == 0
    assert both.var_cells == once.var_noise
    assert both.var_things == once.var_things


def test_raters_of_one_thing_each_have_no_level_of_their_own() -> None:
    rng = np.random.default_rng(0)
    thing = np.repeat(np.arange(6), 4)

    fit = fitted((thing, np.arange(24), rng.normal(thing, 1.0)), 6, 24)

    assert fit.var_raters == 0
    assert not fit.raters.any()
    assert fit.var_things > 0


def test_ratings_that_follow_things_and_raters_to_the_digit_leave_no_chance() -> None:
    thing, rater = (each.ravel() for each in np.indices((5, 4)))

    fit = fitted((thing, rater, thing + 2.0 * rater), 5, 4)

    assert fit.var_noise < 1e-3 * fit.var_things
    np.testing.assert_allclose(np.diff(fit.things), 1, atol=1e-2)


def test_what_nothing_can_be_told_from_is_refused() -> None:
    one = np.zeros(3, dtype=np.int64)
    three = np.arange(3)

    for thing, rater in ((three, one), (one, three), (three, three)):
        with pytest.raises(TooFewRaters, match="one thing that two of them judged"):
            fitted((thing, rater, np.array([1.0, 2.0, 4.0])), 3, 3)
    with pytest.raises(AlignmentError, match="as many entries in every column"):
        fitted((three, three, np.ones(2)), 3, 3)
    with pytest.raises(AlignmentError, match="must be finite and weights above 0"):
        fitted((three, three, np.array([1.0, np.nan, 2.0])), 3, 3)
