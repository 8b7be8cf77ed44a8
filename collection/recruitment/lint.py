"""Refuses a rejection that Prolific does not allow, and says why.

Each rule is one function of a rejection and its case. Rejecting is a decision about pay;
leaving someone's answers out is another (``quality.py``), with rules of its own: what
may not be rejected may well be excluded. Sources: Prolific's help for researchers on
valid and invalid grounds for rejection, and its API reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import mean, stdev
from typing import Final

from collection.recruitment.checks import checks_needed

LEAST_MESSAGE: Final = 100
AUTO_APPROVED_AFTER_DAYS: Final = 21
LEAST_DURATIONS: Final = 10
"""With fewer people, a mean and a standard deviation say nothing."""
SDS_BELOW: Final = 3


class Ground(StrEnum):
    """Why somebody might be rejected; most of these never suffice."""

    TOO_FAST = "too-fast"
    SKIPPED_CRUCIAL = "skipped-crucial"
    FAILED_CHECKS = "failed-checks"
    LOW_EFFORT = "low-effort"
    PAGE_TIME = "page-time"
    SCREENING = "screening"
    COMPREHENSION = "comprehension"
    INCONSISTENT = "inconsistent"
    DISAGREEMENT = "disagreement"


CATEGORIES: Final[Mapping[str, frozenset[Ground]]] = {
    "TOO_QUICKLY": frozenset({Ground.TOO_FAST}),
    "FAILED_CHECK": frozenset({Ground.FAILED_CHECKS}),
    "FAILED_INSTRUCTIONS": frozenset({Ground.FAILED_CHECKS, Ground.SKIPPED_CRUCIAL}),
    "NO_DATA": frozenset({Ground.SKIPPED_CRUCIAL}),
    "LOW_EFFORT": frozenset({Ground.LOW_EFFORT, Ground.SKIPPED_CRUCIAL}),
    "TOO_SLOWLY": frozenset(),
    "INCOMP_LONGITUDINAL": frozenset(),
    "MALINGERING": frozenset(),
    "NO_CODE": frozenset(),
    "BAD_CODE": frozenset(),
    "UNSUPP_DEVICE": frozenset(),
    "OTHER": frozenset(),
}
"""The platform's categories, and the grounds here that each can stand for."""

NEVER: Final[Mapping[Ground, str]] = {
    Ground.PAGE_TIME: "Time on a single page is never a ground for rejection; only the "
    "whole duration can be, when it lies more than 3 standard deviations below the mean.",
    Ground.SCREENING: "Whoever does not fit the study is screened out and paid for the "
    "time, never rejected: use the screen-out path, or ask for a return with a bonus.",
    Ground.COMPREHENSION: "Failed comprehension checks never justify a rejection: after "
    "two attempts ask the person to return the submission.",
    Ground.INCONSISTENT: "A slider has a neutral middle, so repeated or identical "
    "trials are no valid attention check. They can exclude answers, not refuse pay.",
    Ground.DISAGREEMENT: "Judging otherwise than other people, or than a language "
    "model, is what this study wants to see. It is no ground for anything.",
}


@dataclass(frozen=True)
class Rejection:
    """What a researcher wants to do."""

    ground: Ground
    category: str
    message: str


@dataclass(frozen=True)
class Check:
    """A check that the person failed. invalid: why it does not count; None if it does."""

    key: str
    invalid: str | None = None


@dataclass(frozen=True)
class Case:
    """What is known of the submission.

    duration_s: How long the person took; None if unknown.
    durations_s: Of everyone who finished, this person among them.
    study_minutes: The length that was announced.
    waiting_days: Since the submission was sent in.
    withdrew, our_trouble: The person took their answers back; we had trouble.
    """

    status: str
    study_minutes: float
    duration_s: float | None = None
    durations_s: Sequence[float] = ()
    failed_checks: Sequence[Check] = ()
    skipped: Sequence[str] = ()
    waiting_days: float = 0
    withdrew: bool = False
    our_trouble: bool = False


@dataclass(frozen=True)
class Refusal:
    """A rule that a rejection breaks, and what to do instead."""

    rule: str
    message: str


Rule = Callable[[Rejection, Case], str | None]


def allowed_ground(rejection: Rejection, case: Case) -> str | None:
    return NEVER.get(rejection.ground)


def speed_alone_only_far_below_the_mean(rejection: Rejection, case: Case) -> str | None:
    if rejection.ground != Ground.TOO_FAST:
        return None
    n = len(case.durations_s)
    if case.duration_s is None or n < LEAST_DURATIONS:
        return (
            f"Speed can be judged against at least {LEAST_DURATIONS} finished people; "
            f"there are {n}."
        )
    average, spread = mean(case.durations_s), stdev(case.durations_s)
    limit = average - SDS_BELOW * spread
    if case.duration_s < limit:
        return None
    if limit <= 0:
        return (
            f"With a mean of {average / 60:.1f} minutes and a standard deviation of "
            f"{spread / 60:.1f}, nobody can be 3 standard deviations below the mean: "
            "speed is no ground for rejection in this study."
        )
    return (
        f"{case.duration_s / 60:.1f} minutes is not more than 3 standard deviations "
        f"below the mean; the limit is {limit / 60:.1f} minutes."
    )


def enough_valid_checks(rejection: Rejection, case: Case) -> str | None:
    if rejection.ground != Ground.FAILED_CHECKS:
        return None
    valid = [check for check in case.failed_checks if check.invalid is None]
    needed = checks_needed(case.study_minutes)
    if len(valid) >= needed:
        return None
    others = "; ".join(
        f"“{check.key}” {check.invalid}"
        for check in case.failed_checks
        if check.invalid
    )
    return (
        f"A study of {case.study_minutes:g} minutes needs {needed} failed valid "
        f"attention check{'s' if needed > 1 else ''}; there "
        f"{'is' if len(valid) == 1 else 'are'} {len(valid)}."
        + (f" Not valid: {others}." if others else "")
    )


def something_crucial_was_skipped(rejection: Rejection, case: Case) -> str | None:
    if rejection.ground != Ground.SKIPPED_CRUCIAL or case.skipped:
        return None
    return (
        "No required question was left without an answer; choosing “prefer not to say” "
        "or “I do not understand” is an answer."
    )


def message_is_long_enough(rejection: Rejection, case: Case) -> str | None:
    length = len(rejection.message.strip())
    if length >= LEAST_MESSAGE:
        return None
    return (
        f"The message to the person needs at least {LEAST_MESSAGE} characters, and has "
        f"{length}. Say which check or question it was, and what was expected."
    )


def category_fits(rejection: Rejection, case: Case) -> str | None:
    if rejection.category not in CATEGORIES:
        return (
            f"{rejection.category or 'An empty category'} is not a category of "
            f"Prolific; it has {', '.join(CATEGORIES)}."
        )
    if rejection.ground in NEVER or rejection.ground in CATEGORIES[rejection.category]:
        return None
    fitting = [name for name, means in CATEGORIES.items() if rejection.ground in means]
    return (
        f"{rejection.category} does not say what happened; for {rejection.ground} it is "
        f"{' or '.join(fitting)}."
    )


def waits_for_review(rejection: Rejection, case: Case) -> str | None:
    if case.status == "AWAITING REVIEW":
        return None
    return f"Only what awaits review can be rejected; this submission is {case.status}."


def not_approved_by_time(rejection: Rejection, case: Case) -> str | None:
    if case.waiting_days < AUTO_APPROVED_AFTER_DAYS:
        return None
    return (
        f"It has waited {case.waiting_days:.0f} days; Prolific approves by itself after "
        f"{AUTO_APPROVED_AFTER_DAYS}."
    )


def withdrawing_costs_nothing(rejection: Rejection, case: Case) -> str | None:
    if not case.withdrew:
        return None
    return (
        "This person withdrew their answers, and was told that their pay does not "
        "depend on it."
    )


def our_trouble_costs_nothing(rejection: Rejection, case: Case) -> str | None:
    if not case.our_trouble:
        return None
    return "This person was stopped by trouble of ours, and was told they are paid."


RULES: Final[Mapping[str, Rule]] = {
    "allowed-ground": allowed_ground,
    "speed": speed_alone_only_far_below_the_mean,
    "valid-checks": enough_valid_checks,
    "crucial-questions": something_crucial_was_skipped,
    "message": message_is_long_enough,
    "category": category_fits,
    "status": waits_for_review,
    "auto-approval": not_approved_by_time,
    "withdrawal": withdrawing_costs_nothing,
    "our-trouble": our_trouble_costs_nothing,
}


def refusals(rejection: Rejection, case: Case) -> list[Refusal]:
    """Every rule that the rejection breaks; empty if Prolific would allow it."""
    return [
        Refusal(name, message)
        for name, rule in RULES.items()
        if (message := rule(rejection, case)) is not None
    ]
