"""Which actions an arena shows."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.arena_sampling import LINKS, Pair, Places, choose_actions

sizes = st.integers(min_value=3, max_value=8)
seeds = st.integers(min_value=0, max_value=10_000)


def pairs(actions: list[int]) -> list[Pair]:
    return list(combinations(sorted(actions), 2))


def put(actions: list[int], rng: Random) -> Places:
    return {action: (rng.random(), rng.random()) for action in actions}


def sitting(
    n_actions: int, size: int, n_arenas: int, load: Counter[Pair], seed: int
) -> list[list[int]]:
    """The arenas of one person, who puts actions anywhere; `load` goes on counting."""
    rng = Random(seed)
    arenas: list[Places] = []
    begun: list[Pair] = []
    shown = []
    for _ in range(n_arenas):
        chosen = choose_actions(
            n_actions, size, arenas=arenas, load=load, begun=begun, rng=rng
        )
        shown.append(chosen)
        begun.append(pairs(chosen[:2])[0])
        arenas.append(put(chosen, rng))
        load.update(pairs(chosen))
    return shown


@given(st.integers(3, 12), sizes, seeds)
def test_an_arena_holds_so_many_different_actions(
    n_actions: int, size: int, seed: int
) -> None:
    for chosen in sitting(n_actions, size, 3, Counter(), seed):
        assert len(chosen) == len(set(chosen)) == min(size, n_actions)
        assert set(chosen) <= set(range(n_actions))


@given(seeds)
def test_the_same_past_and_seed_give_the_same_arena(seed: int) -> None:
    past = [put([0, 1, 2, 3], Random(1))]

    one, again = (
        choose_actions(9, 4, arenas=past, load={}, rng=Random(seed)) for _ in range(2)
    )

    assert one == again


@given(seeds)
def test_later_arenas_share_enough_with_an_earlier_one_to_be_brought_to_its_scale(
    seed: int,
) -> None:
    shown = sitting(60, 8, 5, Counter(), seed)

    for number, chosen in enumerate(shown[1:], start=1):
        assert max(len(set(chosen) & set(earlier)) for earlier in shown[:number]) >= (
            LINKS
        )


def test_a_person_meets_mostly_pairs_that_they_have_not_judged() -> None:
    shown = sitting(50, 12, 6, Counter(), 3)

    met = Counter(pair for chosen in shown for pair in pairs(chosen))
    assert len(met) >= 0.9 * sum(met.values())


def test_pairs_fill_evenly_over_people() -> None:
    load: Counter[Pair] = Counter()
    for person in range(30):
        sitting(30, 8, 4, load, person)

    counts = [load[pair] for pair in combinations(range(30), 2)]
    mean = sum(counts) / len(counts)
    assert min(counts) >= mean / 2
    assert max(counts) <= 2 * mean


def test_the_weakest_pair_is_lifted_first() -> None:
    everybody: Places = {0: (0.1, 0.5), 1: (0.9, 0.5), 2: (0.5, 0.9), 3: (0.52, 0.9)}

    for seed in range(20):
        chosen = choose_actions(4, 3, arenas=[everybody], load={}, rng=Random(seed))

        assert set(chosen[:2]) == {2, 3}  # they lay together: least was learned of them


def test_where_all_is_known_the_arena_grows_by_what_can_be_told_apart_there() -> None:
    # Two heaps: within the one that holds the weakest pair, an arena can zoom in.
    heap = {0: (0.50, 0.10), 1: (0.51, 0.10), 2: (0.50, 0.14), 3: (0.54, 0.12)}
    far = {4: (0.2, 0.9), 5: (0.8, 0.9), 6: (0.5, 0.6)}

    chosen = choose_actions(7, 4, arenas=[{**heap, **far}], load={}, rng=Random(1))

    assert set(chosen) == set(heap)


def test_of_pairs_that_a_person_does_not_know_the_rarest_comes_first() -> None:
    load = dict.fromkeys(combinations(range(6), 2), 5)
    load[2, 4] = 1

    for seed in range(10):
        chosen = choose_actions(6, 3, arenas=[], load=load, rng=Random(seed))

        assert chosen[:2] == [2, 4]


def test_a_pair_begins_only_one_arena_of_a_person() -> None:
    load = {(0, 1): 0, **{pair: 3 for pair in combinations(range(5), 2) if pair[0]}}

    chosen = choose_actions(
        5, 3, arenas=[], load=load, begun=[(0, 1), (0, 2)], rng=Random(2)
    )

    assert pairs(chosen[:2])[0] not in {(0, 1), (0, 2)}


@pytest.mark.parametrize(
    ("avoid", "possible"), [({0, 1}, {2, 3, 4}), ({0, 1, 2}, set())]
)
def test_actions_that_were_not_understood_are_left_out_while_three_remain(
    avoid: set[int], possible: set[int]
) -> None:
    chosen = choose_actions(5, 3, arenas=[], load={}, avoid=avoid, rng=Random(1))

    assert len(chosen) == 3
    assert not possible or set(chosen) == possible


def test_two_hundred_actions_are_no_trouble() -> None:
    shown = sitting(200, 20, 3, Counter(), 1)

    assert [len(chosen) for chosen in shown] == [20, 20, 20]
