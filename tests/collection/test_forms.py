"""Forms read what a browser sends, and believe little of it."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection.definition_parts import Use
from collection.forms import LONGEST_RT_MS, AnswerForm, ArrivalForm, ConsentForm
from collection.participation import Answer

USES = (
    Use(key="this_study", text="This study.", required=True),
    Use(key="open_release", text="Open release."),
)


def sent(**fields: str) -> AnswerForm:
    return AnswerForm({"trial_id": str(uuid4()), **fields})


def test_an_answer_is_read_as_it_was_sent() -> None:
    form = sent(rating="70", rt_ms="1234", timing='{"commit_ms": 1234}')

    assert form.is_valid(), form.errors
    assert form.answer() == Answer(rating=70)
    assert form.cleaned_data["rt_ms"] == 1234
    assert form.cleaned_data["timing"] == {"commit_ms": 1234}


def test_an_untouched_page_is_an_empty_answer_and_not_a_zero() -> None:
    form = sent(rating="", choice="", text="", rt_ms="", timing="")

    assert form.is_valid()
    assert form.answer() == Answer(rating=None)
    assert form.cleaned_data["rt_ms"] is None


def test_not_understanding_beats_whatever_else_was_selected() -> None:
    form = sent(rating="70", choice="keep-wallet", not_understood="1")

    assert form.is_valid()
    assert form.answer() == Answer(not_understood=True)


@pytest.mark.parametrize("rating", ["seventy", "nan", "inf", "7 0"])
def test_a_rating_that_is_no_number_says_what_a_rating_is(rating: str) -> None:
    form = sent(rating=rating)

    assert not form.is_valid()
    assert form.errors["rating"] == ["A rating is a number from 0 to 100."]


@pytest.mark.parametrize("trial_id", ["", "7", "not-a-uuid", "0" * 31])
def test_a_forged_trial_id_is_not_read(trial_id: str) -> None:
    form = AnswerForm({"trial_id": trial_id, "rating": "70"})

    assert not form.is_valid()
    assert "trial_id" in form.errors


@pytest.mark.parametrize(
    "rt_ms",
    ["", "-5", "0", "nan", "inf", "1e400", "fast", str(LONGEST_RT_MS + 1), "9" * 400],
)
def test_an_unbelievable_response_time_is_left_out_and_costs_no_answer(
    rt_ms: str,
) -> None:
    form = sent(rating="70", rt_ms=rt_ms)

    assert form.is_valid()
    assert form.cleaned_data["rt_ms"] is None
    assert form.answer() == Answer(rating=70)


@pytest.mark.parametrize(
    "timing",
    [
        "",
        "not json",
        "[1, 2]",
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\u0000"}',
        '{"a": "\\ud800"}',
        json.dumps({"a": "x" * 9000}),
        "[" * 5000,
    ],
)
def test_a_timeline_the_database_would_refuse_is_left_out(timing: str) -> None:
    form = sent(rating="70", timing=timing)

    assert form.is_valid()
    assert form.cleaned_data["timing"] is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_measurements_never_cost_a_participant_the_answer(
    rt_ms: str, timing: str
) -> None:
    form = sent(rating="70", rt_ms=rt_ms, timing=timing)
    form.is_valid()

    assert form.answer() == Answer(rating=70)
    assert not {"rating", "choice", "text"} & set(form.errors)


def test_an_arrangement_is_read_with_its_path_beside_the_other_times() -> None:
    form = sent(
        positions='{"alpha": [0.5, 0.25], "bravo": null}',
        path="[[812, 0, 500, 250]]",
        timing='{"commit_ms": 900}',
    )

    assert form.is_valid()
    assert form.answer() == Answer(positions={"alpha": [0.5, 0.25], "bravo": None})
    assert form.cleaned_data["timing"] == {
        "commit_ms": 900,
        "path": [[812, 0, 500, 250]],
    }


@pytest.mark.parametrize("path", ["", "{}", "[NaN]", "[[", "[" + "1," * 5000 + "1]"])
def test_a_path_that_cannot_be_kept_is_left_out(path: str) -> None:
    form = sent(positions='{"alpha": [0.5, 0.5]}', path=path)

    assert form.is_valid()
    assert form.cleaned_data["timing"] is None
    assert form.answer().positions == {"alpha": [0.5, 0.5]}


def test_consent_lists_every_use_that_was_offered_ticked_or_not() -> None:
    form = ConsentForm({"of_age": "1", "uses": ["this_study"]}, uses=USES)

    assert form.is_valid(), form.errors
    assert form.cleaned_data["uses"] == {"this_study": True, "open_release": False}


def test_consent_without_age_or_the_needed_use_lists_both_at_once() -> None:
    form = ConsentForm({"uses": ["open_release"]}, uses=USES)

    assert not form.is_valid()
    assert form.errors["of_age"] == ["Please confirm your age, or choose not to."]
    assert form.errors["uses"] == [
        "Taking part needs your agreement to the use marked as needed."
    ]


def test_a_use_that_was_never_offered_is_refused() -> None:
    form = ConsentForm({"of_age": "1", "uses": ["this_study", "sell"]}, uses=USES)

    assert not form.is_valid()
    assert "sell" in form.errors["uses"][0]


@pytest.mark.parametrize(
    ("link", "identity"),
    [
        ({}, ("link", None)),
        ({"pid": "abc"}, ("link", "abc")),
        ({"PROLIFIC_PID": "5f"}, ("prolific", "5f")),
        ({"PROLIFIC_PID": "5f", "pid": "abc"}, ("prolific", "5f")),
    ],
)
def test_an_arriving_link_says_who_comes(
    link: dict[str, str], identity: tuple[str, str | None]
) -> None:
    form = ArrivalForm(link)

    assert form.is_valid()
    assert form.identity() == identity


def test_a_name_too_long_to_keep_is_refused() -> None:
    assert not ArrivalForm({"PROLIFIC_PID": "x" * 201}).is_valid()
