"""What a report lets be claimed about models: chance, length, one another, people."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import isnan

import numpy as np
import pytest

from alignment.judgments import Actions, SimilarityJudgments
from alignment.matrices import FloatArray, SimilarityMatrix
from alignment.raters.baselines import TextLength
from alignment.report_inference import Inference, inference

N = 12
IDS = tuple(f"a{k:02}" for k in range(N))
# No text is as long as its neighbour's place would have it.
TEXTS = tuple("x" * int(k) for k in np.random.default_rng(3).permutation(N) + 5)
ACTIONS = Actions(IDS, TEXTS, ({},) * N)


def line(noise: float, seed: int) -> FloatArray:
    """(N, N) similarities of actions along a line, seen with noise."""
    place = np.linspace(0, 1, N)
    near = 1 - abs(place[:, None] - place[None, :])
    away = np.random.default_rng(seed).normal(0, noise, (N, N))
    seen = np.clip(near + np.triu(away, 1) + np.triu(away, 1).T, 0, 1)
    np.fill_diagonal(seen, 1)
    return seen


def model(name: str, values: FloatArray) -> SimilarityMatrix:
    return SimilarityMatrix(values, IDS, name)


def judged(raters: Sequence[str]) -> SimilarityJudgments:
    """Everybody named judged every pair, with noise of their own."""
    pairs = np.array(list(combinations(range(N), 2)))
    n = len(pairs)
    seen = [line(0.1, seed)[pairs[:, 0], pairs[:, 1]] for seed in range(len(raters))]
    return SimilarityJudgments(
        actions=IDS,
        a=np.tile(pairs[:, 0], len(raters)),
        b=np.tile(pairs[:, 1], len(raters)),
        rater=np.repeat(np.array(raters), n),
        similarity=np.concatenate(seen),
        weight=np.ones(n * len(raters)),
        group=np.full(n * len(raters), "all"),
    )


SEES_IT = model("sees-it", line(0.15, 90))
UNRELATED = model("unrelated", line(5.0, 91))
LENGTH = TextLength().judge(ACTIONS, {}).matrix


def examined(
    judgments: SimilarityJudgments, *models: SimilarityMatrix, n: int = 200
) -> Inference:
    return inference(
        judgments.mean(),
        judgments,
        {each.rater: each for each in models},
        ACTIONS,
        n_resamples=n,
        n_permutations=n,
        seed=4,
    )


@pytest.fixture(scope="module")
def found() -> Inference:
    people = judged([f"p{k}" for k in range(6)])
    return examined(people, SEES_IT, UNRELATED, LENGTH)


def test_a_model_that_sees_what_people_see_beats_chance_and_one_that_does_not_fails(
    found: Inference,
) -> None:
    rows = {row.rater: row for row in found.models}

    assert rows["sees-it"].p_max_t < 0.01
    assert rows["unrelated"].p_max_t > 0.05
    assert rows["sees-it"].low > rows["unrelated"].high


def test_intervals_hold_people_and_actions_where_raters_are_known(
    found: Inference,
) -> None:
    assert found.note == ""
    for row in found.models:
        assert row.over == "people and actions"
        assert row.low <= row.value <= row.high


def test_text_length_is_not_tested_beyond_itself(found: Inference) -> None:
    rows = {row.rater: row for row in found.models}

    assert isnan(rows["length"].beyond_length)
    assert isnan(rows["length"].p_beyond_length)
    assert rows["sees-it"].beyond_length > 0.5
    assert rows["sees-it"].p_beyond_length < 0.01


def test_every_pair_of_models_is_compared_once_and_corrected_together(
    found: Inference,
) -> None:
    pairs = {(row.first, row.second) for row in found.comparisons}

    assert pairs == {
        ("sees-it", "unrelated"),
        ("sees-it", "length"),
        ("unrelated", "length"),
    }
    for row in found.comparisons:
        assert row.p <= row.p_bh <= row.p_holm
        assert row.over == "people and actions"


def test_a_model_that_people_could_have_been_is_not_below_the_ceiling() -> None:
    people = judged([f"p{k}" for k in range(6)])
    like_people = model("like-people", people.mean().values)
    bare = model("bare", line(2.0, 92))

    rows = {row.rater: row for row in examined(people, like_people, bare).models}

    assert rows["like-people"].below_ceiling >= 0
    assert rows["bare"].below_high < 0
    assert rows["bare"].p_ceiling_max_t < 0.05


def test_published_means_give_intervals_over_actions_and_say_so() -> None:
    means = judged(["aggregate"])

    found = examined(means, SEES_IT, UNRELATED)

    assert found.note.startswith("intervals are over actions alone: ")
    for row in found.models:
        assert row.over == "actions"
        assert row.low < row.high
        assert isnan(row.below_ceiling)
    assert [row.over for row in found.comparisons] == ["actions"]


def test_a_model_asked_a_sample_costs_the_others_no_pair() -> None:
    people = judged(["p0", "p1", "p2"])
    gaps = line(0.1, 93)
    gaps[0, 1:5] = gaps[1:5, 0] = np.nan

    rows = {
        row.rater: row for row in examined(people, SEES_IT, model("asked", gaps)).models
    }

    assert (
        rows["asked"].note == "not compared: it lacks 4 of the 66 pairs people judged"
    )
    assert isnan(rows["asked"].value)
    assert rows["sees-it"].n_pairs == 66


def test_without_a_model_that_judged_all_there_is_nothing_but_the_reason() -> None:
    gaps = line(0.1, 93)
    gaps[0, 1] = gaps[1, 0] = np.nan

    found = examined(judged(["p0", "p1", "p2"]), model("asked", gaps))

    assert [row.rater for row in found.models] == ["asked"]
    assert found.comparisons == ()
