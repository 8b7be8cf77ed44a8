"""`alignment.raters.parsing`: read strictly, or not at all."""

from math import log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.raters.parsing import (
    Token,
    expected_rating,
    is_refusal,
    parse_choice,
    parse_rating,
    tokens_of,
    writes_whole_numbers,
)


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("70", 70),
        (" 0\n", 0),
        ("100.", 100),
        ("70/100", 70),
        ("35 %", 35),
        ("42\n\nBecause both are about money.", 42),
        ("I'd say 70", None),
        ("150", None),
        ("-5", None),
        ("3.5", None),
        ("0 = not at all similar", None),
        ("50 to 60", None),
        ("", None),
        ("\n", None),
        ("I cannot compare these actions.", None),
        ("seventy", None),
    ],
)
def test_a_reply_counts_only_if_it_is_one_whole_number(
    text: str, rating: int | None
) -> None:
    assert parse_rating(text) == rating


def test_every_rating_on_the_scale_is_understood() -> None:
    assert [parse_rating(str(value)) for value in range(101)] == list(range(101))
    assert [
        parse_rating(f'{{"rating": {value}}}', "object") for value in range(101)
    ] == list(range(101))


@pytest.mark.parametrize(
    "text",
    [
        "70",
        '{"rating": 101}',
        '{"rating": -1}',
        '{"rating": 70.0}',
        '{"rating": "70"}',
        '{"rating": true}',
        '{"rating": null}',
        '{"rating": 70, "why": "alike"}',
        '{"score": 70}',
        '[{"rating": 70}]',
        'Here: {"rating": 70}',
        '{"rating": 7',
        "NaN",
    ],
)
def test_an_object_counts_only_if_it_is_exactly_the_one_asked_for(text: str) -> None:
    assert parse_rating(text, "object") is None


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("1", 0),
        ("Action 2", 1),
        ("(3).", 2),
        ("0", None),
        ("4", None),
        ("1 or 2", None),
        ("12", None),
        ("The odd one is 2", None),
        ("", None),
    ],
)
def test_a_choice_counts_only_if_it_names_one_of_three(
    text: str, choice: int | None
) -> None:
    assert parse_choice(text) == choice


def test_a_choice_may_come_as_an_object() -> None:
    assert parse_choice('{"odd_one_out": 3}', "object") == 2
    assert parse_choice('{"odd_one_out": 0}', "object") is None
    assert parse_choice('{"rating": 3}', "object") is None


@settings(max_examples=50)
@given(st.text())
def test_any_reply_at_all_gives_an_answer_in_range_or_none(text: str) -> None:
    for reply_as in ("text", "integer", "object"):
        rating, choice = parse_rating(text, reply_as), parse_choice(text, reply_as)  # type: ignore[arg-type]

        assert rating is None or 0 <= rating <= 100
        assert choice in (None, 0, 1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot rate harmful actions.",
        "I can’t assist with this.",
        "As an AI language model, I have no views.",
        "  Sorry.",
        "Unfortunately, I cannot.",
        "I won't answer that.",
    ],
)
def test_a_refusal_is_known_as_one(text: str) -> None:
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text", ["", "About 70", "Sorrel soup is like tea", "As alike"]
)
def test_an_odd_reply_is_no_refusal(text: str) -> None:
    assert not is_refusal(text)


def test_the_expected_rating_is_the_mean_over_the_numbers_of_the_scale() -> None:
    tokens = [Token("70", {"70": 0.5, " 20": 0.2, "20": 0.1, "The": 0.1, "700": 0.05})]

    expected = expected_rating(tokens)

    assert expected is not None
    assert expected.rating == pytest.approx((70 * 0.5 + 20 * 0.3) / 0.8)
    # 0.15 stood on other words or off the scale, 0.05 was not among the likeliest.
    assert expected.off_scale == pytest.approx(0.2)


def test_no_number_no_expectation() -> None:
    assert expected_rating([Token("Sorry", {"Sorry": 0.9, "70": 0.1})]) is None
    assert expected_rating([]) is None
    assert expected_rating([Token("700", {"700": 1.0})]) is None


def test_what_stands_before_the_number_is_passed_over() -> None:
    tokens = [Token('{"rating": ', {}), Token("40", {"40": 0.5, "60": 0.5})]

    expected = expected_rating(tokens)

    assert expected is not None
    assert expected.rating == 50


def test_only_a_model_that_writes_whole_numbers_shows_all_ratings_at_once() -> None:
    whole = [Token("70", {}), Token("", {})]
    single = [Token("5", {})]  # a digit, or the whole of five? it does not say
    digits = [Token("7", {}), Token("0", {})]

    assert writes_whole_numbers([single, whole])
    assert not writes_whole_numbers([single])
    assert not writes_whole_numbers([whole, digits])
    assert not writes_whole_numbers([])
    assert not writes_whole_numbers([[Token("Sorry", {})], []])


def test_log_probabilities_become_probabilities() -> None:
    likeliest = [{"token": "7", "logprob": log(0.25)}, {"token": "8", "logprob": -9999}]

    (found,) = tokens_of({"content": [{"token": "7", "top_logprobs": likeliest}]})

    assert found.text == "7"
    assert found.likeliest == pytest.approx({"7": 0.25, "8": 0.0})


@pytest.mark.parametrize(
    "odd", [None, {}, {"content": None}, {"content": [{"token": "7"}]}, [], "x"]
)
def test_log_probabilities_of_another_make_are_left_aside(odd: object) -> None:
    assert tokens_of(odd) == ()
