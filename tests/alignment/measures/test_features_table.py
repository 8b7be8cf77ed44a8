"""The contract of `FEATURE_MEASURES`: what holds for every row, old or new.

Features are drawn without ties. What a row does not declare must fail on an example:
else the row leaves out something that its reader would want to know.
"""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import MatrixError
from alignment.matrices import FloatArray
from alignment.measures.kinds import FeatureMeasure, Invariance
from alignment.measures.table import FEATURE_MEASURES, MEASURES, measure_named

N, P, Q = 16, 3, 4

# By definition short of 1 on itself: neighbours need not name each other.
LOSES_ITSELF = {"cycle_knn_features"}

every = pytest.mark.parametrize(
    "measure", FEATURE_MEASURES.values(), ids=list(FEATURE_MEASURES)
)
distances = pytest.mark.parametrize(
    "measure",
    [measure for measure in FEATURE_MEASURES.values() if measure.is_distance],
    ids=lambda measure: measure.name,
)
# Those that deal rows into folds deal the same rows otherwise in another order.
undealt = pytest.mark.parametrize(
    "measure",
    [measure for measure in FEATURE_MEASURES.values() if not measure.cross_validated],
    ids=lambda measure: measure.name,
)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=6, deadline=None)


def sides(seed: int) -> tuple[FloatArray, FloatArray]:
    """(N, P) and (N, Q), of which the second tells something of the first."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, P)) * [2.0, 1.0, 0.5] + rng.normal(size=P)
    return x, x @ rng.normal(size=(P, Q)) + rng.normal(size=(N, Q))


def rotated(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    return x @ np.linalg.qr(rng.normal(size=(x.shape[1], x.shape[1])))[0]


def sheared(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    lengths = np.diag(rng.uniform(0.3, 3, x.shape[1]))
    return rotated(rotated(x, rng) @ lengths, rng)


CHANGES: dict[Invariance, Callable[[FloatArray, np.random.Generator], FloatArray]] = {
    "orthogonal map": rotated,
    "translation": lambda x, rng: x + rng.normal(size=x.shape[1]),
    "scale": lambda x, rng: x * rng.uniform(0.1, 0.5),
    "order of units": lambda x, rng: x[:, np.roll(np.arange(x.shape[1]), 1)],
    "scale of each unit": lambda x, rng: x * rng.uniform(0.3, 3, x.shape[1]),
    "invertible linear map": sheared,
}
FOLLOWS: dict[Invariance, set[Invariance]] = {
    "invertible linear map": {"orthogonal map", "scale", "scale of each unit"},
    "orthogonal map": {"order of units"},
    "scale of each unit": {"scale"},
}
centring = pytest.mark.parametrize(
    "measure",
    [
        measure
        for measure in FEATURE_MEASURES.values()
        if "translation" in measure.invariant_to
    ],
    ids=lambda measure: measure.name,
)
declared = pytest.mark.parametrize(
    ("measure", "change"),
    [
        pytest.param(measure, change, id=f"{measure.name}: {change}")
        for measure in FEATURE_MEASURES.values()
        for change in CHANGES
        if change in measure.invariant_to
    ],
)
undeclared = pytest.mark.parametrize(
    ("measure", "change"),
    [
        pytest.param(measure, change, id=f"{measure.name}: {change}")
        for measure in FEATURE_MEASURES.values()
        for change in CHANGES
        if change not in measure.invariant_to
    ],
)


@declared
@given(seed=seeds)
@few
def test_what_a_row_declares_changes_no_score(
    measure: FeatureMeasure, change: Invariance, seed: int
) -> None:
    x, y = sides(seed)
    rng = np.random.default_rng(seed)

    score = measure.compute(x, y)

    for a, b in ((CHANGES[change](x, rng), y), (x, CHANGES[change](y, rng))):
        assert measure.compute(a, b) == pytest.approx(score, abs=1e-9)


@undeclared
def test_what_a_row_leaves_out_changes_a_score(
    measure: FeatureMeasure, change: Invariance
) -> None:
    moved = []
    for seed in range(8):
        x, y = sides(seed)
        rng = np.random.default_rng(seed)
        for a, b in ((CHANGES[change](x, rng), y), (x, CHANGES[change](y, rng))):
            moved.append(abs(measure.compute(a, b) - measure.compute(x, y)))

    assert max(moved) > 1e-3


@every
def test_declared_invariances_imply_those_that_follow(measure: FeatureMeasure) -> None:
    assert measure.invariant_to <= set(CHANGES)
    for change in measure.invariant_to:
        assert FOLLOWS.get(change, set()) <= measure.invariant_to


@every
@given(seed=seeds)
@few
def test_a_score_lies_in_its_range(measure: FeatureMeasure, seed: int) -> None:
    x, y = sides(seed)
    low, high = measure.range

    for a, b in ((x, y), (y, x), (x, x), (x, -x)):
        assert low <= measure.compute(a, b) <= high


@every
def test_sides_may_change_places_where_a_row_says_so(measure: FeatureMeasure) -> None:
    both = [sides(seed) for seed in range(8)]

    gaps = [abs(measure.compute(x, y) - measure.compute(y, x)) for x, y in both]

    assert (max(gaps) < 1e-9) == measure.symmetric


@pytest.mark.parametrize(
    "measure",
    [row for name, row in FEATURE_MEASURES.items() if name not in LOSES_ITSELF],
    ids=lambda measure: measure.name,
)
@given(seed=seeds)
@few
def test_nothing_agrees_with_a_side_better_than_itself(
    measure: FeatureMeasure, seed: int
) -> None:
    x, y = sides(seed)
    low, high = measure.range

    itself = measure.compute(x, x)

    if measure.is_distance:
        assert itself == pytest.approx(low, abs=1e-7)
    elif np.isinf(high):
        assert itself == pytest.approx(1, abs=1e-9)
    else:
        assert itself == pytest.approx(high, abs=1e-9)
        assert measure.compute(x, y) <= itself + 1e-12


@undealt
@given(seed=seeds)
@few
def test_the_order_of_the_actions_does_not_count(
    measure: FeatureMeasure, seed: int
) -> None:
    x, y = sides(seed)
    order = np.random.default_rng(seed).permutation(N)

    assert measure.compute(x[order], y[order]) == pytest.approx(
        measure.compute(x, y), abs=1e-9
    )


@every
def test_but_that_one_row_is_the_same_action_on_both_sides_does(
    measure: FeatureMeasure,
) -> None:
    x, _ = sides(0)

    moved = [
        abs(measure.compute(x, x[np.random.default_rng(k).permutation(N)]) - best)
        for best in [measure.compute(x, x)]
        for k in range(5)
    ]

    assert min(moved) > 1e-3


@distances
@given(seed=seeds)
@few
def test_distances_keep_the_triangle_inequality(
    measure: FeatureMeasure, seed: int
) -> None:
    x, y = sides(seed)
    # Near x for every other seed: a detour that is hardly longer.
    z = (
        x + 0.1 * np.random.default_rng(seed).normal(size=x.shape)
        if seed % 2
        else sides(seed + 1)[1]
    )

    direct = measure.compute(x, y)

    assert direct <= measure.compute(x, z) + measure.compute(z, y) + 1e-7


@pytest.mark.parametrize(
    "measure",
    [measure for measure in FEATURE_MEASURES.values() if measure.chance is not None],
    ids=lambda measure: measure.name,
)
def test_shuffled_actions_score_chance_on_average(measure: FeatureMeasure) -> None:
    rng = np.random.default_rng(0)
    scores = []
    for seed in range(300):
        x, y = sides(seed)
        scores.append(measure.compute(x, y[rng.permutation(N)]))

    assert measure.chance is not None
    spread = np.std(scores) / np.sqrt(len(scores))
    assert np.mean(scores) == pytest.approx(
        measure.chance(N, P, Q), abs=max(4 * spread, 1e-3)
    )


@every
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_a_constant_side_has_no_score(measure: FeatureMeasure, value: float) -> None:
    x, _ = sides(0)
    flat = np.full((N, Q), value)

    assert np.isnan(measure.compute(x, flat))
    assert np.isnan(measure.compute(flat, x))


@centring
def test_a_constant_unit_is_no_structure(measure: FeatureMeasure) -> None:
    x, y = sides(0)
    with_constant = np.hstack([x, np.full((N, 1), 0.1)])
    with_zeros = np.hstack([x, np.zeros((N, 1))])

    assert measure.compute(with_constant, y) == pytest.approx(
        measure.compute(with_zeros, y), abs=1e-9
    )


@every
@pytest.mark.parametrize("factor", [1e-100, 1e100])
def test_the_unit_of_the_features_may_be_anything(
    measure: FeatureMeasure, factor: float
) -> None:
    x, y = sides(0)

    score = measure.compute(factor * x, factor * y)

    assert np.isfinite(score)
    if "scale" in measure.invariant_to:
        assert score == pytest.approx(measure.compute(x, y), abs=1e-9)


@every
def test_what_is_no_pair_of_tables_of_the_same_actions_is_refused(
    measure: FeatureMeasure,
) -> None:
    x, y = sides(0)
    gappy = y.copy()
    gappy[3, 1] = np.nan

    with pytest.raises(MatrixError, match=r"features are a table .* got shape \(16,\)"):
        measure.compute(x, y[:, 0])
    with pytest.raises(MatrixError, match=r"at least one column, got shape \(16, 0\)"):
        measure.compute(x[:, :0], y)
    with pytest.raises(MatrixError, match="must be finite, row 3 is not"):
        measure.compute(x, gappy)
    with pytest.raises(MatrixError, match="a row for each action, got 16 and 15"):
        measure.compute(x, y[1:])
    fewest = measure.least_actions
    with pytest.raises(
        MatrixError,
        match=f"{measure.name}: needs at least {fewest} actions, got {fewest - 1}",
    ):
        measure.compute(x[: fewest - 1, :1], y[: fewest - 1, :1])


@every
@given(seed=seeds)
@few
def test_the_fewest_actions_give_a_score(measure: FeatureMeasure, seed: int) -> None:
    # What measures from the origin sees two directions, at most, in one unit.
    width = 1 if "translation" in measure.invariant_to else 2
    x, y = (side[: measure.least_actions, :width] for side in sides(seed))

    low, high = measure.range
    assert low <= measure.compute(x, y) <= high


@every
def test_every_measure_says_when_to_use_it_and_when_not(
    measure: FeatureMeasure,
) -> None:
    for said in (measure.use_when, measure.misleads_when, measure.reference):
        assert len(said.split()) >= 2
    assert FEATURE_MEASURES[measure.name] is measure is MEASURES[measure.name]


def test_a_measure_of_features_is_not_one_of_matrices() -> None:
    with pytest.raises(MatrixError, match="rv: compares features, not similarity matr"):
        measure_named("rv")
