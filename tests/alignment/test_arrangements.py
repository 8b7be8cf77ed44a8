"""Inverse MDS: partial arrangements of different scales become one matrix."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from alignment.arrangements import (
    Weighting,
    arrangement_similarity,
    combine_arenas,
)
from alignment.errors import JudgmentsError
from alignment.judgments import ArrangementJudgments

FloatArray = npt.NDArray[np.float64]
Arena = tuple[str, str, dict[int, tuple[float, float]]]
seeds = st.integers(min_value=0, max_value=10_000)


def judged(n_actions: int, arenas: Sequence[Arena]) -> ArrangementJudgments:
    """The table of arenas, each (rater, arena id, action -> place)."""
    rows = [
        (a, b, rater, float(np.hypot(*np.subtract(at[a], at[b]))), arena, len(at))
        for rater, arena, at in arenas
        for a, b in combinations(sorted(at), 2)
    ]
    a, b, rater, distance, arena, n = zip(*rows, strict=True)
    return ArrangementJudgments(
        actions=tuple(f"a{i}" for i in range(n_actions)),
        a=np.array(a),
        b=np.array(b),
        rater=np.array(rater),
        distance=np.array(distance),
        arena=np.array(arena),
        n_in_arena=np.array(n),
        group=np.full(len(rows), "similarity"),
    )


def planted(n_actions: int, seed: int) -> FloatArray:
    return np.random.default_rng(seed).uniform(-1, 1, (n_actions, 2))


def laid_out(
    places: FloatArray,
    subsets: Sequence[Sequence[int]],
    *,
    rater: str = "p-ada",
    scales: Sequence[float] | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> list[Arena]:
    rng = np.random.default_rng(seed)
    scales = [1.0] * len(subsets) if scales is None else scales
    return [
        (
            rater,
            f"{rater} {number}",
            {i: tuple(scale * places[i] + noise * rng.normal(size=2)) for i in subset},
        )
        for number, (subset, scale) in enumerate(zip(subsets, scales, strict=True))
    ]


def distances(places: FloatArray) -> FloatArray:
    made: FloatArray = np.hypot(*(places[:, None, :] - places[None, :, :]).T)
    return made


def unit(matrix: FloatArray) -> FloatArray:
    """(n_pairs,) the pairs above the diagonal, root mean square 1 over those known."""
    pairs = matrix[np.triu_indices(len(matrix), 1)]
    return pairs / np.sqrt(np.nanmean(pairs**2))


OVERLAPPING = [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 0, 1], [1, 3, 5, 6], [0, 6, 4, 2]]


def slow_twin(table: ArrangementJudgments, weighting: Weighting) -> FloatArray:
    """The iteration over whole matrices with gaps, in words of the paper."""
    n = len(table.actions)
    parts, weights = [], []
    for arena in table.arenas:
        rdm = np.full((n, n), np.nan)
        for i in np.flatnonzero(table.arena == arena):
            rdm[table.a[i], table.b[i]] = table.distance[i]
        weight = {
            "evidence": np.clip(rdm**2, 0.04, None),
            "setsize": np.where(np.isnan(rdm), np.nan, 1 / (~np.isnan(rdm)).sum()),
            "equal": np.where(np.isnan(rdm), np.nan, 1.0),
        }[weighting]
        parts.append(rdm)
        weights.append(weight)

    def mean(scaled: list[FloatArray]) -> FloatArray:
        made = np.full((n, n), np.nan)
        for a, b in combinations(range(n), 2):
            known = [k for k in range(len(parts)) if not np.isnan(parts[k][a, b])]
            if known:
                made[a, b] = sum(weights[k][a, b] * scaled[k][a, b] for k in known)
                made[a, b] /= sum(weights[k][a, b] for k in known)
        return made / np.sqrt(np.nansum(made**2))

    estimate = mean(parts)
    for _ in range(3000):
        scaled = []
        for rdm in parts:
            own = ~np.isnan(rdm)
            factor = np.sqrt((estimate[own] ** 2).mean() / (rdm[own] ** 2).mean())
            scaled.append(factor * rdm)
        estimate = mean(scaled)
    return estimate


@pytest.mark.parametrize("weighting", ["evidence", "setsize", "equal"])
def test_it_equals_the_slow_twin(weighting: Weighting) -> None:
    arenas = laid_out(
        planted(7, 1), OVERLAPPING, scales=[1, 0.4, 2, 1.3, 0.7], noise=0.15
    )
    table = judged(7, arenas)

    made = combine_arenas(table, weighting=weighting)

    assert made.settled
    np.testing.assert_allclose(
        unit(made.distances), unit(slow_twin(table, weighting)), atol=1e-6
    )


@given(seeds, st.lists(st.floats(0.1, 10), min_size=5, max_size=5))
def test_a_planted_matrix_is_recovered_whatever_the_scale_of_each_arena(
    seed: int, scales: list[float]
) -> None:
    places = planted(7, seed)

    made = combine_arenas(judged(7, laid_out(places, OVERLAPPING, scales=scales)))

    known = ~np.isnan(unit(made.distances))
    truth = distances(places)[np.triu_indices(7, 1)][known]
    expected = truth / np.sqrt((truth**2).mean())
    np.testing.assert_allclose(unit(made.distances)[known], expected, atol=1e-4)


@given(seeds, st.permutations(range(5)))
def test_the_order_of_arenas_and_the_size_of_the_screen_do_not_matter(
    seed: int, order: list[int]
) -> None:
    arenas = laid_out(planted(7, seed), OVERLAPPING, noise=0.2, seed=seed)

    one = combine_arenas(judged(7, arenas), weighting="equal")
    shuffled = [
        (rater, f"z{order[i]}", {a: (3 * x, 3 * y) for a, (x, y) in at.items()})
        for i, (rater, _, at) in enumerate(arenas)
    ]
    other = combine_arenas(judged(7, shuffled), weighting="equal")

    np.testing.assert_allclose(one.distances, other.distances, atol=1e-6)


def test_one_arena_is_itself_and_one_pair_is_one() -> None:
    places = planted(4, 3)
    whole = combine_arenas(judged(4, laid_out(places, [[0, 1, 2, 3]])))
    pair = combine_arenas(judged(3, laid_out(planted(3, 1), [[0, 2]])))

    np.testing.assert_allclose(unit(whole.distances), unit(distances(places)))
    assert pair.distances[0, 2] == pytest.approx(1)
    assert np.isnan(pair.distances[0, 1])


def test_an_action_that_was_never_placed_has_no_pairs() -> None:
    made = combine_arenas(judged(5, laid_out(planted(5, 2), [[0, 1, 2], [1, 2, 3]])))

    assert np.isnan(made.distances[4, :4]).all()
    assert np.isnan(made.distances[0, 3])
    assert (made.evidence[4] == 0).all()
    assert (made.evidence[:3, :3] > 0).sum() == 6
    assert (np.diag(made.distances) == 0).all()


def test_evidence_is_the_sum_of_squared_distances_but_at_least_the_floor() -> None:
    at = {0: (0.0, 0.0), 1: (0.05, 0.0), 2: (0.5, 0.0)}
    made = combine_arenas(judged(3, [("p", "x", at), ("p", "y", at)]))

    assert made.evidence[0, 1] == pytest.approx(2 * 0.04)
    assert made.evidence[0, 2] == pytest.approx(2 * 0.25)


def test_coincident_actions_have_distance_zero_and_a_heap_says_nothing() -> None:
    some = {0: (0.2, 0.2), 1: (0.2, 0.2), 2: (0.8, 0.2)}
    heap = {0: (0.5, 0.5), 1: (0.5, 0.5), 2: (0.5, 0.5)}

    made = combine_arenas(judged(3, [("p", "some", some), ("p", "heap", heap)]))

    assert made.distances[0, 1] == 0
    assert made.distances[0, 2] == pytest.approx(made.distances[1, 2])
    assert made.left_out == ("heap",)
    with pytest.raises(JudgmentsError, match="two actions lie apart, got none among 3"):
        combine_arenas(judged(3, [("p", "heap", heap)]))


def test_an_unknown_weighting_is_refused() -> None:
    table = judged(3, laid_out(planted(3, 1), [[0, 1, 2]]))

    with pytest.raises(JudgmentsError, match="evidence, setsize or equal, got luck"):
        combine_arenas(table, weighting="luck")  # type: ignore[arg-type]


def test_people_are_combined_whatever_the_scale_of_each() -> None:
    places = planted(7, 4)
    arenas = [
        *laid_out(places, OVERLAPPING, rater="p-ada"),
        *laid_out(places, OVERLAPPING[:3], rater="p-bo", scales=[0.2] * 3),
    ]

    matrix, evidence = arrangement_similarity(judged(7, arenas), rater="arranged")

    upper = np.triu_indices(7, 1)
    known = ~np.isnan(matrix.values[upper])
    truth = distances(places)[upper][known]
    expected = 1 - truth / truth.max()
    np.testing.assert_allclose(matrix.values[upper][known], expected, atol=1e-4)
    assert matrix.rater == "arranged"
    assert (np.isnan(matrix.values) == (evidence == 0))[~np.eye(7, dtype=bool)].all()


def test_many_noisy_people_recover_the_planted_matrix() -> None:
    rng = np.random.default_rng(8)
    places = 0.4 * planted(16, 5)
    arenas = [
        arena
        for person in range(20)
        for arena in laid_out(
            places,
            [sorted(rng.choice(16, 7, replace=False).tolist()) for _ in range(4)],
            rater=f"p-{person:02d}",
            scales=rng.uniform(0.5, 1.2, 4).tolist(),
            noise=0.06,
            seed=person,
        )
    ]

    made = combine_arenas(judged(16, arenas))

    assert spearmanr(unit(made.distances), unit(distances(places))).statistic > 0.95
