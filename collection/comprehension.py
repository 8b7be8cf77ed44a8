"""Were the instructions understood? Two attempts, and then a kind request to return.

A question with `purpose = "comprehension"` that is answered wrong is asked once more,
with the instructions beside it: as a trial of its own, so that the first answer is kept
like any other, and a retried request is never taken for a second attempt. Whoever misses
it twice is asked to return their place. That is no rejection, excludes nobody, and takes
nothing away from anybody: no answer is asked for that could not be used (science.md, 6;
Prolific allows no rejection on a comprehension check).
"""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from collection.definition_parts import Question
from collection.definitions import StudyDefinition
from collection.errors import ComprehensionFailed
from collection.models import ComprehensionOutcome, Response, StudySession, Trial
from collection.models.trials import Kind
from collection.pace import lease
from collection.reservations import give_back

ATTEMPTS = 2


def checks(definition: StudyDefinition) -> bool:
    """Whether the study asks anything of this kind."""
    return any(q.purpose == "comprehension" for q in definition.questions)


def second_attempt(session: StudySession, position: int) -> Trial | None:
    """The question that was just missed, once more; None when there is none.

    The trial is not saved. The caller holds the session, and issues it at `position`.
    """
    definition = session.study.definition_model()
    if not checks(definition):
        return None
    last = (
        session.trials.select_related("response")
        .filter(kind=Kind.QUESTION, position=position - 1, repeat=False)
        .first()
    )
    if last is None or not last.answered:
        return None
    question = definition.question(last.question)
    if question.purpose != "comprehension" or right(question, last.response):
        return None
    return Trial(
        session=session,
        block=last.block,
        kind=Kind.QUESTION,
        position=position,
        question=last.question,
        repeat=True,
        reserved_until=timezone.now() + lease(session.study_id),
    )


def note(trial: Trial, response: Response) -> None:
    """After an answer was stored, in its transaction: keep what came of the check.

    Passed once every question is answered right; failed at a second wrong answer, and
    the session's places go to others.
    """
    session = trial.session
    definition = session.study.definition_model()
    if trial.kind != Kind.QUESTION or not checks(definition):
        return
    question = definition.question(trial.question)
    if question.purpose != "comprehension":
        return
    if right(question, response):
        asked = {
            key
            for block in map(definition.block, session.blocks)
            for key in getattr(block, "questions", ())
            if definition.question(key).purpose == "comprehension"
        }
        if asked <= _understood(session, definition):
            _store(session, passed=True, missed=_missed(session, definition))
    elif trial.repeat:
        _store(session, passed=False, missed=_missed(session, definition))
        give_back(session)


def require(session: StudySession) -> None:
    """Refuse to go on with whoever missed a question twice.

    Raises:
        ComprehensionFailed: they did; their page is `return`.
    """
    if checks(session.study.definition_model()) and failed(session):
        raise ComprehensionFailed(
            _(
                "The instructions of this study were missed twice. Please return your "
                "place; nothing is held against you."
            )
        )


def failed(session: StudySession) -> bool:
    """Whether the session missed a question twice."""
    return ComprehensionOutcome.objects.filter(session=session, passed=False).exists()


def right(question: Question, response: Response) -> bool:
    """Whether the answer is one of the right ones."""
    return response.choice in question.right_answers


def _responses(session: StudySession) -> list[Response]:
    return list(
        Response.objects.filter(trial__session=session, trial__kind=Kind.QUESTION)
        .select_related("trial")
        .order_by("trial__position")
    )


def _understood(session: StudySession, definition: StudyDefinition) -> set[str]:
    return {
        response.trial.question
        for response in _responses(session)
        if right(definition.question(response.trial.question), response)
    }


def _missed(session: StudySession, definition: StudyDefinition) -> list[str]:
    """Keys of the comprehension questions answered wrong, once per attempt."""
    return [
        key
        for response in _responses(session)
        for key in [response.trial.question]
        if definition.question(key).purpose == "comprehension"
        and not right(definition.question(key), response)
    ]


def _store(session: StudySession, *, passed: bool, missed: list[str]) -> None:
    ComprehensionOutcome.objects.get_or_create(
        session=session, defaults={"passed": passed, "missed": missed}
    )
