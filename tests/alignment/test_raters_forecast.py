"""`alignment.raters.forecast`: what it costs, before it costs."""

import pytest

from alignment.errors import AlignmentError
from alignment.raters.endpoint import Completion
from alignment.raters.forecast import Prices, forecast

PRICES = Prices(2.0, 10.0, "EUR", seconds_per_request=3.0)


def test_nothing_known_is_guessed_from_letters_and_the_longest_reply() -> None:
    found = forecast("big", ["x" * 350] * 1000, [], PRICES, max_tokens=8, parallel=4)

    assert (found.n_questions, found.n_known) == (1000, 0)
    assert (found.tokens_in, found.tokens_out) == (112_000, 8_000)
    assert found.price == pytest.approx(0.112 * 2 + 0.008 * 10)
    assert found.seconds == pytest.approx(750)
    assert not found.measured
    assert found.sentence() == (
        "big: 1,000 questions to ask (0 known), about 112,000 tokens in and 8,000 out, "
        "0.30 EUR, 12 min (a rough guess)."
    )


def test_replies_that_came_already_are_what_the_rest_is_measured_by() -> None:
    known = [Completion("7", tokens_in=50, tokens_out=2, seconds=0.5)] * 3

    found = forecast("big", ["x"] * 10, known, PRICES, max_tokens=8, parallel=1)

    assert (found.tokens_in, found.tokens_out) == (500, 20)
    assert found.seconds == pytest.approx(5)
    assert found.measured


def test_a_rater_that_is_known_whole_costs_nothing() -> None:
    found = forecast("big", [], [Completion("7")] * 3, PRICES, max_tokens=8, parallel=9)

    assert (found.price, found.seconds) == (0, 0)
    assert found.sentence() == "big: all 3 answers are known; nothing to ask."


def test_impossible_prices_are_refused() -> None:
    with pytest.raises(AlignmentError, match="a price must be at least 0"):
        Prices(-1)
    with pytest.raises(AlignmentError, match="seconds_per_request must be above 0"):
        Prices(seconds_per_request=0)
