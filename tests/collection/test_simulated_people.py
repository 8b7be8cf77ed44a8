"""How one simulated person answers."""

from __future__ import annotations

from itertools import combinations, permutations
from math import dist
from statistics import fmean, median, stdev

import pytest

from collection.simulated_people import (
    ATTENTION_SPAN,
    CARELESS,
    NOT_UNDERSTOOD_SHARE,
    Beliefs,
    Manner,
    SimulatedPerson,
)

IDS = ("a", "b", "c", "d")
SIMILARITY = {
    frozenset("ab"): 0.8,
    frozenset("ac"): 0.3,
    frozenset("ad"): 0.4,
    frozenset("bc"): 0.35,
    frozenset("bd"): 0.45,
    frozenset("cd"): 0.6,
}


@pytest.fixture
def beliefs() -> Beliefs:
    rows = [
        [1.0 if a == b else SIMILARITY[frozenset((a, b))] for b in IDS] for a in IDS
    ]
    values = {"morality": [10.0, 40.0, 60.0, 90.0]}
    return Beliefs.from_json(
        {"action_ids": list(IDS), "similarity": rows, "values": values}
    )


def people(
    beliefs: Beliefs, n: int = 400, *, careless: float = 0.0
) -> list[SimulatedPerson]:
    return [SimulatedPerson(beliefs, 5, number, careless) for number in range(n)]


def ratings(answers: list[int | None]) -> list[int]:
    return [answer for answer in answers if answer is not None]


def test_on_average_people_see_what_is_true(beliefs: Beliefs) -> None:
    for a, b in combinations(IDS, 2):
        seen = ratings([p.similarity_rating(a, b) for p in people(beliefs)])
        error = stdev(seen) / len(seen) ** 0.5
        assert abs(fmean(seen) - 100 * SIMILARITY[frozenset((a, b))]) < 4 * error + 1

    for action, value in zip(IDS, (10, 40, 60, 90), strict=True):
        seen = ratings([p.value_rating("morality", action) for p in people(beliefs)])
        assert abs(fmean(seen) - value) < 4


def test_people_differ_in_bias_and_in_noise(beliefs: Beliefs) -> None:
    tempers = [person.temperament for person in people(beliefs)]

    assert stdev(t.similarity_bias for t in tempers) > 0.03
    assert abs(fmean(t.similarity_bias for t in tempers)) < 0.02
    assert min(t.similarity_sd for t in tempers) > 0.05
    assert len({t.value_sd for t in tempers}) == len(tempers)


def test_a_persons_offset_is_the_same_for_all_actions_of_a_dimension(
    beliefs: Beliefs,
) -> None:
    offsets = []
    for person in people(beliefs):
        low, high = (person.value_rating("morality", action) for action in "bc")
        if low is not None and high is not None:
            offsets.append((low - 40, high - 60))

    mean_low, mean_high = (fmean(column) for column in zip(*offsets, strict=True))
    shared = fmean((a - mean_low) * (b - mean_high) for a, b in offsets)
    assert shared > 10  # the variance of the offset, 25, and not 0


def test_answers_do_not_depend_on_what_was_asked_before(beliefs: Beliefs) -> None:
    forwards, backwards = people(beliefs, 2, careless=0.0)[0], people(beliefs, 1)[0]
    pairs = list(combinations(IDS, 2))

    first = {pair: forwards.similarity_rating(*pair) for pair in pairs}
    second = {pair: backwards.similarity_rating(*pair) for pair in reversed(pairs)}

    assert first == second


def test_the_shown_order_does_not_change_an_answer(beliefs: Beliefs) -> None:
    for number in range(50):
        one, other = (SimulatedPerson(beliefs, 1, number) for _ in range(2))
        assert one.similarity_rating("a", "c") == other.similarity_rating("c", "a")
        answers = {
            SimulatedPerson(beliefs, 1, number).odd_one_out(shown)
            for shown in permutations("abd")
        }
        assert len(answers) == 1


def test_a_question_met_again_gets_a_fresh_answer(beliefs: Beliefs) -> None:
    pairs = [
        (person.similarity_rating("a", "c"), person.similarity_rating("a", "c"))
        for person in people(beliefs, 50)
    ]

    assert sum(first != again for first, again in pairs) > 40


def test_people_and_seeds_differ(beliefs: Beliefs) -> None:
    by_number = {p.similarity_rating("a", "c") for p in people(beliefs, 50)}
    by_seed = {
        SimulatedPerson(beliefs, seed, 0).similarity_rating("a", "c")
        for seed in range(50)
    }

    assert len(by_number) > 15
    assert len(by_seed) > 15


def test_the_odd_one_out_is_mostly_the_least_similar(beliefs: Beliefs) -> None:
    chosen = [person.odd_one_out("abc") for person in people(beliefs)]

    assert chosen.count("c") > 0.9 * len(chosen)


def test_now_and_then_a_careful_person_does_not_understand(beliefs: Beliefs) -> None:
    asked = 20
    baffled = sum(
        person.value_rating("morality", "b") is None
        for person in people(beliefs)
        for _ in range(asked)
    )

    expected = 400 * asked * NOT_UNDERSTOOD_SHARE
    assert abs(baffled - expected) < 4 * expected**0.5


def test_careless_people_take_their_share_and_follow_no_truth(
    beliefs: Beliefs,
) -> None:
    everyone = people(beliefs, careless=0.3)
    manners = [person.temperament.manner for person in everyone]

    assert 0.2 < 1 - manners.count("careful") / len(manners) < 0.4
    assert {"careful", *CARELESS} == set(manners)
    for person in everyone:
        if person.temperament.manner == "straight-line":
            pairs = [person.similarity_rating(a, b) for a, b in combinations(IDS, 2)]
            values = [person.value_rating("morality", action) for action in IDS]
            assert len({*pairs, *values}) == 1
            assert person.odd_one_out("dab") == "d"


def test_random_people_answer_anything(beliefs: Beliefs) -> None:
    random = [
        person
        for person in people(beliefs, 900, careless=1.0)
        if person.temperament.manner == "random"
    ]

    seen = ratings([person.value_rating("morality", "a") for person in random])
    assert len(seen) == len(random)
    assert abs(fmean(seen) - 50) < 8
    assert {person.odd_one_out("abc") for person in random} == set("abc")


def of_manner(beliefs: Beliefs, manner: Manner) -> list[SimulatedPerson]:
    return [
        person
        for person in people(beliefs, 400, careless=1.0)
        if person.temperament.manner == manner
    ]


def test_who_reads_the_first_half_alone_answers_anything_from_then_on(
    beliefs: Beliefs,
) -> None:
    early, late = [], []
    for person in of_manner(beliefs, "first-half"):
        ratings = [person.value_rating("morality", "c") for _ in range(60)]
        early += [r for r in ratings[:ATTENTION_SPAN] if r is not None]
        late += [r for r in ratings[ATTENTION_SPAN:] if r is not None]

    assert stdev(early) < 15  # around what is true
    assert stdev(late) > 25  # anywhere


def test_fast_people_take_a_second_or_two_and_careful_people_about_eight(
    beliefs: Beliefs,
) -> None:
    def times(everyone: list[SimulatedPerson]) -> list[int]:
        found = []
        for person in everyone:
            for action in IDS:
                person.value_rating("morality", action)
                found.append(person.response_ms())
        return found

    fast, careful = times(of_manner(beliefs, "fast")), times(people(beliefs, 100))

    assert 1000 < median(fast) < 2000
    assert 6500 < median(careful) < 9500
    assert len(set(careful)) > len(careful) / 2


def test_options_and_numbers_are_among_those_offered(beliefs: Beliefs) -> None:
    everyone = people(beliefs, 200)

    options = {person.option("age", ["x", "y", "z"]) for person in everyone}
    numbers = {person.number_between("age", 3, 5) for person in everyone}
    assert options == {"x", "y", "z"}
    assert numbers == {3, 4, 5}


def test_an_arrangement_puts_near_what_a_person_finds_alike(beliefs: Beliefs) -> None:
    nearest = []
    for person in people(beliefs, 100):
        places = person.arrangement(IDS)
        assert list(places) == list(IDS)
        clear = {one: place for one, place in places.items() if place is not None}
        for x, y in clear.values():
            assert (x - 0.5) ** 2 + (y - 0.5) ** 2 <= 0.2501
        if len(clear) == len(IDS):
            pairs = combinations(IDS, 2)
            nearest.append(min(pairs, key=lambda p: dist(clear[p[0]], clear[p[1]])))

    assert nearest.count(("a", "b")) > 0.7 * len(nearest)


def test_the_shown_order_does_not_change_an_arrangement(beliefs: Beliefs) -> None:
    one, other = (
        SimulatedPerson(beliefs, 5, 3).arrangement(shown) for shown in ("abcd", "dbca")
    )

    assert one == other


def test_careless_people_heap_actions_or_put_them_anywhere(beliefs: Beliefs) -> None:
    careless = people(beliefs, 40, careless=1.0)
    heaps = [p for p in careless if p.temperament.manner == "straight-line"]
    random = [p for p in careless if p.temperament.manner == "random"]

    assert all(set(p.arrangement(IDS).values()) == {(0.5, 0.5)} for p in heaps)
    assert all(len(set(p.arrangement(IDS).values())) == len(IDS) for p in random)
