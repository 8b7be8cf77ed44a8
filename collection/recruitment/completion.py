"""What a session ends with: a code, the way back, and the sentence that explains it.

Given only once the server holds everything (``participation.finish`` saw to that), and
decided here alone. Withdrawing, and trouble of ours, never cost anybody their pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collection import participation
from collection.definitions import StudyDefinition
from collection.errors import AnswerMissing
from collection.models import (
    Ending,
    LabStart,
    PlatformPayment,
    Study,
    StudySession,
    Submission,
)
from collection.recruitment.sections import Action, Outcome, Recruitment
from collection.recruitment.submissions import free_held
from collection.reservations import give_back

COMPLETE_URL: Final = "https://app.prolific.com/submissions/complete"
OURS: Final = (Outcome.FAILED_COMPREHENSION, Outcome.SCREENED_OUT, Outcome.TECHNICAL)
"""Endings that are neither the person's wish nor the study's end."""

Status = StudySession.Status


@dataclass(frozen=True)
class CompletionPath:
    """How a session ends for its person.

    code: Completion code to show; empty if there is none.
    url: Where the button leads; empty if there is nowhere to go.
    tell: Sentences that say what to do, and how they are paid.
    button: What the button says.
    lab: Whether an experimenter is waiting in the room.
    """

    outcome: Outcome
    code: str = ""
    url: str = ""
    tell: tuple[str, ...] = ()
    button: str = ""
    lab: bool = False


def completion_for(session: StudySession) -> CompletionPath:
    """The path of a session that is over, or of one that trouble of ours stopped.

    Raises:
        AnswerMissing: the session goes on; there is nothing to give out yet.
    """
    outcome = outcome_of(session)
    if outcome is None:
        raise AnswerMissing(
            "This session is not over: the code is given when every answer is stored."
        )
    return _path(session, outcome)


def technical_path(session: StudySession) -> CompletionPath:
    """How someone is paid whom our own trouble keeps from going on, at any time."""
    return _path(session, Outcome.TECHNICAL)


def path_for_preview(session: StudySession, outcome: Outcome) -> CompletionPath:
    """How most people's session ends like this, for one that is nobody's."""
    definition = session.study.definition_model()
    section = definition.recruitment
    if section is not None and section.prolific:
        return _on_prolific(section, outcome)
    return _plain(session, definition, outcome)


def path_when_full(
    whose: Study | StudySession, *, from_platform: bool = False
) -> CompletionPath:
    """How somebody leaves who finds no place free: at the door, or before consent.

    Args:
        whose: The session, if they have one already.
        from_platform: At the door: whether the platform sent them.
    """
    if isinstance(whose, StudySession):
        return _path(whose, Outcome.FULL)
    section = whose.definition_model().recruitment
    if not from_platform or section is None or not section.prolific:
        return _close_this_page(Outcome.FULL)
    return _on_prolific(section, Outcome.FULL)


def outcome_of(session: StudySession) -> Outcome | None:
    """How the session ended; None while it goes on."""
    ended = Ending.objects.filter(session=session).values_list("outcome", flat=True)
    if session.status == Status.FINISHED:
        return Outcome.FINISHED
    if (ours := ended.first()) is not None:
        return Outcome(ours)
    if session.declined:
        return Outcome.DECLINED
    return Outcome.WITHDRAWN if session.status == Status.WITHDRAWN else None


def end(session: StudySession, outcome: Outcome) -> CompletionPath:
    """End a session for a reason of ours, and owe what was promised. Safe to repeat.

    Answers of someone screened out are dropped; those before trouble of ours stay. Who
    is asked to return is in no snapshot (`quality.asked_to_return`), and others get
    their places.

    Raises:
        ValueError: not an outcome of ours.
        SessionOver: the session was finished long ago.
    """
    if outcome not in OURS:
        raise ValueError(f"{outcome} is not for the server to decide")
    with transaction.atomic():
        StudySession.objects.select_for_update(no_key=True).get(pk=session.pk)
        if outcome_of(session) is None:
            Ending.objects.create(session=session, outcome=outcome)
            if outcome == Outcome.TECHNICAL:
                free_held(session)
            elif outcome == Outcome.FAILED_COMPREHENSION:
                give_back(session)
            else:
                participation.withdraw(session)
            _owe(session, outcome)
    return completion_for(session)


def _owe(session: StudySession, outcome: Outcome) -> None:
    """Where the code itself pays nothing, what was promised is owed as a bonus."""
    section = session.study.definition_model().recruitment
    if section is None or not Submission.objects.filter(session=session).exists():
        return
    rule = section.rule(outcome)
    if rule and rule.pay_cents and section.action(outcome) == Action.REQUEST_RETURN:
        PlatformPayment.objects.get_or_create(
            session=session,
            kind=PlatformPayment.Kind.BONUS,
            reason=outcome.value,
            defaults={"study_id": session.study_id, "cents": rule.pay_cents},
        )


def _path(session: StudySession, outcome: Outcome) -> CompletionPath:
    definition = session.study.definition_model()
    if LabStart.objects.filter(session=session).exists():
        return CompletionPath(
            outcome, tell=(_("Please call the experimenter now."),), lab=True
        )
    submission = Submission.objects.filter(session=session).first()
    if submission is None or definition.recruitment is None:
        return _plain(session, definition, outcome)
    return _prolific(submission, definition.recruitment, outcome)


def _plain(
    session: StudySession, definition: StudyDefinition, outcome: Outcome
) -> CompletionPath:
    """A plain link's one code, for whoever gave their time."""
    unused = outcome in (Outcome.DECLINED, Outcome.FAILED_COMPREHENSION)
    if unused or session.consented_at is None:
        return _close_this_page(outcome)
    return CompletionPath(
        outcome,
        code=definition.completion.code,
        url=definition.completion.redirect,
        button=_("Report that you have finished"),
    )


def _close_this_page(outcome: Outcome) -> CompletionPath:
    return CompletionPath(
        outcome,
        tell=(
            _(
                "You can close this page. If you were sent here by another site, "
                "please return your place there, so that somebody else may have it."
            ),
        ),
    )


def _prolific(
    submission: Submission, section: Recruitment, outcome: Outcome
) -> CompletionPath:
    if submission.status == Submission.Status.RETURNED:
        return CompletionPath(
            outcome,
            tell=(
                _("You have returned your place on Prolific. There is nothing to do."),
                *_promise(section, outcome),
            ),
        )
    return _on_prolific(section, outcome)


def _on_prolific(section: Recruitment, outcome: Outcome) -> CompletionPath:
    rule = section.rule(outcome)
    action = section.action(outcome)
    if rule is None and outcome in (Outcome.WITHDRAWN, Outcome.TECHNICAL):
        rule, action = section.rule(Outcome.FINISHED), section.action(Outcome.FINISHED)
    if action == Action.REQUEST_RETURN:
        return CompletionPath(
            outcome,
            code=rule.code if rule else "",
            url=_url(rule.code) if rule else "",
            tell=(
                _how_to_return(with_code=rule is not None),
                *_promise(section, outcome),
            ),
            button=_("Back to Prolific") if rule else "",
        )
    if rule is None:
        return CompletionPath(outcome)
    return CompletionPath(
        outcome,
        code=rule.code,
        url=_url(rule.code),
        tell=_how_paid(section, outcome, action, rule.pay_cents),
        button=_("Back to Prolific, with my code"),
    )


def _url(code: str) -> str:
    return f"{COMPLETE_URL}?{urlencode({'cc': code})}"


def _how_to_return(*, with_code: bool) -> str:
    if with_code:
        return _(
            "Please go back to Prolific with the button below. Prolific then asks you "
            "to return your place: please do. This does not count against you."
        )
    return _(
        "Please return your place on Prolific: open the study there and choose "
        "“Return”. This does not count against you."
    )


def _promise(section: Recruitment, outcome: Outcome) -> tuple[str, ...]:
    rule = section.rule(outcome)
    if not (rule and rule.pay_cents):
        return ()
    return (
        ngettext(
            "For the time you gave you will receive %(pay)s as a bonus on Prolific "
            "within %(days)d day.",
            "For the time you gave you will receive %(pay)s as a bonus on Prolific "
            "within %(days)d days.",
            section.bonus_days,
        )
        % {"pay": money(rule.pay_cents, section.currency), "days": section.bonus_days},
    )


def _how_paid(
    section: Recruitment, outcome: Outcome, action: Action, pay_cents: int | None
) -> tuple[str, ...]:
    if action in (Action.FIXED_SCREEN_OUT, Action.DYNAMIC_PAYMENT):
        if not pay_cents:
            return ()
        return (
            _("For the time you gave, Prolific pays you %(pay)s.")
            % {"pay": money(pay_cents, section.currency)},
        )
    if outcome == Outcome.TECHNICAL:
        return (
            _(
                "The trouble is ours, and you are paid all the same: please send this "
                "code on Prolific."
            ),
        )
    return (_("Prolific pays you once your submission is approved."),)


def money(cents: int, currency: str) -> str:
    """An amount for people: £1.80."""
    sign = {"GBP": "£", "USD": "$"}[currency]
    return f"{sign}{cents // 100}.{cents % 100:02d}"
