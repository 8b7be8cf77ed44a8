"""Classical scaling by hand, against numpy's."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.layout import classical_map
from alignment.matrices import from_distances
from collection.simulated_places import ROOM, in_arena, spread_out

seeds = st.integers(min_value=0, max_value=10_000)


def distances(places: np.ndarray) -> np.ndarray:
    made: np.ndarray = np.hypot(*(places[:, None, :] - places[None, :, :]).T)
    return made


def laid_out(apart: np.ndarray) -> np.ndarray:
    names = [f"a{i}" for i in range(len(apart))]
    table = {
        (names[i], names[j]): float(apart[i, j])
        for i, j in combinations(range(len(apart)), 2)
    }
    return np.array(list(spread_out(names, table).values()))


@given(seeds, st.integers(3, 12))
def test_distances_in_the_plane_are_kept_up_to_their_scale(seed: int, n: int) -> None:
    truth = distances(np.random.default_rng(seed).uniform(size=(n, 2)))

    made = distances(laid_out(truth))

    np.testing.assert_allclose(made / made.max(), truth / truth.max(), atol=1e-3)


def test_it_is_the_classical_scaling_of_the_library() -> None:
    rng = np.random.default_rng(3)
    truth = distances(rng.normal(size=(2, 8)).T)
    truth += np.triu(rng.uniform(0, 0.3, truth.shape), 1)
    truth = np.triu(truth, 1) + np.triu(truth, 1).T
    names = tuple(f"a{i}" for i in range(8))

    library, _ = classical_map(from_distances(truth, names, rater="witness"))

    made, expected = distances(laid_out(truth)), distances(library)
    np.testing.assert_allclose(made / made.max(), expected / expected.max(), atol=1e-3)


@given(seeds)
def test_the_outermost_action_is_near_the_rim(seed: int) -> None:
    truth = distances(np.random.default_rng(seed).uniform(size=(5, 2)))

    away = np.hypot(*(laid_out(truth) - 0.5).T)

    assert away.max() == pytest.approx(ROOM)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_actions_that_are_all_the_same_lie_in_the_middle(n: int) -> None:
    np.testing.assert_allclose(laid_out(np.zeros((n, n))), 0.5)


def test_nothing_is_laid_out_of_nothing() -> None:
    assert spread_out([], {}) == {}


def test_a_place_outside_is_brought_to_the_rim() -> None:
    assert in_arena(0.25, 0.5) == (0.25, 0.5)
    assert in_arena(2.0, 0.5) == (1.0, 0.5)
    assert in_arena(0.5, -7.0) == (0.5, 0.0)
