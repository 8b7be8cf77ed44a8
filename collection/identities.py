"""Who participants are elsewhere: recognised before consent, known after it, then gone.

Someone who arrives brings a platform's id in the address. Until they consent only a keyed
digest of it is stored, which recognises them when they follow their link again, on any
device. The id itself travels in a signed cookie of their own browser, for a day, and is
stored when they consent: it is needed to pay them. `purge` deletes every identity whose
time is up: a day after arriving without consent, and after it as many days as the
definition says (`consent.identity_days`, 90 by default).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from collection.digests import identity_digest
from collection.models import Participant, PlatformIdentity, Study, StudySession

BROWSER: Final = "browser"
"""The platform of people whom nobody named: a random token that their browser keeps."""
WITHOUT_CONSENT: Final = timedelta(hours=24)
_COOKIE: Final = "arriving-as"


@dataclass(frozen=True)
class Arrival:
    """Who somebody says they are: a name on a platform."""

    platform: str
    external_id: str


def find(study: Study, arrival: Arrival) -> QuerySet[PlatformIdentity]:
    """The identity of whoever arrives like this; at most one."""
    digest = identity_digest(study.slug, arrival.platform, arrival.external_id)
    # By the name too: a digest is another one once the site's secret was changed.
    named = Q(platform=arrival.platform, external_id=arrival.external_id)
    return PlatformIdentity.objects.filter(named | Q(digest=digest), study=study)


def session_of(study: Study, arrival: Arrival) -> StudySession | None:
    """The session of whoever arrives like this, or None for someone new."""
    identity = find(study, arrival).values("participant")[:1]
    return (
        StudySession.objects.filter(study=study, participant__in=identity)
        .order_by("created_at")
        .first()
    )


def recognise(participant: Participant, arrival: Arrival) -> None:
    """Remember somebody new without storing who they are."""
    PlatformIdentity.objects.create(
        participant=participant,
        study=participant.study,
        platform=arrival.platform,
        digest=identity_digest(
            participant.study.slug, arrival.platform, arrival.external_id
        ),
        keep_until=timezone.now() + WITHOUT_CONSENT,
    )


def know(session: StudySession, arrival: Arrival | None) -> None:
    """Store who a person is who has consented, and until when. Safe to repeat.

    Without `arrival`, or with one that is not theirs, only the date is set. Inside the
    caller's transaction.
    """
    study = session.study
    kept = timedelta(days=study.definition_model().consent.identity_days)
    keep_until = (session.consented_at or timezone.now()) + kept
    identities = PlatformIdentity.objects.filter(participant=session.participant_id)
    if identities.exists():
        identities.update(keep_until=keep_until)
        if arrival is not None and arrival.platform != BROWSER:
            find(study, arrival).filter(
                participant=session.participant_id, external_id=None
            ).update(external_id=arrival.external_id)
    elif arrival is not None:
        # They took longer than a day to decide. Somebody who arrived by the same link
        # meanwhile, and was somebody new then, stays who they are.
        digest = identity_digest(study.slug, arrival.platform, arrival.external_id)
        named = arrival.external_id if arrival.platform != BROWSER else None
        PlatformIdentity.objects.bulk_create(
            [
                PlatformIdentity(
                    participant_id=session.participant_id,
                    study=study,
                    platform=arrival.platform,
                    external_id=named,
                    digest=digest,
                    keep_until=keep_until,
                )
            ],
            ignore_conflicts=True,
        )


def purge(now: datetime | None = None) -> int:
    """Delete every identity whose time is up; returns how many. Safe to repeat."""
    due = PlatformIdentity.objects.filter(keep_until__lt=now or timezone.now())
    deleted, _ = due.delete()
    return deleted


# Between arriving and consenting, in the person's own browser ---------------------------


def carry(response: HttpResponse, session: StudySession, arrival: Arrival) -> None:
    """Let the browser keep who this is, for the pages of this session alone."""
    response.set_signed_cookie(
        _COOKIE,
        json.dumps([arrival.platform, arrival.external_id]),
        salt=str(session.code),
        max_age=int(WITHOUT_CONSENT.total_seconds()),
        path=f"/p/{session.code}/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def carried(request: HttpRequest, session: StudySession) -> Arrival | None:
    """Who the browser says this is, if this site signed it for this session."""
    kept: str | None = request.get_signed_cookie(
        _COOKIE,
        default=None,
        salt=str(session.code),
        max_age=int(WITHOUT_CONSENT.total_seconds()),
    )
    return Arrival(*json.loads(kept)) if kept else None


def drop(response: HttpResponse, session: StudySession) -> None:
    """The database knows it, or nobody shall: the browser need not keep it."""
    response.delete_cookie(_COOKIE, path=f"/p/{session.code}/", samesite="Lax")
