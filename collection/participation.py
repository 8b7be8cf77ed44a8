"""What a participant does: arrive, consent, answer, finish, withdraw.

Each function is one transaction and safe to call twice. The server knows where a
participant is; the browser only says what was answered. Every function that changes a
session holds its row, so that two tabs of one person take turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collection import assignment, comprehension, consents, identities, screening
from collection.answers import Answer, checked, said, same_answer
from collection.assignment import Whereabouts
from collection.errors import (
    AlreadyAnswered,
    AnswerMissing,
    AnswerNotOffered,
    CollectionError,
    ConsentMissing,
    RatingOutOfRange,
    SessionOver,
    StudyClosed,
    UnknownTrial,
)
from collection.languages import language_of
from collection.models import (
    Consent,
    Incident,
    Participant,
    Response,
    Study,
    StudySession,
    Trial,
)
from collection.models.trials import Kind
from collection.quotas import keep_place
from collection.reservations import count_response, give_back
from collection.rows import held_session, shown_trial

__all__ = [
    "Answer",
    "current_trial",
    "decline",
    "enrol",
    "finish",
    "give_consent",
    "n_trials",
    "progress",
    "record_response",
    "whereabouts",
    "withdraw",
]

# A response time above this says that someone left, not how long they thought.
LONGEST_RT_MS = 3_600_000
BROWSER = identities.BROWSER
# Refusals that say something about the session: somebody should see them later.
_WORTH_AN_INCIDENT = (UnknownTrial, AlreadyAnswered, RatingOutOfRange, AnswerNotOffered)


def enrol(
    study: Study,
    *,
    external_id: str | None = None,
    platform: str = "link",
    participant_token: str | None = None,
    simulated: bool = False,
) -> StudySession:
    """A session for someone who arrives: a new one, or the one they already have.

    People are recognised by `external_id` on `platform`, or else by
    `participant_token`, a random string that their browser kept. Without either,
    everyone is new. Whoever began may always come back; new people may join only
    while the study is open.

    Nothing that names anybody is stored before consent (`identities.py`). The session
    that comes back remembers in memory who its person says they are
    (`session.arriving_as`), for `give_consent` to store.

    Raises:
        StudyClosed: a new person, and the study is not open.
        StudyFull: a new person, and no group may have one more.
    """
    arrival = None
    if external_id:
        arrival = identities.Arrival(platform, external_id)
    elif participant_token:
        arrival = identities.Arrival(BROWSER, participant_token)
    with transaction.atomic():
        # Joins of one study take turns: groups fill by their shares, and one person
        # who opens two tabs at once gets one session.
        locked = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        if arrival and (known := identities.session_of(locked, arrival)):
            known.arriving_as = arrival
            if known.consented_at is not None:
                identities.know(known, arrival)
            return known
        if not locked.takes_new_people:
            raise StudyClosed(_("This study is not taking new participants."))
        group, blocks = assignment.choose_group(locked, simulated=simulated)
        participant = Participant.objects.create(
            study=locked, group=group, simulated=simulated
        )
        if arrival:
            identities.recognise(participant, arrival)
        session = StudySession.objects.create(
            participant=participant,
            study=locked,
            group=group,
            blocks=blocks,
            simulated=simulated,
        )
        session.arriving_as = arrival
        return session


@transaction.atomic
def give_consent(
    session: StudySession,
    uses: Mapping[str, bool],
    *,
    of_age: bool,
    read: str | None = None,
) -> Consent:
    """Store what the person agreed to; a second call returns the first consent.

    Only uses that the definition offers are kept, and only a tick is a yes. With the
    consent, and not before, it is stored who the person is elsewhere, if
    `session.arriving_as` says so.

    Args:
        read: The version of the text that they had before them, where that is known.

    Raises:
        ConsentMissing: not of age, or a required use is not ticked.
        ConsentTextChanged: they had read another text.
        SessionOver: the session was withdrawn.
        StudyFull: they took so long to decide that others have their place.
    """
    keep_place(session)
    locked = held_session(session.pk)
    if locked.status == StudySession.Status.WITHDRAWN:
        raise SessionOver(_("You left this study; nothing more is asked of you."))
    existing = Consent.objects.filter(session=locked).first()
    if existing is not None:
        return existing
    language = language_of(locked)
    definition = locked.study.definition_model().in_language(language)
    if not of_age:
        age = definition.consent.minimum_age
        raise ConsentMissing(
            _("Only people of at least %(age)d years can take part.") % {"age": age}
            if age is not None
            else _("Please confirm that you are old enough to take part.")
        )
    for use in definition.consent.uses:
        if use.required and uses.get(use.key) is not True:
            raise ConsentMissing(
                _("To take part, please agree to: %(use)s") % {"use": use.text}
            )
    consent = Consent.objects.create(
        session=locked,
        version=consents.keep(locked.study, read=read, language=language).version,
        uses={use.key: uses.get(use.key) is True for use in definition.consent.uses},
    )
    locked.status = StudySession.Status.CONSENTED
    locked.consented_at = consent.given_at
    locked.save(update_fields=["status", "consented_at"])
    identities.know(locked, session.arriving_as)
    _refresh(session, locked)
    return consent


def decline(session: StudySession) -> StudySession:
    """Leave at the consent page: the same as withdrawing, before any answer."""
    return withdraw(session)


def current_trial(session: StudySession) -> Trial | None:
    """The trial this session is at: the open one, or a new one; None when all is done.

    Raises:
        ConsentMissing, SessionOver: as for :func:`whereabouts`.
    """
    locked, here = whereabouts(session.pk)
    _refresh(session, locked)
    return None if here is None else here.trial


@transaction.atomic
def whereabouts(code: UUID) -> tuple[StudySession, Whereabouts | None]:
    """The session as it is stored, and where it is; None in its place once finished.

    A trial is issued where none is open. Coming back after the reservation expired is
    fine: the place is taken again.

    Raises:
        StudySession.DoesNotExist: no session has this code.
        ConsentMissing: no consent was given yet.
        SessionOver: the session was withdrawn.
        ComprehensionFailed: the instructions were missed twice.
    """
    locked = held_session(code)
    if locked.status == StudySession.Status.FINISHED:
        return locked, None
    _may_answer(locked)
    comprehension.require(locked)
    return locked, assignment.open_or_next_trial(locked)


def record_response(
    session: StudySession | UUID,
    *,
    trial_id: UUID,
    answer: Answer,
    rt_ms: int | None = None,
    timing: dict[str, Any] | None = None,
) -> Response:
    """Store the answer to a trial this session (or the one of this code) was shown.

    Safe to repeat: a double click, a refresh or a retry gets the stored response back.
    The first answer stands. A different second one is refused, because nobody can know
    which of the two was meant. An answer after the reservation expired is accepted.

    Raises:
        UnknownTrial: this session was never shown that trial.
        AnswerMissing, RatingOutOfRange, AnswerNotOffered: nothing was stored.
        AlreadyAnswered: another answer is stored; it was kept.
        StudySession.DoesNotExist: no session has this code.
        ConsentMissing, SessionOver: the session takes no answers.
    """
    code = session.pk if isinstance(session, StudySession) else session
    try:
        with transaction.atomic():
            return _record(code, trial_id, answer, rt_ms, timing)
    except _WORTH_AN_INCIDENT as refusal:
        # Outside the refused transaction, which took everything in it back.
        _note(code, trial_id, answer, refusal)
        raise


def _record(
    code: UUID,
    trial_id: UUID,
    answer: Answer,
    rt_ms: int | None,
    timing: dict[str, Any] | None,
) -> Response:
    locked = held_session(code)
    with translation.override(language_of(locked)):  # refusals are said in it
        return _record_held(locked, trial_id, answer, rt_ms, timing)


def _record_held(
    locked: StudySession,
    trial_id: UUID,
    answer: Answer,
    rt_ms: int | None,
    timing: dict[str, Any] | None,
) -> Response:
    if locked.status == StudySession.Status.WITHDRAWN:
        raise SessionOver(_("You left this study; nothing more was stored."))
    trial = shown_trial(trial_id, locked)
    if trial is None:
        _may_answer(locked)  # whoever is done is shown the end, not a riddle
        raise UnknownTrial(
            _(
                "This question was never shown in your session, so nothing was stored. "
                "Your earlier answers are safe; please go on from the current question."
            )
        )
    stored = checked(trial, answer)
    if trial.answered:
        if not same_answer(trial.response, stored):
            raise AlreadyAnswered(
                _("You had answered this question before; your first answer was kept.")
            )
        return trial.response
    _may_answer(locked)
    response = Response.objects.create(
        trial=trial, **stored, rt_ms=_plausible_rt_ms(rt_ms), timing=timing
    )
    count_response(trial)
    comprehension.note(trial, response)
    screening.note(trial, response)
    return response


def finish(session: StudySession) -> StudySession:
    """Close a session in which everything was answered, and give it its code.

    Raises:
        AnswerMissing: there are questions left.
        ConsentMissing, SessionOver: as for answering.
    """
    if current_trial(session) is not None:
        done, total = progress(session)
        left = max(total - done, 1)
        raise AnswerMissing(
            ngettext(
                "There is %(n)d question left.", "There are %(n)d questions left.", left
            )
            % {"n": left}
        )
    with transaction.atomic():
        locked = held_session(session.pk)
        if locked.status == StudySession.Status.WITHDRAWN:
            raise SessionOver(_("You left this study; it cannot be finished."))
        if locked.status != StudySession.Status.FINISHED:
            locked.status = StudySession.Status.FINISHED
            locked.finished_at = timezone.now()
            locked.completion_code = locked.study.definition_model().completion.code
            locked.save(update_fields=["status", "finished_at", "completion_code"])
        _refresh(session, locked)
    return session


@transaction.atomic
def withdraw(session: StudySession) -> StudySession:
    """Take the person out: no snapshot will hold their answers, others get their place.

    Possible at any time before the end, and after it until the date that consent
    names. Pay does not depend on it: whoever had consented still gets the code.

    Raises:
        SessionOver: the session was finished, and the last date has passed.
    """
    locked = held_session(session.pk)
    if locked.status == StudySession.Status.WITHDRAWN:
        _refresh(session, locked)
        return session
    definition = locked.study.definition_model()
    until = definition.consent.withdrawal_until
    if (
        locked.status == StudySession.Status.FINISHED
        and until is not None
        and timezone.now().date() > until
    ):
        raise SessionOver(
            _("Answers could be withdrawn until %(day)s; please write to %(contact)s.")
            % {
                "day": date_format(until, _("j F Y")),
                "contact": definition.consent.contact,
            }
        )
    if locked.consented_at is not None:
        locked.completion_code = definition.completion.code
    locked.status = StudySession.Status.WITHDRAWN
    locked.save(update_fields=["status", "completion_code"])
    give_back(locked)
    _refresh(session, locked)
    return session


def progress(session: StudySession) -> tuple[int, int]:
    """Questions answered, and questions altogether, in this session."""
    total = n_trials(session)
    answered = Response.objects.filter(trial__session=session)
    # A second attempt at a question is no further question.
    done = answered.exclude(trial__kind=Kind.QUESTION, trial__repeat=True).count()
    return min(done, total), total


def n_trials(session: StudySession) -> int:
    """Questions altogether in this session."""
    definition = session.study.definition_model()
    return sum(
        definition.block(key).trials_in_session(len(definition.actions))
        for key in session.blocks
    )


def _refresh(session: StudySession, locked: StudySession) -> None:
    """Show the caller's own object what is now stored."""
    for field in (
        "status",
        "dimensions",
        "consented_at",
        "finished_at",
        "completion_code",
    ):
        setattr(session, field, getattr(locked, field))


def _may_answer(session: StudySession) -> None:
    if session.status == StudySession.Status.ARRIVED:
        raise ConsentMissing(_("Please read and agree to the consent page first."))
    if session.status == StudySession.Status.WITHDRAWN:
        raise SessionOver(_("You left this study; nothing more is asked of you."))
    if session.over:
        raise SessionOver(_("You finished this study; nothing more is asked of you."))


def _plausible_rt_ms(rt_ms: int | None) -> int | None:
    """The time if it can be one. A wrong time is worse than none."""
    if isinstance(rt_ms, bool) or not isinstance(rt_ms, int):
        return None
    return rt_ms if 0 <= rt_ms <= LONGEST_RT_MS else None


def _note(code: UUID, trial_id: UUID, answer: Answer, refusal: CollectionError) -> None:
    trial = (
        Trial.objects.select_related("response")
        .filter(pk=trial_id, session=code)
        .first()
    )
    detail: dict[str, Any] = {
        "trial_id": str(trial_id),
        "message": refusal.message,
        "refused": {
            "rating": repr(answer.rating) if answer.rating is not None else None,
            "choice": answer.choice[:200],
            "text": answer.text[:200],
            "not_understood": answer.not_understood,
        },
    }
    if trial is not None and trial.answered:
        detail["kept"] = said(trial.response)
    Incident.objects.create(
        session_id=code, trial=trial, code=refusal.code, detail=detail
    )
