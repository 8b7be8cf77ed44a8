"""A test for every rule that makes Prolific take a rejection back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from collection.definition_parts import Option, Question
from collection.recruitment.checks import checks_needed, why_invalid
from collection.recruitment.lint import (
    CATEGORIES,
    NEVER,
    Case,
    Check,
    Ground,
    Rejection,
    refusals,
)

MESSAGE = (
    "In the question “check” the text asked you to choose Often, and in “check-2” to "
    "choose Never; both answers were others, so the questions were not read."
)
FAILED = Rejection(Ground.FAILED_CHECKS, "FAILED_CHECK", MESSAGE)
CASE = Case(
    status="AWAITING REVIEW",
    study_minutes=10,
    duration_s=500,
    durations_s=[500, *range(540, 660, 10)],
    failed_checks=[Check("check"), Check("check-2")],
)


def broken(rejection: Rejection = FAILED, case: Case = CASE) -> list[str]:
    return [refusal.rule for refusal in refusals(rejection, case)]


def said(rejection: Rejection = FAILED, case: Case = CASE) -> str:
    return " ".join(refusal.message for refusal in refusals(rejection, case))


def test_a_rejection_that_keeps_every_rule_is_allowed() -> None:
    assert broken() == []


@pytest.mark.parametrize("ground", NEVER)
def test_some_grounds_never_suffice(ground: Ground) -> None:
    rejection = replace(FAILED, ground=ground, category="OTHER")

    assert broken(rejection) == ["allowed-ground"]


@pytest.mark.parametrize(
    ("ground", "words"),
    [
        (Ground.PAGE_TIME, "single page"),
        (Ground.SCREENING, "screened out and paid"),
        (Ground.COMPREHENSION, "after two attempts ask the person to return"),
        (Ground.INCONSISTENT, "A slider has a neutral middle"),
        (Ground.DISAGREEMENT, "no ground for anything"),
    ],
)
def test_and_the_refusal_says_what_to_do_instead(ground: Ground, words: str) -> None:
    assert words in said(replace(FAILED, ground=ground, category="OTHER"))


# Attention checks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "n_failed", "allowed"),
    [(4.9, 1, True), (4.9, 0, False), (5, 1, False), (5, 2, True), (30, 2, True)],
)
def test_one_check_below_five_minutes_and_two_from_there_on(
    minutes: float, n_failed: int, allowed: bool
) -> None:
    failed = [Check(f"check-{i}") for i in range(n_failed)]
    case = replace(CASE, study_minutes=minutes, failed_checks=failed)

    assert (broken(case=case) == []) is allowed
    assert checks_needed(minutes) == (1 if minutes < 5 else 2)


def test_checks_that_are_not_valid_do_not_count_and_the_refusal_says_why() -> None:
    failed = [Check("check"), Check("odd", "is a comprehension check")]

    text = said(case=replace(CASE, failed_checks=failed))

    assert "needs 2 failed valid attention checks; there is 1." in text
    assert "“odd” is a comprehension check" in text


def question(text: str, *options: str, purpose: str = "attention") -> Question:
    offered = [Option(key=f"o{i}", text=o) for i, o in enumerate(options)]
    about = purpose == "about"
    return Question.model_validate(
        {
            "key": "q",
            "kind": "choice",
            "text": text,
            "options": [option.model_dump() for option in offered],
            "purpose": purpose,
            "correct": None if about else "o0",
        }
    )


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (question("Please choose Often here.", "Often", "Sometimes", "Never"), None),
        (question("I was born on the moon.", "Disagree", "Agree"), None),
        (
            question("I was born on the moon.", "No", "Neither", "Yes", "Very"),
            "neutral",
        ),
        (question("I was born on the moon.", "No", "A bit", "Yes"), "odd number"),
        (question("What did we say?", "A", "B", purpose="comprehension"), "never"),
        (question("How are you?", "A", "B", purpose="about"), "about the person"),
    ],
)
def test_what_makes_a_check_valid(asked: Question, reason: str | None) -> None:
    found = why_invalid(asked)

    assert (found is None) if reason is None else (reason in str(found))


# Speed -----------------------------------------------------------------------------------

FAST = Rejection(Ground.TOO_FAST, "TOO_QUICKLY", MESSAGE)


def timed(own_s: float, others_s: Sequence[float]) -> Case:
    return replace(CASE, duration_s=own_s, durations_s=[own_s, *others_s])


def test_speed_counts_only_three_standard_deviations_below_the_mean() -> None:
    steady = [600.0 + i % 7 for i in range(60)]

    assert broken(FAST, timed(300, steady)) == []
    assert broken(FAST, timed(597, steady)) == ["speed"]
    assert "the limit is 9.9 minutes" in said(FAST, timed(597, steady))


def test_where_people_differ_much_nobody_is_too_fast() -> None:
    wide = [60.0, 300, 600, 1500, 2400, 90, 1000, 700, 3000, 200]

    assert "nobody can be 3 standard deviations below" in said(FAST, timed(20, wide))


def test_speed_needs_people_to_compare_with() -> None:
    assert "at least 10 finished people; there are 4" in said(
        FAST, timed(1, [600, 600, 601])
    )
    assert broken(FAST, replace(CASE, duration_s=None)) == ["speed"]


# The other rules -------------------------------------------------------------------------


def test_skipping_means_that_a_required_question_has_no_answer() -> None:
    skipping = Rejection(Ground.SKIPPED_CRUCIAL, "NO_DATA", MESSAGE)

    assert broken(skipping) == ["crucial-questions"]
    assert broken(skipping, replace(CASE, skipped=["age"])) == []


@pytest.mark.parametrize(("length", "allowed"), [(99, False), (100, True)])
def test_a_message_has_a_hundred_characters(length: int, allowed: bool) -> None:
    rejection = replace(FAILED, message=" " + "x" * length + " ")

    assert (broken(rejection) == []) is allowed


def test_a_category_is_one_of_the_platforms_and_says_what_happened() -> None:
    assert broken(replace(FAILED, category="")) == ["category"]
    assert "it is FAILED_CHECK or FAILED_INSTRUCTIONS" in said(
        replace(FAILED, category="TOO_QUICKLY")
    )


def test_every_ground_that_can_suffice_has_a_category() -> None:
    named = set().union(*CATEGORIES.values())

    assert named == set(Ground) - set(NEVER)


@pytest.mark.parametrize("status", ["ACTIVE", "RETURNED", "APPROVED", "TIMED-OUT"])
def test_only_what_awaits_review_is_rejected(status: str) -> None:
    assert f"this submission is {status}" in said(case=replace(CASE, status=status))


def test_after_three_weeks_it_is_approved_already() -> None:
    assert broken(case=replace(CASE, waiting_days=20.9)) == []
    assert broken(case=replace(CASE, waiting_days=21)) == ["auto-approval"]


def test_neither_withdrawing_nor_our_trouble_costs_the_pay() -> None:
    assert broken(case=replace(CASE, withdrew=True)) == ["withdrawal"]
    assert broken(case=replace(CASE, our_trouble=True)) == ["our-trouble"]


def test_clear_low_effort_is_for_a_person_to_judge() -> None:
    assert broken(Rejection(Ground.LOW_EFFORT, "LOW_EFFORT", MESSAGE)) == []


def test_all_broken_rules_are_told_at_once() -> None:
    worst = Rejection(Ground.PAGE_TIME, "", "no")

    assert broken(worst, replace(CASE, status="ACTIVE", withdrew=True)) == [
        "allowed-ground",
        "message",
        "category",
        "status",
        "withdrawal",
    ]
