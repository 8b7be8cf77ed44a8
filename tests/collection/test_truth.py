"""What is planted for simulated people to see."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from collection.truth import (
    OTHER_CATEGORY,
    SIMILARITY_WEIGHTS,
    UNNAMED_WEIGHT,
    WORLDS,
    FloatArray,
    Truth,
    TruthError,
    World,
    plant,
    similarity_of,
)

AREAS = ("home", "work", "street")
VALENCES = ("harmful", "neutral", "good")
DEGREES = ("low", "medium", "high")

coded = st.fixed_dictionaries(
    {
        "area": st.sampled_from(AREAS),
        "valence": st.sampled_from(VALENCES),
        "affected": st.sampled_from(("self", "close", "group", "stranger")),
        "stakes": st.sampled_from(DEGREES),
        "effort": st.sampled_from(DEGREES),
        "thrill": st.sampled_from(DEGREES),
        "seen": st.sampled_from(("private", "public")),
    }
)
seeds = st.integers(min_value=0, max_value=2**31)


def crossed(n_actions: int = 54) -> list[dict[str, str]]:
    """Attributes crossed as evenly as their numbers allow."""
    return [
        {
            "area": AREAS[i % 3],
            "valence": VALENCES[i // 3 % 3],
            "affected": ("close", "stranger")[i // 9 % 2],
            "stakes": DEGREES[i // 18 % 3],
            "effort": DEGREES[(i // 3 + i) % 3],
            "thrill": DEGREES[(i // 9 + i) % 3],
            "seen": ("private", "public")[(i // 3) % 2],
        }
        for i in range(n_actions)
    ]


def planted(
    world: World,
    *,
    seed: int = 3,
    dimensions: Sequence[str] = ("morality", "challenge"),
) -> Truth:
    attributes = crossed()
    ids = [f"a{i}" for i in range(len(attributes))]
    return plant(ids, attributes, dimensions, world=world, seed=seed)


def off_diagonal(matrix: FloatArray) -> FloatArray:
    return matrix[np.triu_indices(len(matrix), 1)]


def likeness(values: FloatArray) -> FloatArray:
    """How close two actions are in value: (n_pairs,)."""
    return off_diagonal(-np.abs(values[:, None] - values[None, :]))


@given(st.lists(coded, min_size=3, max_size=15), seeds)
@settings(max_examples=60, deadline=None)
def test_the_similarity_is_a_kernel_between_0_and_1(
    attributes: list[dict[str, str]], seed: int
) -> None:
    similarity = similarity_of(attributes, seed=seed)

    np.testing.assert_array_equal(similarity, similarity.T)
    np.testing.assert_array_equal(np.diag(similarity), 1.0)
    assert similarity.min() >= 0
    assert similarity.max() <= 1 + 1e-12
    assert np.linalg.eigvalsh(similarity)[0] > -1e-9


@given(st.lists(coded, min_size=3, max_size=8), seeds)
@settings(max_examples=30, deadline=None)
def test_the_named_part_is_the_weighted_overlap_of_attributes(
    attributes: list[dict[str, str]], seed: int
) -> None:
    similarity = similarity_of(attributes, seed=seed)

    orders = {
        "valence": VALENCES,
        "affected": ("self", "close", "group", "stranger"),
        "stakes": DEGREES,
    }
    for i, one in enumerate(attributes):
        for j, other in enumerate(attributes[:i]):
            named = 0.0
            for name, weight in SIMILARITY_WEIGHTS.items():
                if name == "area":
                    overlap = 1.0 if one[name] == other[name] else OTHER_CATEGORY
                else:
                    order = orders[name]
                    steps = order.index(one[name]) - order.index(other[name])
                    overlap = float(np.exp(-(steps**2) / 2))
                named += weight / sum(SIMILARITY_WEIGHTS.values()) * overlap
            unnamed = similarity[i, j] - (1 - UNNAMED_WEIGHT) * named
            assert -1e-12 <= unnamed <= UNNAMED_WEIGHT + 1e-12


def test_the_similarity_is_graded_so_that_ranks_mean_something() -> None:
    similarity = off_diagonal(planted("follows").similarity)

    assert len(np.unique(similarity)) == len(similarity)
    assert similarity.std() > 0.1


def test_actions_that_share_attributes_are_more_alike() -> None:
    attributes = crossed()
    similarity = similarity_of(attributes, seed=0)

    shared = np.array(
        [
            [
                sum(one[k] == other[k] for k in SIMILARITY_WEIGHTS)
                for other in attributes
            ]
            for one in attributes
        ]
    )
    rank = spearmanr(off_diagonal(shared), off_diagonal(similarity)).statistic
    assert rank > 0.7


@pytest.mark.parametrize("world", WORLDS)
def test_values_lie_on_the_scale_and_spread_over_it(world: World) -> None:
    truth = planted(world)

    for values in truth.values.values():
        assert values.min() > 0
        assert values.max() < 100
        assert values.std() > 15
        assert 10 < np.count_nonzero(values < 50) < 44


@pytest.mark.parametrize("seed", range(5))
def test_where_values_follow_similar_actions_have_similar_values(seed: int) -> None:
    truth = planted("follows", seed=seed)

    similarity = off_diagonal(truth.similarity)
    assert spearmanr(similarity, likeness(truth.values["morality"])).statistic > 0.3


@pytest.mark.parametrize("seed", range(5))
def test_morality_follows_valence_where_values_follow(seed: int) -> None:
    truth = planted("follows", seed=seed)

    valence = [VALENCES.index(row["valence"]) for row in truth.attributes]
    assert spearmanr(valence, truth.values["morality"]).statistic > 0.8


def test_the_null_world_has_the_same_values_dealt_out_without_regard_to_actions() -> (
    None
):
    links = []
    for seed in range(40):
        follows, null = planted("follows", seed=seed), planted("null", seed=seed)
        for name, values in follows.values.items():
            np.testing.assert_allclose(sorted(values), sorted(null.values[name]))
        links.append(
            spearmanr(
                off_diagonal(null.similarity), likeness(null.values["morality"])
            ).statistic
        )

    error = np.std(links) / np.sqrt(len(links))
    assert abs(np.mean(links)) < 4 * error


@pytest.mark.parametrize("seed", range(5))
def test_the_outside_world_is_free_of_valence_and_follows_other_attributes(
    seed: int,
) -> None:
    truth = planted("outside", seed=seed)

    raw = np.array([row["valence"] for row in truth.attributes])
    values = truth.values["morality"]
    between = [values[raw == valence].mean() for valence in VALENCES]
    assert abs(between[2] - between[0]) < 5
    codes = ["/".join(r[k] for k in ("effort", "thrill", "seen")) for r in crossed()]
    within = [values[np.array(codes) == code].std() for code in set(codes)]
    assert np.mean(within) < 0.6 * values.std()


def test_worlds_of_one_seed_share_their_similarity() -> None:
    first, *others = [planted(world).similarity for world in WORLDS]

    for other in others:
        np.testing.assert_array_equal(first, other)


def test_a_dimension_is_worth_the_same_whatever_else_is_asked() -> None:
    alone = planted("follows", dimensions=["honesty"])
    among = planted("follows", dimensions=["morality", "honesty", "challenge"])

    np.testing.assert_array_equal(alone.values["honesty"], among.values["honesty"])


def test_the_same_seed_plants_the_same_truth_and_another_seed_another() -> None:
    one, again, other = (
        planted("follows"),
        planted("follows"),
        planted("follows", seed=4),
    )

    np.testing.assert_array_equal(one.similarity, again.similarity)
    np.testing.assert_array_equal(one.values["morality"], again.values["morality"])
    assert not np.allclose(one.similarity, other.similarity)
    assert not np.allclose(one.values["morality"], other.values["morality"])


def test_the_truth_survives_being_written_as_json() -> None:
    truth = planted("outside")

    back = Truth.from_json(json.loads(json.dumps(truth.as_json())))

    np.testing.assert_array_equal(back.similarity, truth.similarity)
    assert back.values.keys() == truth.values.keys()
    for name, values in truth.values.items():
        np.testing.assert_array_equal(back.values[name], values)
    assert (back.world, back.seed) == (truth.world, truth.seed)
    assert (back.action_ids, back.attributes) == (truth.action_ids, truth.attributes)


def test_an_unknown_world_is_refused_by_name() -> None:
    with pytest.raises(
        TruthError, match=r"one of follows, outside, null, got 'upside'"
    ):
        plant(["a"], [{"area": "home"}], [], world="upside", seed=1)  # type: ignore[arg-type]


def test_actions_without_attributes_are_refused_with_the_columns_to_add() -> None:
    with pytest.raises(TruthError, match=r"area, valence, affected, stakes; add such"):
        plant(["a", "b"], [{}, {}], ["morality"], world="follows", seed=1)


def test_the_outside_world_needs_attributes_outside() -> None:
    rows = [{"area": "home"}, {"area": "work"}]

    with pytest.raises(TruthError, match=r"world outside.*effort, thrill, seen"):
        plant(["a", "b"], rows, ["morality"], world="outside", seed=1)


def test_an_unknown_code_is_refused_with_the_codes_there_are() -> None:
    rows = [{"valence": "good"}, {"valence": "evil"}]

    with pytest.raises(TruthError, match="harmful, neutral, good; found evil"):
        plant(["a", "b"], rows, ["morality"], world="follows", seed=1)
