"""`alignment.judgments`: tables of judgments, against pandas and at their edges."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from alignment.errors import JudgmentsError
from alignment.judgments import (
    Actions,
    ArrangementJudgments,
    SimilarityJudgments,
    TripletJudgments,
    ValueJudgments,
)

IDS = ("help", "lie", "share", "steal")


def values(**changes: Any) -> ValueJudgments:
    """Ada judged everything on morality, one action twice; Bo two actions; Cy two."""
    columns: dict[str, Any] = {
        "actions": IDS,
        "action": [0, 1, 2, 3, 3, 0, 1, 0, 1],
        "dimension": ["morality"] * 7 + ["challenge"] * 2,
        "rater": ["ada"] * 5 + ["bo"] * 2 + ["cy"] * 2,
        "value": [90, 20, 80, 0, 10, 70, 40, 30, 60],
        "group": ["g"] * 9,
    }
    return ValueJudgments(**(columns | changes))


def similarities(**changes: Any) -> SimilarityJudgments:
    columns: dict[str, Any] = {
        "actions": IDS,
        "a": [0, 0, 0, 1],
        "b": [2, 2, 1, 3],
        "rater": ["ada", "bo", "ada", "bo"],
        "similarity": [1.0, 0.5, 0.25, 0.75],
        "weight": [1.0, 3.0, 1.0, 1.0],
        "group": ["g"] * 4,
    }
    return SimilarityJudgments(**(columns | changes))


def triplets(**changes: Any) -> TripletJudgments:
    columns: dict[str, Any] = {
        "actions": IDS,
        "triplets": [[0, 1, 2], [0, 1, 2], [1, 2, 3]],
        "odd": [1, 0, 2],
        "rater": ["ada", "bo", "ada"],
        "sampler": ["random"] * 3,
        "propensity": [0.25, 0.25, np.nan],
        "group": ["g"] * 3,
    }
    return TripletJudgments(**(columns | changes))


def test_actions_are_found_by_their_id() -> None:
    actions = Actions(IDS, ("I help",) * 4, ({},) * 4)

    assert len(actions) == 4
    assert actions.index("share") == 2
    with pytest.raises(JudgmentsError, match="there is no action hide"):
        actions.index("hide")


def test_an_action_that_stands_twice_is_refused() -> None:
    with pytest.raises(JudgmentsError, match="lie stands twice"):
        Actions(("lie", "help", "lie"), ("x",) * 3, ({},) * 3)


def test_actions_without_as_many_texts_are_refused() -> None:
    with pytest.raises(JudgmentsError, match="for each of 4 ids, got 3 and 4"):
        Actions(IDS, ("x",) * 3, ({},) * 4)


def test_a_mean_value_counts_each_rater_once() -> None:
    table = values()
    frame = pd.DataFrame(
        {"action": table.action, "rater": table.rater, "value": table.value}
    )[table.dimension == "morality"]
    own = frame.groupby(["action", "rater"])["value"].mean()

    mean, counts = table.mean("morality"), table.counts("morality")

    np.testing.assert_allclose(mean, own.groupby("action").mean())
    np.testing.assert_array_equal(counts, own.groupby("action").size())


def test_what_nobody_judged_is_nan_and_not_a_number() -> None:
    mean, counts = values().mean("challenge"), values().counts("challenge")

    np.testing.assert_array_equal(mean, [30, 60, np.nan, np.nan])
    np.testing.assert_array_equal(counts, [1, 1, 0, 0])


def test_a_dimension_that_nobody_judged_has_no_raters_and_no_means() -> None:
    assert values().raters("honesty") == ()
    assert np.isnan(values().mean("honesty")).all()
    assert values().complete_raters("honesty") == ()


def test_dimensions_and_raters_are_listed() -> None:
    assert values().dimensions == ("challenge", "morality")
    assert values().raters("morality") == ("ada", "bo")
    assert values().complete_raters("morality") == ("ada",)


def test_a_complete_rater_has_a_vector_with_repeats_averaged() -> None:
    np.testing.assert_array_equal(values().vector("ada", "morality"), [90, 20, 80, 5])


def test_an_incomplete_vector_is_refused_and_nothing_is_imputed() -> None:
    sentence = (
        "values of bo on morality: a personal task needs all 4 actions judged, "
        "2 are missing"
    )

    with pytest.raises(JudgmentsError, match=sentence):
        values().vector("bo", "morality")


def test_a_rater_without_judgments_has_no_vector() -> None:
    with pytest.raises(JudgmentsError, match="values of dee: no judgment on morality"):
        values().vector("dee", "morality")


def test_only_some_raters_can_be_kept() -> None:
    kept = values().only(["bo", "cy"])

    assert len(kept) == 4
    assert set(kept.rater) == {"bo", "cy"}
    assert kept.actions == IDS


@pytest.mark.parametrize("value", [-1, 100.5, np.nan, np.inf])
def test_a_value_off_the_scale_is_refused(value: float) -> None:
    with pytest.raises(JudgmentsError, match="of ada: must lie in 0 to 100, got"):
        values(value=[value, 20, 80, 0, 10, 70, 40, 30, 60])


def test_a_row_number_beyond_the_actions_is_refused() -> None:
    with pytest.raises(JudgmentsError, match="run from 0 to 3, got 0 to 4"):
        values(action=[0, 1, 2, 3, 4, 0, 1, 0, 1])


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(
        JudgmentsError, match=r"as many entries in every column.*group 8"
    ):
        values(group=["g"] * 8)


def test_columns_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        values().value[0] = 3


def test_a_mean_similarity_is_weighted() -> None:
    mean = similarities().mean()

    assert mean.rater == "human"
    assert mean.values[0, 2] == mean.values[2, 0] == pytest.approx((1 + 3 * 0.5) / 4)
    assert mean.values[0, 1] == 0.25
    assert mean.n_missing == 3


def test_one_raters_matrix_has_only_what_they_judged() -> None:
    own = similarities().by_rater("bo")

    assert own.rater == "bo"
    assert own.values[0, 2] == 0.5
    assert own.n_missing == 4


def test_a_mean_of_some_raters_leaves_the_others_out() -> None:
    assert similarities().mean(["ada"]).values[0, 2] == 1.0


def test_published_means_have_no_raters() -> None:
    assert not similarities(rater=["aggregate"] * 4).has_raters
    assert similarities().has_raters


def test_published_means_cannot_stand_beside_judgments() -> None:
    with pytest.raises(JudgmentsError, match="cannot stand beside the judgments"):
        similarities(rater=["ada", "bo", "aggregate", "bo"])


@pytest.mark.parametrize("pair", [(2, 0), (1, 1)])
def test_a_pair_out_of_order_is_refused(pair: tuple[int, int]) -> None:
    with pytest.raises(JudgmentsError, match="two different actions, a before b"):
        similarities(a=[pair[0], 0, 0, 1], b=[pair[1], 2, 1, 3])


def test_a_similarity_off_the_scale_is_refused() -> None:
    with pytest.raises(JudgmentsError, match=r"of bo: must lie in 0 to 1, got 1\.2"):
        similarities(similarity=[1.0, 1.2, 0.25, 0.75])


def test_a_weight_of_nothing_is_refused() -> None:
    with pytest.raises(JudgmentsError, match="of bo: a weight must be above 0, got 0"):
        similarities(weight=[1.0, 0.0, 1.0, 1.0])


def test_triplets_give_choice_frequencies_and_counts() -> None:
    matrix, counts = triplets().mean()

    assert matrix.rater == "triplets"
    assert matrix.values[0, 2] == 0.5  # kept together by ada, not by bo
    assert matrix.values[1, 3] == 1.0
    assert counts[1, 2] == 3
    assert np.isnan(matrix.values[0, 3])


@pytest.mark.parametrize("three", [[0, 2, 1], [0, 1, 1]])
def test_a_triplet_out_of_order_is_refused(three: list[int]) -> None:
    with pytest.raises(JudgmentsError, match="three different actions in order"):
        triplets(triplets=[three, [0, 1, 2], [1, 2, 3]])


def test_an_odd_one_outside_its_triplet_is_refused() -> None:
    with pytest.raises(
        JudgmentsError, match=r"of ada: the odd one must be one of \[0, 1, 2\], got 3"
    ):
        triplets(odd=[3, 0, 2])


def test_tables_may_be_empty() -> None:
    empty = similarities(a=[], b=[], rater=[], similarity=[], weight=[], group=[])
    none = triplets(triplets=[], odd=[], rater=[], sampler=[], propensity=[], group=[])

    assert empty.raters == ()
    assert not empty.has_raters
    assert empty.mean().n_missing == 6
    assert none.mean()[0].n_missing == 6


FOUR = ("a0", "a1", "a2", "a3")


def arranged(**changes: object) -> ArrangementJudgments:
    """Two arenas: Ada's of three actions, Bo's of two."""
    columns: dict[str, object] = {
        "a": [0, 0, 1, 1],
        "b": [1, 2, 2, 3],
        "rater": ["ada", "ada", "ada", "bo"],
        "distance": [0.1, 0.5, 0.45, 0.3],
        "arena": ["t1", "t1", "t1", "t2"],
        "n_in_arena": [3, 3, 3, 2],
        "group": ["g"] * 4,
    }
    columns |= changes
    return ArrangementJudgments(actions=FOUR, **columns)  # type: ignore[arg-type]


def test_arrangements_know_their_arenas_and_raters() -> None:
    assert arranged().arenas == ("t1", "t2")
    assert arranged().raters == ("ada", "bo")
    assert len(arranged().only(["bo"])) == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"a": [1, 0, 1, 1]}, "a before b; judgment 0 has 1 and 1"),
        ({"b": [1, 2, 2, 99]}, "row numbers of actions run from 0"),
        (
            {"distance": [0.1, -1, 0.2, 0.3]},
            "of ada: a distance must be finite and at ",
        ),
        (
            {"distance": [0.1, 0.2, 0.2, float("nan")]},
            "of bo: a distance must be finite",
        ),
        ({"rater": ["ada", "bo", "ada", "bo"]}, "every arena must have one rater"),
        ({"a": [0, 0, 0, 1], "b": [1, 2, 2, 3]}, "holds each of its pairs once"),
        ({"group": ["g"]}, "as many entries in every column"),
    ],
)
def test_impossible_arrangements_are_refused(
    changes: dict[str, object], sentence: str
) -> None:
    with pytest.raises(JudgmentsError, match=sentence):
        arranged(**changes)
