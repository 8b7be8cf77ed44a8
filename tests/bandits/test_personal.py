"""Personal values: a person's own noise is taken out before they are called different."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.judgments import ValueJudgments
from bandits.errors import BanditError
from bandits.personal import (
    Retest,
    idiosyncrasy,
    null_person,
    others_mean,
    retest,
)

NAN = np.nan


def judged(*ratings: tuple[str, int, float], n_actions: int = 30) -> ValueJudgments:
    """Ratings as (rater, action, value), all on morality."""
    n = len(ratings)
    return ValueJudgments(
        actions=tuple(f"a{i}" for i in range(n_actions)),
        action=np.array([row[1] for row in ratings]),
        dimension=np.array(["morality"] * n),
        rater=np.array([row[0] for row in ratings]),
        value=np.array([row[2] for row in ratings]),
        group=np.array([""] * n),
    )


def twice(first: Any, second: Any) -> ValueJudgments:
    """Somebody's first and second rating of each action."""
    return judged(
        *(("p", a, float(v)) for a, v in enumerate(first)),
        *(("p", a, float(v)) for a, v in enumerate(second)),
    )


@given(st.integers(0, 2**32 - 1), st.integers(10, 30))
def test_with_two_ratings_each_the_numbers_are_those_of_the_textbook(
    seed: int, n: int
) -> None:
    rng = np.random.default_rng(seed)
    first = rng.uniform(20, 80, size=n)
    second = np.clip(first + rng.normal(0, 8, size=n), 0, 100)

    found = retest(twice(first, second), "p", "morality")

    # Shrout and Fleiss (1979): mean squares between and within, two ratings each.
    within = ((first - second) ** 2).sum() / 2 / n
    between = 2 * np.var((first + second) / 2, ddof=1)
    assert found.n_repeated == n
    assert found.sd == pytest.approx(np.sqrt(within))
    assert found.reliability == pytest.approx(
        max(between - within, 0) / (between + within)
    )


def test_ratings_given_once_change_nothing() -> None:
    first, second = np.arange(10.0, 70, 5), np.arange(12.0, 72, 5)
    plain = twice(first, second)
    more = judged(
        *zip(plain.rater, plain.action, plain.value, strict=True),
        *(("p", a, 100.0) for a in range(12, 30)),
        *(("q", a, 0.0) for a in range(12)),
    )

    assert retest(more, "p", "morality") == retest(plain, "p", "morality")


def test_the_noise_and_reliability_that_were_put_in_are_found() -> None:
    rng = np.random.default_rng(0)
    sds, reliable = [], []
    for _ in range(300):
        own = rng.normal(50, 12, size=30)
        found = retest(
            twice(*(np.clip(own + rng.normal(0, 6, 30), 0, 100) for _ in "ab")),
            "p",
            "morality",
        )
        sds.append(found.sd**2)
        reliable.append(found.reliability)

    assert np.mean(sds) == pytest.approx(36, rel=0.08)
    assert np.mean(reliable) == pytest.approx(144 / 180, abs=0.03)


def test_few_repeats_give_the_noise_but_no_reliability_and_a_flag() -> None:
    found = retest(twice([10, 20, 80], [14, 20, 80]), "p", "morality")

    assert (found.n_repeated, found.flagged) == (3, True)
    assert found.sd == pytest.approx(np.sqrt(8 / 3))
    assert np.isnan(found.reliability)


def test_without_repeats_nothing_is_known() -> None:
    found = retest(judged(("p", 0, 5.0), ("p", 1, 9.0)), "p", "morality")

    assert found.n_repeated == 0
    assert np.isnan([found.sd, found.reliability]).all()
    assert found.flagged


@pytest.mark.parametrize(
    ("reliability", "flagged"), [(0.49, True), (0.5, False), (0.9, False), (NAN, True)]
)
def test_below_one_half_a_person_is_flagged(reliability: float, flagged: bool) -> None:
    assert Retest(12, 5.0, reliability).flagged is flagged


def test_the_others_are_everybody_else() -> None:
    table = judged(
        ("p", 0, 90.0), ("q", 0, 10.0), ("r", 0, 30.0), ("p", 1, 50.0), n_actions=2
    )

    found = others_mean(table, "morality", without="p")

    assert found[0] == 20
    assert np.isnan(found[1])


def test_a_difference_that_is_all_noise_is_no_idiosyncrasy() -> None:
    rng = np.random.default_rng(1)
    others = rng.uniform(0, 100, size=4000)
    noise = 20.0
    own = others + noise * rng.normal(size=4000)
    reliability = np.var(others) / (np.var(others) + noise**2)

    found = idiosyncrasy(own, others, Retest(20, noise, float(reliability)))

    assert found.agreement == pytest.approx(np.corrcoef(own, others)[0, 1])
    assert found.agreement < 0.9
    assert found.idiosyncrasy == pytest.approx(0, abs=0.01)


def test_a_view_of_their_own_stays_when_the_noise_is_taken_out() -> None:
    own = np.array([90.0, 80, 20, 10, 60])
    others = np.array([10.0, 20, 80, 90, NAN])

    found = idiosyncrasy(own, others, Retest(12, 5.0, 0.81))

    assert found.agreement == pytest.approx(-1)
    assert found.disattenuated == pytest.approx(-1 / 0.9)
    assert found.idiosyncrasy == pytest.approx(1 + 1 / 0.9)
    assert idiosyncrasy(own, others, Retest(12, 5, 0.8)).disattenuated < -1.1
    halved = idiosyncrasy(own, others, Retest(12, 5, 0.9), others_reliability=0.9)
    assert halved.disattenuated == pytest.approx(found.disattenuated)


@pytest.mark.parametrize("reliability", [NAN, 0.0])
def test_without_reliability_nothing_is_corrected(reliability: float) -> None:
    own, others = np.array([1.0, 2, 3]), np.array([1.0, 3, 2])

    found = idiosyncrasy(own, others, Retest(12, 5.0, reliability))

    assert np.isnan([found.disattenuated, found.idiosyncrasy]).all()
    assert found.agreement == pytest.approx(0.5)


def test_constant_ratings_agree_with_nobody() -> None:
    found = idiosyncrasy(np.full(4, 50.0), np.arange(4.0), Retest(12, 5.0, 0.9))

    assert np.isnan(found.agreement)


def test_a_null_person_has_the_groups_values_and_a_persons_noise() -> None:
    values = np.linspace(30, 70, 20)

    drawn = np.stack([null_person(values, 5.0, draw, seed=3) for draw in range(500)])

    # 500 draws: a mean is known to 0.22, an sd to 0.16.
    assert np.abs(drawn.mean(0) - values).max() < 5 * 0.23
    assert np.abs(drawn.std(0) - 5).max() < 5 * 0.16
    np.testing.assert_array_equal(drawn[7], null_person(values, 5.0, 7, seed=3))
    assert not np.array_equal(drawn[7], null_person(values, 5.0, 7, seed=4))
    assert null_person(np.array([0.0, 100]), 50.0, 1, seed=3).min() >= 0


def test_persons_that_are_not_complete_are_refused() -> None:
    with pytest.raises(BanditError) as refusal:
        idiosyncrasy(np.array([1.0, NAN]), np.array([1.0, 2]), Retest(12, 5, 0.9))
    assert str(refusal.value) == (
        "personal values: need a complete vector for 2 actions, got 1 values; nothing "
        "is imputed"
    )
    with pytest.raises(BanditError) as refusal:
        null_person(np.array([1.0, NAN]), 5.0, 0, seed=0)
    assert str(refusal.value) == (
        "null person: needs a value for every action and a noise of at least 0 points, "
        "got 1 of 2 values and 5.0"
    )
