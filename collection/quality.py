"""Exclusion rules: whose judgments, and which of them, a snapshot leaves out, and why.

Each rule is one function and one row of a table. Rules are declared in the study's
definition before anyone answers. Agreement with other people, or with a language
model, is no rule here and never will be by default: dissenters stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from collection.definitions import StudyDefinition
from collection.disclosure import OPEN_RELEASE
from collection.models import (
    ExclusionDecision,
    Ground,
    Response,
    StudySession,
    Trial,
)
from collection.models.trials import Kind

LEAST_REPEATS = 5


@dataclass(frozen=True)
class Verdict:
    """Why something is left out: a rule's stable name, and a sentence."""

    rule: str
    reason: str


@dataclass(frozen=True)
class Evidence:
    """One session with all that a rule may look at.

    responses: its responses with their trials, in the order they were issued.
    use: the use of the data that the snapshot is for.
    by_hand: the exclusion that a researcher decided, if it stands (`ledgers.py`).
    """

    session: StudySession
    responses: Sequence[Response]
    definition: StudyDefinition
    use: str
    by_hand: ExclusionDecision | None = None


SessionRule = Callable[[Evidence], Verdict | None]


def withdrawn(evidence: Evidence) -> Verdict | None:
    if evidence.session.status != StudySession.Status.WITHDRAWN:
        return None
    return Verdict("withdrawn", "the participant withdrew")


def consent_not_for_this_use(evidence: Evidence) -> Verdict | None:
    consent = getattr(evidence.session, "consent", None)
    if consent is not None and consent.allows(evidence.use):
        return None
    return Verdict(
        "consent-not-for-this-use", f"no consent to the use {evidence.use!r}"
    )


def asked_to_return(evidence: Evidence) -> Verdict | None:
    """Whoever missed the instructions twice was told that nothing of theirs is used."""
    outcome = getattr(evidence.session, "comprehension", None)
    if outcome is None or outcome.passed:
        return None
    return Verdict(
        "asked-to-return", "the instructions were missed twice; asked to return"
    )


def not_finished(evidence: Evidence) -> Verdict | None:
    if (
        not evidence.definition.exclusion.require_finished
        or evidence.session.status == StudySession.Status.FINISHED
    ):
        return None
    return Verdict("not-finished", "the session was not finished")


def failed_checks(evidence: Evidence) -> Verdict | None:
    """Attention questions answered wrong, more than the definition allows."""
    allowed = evidence.definition.exclusion.max_failed_checks
    right = {
        question.key: question.correct
        for question in evidence.definition.questions
        if question.purpose == "attention"
    }
    failed = [
        response.trial.question
        for response in evidence.responses
        if response.trial.question in right
        and response.choice != right[response.trial.question]
    ]
    if len(failed) <= allowed:
        return None
    return Verdict(
        "failed-checks",
        f"{len(failed)} attention checks failed ({', '.join(failed)}), "
        f"{allowed} allowed",
    )


def inconsistent_repeats(evidence: Evidence) -> Verdict | None:
    """First and second ratings of the same question lie too far apart, on average."""
    limit = evidence.definition.exclusion.max_repeat_difference
    if limit is None:
        return None
    apart = repeat_differences(evidence.responses)
    if len(apart) < LEAST_REPEATS:
        return None
    mean = sum(apart) / len(apart)
    if mean <= limit:
        return None
    return Verdict(
        "inconsistent-repeats",
        f"{len(apart)} repeated ratings differ by {mean:.1f} on average, "
        f"{limit:g} allowed",
    )


def excluded_by_hand(evidence: Evidence) -> Verdict | None:
    """A researcher decided so, with a ground and a reason; never for dissent."""
    decision = evidence.by_hand
    if decision is None:
        return None
    ground = Ground(decision.ground).label.lower()
    if evidence.use == OPEN_RELEASE:  # what somebody typed, and when, may name a person
        return Verdict("excluded-by-hand", f"left out by hand ({ground})")
    return Verdict(
        "excluded-by-hand",
        f"left out by hand on {decision.decided_at:%Y-%m-%d} ({ground}): "
        f"{decision.reason}",
    )


def person_asked(evidence: Evidence) -> Verdict | None:
    """Left out because the person asked for it: that is theirs to decide."""
    if evidence.by_hand is None or evidence.by_hand.ground != Ground.PERSON_ASKED:
        return None
    return excluded_by_hand(evidence)


def repeat_differences(responses: Sequence[Response]) -> list[float]:
    """|first - second| of every question that was rated twice, on the 0-100 scale."""
    first: dict[object, int] = {}
    apart: list[float] = []
    # First times come first: repeats are issued at the end of their block.
    for response in responses:
        trial = response.trial
        if response.rating is None or trial.kind not in (Kind.VALUE, Kind.PAIR):
            continue
        key = (trial.block, trial.dimension, frozenset(trial.actions))
        if not trial.repeat:
            first[key] = response.rating
        elif key in first:
            apart.append(abs(response.rating - first[key]))
    return apart


# In this order: the first rule that speaks gives the reason.
SESSION_RULES: Mapping[str, SessionRule] = {
    "withdrawn": withdrawn,
    "consent-not-for-this-use": consent_not_for_this_use,
    "asked-to-return": asked_to_return,
    "not-finished": not_finished,
    "failed-checks": failed_checks,
    "inconsistent-repeats": inconsistent_repeats,
    "excluded-by-hand": excluded_by_hand,
}
# What a person decided about themselves holds under every scheme of exclusion.
THEIR_OWN: tuple[SessionRule, ...] = (
    withdrawn,
    consent_not_for_this_use,
    asked_to_return,
    person_asked,
)


def session_verdict(evidence: Evidence) -> Verdict | None:
    """Why all judgments of a session are left out; None when they stay."""
    for rule in SESSION_RULES.values():
        verdict = rule(evidence)
        if verdict is not None:
            return verdict
    return None


def their_own_decision(evidence: Evidence) -> Verdict | None:
    """Why a session is left out whatever the scheme of exclusion; None when it is not."""
    for rule in THEIR_OWN:
        verdict = rule(evidence)
        if verdict is not None:
            return verdict
    return None


def response_verdict(trial: Trial, response: Response) -> Verdict | None:
    """Why one response of a good session is no judgment; None when it is one."""
    if response.not_understood:
        return Verdict("not-understood", "not understood")
    if trial.repeat:
        return Verdict("repeat", "asked a second time, to measure consistency")
    return None
