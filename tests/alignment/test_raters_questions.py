"""`alignment.raters.questions`: what is asked, in which words, how often."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.raters.base import MoreQuestions, ValueQuestion
from alignment.raters.questions import (
    FULL_DESIGN,
    Condition,
    Design,
    Question,
    pair_question,
    plan,
    sample_pairs,
    sample_triplets,
    triplet_question,
    value_question,
)

WORDING = {
    "pair": "How similar are these two actions? Use whatever seems important to you.",
    "pair_low": "not at all similar",
    "pair_high": "very similar",
    "triplet": "Which of these three actions is least like the other two?",
}
MORALITY = ValueQuestion(
    "morality",
    "In your own view, how moral or immoral is it to do this?",
    "Very immoral",
    "Very moral",
    "Neither",
    "Whether doing this is right or wrong.",
)
TEXTS = ("I help.", "I cheat.", "I lie.", "I sing.")
ACTIONS = Actions(("help", "cheat", "lie", "sing"), TEXTS, ({},) * 4)
MORE = MoreQuestions((MORALITY,), np.array([[0, 1, 2], [1, 2, 3]]))


def planned(
    design: Design,
    more: MoreQuestions | None = MORE,
    wording: dict[str, str] = WORDING,
) -> list[Question]:
    return plan(
        ACTIONS,
        wording,
        more,
        design,
        n_pairs=None,
        n_triplets=None,
        seed=0,
        preferred=None,
        whose="tiny",
    )


def test_the_model_is_asked_the_studys_own_words() -> None:
    question = pair_question("I help.", "I cheat.", WORDING)

    assert question.splitlines()[:2] == ["Action 1: I help.", "Action 2: I cheat."]
    assert WORDING["pair"] in question.splitlines()
    assert "0 = not at all similar, 100 = very similar" in question.splitlines()


def test_a_value_is_asked_with_its_definition_and_poles_word_for_word() -> None:
    lines = value_question("I help.", MORALITY, MORALITY.question).splitlines()

    assert lines[0] == "Action: I help."
    assert MORALITY.question in lines
    assert MORALITY.definition in lines
    assert "0 = Very immoral, 50 = Neither, 100 = Very moral" in lines


def test_a_dimension_without_a_midpoint_names_none() -> None:
    unipolar = replace(MORALITY, midpoint="", definition="")

    question = value_question("I help.", unipolar, unipolar.question)

    assert "0 = Very immoral, 100 = Very moral" in question
    assert "50" not in question


def test_three_actions_are_numbered_in_the_order_shown() -> None:
    question = triplet_question(TEXTS[:3], WORDING["triplet"])

    assert question.splitlines()[:3] == [
        "Action 1: I help.",
        "Action 2: I cheat.",
        "Action 3: I lie.",
    ]
    assert WORDING["triplet"] in question.splitlines()


@pytest.mark.parametrize("paraphrase", [0, 1, 2])
def test_every_frame_holds_the_question_the_actions_and_the_scale(
    paraphrase: int,
) -> None:
    how = Condition(paraphrase)

    pair = pair_question("I help.", "I cheat.", WORDING, how=how)
    value = value_question("I help.", MORALITY, MORALITY.question, how=how)
    triplet = triplet_question(TEXTS[:3], WORDING["triplet"], how=how)

    for said, parts in (
        (pair, [WORDING["pair"], *TEXTS[:2], "not at all similar", "very similar"]),
        (value, [MORALITY.question, TEXTS[0], "Very immoral", "Neither", "Very moral"]),
        (triplet, [WORDING["triplet"], *TEXTS[:3]]),
    ):
        assert [part for part in parts if part not in said] == []
    assert pair.index("I help.") < pair.index("I cheat.")


def test_the_full_design_is_three_paraphrases_both_orders_one_reversal() -> None:
    asked = planned(FULL_DESIGN)

    assert Counter(question.task for question in asked) == {
        "pair": 6 * (3 * 2 + 2),
        "value": 4 * (3 + 1),
        "triplet": 2 * 3 * 3,
    }
    of_one = [q for q in asked if q.task == "pair" and set(q.rows) == {0, 1}]
    assert len({question.text for question in of_one}) == 8
    assert Counter(q.rows for q in of_one) == {(0, 1): 4, (1, 0): 4}
    turned = [q for q in of_one if q.condition.reversed]
    assert all("0 = very similar, 100 = not at all similar" in q.text for q in turned)
    assert all(WORDING["pair"] in question.text for question in of_one)


def test_each_action_of_a_triplet_stands_in_each_place() -> None:
    asked = [q for q in planned(FULL_DESIGN) if q.task == "triplet"]

    for row in range(3):
        shown = [q.rows for q in asked if set(q.rows) == {0, 1, 2}]
        assert Counter(rows.index(row) for rows in shown) == {0: 3, 1: 3, 2: 3}


def test_repeats_ask_the_same_again() -> None:
    asked = planned(Design(repeats=3), None)

    assert len(asked) == 18
    assert len({question.text for question in asked}) == 6
    assert Counter(q.condition.repeat for q in asked) == {0: 6, 1: 6, 2: 6}


def test_rewordings_of_exactly_this_question_are_used_and_no_others() -> None:
    again = "How alike are these two actions?"
    design = Design(
        paraphrases=2, rewordings={WORDING["pair"]: (again,), "Other?": ("No.",)}
    )

    plain, other = [q for q in planned(design) if set(q.rows) == {0, 1}]

    assert WORDING["pair"] in plain.text
    assert again in other.text
    assert WORDING["pair"] not in other.text


@given(st.integers(0, 4))
def test_no_frame_meets_a_sentence_twice(n_rewordings: int) -> None:
    more = tuple(f"Asked {k}?" for k in range(n_rewordings))
    n = 3 * (n_rewordings + 1)
    design = Design(paraphrases=n, rewordings={"Asked?": more})

    met = {(k % 3, design.sentence("Asked?", k)) for k in range(n)}

    assert len(met) == n
    assert design.sentence("Asked?", 0) == "Asked?"


def test_more_paraphrases_than_rewordings_allow_are_refused() -> None:
    with pytest.raises(
        AlignmentError, match=r"7 paraphrases of 'How similar.* need 2 more rewordings"
    ):
        planned(Design(paraphrases=7))


@pytest.mark.parametrize("field", ["paraphrases", "repeats"])
def test_nothing_is_asked_less_than_once(field: str) -> None:
    with pytest.raises(AlignmentError, match=f"{field} must be at least 1, got 0"):
        Design(**{field: 0})


def test_a_study_without_a_triplet_question_asks_none() -> None:
    wording = {key: WORDING[key] for key in ("pair", "pair_low", "pair_high")}

    assert {q.task for q in planned(Design(), MORE, wording)} == {"pair", "value"}


def test_triplets_that_are_none_are_refused() -> None:
    with pytest.raises(AlignmentError, match=r"need shape \(n, 3\), got \(1, 2\)"):
        MoreQuestions((), np.array([[0, 1]]))
    with pytest.raises(AlignmentError, match="each holds three different actions"):
        MoreQuestions((), np.array([[0, 1, 0]]))


@settings(max_examples=40)
@given(st.integers(2, 12), st.integers(0, 5), st.integers(1, 66))
def test_a_larger_sample_holds_the_smaller_one(
    n_actions: int, seed: int, n_pairs: int
) -> None:
    everything = sample_pairs(n_actions, None, seed=seed)
    some = sample_pairs(n_actions, n_pairs, seed=seed)

    assert some.tolist() == everything[:n_pairs].tolist()
    assert {tuple(sorted(pair)) for pair in everything.tolist()} == set(
        combinations(range(n_actions), 2)
    )


@settings(max_examples=40)
@given(st.integers(2, 9), st.integers(0, 5), st.integers(0, 99))
def test_pairs_that_people_judged_are_asked_first(
    n_actions: int, seed: int, drawn: int
) -> None:
    judged = np.random.default_rng(drawn).random((n_actions, n_actions)) < 0.4
    judged |= judged.T

    pairs = sample_pairs(n_actions, None, seed=seed, preferred=judged)

    first = judged[pairs[:, 0], pairs[:, 1]]
    assert (np.diff(first.astype(int)) <= 0).all()
    usual = sample_pairs(n_actions, None, seed=seed).tolist()
    assert sorted(pairs.tolist()) == sorted(usual)
    assert pairs[first].tolist() == [pair for pair in usual if judged[tuple(pair)]]


def test_either_action_of_a_pair_may_stand_first() -> None:
    pairs = sample_pairs(30, None, seed=1)

    assert 0.35 < (pairs[:, 0] < pairs[:, 1]).mean() < 0.65


def test_a_triplet_judged_often_is_asked_once_and_samples_nest() -> None:
    judged = np.array([[0, 1, 2], [2, 1, 0], [1, 2, 3], [0, 1, 3]])

    every = sample_triplets(judged, None, seed=3)

    assert sorted(map(sorted, every.tolist())) == [[0, 1, 2], [0, 1, 3], [1, 2, 3]]
    assert sample_triplets(judged, 2, seed=3).tolist() == every[:2].tolist()
    assert len(sample_triplets(np.empty((0, 3), np.int64), None, seed=3)) == 0
