"""Who stands at the door: read from the address, and confirmed before consent.

A link from Prolific names a person, a study and a submission. Anybody can type such an
address, so it is confirmed: by the signed token where the link has one, else by asking
the submissions API whose submission that is. When the platform cannot be reached, a new
person is let in and confirmed later (``reconciliation``): our trouble must not cost
anybody their pay. A session that exists is opened only to the submission that it knows.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from collection import identities
from collection.models import (
    PlatformIdentity,
    RefusedArrival,
    Study,
    StudySession,
    Submission,
)
from collection.recruitment.client import PERSON_TIMEOUT_S, Prolific
from collection.recruitment.errors import (
    ArrivalUnconfirmed,
    NotOnPlatform,
    PlatformError,
    PlatformUnavailable,
)
from collection.recruitment.sections import Recruitment
from collection.recruitment.tokens import Claims, TokenRefused, verified_claims

PROLIFIC: Final = "prolific"
CONFIRMED_SALT: Final = "collection.recruitment.arrival"
CONFIRMED_LASTS_S: Final = 24 * 60 * 60
"""A person may read the study's front page for this long after a token was checked."""

_PLATFORM_ID: Final = re.compile(r"[0-9A-Fa-f]{24}")
_OVER: Final = frozenset({"RETURNED", "TIMED-OUT", "REJECTED"})
Verification = Submission.Verification


@dataclass(frozen=True)
class Arrival:
    """Someone at the door.

    external_id: The platform's id of the person; None for whom nobody named.
    submission_id: The platform's id of what they do now; empty off a platform.
    verification: None where there is nothing to verify.
    """

    platform: str = "link"
    external_id: str | None = None
    study_id: str = ""
    submission_id: str = ""
    verification: Submission.Verification | None = None


class Breaker:
    """After failures in a row, do not ask for a while: people must not queue for it."""

    def __init__(
        self,
        *,
        after: int = 3,
        rest_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._after = after
        self._rest_s = rest_s
        self._clock = clock
        self._failures = 0
        self._rests_until = 0.0
        self._lock = threading.Lock()

    @property
    def rests(self) -> bool:
        return self._clock() < self._rests_until

    def note(self, *, answered: bool) -> None:
        with self._lock:
            self._failures = 0 if answered else self._failures + 1
            if self._failures >= self._after:
                self._rests_until = self._clock() + self._rest_s


breaker: Final = Breaker()


def recruitment_of(study: Study) -> Recruitment | None:
    """The study's section on Prolific; None where people come by plain links only."""
    section = study.definition_model().recruitment
    return section if section is not None and section.prolific else None


def looked_at(study: Study, sent: Mapping[str, Any], *, site: str) -> dict[str, str]:
    """What the front page's form carries on from the link that was followed.

    A token is checked now, while it is fresh, and replaced by our own word for it.

    Raises:
        ArrivalUnconfirmed: the token is no good, and nothing else could confirm it.
    """
    carried = {name: str(value) for name, value in sent.items() if value}
    section = recruitment_of(study)
    if section is None or not carried.get("prolific_token"):
        return carried
    try:
        claims = _claims(section, carried, site)
    except ArrivalUnconfirmed:
        if section.verification == "token-or-api" and carried.get("SESSION_ID"):
            return carried  # sending the form asks the API
        raise
    except PlatformUnavailable:
        return carried
    return {
        "PROLIFIC_PID": claims.participant_id,
        "STUDY_ID": claims.study_id,
        "SESSION_ID": claims.session_id,
        "confirmed": signing.dumps(
            [study.slug, claims.participant_id, claims.study_id, claims.session_id],
            salt=CONFIRMED_SALT,
        ),
        "lang": carried.get("lang", ""),
    }


def confirmed(study: Study, sent: Mapping[str, Any], *, site: str) -> Arrival:
    """Who arrives, once that is certain enough to let them in.

    Args:
        sent: The arrival form's fields; see ``forms.ArrivalForm``.
        site: This site's address (scheme and host), for which tokens are made.

    Raises:
        ArrivalUnconfirmed: with a sentence for the person; nothing was stored of them.
    """
    section = recruitment_of(study)
    arrival = claimed(sent)
    if section is None:
        # As the address says: nothing is configured that could be asked.
        return replace(arrival, submission_id="")
    if arrival.platform != PROLIFIC and not sent.get("prolific_token"):
        if section.plain_link:
            return arrival
        raise ArrivalUnconfirmed("no-platform", _words("no-platform"))
    if section.verification == "none":
        return replace(arrival, verification=Verification.UNCHECKED)
    if (own := _own_word(study, sent.get("confirmed", ""))) is not None:
        return _arrived(section, own, Verification.TOKEN)
    if sent.get("prolific_token") and section.verification != "api":
        try:
            return _arrived(section, _claims(section, sent, site), Verification.TOKEN)
        except PlatformUnavailable:
            return _pending(study, section, arrival)
        except ArrivalUnconfirmed:
            if section.verification == "token" or not arrival.submission_id:
                raise
    if section.verification == "token":
        raise ArrivalUnconfirmed("no-token", _words("no-token"))
    return _by_api(study, section, arrival)


def record(session: StudySession, arrival: Arrival) -> None:
    """Keep with the session how it was verified, and which submission it is.

    Before consent too, and that is all that is stored of a person then: a return or a
    timeout names the submission alone, may come before they decide, and must free their
    place in the group. The id goes with the whole identity after a day without consent
    (`identities.purge`).
    """
    if arrival.verification is None or session.simulated:
        return
    with transaction.atomic():
        # The session's row first, as everywhere.
        StudySession.objects.select_for_update(no_key=True).get(pk=session.pk)
        identity = PlatformIdentity.objects.filter(
            participant=session.participant_id, platform=arrival.platform
        )
        known = identity.values_list("submission_id", flat=True).first()
        if known is None:
            return
        changes: dict[str, Any] = {"verification": arrival.verification}
        if known != arrival.submission_id:
            identity.update(submission_id=arrival.submission_id)
            changes |= {
                "status": Submission.Status.ACTIVE,
                "status_at": timezone.now(),
                "time_taken_s": None,
            }
        elif arrival.verification == Verification.PENDING:
            changes = {}  # it was known before; what confirmed it then still stands
        Submission.objects.update_or_create(
            session=session,
            defaults=changes,
            create_defaults={
                "study_id": session.study_id,
                "verification": arrival.verification,
            },
        )


def note_refusal(study: Study, reason: str) -> None:
    """Count a person who was not let in, for the study's researchers."""
    RefusedArrival.objects.create(study=study, reason=reason)


def claimed(sent: Mapping[str, Any]) -> Arrival:
    """Whom the address names: a claim, until it is confirmed."""
    if sent.get("PROLIFIC_PID"):
        return Arrival(
            platform=PROLIFIC,
            external_id=str(sent["PROLIFIC_PID"]),
            study_id=str(sent.get("STUDY_ID") or ""),
            submission_id=str(sent.get("SESSION_ID") or ""),
        )
    return Arrival(external_id=str(sent["pid"]) if sent.get("pid") else None)


def _own_word(study: Study, word: str) -> Claims | None:
    """Whom this server confirmed when the front page was shown."""
    if not word:
        return None
    try:
        slug, *names = signing.loads(
            word, salt=CONFIRMED_SALT, max_age=CONFIRMED_LASTS_S
        )
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Claims(*names) if slug == study.slug and len(names) == 3 else None


def _claims(section: Recruitment, sent: Mapping[str, Any], site: str) -> Claims:
    """The token's claims, which must agree with whatever the address says beside it."""
    try:
        claims = verified_claims(
            str(sent["prolific_token"]), audience=_spellings(section.audience or site)
        )
    except TokenRefused as refused:
        raise ArrivalUnconfirmed(refused.reason, _words(refused.reason)) from None
    for name, claimed in (
        ("PROLIFIC_PID", claims.participant_id),
        ("STUDY_ID", claims.study_id),
        ("SESSION_ID", claims.session_id),
    ):
        if sent.get(name) and sent[name] != claimed:
            raise ArrivalUnconfirmed("claims-differ", _words("claims-differ"))
    return claims


def _spellings(address: str) -> Sequence[str]:
    host = urlsplit(address).netloc or address.strip("/")
    return [f"https://{host}", f"https://{host}/", host, address]


def _arrived(
    section: Recruitment, claims: Claims, how: Submission.Verification
) -> Arrival:
    if claims.study_id.lower() != section.study_id.lower():
        raise ArrivalUnconfirmed("other-study", _words("other-study"))
    return Arrival(
        PROLIFIC, claims.participant_id, claims.study_id, claims.session_id, how
    )


def _by_api(study: Study, section: Recruitment, arrival: Arrival) -> Arrival:
    """Ask whose submission it is; not within a transaction, and not for long."""
    names = (arrival.external_id or "", arrival.study_id, arrival.submission_id)
    if not all(_PLATFORM_ID.fullmatch(name) for name in names):
        raise ArrivalUnconfirmed("incomplete-link", _words("incomplete-link"))
    if arrival.study_id.lower() != section.study_id.lower():
        raise ArrivalUnconfirmed("other-study", _words("other-study"))
    if breaker.rests:
        return _pending(study, section, arrival)
    try:
        with Prolific.from_settings(timeout_s=PERSON_TIMEOUT_S, attempts=1) as api:
            remote = api.submission(arrival.submission_id)
    except NotOnPlatform:
        breaker.note(answered=True)
        raise ArrivalUnconfirmed("not-theirs", _words("not-theirs")) from None
    except PlatformError as error:
        breaker.note(answered=not isinstance(error, PlatformUnavailable))
        return _pending(study, section, arrival)
    breaker.note(answered=True)
    if (remote.participant_id, remote.study_id) != (
        arrival.external_id,
        arrival.study_id,
    ):
        raise ArrivalUnconfirmed("not-theirs", _words("not-theirs"))
    if remote.status in _OVER and not _identity(study, arrival).exists():
        raise ArrivalUnconfirmed("submission-over", _words("submission-over"))
    return replace(arrival, verification=Verification.API)


def _pending(study: Study, section: Recruitment, arrival: Arrival) -> Arrival:
    """Let a new person in unconfirmed; open what exists only to whoever knows it."""
    if not arrival.external_id or not arrival.submission_id:
        raise ArrivalUnconfirmed("try-again", _words("try-again"), again=True)
    if arrival.study_id and arrival.study_id.lower() != section.study_id.lower():
        raise ArrivalUnconfirmed("other-study", _words("other-study"))
    known = _identity(study, arrival).first()
    if known is not None and known.submission_id != arrival.submission_id:
        raise ArrivalUnconfirmed("try-again", _words("try-again"), again=True)
    return replace(arrival, verification=Verification.PENDING)


def _identity(study: Study, arrival: Arrival) -> QuerySet[PlatformIdentity]:
    named = identities.Arrival(PROLIFIC, arrival.external_id or "")
    return identities.find(study, named)


def _words(reason: str) -> str:
    """What a person reads: what happened, and what to do."""
    if reason == "no-platform":
        return _(
            "This study is for people who come from Prolific. Please open it from your "
            "Prolific page; the link there brings you in."
        )
    if reason == "expired-token":
        return _(
            "This link was made for you some time ago and has run out. Please go back "
            "to Prolific and open the study from there again."
        )
    if reason == "other-study":
        return _(
            "This link belongs to another study. Please go back to Prolific and open "
            "this study from there."
        )
    if reason == "submission-over":
        return _(
            "Prolific tells us that your place in this study has ended: it was "
            "returned, or its time ran out. If you would still like to take part, "
            "please reserve a place on Prolific and come back from there."
        )
    if reason == "try-again":
        return _(
            "We cannot reach Prolific at the moment to confirm that it is you. Your "
            "answers are safe. Please try again in a minute."
        )
    return _(
        "We could not confirm that this link is yours. You did nothing wrong. Please "
        "go back to Prolific and open the study from there again, without copying the "
        "address."
    )
