"""Read a study's answers as evidence. Sessions are read in pieces, in a stable order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db.models import Prefetch, Q

from collection.attention.evidence import Judged, SessionEvidence
from collection.definitions import StudyDefinition
from collection.models import Study, StudySession, Trial
from collection.models.trials import Kind
from collection.spool import Spool

LEAST_ANSWERS = 5
"""A session with fewer answers is not judged: nothing could be said of it."""
SESSIONS_AT_ONCE = 50
EVIDENCE_AT_ONCE = 50


def read_evidence(study: Study, *, simulated: bool) -> Spool[SessionEvidence]:
    """The evidence of every session of one population, by its code; on disk.

    Who withdrew is not among them: their answers are not looked at any more.
    """
    definition = study.definition_model()
    found: Spool[SessionEvidence] = Spool(at_once=EVIDENCE_AT_ONCE)
    for session, trials in answered_sessions(study, simulated=simulated):
        if session.status == StudySession.Status.WITHDRAWN:
            continue
        evidence = evidence_of(session, trials, definition)
        if len(evidence.answers) >= LEAST_ANSWERS:
            found.append(evidence)
    return found


def answered_sessions(
    study: Study, *, simulated: bool
) -> Iterator[tuple[StudySession, list[Trial]]]:
    """Each session with its answered trials and their responses, in issued order."""
    sessions = (
        study.sessions.filter(simulated=simulated)
        .select_related("participant", "consent", "comprehension")
        .prefetch_related(
            Prefetch(
                "trials",
                Trial.objects.filter(Q(response__isnull=False))
                .select_related("response")
                .order_by("position"),
                to_attr="answered_trials",
            )
        )
        .order_by("participant__rater_id", "created_at", "pk")
    )
    for session in sessions.iterator(chunk_size=SESSIONS_AT_ONCE):
        yield session, session.answered_trials


def evidence_of(
    session: StudySession, trials: Sequence[Trial], definition: StudyDefinition
) -> SessionEvidence:
    """What the rules may look at, of one session's answered trials."""
    right = {
        question.key: question.correct
        for question in definition.questions
        if question.purpose == "attention"
    }
    return SessionEvidence(
        session=str(session.pk),
        answers=tuple(
            _judged(trial)
            for trial in trials
            if trial.kind in (Kind.VALUE, Kind.PAIR, Kind.TRIPLET)
        ),
        checks={
            trial.question: trial.response.choice == right[trial.question]
            for trial in trials
            if trial.kind == Kind.QUESTION and trial.question in right
        },
    )


def _judged(trial: Trial) -> Judged:
    response = trial.response
    place: float | None = response.rating
    rating: float | None = response.rating
    if response.rating is not None and trial.polarity == Trial.Polarity.REVERSED:
        rating = 100 - response.rating
    if trial.kind == Kind.TRIPLET and response.choice in trial.actions:
        place = trial.actions.index(response.choice)
    return Judged(
        kind=trial.kind,
        scale=f"{trial.block}/{trial.dimension}" if trial.dimension else trial.block,
        actions=tuple(trial.actions),
        place=place,
        rating=rating,
        odd=response.choice if trial.kind == Kind.TRIPLET else "",
        repeat=trial.repeat,
        rt_ms=response.rt_ms,
        timing=response.timing if isinstance(response.timing, dict) else None,
    )
