"""Names of tasks, in tables and in words; tasks.csv itself is tested with the plan."""

import pytest

from bandits.task_table import names_of, paid_in_words, rule_in_words


def test_a_task_as_it_always_was_keeps_its_names() -> None:
    assert names_of("group", "mean+noise", "study", "counted") == ("group", "study")
    assert names_of("p-ada", "mean+noise", 30.0, "counted") == ("p-ada", "30.0")


def test_other_rewards_and_disputed_actions_set_aside_are_in_the_names() -> None:
    assert names_of("p-ada", "participant", "median", "set_aside") == (
        "p-ada~participant",
        "median~set_aside",
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("group", "the group's values"),
        ("p-ada", "the values of p-ada"),
        (
            "group~rater_draw",
            "the group's values, each pull paying a random rater's rating",
        ),
        ("p-ada~participant", "the values of p-ada, paid with their own noise"),
    ],
)
def test_whose_values_pay_is_said_in_words(name: str, words: str) -> None:
    assert paid_in_words(name) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("study", ""),
        ("median", " (the median)"),
        ("study~set_aside", ", and surely so"),
        ("median~set_aside", " (the median), and surely so"),
    ],
)
def test_where_unsafe_begins_is_said_in_words(name: str, words: str) -> None:
    assert rule_in_words(name) == words
