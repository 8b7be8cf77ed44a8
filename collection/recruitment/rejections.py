"""Reject a submission, if Prolific allows it; otherwise say every reason why not."""

from __future__ import annotations

from django.utils import timezone

from collection.definition_parts import QuestionsBlock
from collection.models import Ending, Response, StudySession, Submission
from collection.recruitment.checks import why_invalid
from collection.recruitment.client import Prolific
from collection.recruitment.costs import durations_s
from collection.recruitment.errors import RejectionRefused
from collection.recruitment.lint import Case, Check, Rejection, refusals
from collection.recruitment.sections import Outcome
from collection.recruitment.submissions import learn


def case_of(session: StudySession) -> Case:
    """What is known here of a session's submission, for the linter."""
    submission = Submission.objects.get(session=session)
    definition = session.study.definition_model()
    answered = dict(
        Response.objects.filter(trial__session=session)
        .exclude(trial__question="")
        .values_list("trial__question", "choice")
    )
    asked = [
        definition.question(name)
        for key in session.blocks
        if isinstance(block := definition.block(key), QuestionsBlock)
        for name in block.questions
    ]
    finished = session.finished_at
    own_s = submission.time_taken_s or (
        (finished - session.created_at).total_seconds() if finished else None
    )
    waiting = submission.status == Submission.Status.AWAITING_REVIEW
    since = timezone.now() - submission.status_at
    return Case(
        status=submission.status,
        study_minutes=definition.consent.duration_minutes or 0,
        duration_s=own_s,
        durations_s=durations_s(session.study),
        failed_checks=[
            Check(question.key, why_invalid(question))
            for question in asked
            if question.correct is not None
            and question.key in answered
            and answered[question.key] != question.correct
        ],
        skipped=[q.key for q in asked if q.required and q.key not in answered],
        waiting_days=since.total_seconds() / 86_400 if waiting else 0,
        withdrew=session.status == StudySession.Status.WITHDRAWN,
        our_trouble=Ending.objects.filter(
            session=session, outcome=Outcome.TECHNICAL
        ).exists(),
    )


def check(session: StudySession, rejection: Rejection) -> None:
    """Nothing, if the rejection is allowed.

    Raises:
        RejectionRefused: with every rule that it breaks.
    """
    broken = refusals(rejection, case_of(session))
    if broken:
        raise RejectionRefused(" ".join(refusal.message for refusal in broken))


def reject(
    session: StudySession, rejection: Rejection, *, api: Prolific | None = None
) -> None:
    """Reject on the platform. The answers stay, unless the definition drops them.

    Raises:
        RejectionRefused: the platform does not allow it.
        PlatformError: the platform could not be asked.
    """
    check(session, rejection)
    name = session.participant.identity.submission_id
    how = {"message": rejection.message.strip(), "category": rejection.category}
    if api is not None:
        api.reject(name, **how)
    else:
        with Prolific.from_settings() as own:
            own.reject(name, **how)
    learn(session.pk, Submission.Status.REJECTED)
