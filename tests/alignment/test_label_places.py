"""`alignment.label_places`: labels stand by their points and can be read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.label_places import GAPS, label_places

BOUNDS = (0.0, 0.0, 1000.0, 600.0)
GAP = 5.0


def covered(places: np.ndarray, sizes: list[tuple[float, float]]) -> float:
    """Area that labels share, one pair of labels at a time."""
    total = 0.0
    for i in range(len(places)):
        for j in range(i):
            low = np.maximum(places[i], places[j])
            high = np.minimum(places[i] + sizes[i], places[j] + sizes[j])
            total += float(np.clip(high - low, 0, None).prod())
    return total


def test_a_point_alone_has_its_label_to_the_right() -> None:
    places = label_places(
        np.array([[500.0, 300.0]]), [(60, 12)], gap=GAP, bounds=BOUNDS
    )

    np.testing.assert_allclose(places, [[500 + GAP, 300 - 6]])


def test_a_label_at_the_edge_turns_inward() -> None:
    places = label_places(
        np.array([[990.0, 300.0]]), [(60, 12)], gap=GAP, bounds=BOUNDS
    )

    assert places[0, 0] + 60 <= 990


@pytest.mark.parametrize("distance", [2.0, 10.0, 30.0])
def test_neighbours_do_not_cover_each_other(distance: float) -> None:
    points = np.array([[500.0, 300.0], [500.0 + distance, 300.0]])
    sizes = [(60.0, 12.0)] * 2

    places = label_places(points, sizes, gap=GAP, bounds=BOUNDS)

    assert covered(places, sizes) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_fifty_scattered_labels_overlap_less_than_on_the_right_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform((80, 40), (920, 560), size=(50, 2))
    sizes = [(float(w), 12.0) for w in rng.uniform(25, 90, size=50)]

    places = label_places(points, sizes, gap=GAP, bounds=BOUNDS)

    right = points + np.array([GAP, -6])
    assert covered(places, sizes) <= covered(right, sizes)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_a_label_stays_by_its_point(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform((80, 40), (920, 560), size=(20, 2))
    sizes = [(50.0, 12.0)] * 20

    places = label_places(points, sizes, gap=GAP, bounds=BOUNDS)

    nearest = np.clip(points, places, places + np.array(sizes))
    away = np.abs(nearest - points).max(axis=1)
    assert away.max() <= GAPS[-1] * GAP + 1e-9
