"""Facts about people in anything released: no combination shared by fewer than k."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.disclosure import WITHHELD, coarsen, pooled, released_id
from collection.errors import ReleaseRefused

facts = st.fixed_dictionaries(
    {
        "age": st.sampled_from(["18-29", "30-44", "45-59", "60-plus"]),
        "english": st.sampled_from(["first", "fluent", "prefer-not-to-say"]),
        "town": st.integers(0, 30).map(str),
    }
)
crowds = st.lists(facts, min_size=5, max_size=60).map(
    lambda people: {f"p{n}": values for n, values in enumerate(people)}
)
LADDER = {"age": {"18-29": "18-44", "30-44": "18-44", "45-59": "45-plus"}}


def group_sizes(people: dict[str, dict[str, str]]) -> Counter[tuple[str, ...]]:
    """The slow, obvious count: who else looks exactly like this?"""
    return Counter(
        tuple(sorted(f"{fact}={value}" for fact, value in values.items()))
        for values in people.values()
    )


@given(crowds, st.integers(2, 5))
def test_every_combination_is_shared_by_k_people(
    people: dict[str, dict[str, str]], k: int
) -> None:
    result = coarsen(people, ladders=LADDER, k=k)

    sizes = group_sizes({n: dict(v) for n, v in result.people.items()})
    assert min(sizes.values()) >= k
    assert result.smallest == min(sizes.values())
    assert result.people.keys() == people.keys()


@given(crowds)
def test_nothing_is_said_that_was_not_so(people: dict[str, dict[str, str]]) -> None:
    result = coarsen(people, ladders=LADDER)

    for name, values in result.people.items():
        for fact, value in values.items():
            true = people[name][fact]
            assert value in {true, LADDER.get(fact, {}).get(true, true), WITHHELD}


@given(crowds, st.randoms(use_true_random=False))
def test_the_order_of_people_does_not_matter(
    people: dict[str, dict[str, str]], random: object
) -> None:
    shuffled = list(people.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert coarsen(dict(shuffled)).people == coarsen(people).people


def test_what_is_common_anyway_is_left_as_it_is() -> None:
    people = {f"p{n}": {"age": "18-29" if n < 6 else "30-44"} for n in range(12)}

    result = coarsen(people, ladders=LADDER)

    assert result.people == people
    assert (result.dropped, result.n_withheld, result.smallest) == ((), 0, 6)


def test_a_step_up_the_ladder_is_enough_where_it_is() -> None:
    ages = ["18-29"] * 4 + ["30-44"] * 4 + ["45-59"] * 5
    people = {f"p{n:02d}": {"age": age} for n, age in enumerate(ages)}

    result = coarsen(people, ladders=LADDER)

    assert Counter(v["age"] for v in result.people.values()) == {
        "18-44": 8,
        "45-plus": 5,
    }


def test_a_fact_that_tells_everybody_apart_goes_first() -> None:
    people = {f"p{n}": {"age": "18-29", "town": str(n)} for n in range(20)}

    result = coarsen(people)

    assert result.dropped == ("town",)
    assert {v["age"] for v in result.people.values()} == {"18-29"}


def test_one_who_stands_out_is_not_alone_in_being_withheld() -> None:
    people = {f"p{n}": {"age": "18-29" if n else "60-plus"} for n in range(40)}

    result = coarsen(people)

    assert Counter(v["age"] for v in result.people.values()) == {WITHHELD: 40}
    assert result.n_withheld == 40


@pytest.mark.parametrize(
    ("people", "k", "reason"),
    [
        ({"a": {"age": "x"}}, 5, "1 people cannot be told about in groups of 5"),
        ({"a": {"age": "x"}, "b": {}}, 2, "b: needs the facts age"),
        ({"a": {"age": "x"}}, 1, "k must be at least 2"),
    ],
)
def test_what_cannot_be_released_is_refused(
    people: dict[str, dict[str, str]], k: int, reason: str
) -> None:
    with pytest.raises(ReleaseRefused, match=reason):
        coarsen(people, k=k)


def test_nobody_and_no_facts_are_no_danger() -> None:
    assert coarsen({}).people == {}
    assert coarsen({"a": {}}).people == {"a": {}}


def test_names_of_a_release_cannot_be_guessed_without_its_key() -> None:
    assert released_id("k1", "p-01234567") == released_id("k1", "p-01234567")
    assert released_id("k1", "p-01234567") != released_id("k2", "p-01234567")
    assert "01234567" not in released_id("k1", "p-01234567")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"de": 7, "en": 9}, {"de": 7, "en": 9}),
        ({"de": 7, "en": 9, "es": 1}, {"en": 9, "other": 8}),
        ({"de": 3, "en": 9, "es": 2}, {"en": 9, "other": 5}),
        ({"de": 1, "en": 9}, {"other": 10}),
        ({"de": 1, "en": 2}, {}),
        ({}, {}),
    ],
)
def test_no_count_of_people_is_small_nor_follows_from_the_total(
    counts: dict[str, int], told: dict[str, int]
) -> None:
    assert pooled(counts, k=5) == told
