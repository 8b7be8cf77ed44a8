"""Judgments of simulated people without pages."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import spearmanr

from collection.simulated_judgments import DirectJudgments, judgments_directly
from collection.truth import Truth, plant

AREAS = ("home", "work", "street")
VALENCES = ("harmful", "neutral", "good")


@pytest.fixture(scope="module")
def truth() -> Truth:
    rows = [
        {"area": AREAS[i % 3], "valence": VALENCES[i // 3 % 3], "affected": "close"}
        for i in range(10)
    ]
    ids = [f"a{i}" for i in range(10)]
    return plant(
        ids, rows, ["morality", "challenge", "honesty"], world="follows", seed=2
    )


@pytest.fixture(scope="module")
def said(truth: Truth) -> DirectJudgments:
    return judgments_directly(
        truth,
        seed=7,
        similarity_raters=40,
        pairs_each=30,
        value_raters=30,
        triplet_raters=20,
        triplets_each=40,
    )


def test_enough_judgments_recover_the_truth(
    truth: Truth, said: DirectJudgments
) -> None:
    upper = np.triu_indices(10, 1)
    seen = said.similarities.mean().values[upper]

    assert spearmanr(seen, truth.similarity[upper]).statistic > 0.95
    for name, values in truth.values.items():
        assert np.corrcoef(said.values.mean(name), values)[0, 1] > 0.97


def test_pairs_are_dealt_evenly_and_nobody_meets_one_twice(
    said: DirectJudgments,
) -> None:
    table = said.similarities
    rows = list(zip(table.rater, table.a, table.b, strict=True))
    times = Counter((a, b) for _, a, b in rows)

    assert len(set(rows)) == len(rows)
    assert len(times) == 45
    # 40 people x 30 pairs are 26 or 27 of each, and 28 for one that waited for the
    # next person; a few were not understood.
    assert min(times.values()) >= 22
    assert max(times.values()) <= 28


def test_values_come_in_whole_dimensions_dealt_evenly(said: DirectJudgments) -> None:
    people = {name: said.values.raters(name) for name in said.values.dimensions}

    assert {name: len(raters) for name, raters in people.items()} == {
        "challenge": 20,
        "honesty": 20,
        "morality": 20,
    }


def test_no_person_is_in_two_groups(said: DirectJudgments) -> None:
    groups = [
        set(map(str, table.rater)) for table in (said.similarities, said.triplets)
    ]
    groups.append(set(map(str, said.values.rater)))

    assert len(set.union(*groups)) == sum(map(len, groups)) == 40 + 20 + 30


def test_the_odd_one_out_is_one_of_the_three(said: DirectJudgments) -> None:
    table = said.triplets

    assert np.all((table.triplets == table.odd[:, None]).sum(axis=1) == 1)
    assert np.allclose(table.propensity, 1 / 120)


def test_other_people_say_other_things_about_the_same_truth(truth: Truth) -> None:
    one, again, other = (
        judgments_directly(
            truth, seed=seed, similarity_raters=3, pairs_each=20, value_raters=3
        )
        for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(one.values.value, again.values.value)
    np.testing.assert_array_equal(
        one.similarities.similarity, again.similarities.similarity
    )
    assert not np.array_equal(one.values.value, other.values.value)
