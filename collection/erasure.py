"""Forget somebody: delete everything of theirs, and leave a tombstone.

Gone are the participant, their sessions, trials, responses, consents, incidents, and who
they are elsewhere. Others get their places again. Snapshots, reports and sweeps that hold
them are taken out of use, with their files. What stays is a row of the ledger, which
points at nobody, in the database and in a file beside it (`erasure_ledger.py`).

Lock order: the study (against a snapshot that is just being remembered, and against a
job that is just being enqueued), then the sessions, then reservations and cells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from collection import audit, erasure_ledger, superseding
from collection.digests import session_digest
from collection.errors import SessionErased
from collection.models import (
    Erasure,
    JobRecord,
    Participant,
    SnapshotRecord,
    Study,
    StudySession,
)
from collection.reservations import give_back


@dataclass(frozen=True)
class Gone:
    """What deleting one person took away."""

    at: datetime
    sessions: list[str]
    counts: dict[str, int]
    held: superseding.Holding


SCRUBBED = "What this said was removed: it named a participant who was erased."


def erase(
    participant: Participant,
    *,
    by: str,
    reason: str = Erasure.Reason.ASKED,
    reference: str = "",
) -> Erasure:
    """Delete everything of a participant, for good, and return the tombstone.

    An answer that is just being stored is waited for and goes too; one that comes later
    is refused. The tombstone is in the file before the deletion is committed: if the
    machine stops in between, `replayerasures` finishes what was begun.

    Args:
        by: Who did it: a researcher's name, `participant` or `command`.
        reason: One of `Erasure.Reason`.
        reference: A case number; never a name.

    Raises:
        SessionErased: somebody was faster, and all is gone.
    """
    with transaction.atomic():
        gone = _delete(participant)
        tombstone = Erasure.objects.create(
            study=participant.study.slug,
            sessions=gone.sessions,
            at=gone.at,
            by=by,
            reason=reason,
            reference=reference,
            counts=gone.counts,
            superseded=gone.held.numbers(),
        )
        audit.record(
            by, participant.study, "participant.erased", erasure=str(tombstone.pk)
        )
        erasure_ledger.append(tombstone)
    superseding.delete_files()
    return tombstone


def replay() -> tuple[int, int]:
    """Erase again whoever an old backup brought back. Safe to repeat.

    Returns:
        How many tombstones the database did not know, and how many people were erased.

    Raises:
        LedgerDamaged: a line of the file cannot be read; nothing was changed.
    """
    tombstones = list(erasure_ledger.everything())
    unknown = n_people = 0
    by_study: dict[str, list[Erasure]] = defaultdict(list)
    for tombstone in tombstones:
        by_study[tombstone.study].append(tombstone)
    for slug, of_study in by_study.items():
        people = _people_by_digest(slug)
        for tombstone in of_study:
            with transaction.atomic():
                if not Erasure.objects.filter(pk=tombstone.pk).exists():
                    tombstone.save(force_insert=True)
                    unknown += 1
                for participant in _found(people, tombstone.sessions):
                    _delete(participant)
                    n_people += 1
                _mark_named(slug, tombstone)
    erasure_ledger.copy_missing()
    superseding.delete_files()
    return unknown, n_people


def was_erased(code: UUID) -> bool:
    """Whether a session of this code was here, and was erased."""
    digest = session_digest(code)
    return Erasure.objects.filter(sessions__contains=[digest]).exists()


def _delete(participant: Participant) -> Gone:
    """Delete one person, inside the caller's transaction."""
    study = Study.objects.select_for_update(no_key=True).get(pk=participant.study_id)
    # FOR UPDATE, the strongest: also against a trial that is just being inserted.
    sessions = list(
        StudySession.objects.filter(participant=participant.pk)
        .select_for_update()
        .order_by("pk")
    )
    current = Participant.objects.filter(pk=participant.pk).first()
    if current is None:
        raise SessionErased()
    current.study = study
    at = timezone.now()
    held = superseding.holding(current)
    for session in sessions:
        give_back(session)
    _scrub_jobs(study, [current.rater_id, *(str(s.code) for s in sessions)])
    _, counts = current.delete()
    superseding.mark(held, at)
    for path in held.loose:
        transaction.on_commit(partial(superseding.clear, path, at))
    return Gone(
        at=at,
        sessions=[session_digest(session.code) for session in sessions],
        counts=_by_table(counts),
        held=held,
    )


def _by_table(counts: dict[str, int]) -> dict[str, int]:
    return {
        label.rpartition(".")[2].lower(): n for label, n in sorted(counts.items()) if n
    }


def _scrub_jobs(study: Study, names: Sequence[str]) -> None:
    """A job that failed may have written whose row was at fault."""
    told = Q()
    for name in names:
        told |= Q(error__contains=name) | Q(stage__contains=name)
    JobRecord.objects.filter(told, study=study).update(error=SCRUBBED, stage="")


def _people_by_digest(slug: str) -> dict[str, int]:
    sessions = StudySession.objects.filter(study__slug=slug)
    return {
        session_digest(code): participant
        for code, participant in sessions.values_list("pk", "participant").iterator()
    }


def _found(people: dict[str, int], digests: Sequence[str]) -> list[Participant]:
    keys = {people[digest] for digest in digests if digest in people}
    return list(Participant.objects.filter(pk__in=keys).select_related("study"))


def _mark_named(slug: str, tombstone: Erasure) -> None:
    """Supersede again what the tombstone names, if the backup had it in use.

    Numbers given after the erasure belong to something else.
    """
    study = Study.objects.filter(slug=slug).first()
    if study is None:
        return
    named: dict[str, Any] = tombstone.superseded
    snapshots: list[SnapshotRecord] = list(
        study.snapshots.filter(
            number__in=named.get("snapshots", []),
            created_at__lte=tombstone.at,
            superseded_at=None,
        )
    )
    held = superseding.made_from(study, snapshots)
    superseding.mark(held, tombstone.at)
    study.jobs.filter(
        pk__in=[*named.get("reports", []), *named.get("sweeps", [])],
        created_at__lte=tombstone.at,
        superseded_at=None,
    ).update(superseded_at=tombstone.at, superseded_reason=superseding.REASON)
