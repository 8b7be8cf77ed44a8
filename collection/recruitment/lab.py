"""A lab: an experimenter starts sessions one after another on machines in a room.

The experimenter, logged in on a device of their own, types a participant's number and
gets a start code. The code opens that session once, on a lab machine at which nobody is
logged in: there is nothing for the next person to find. The number is kept as the
participant's identity, as a platform's id would be, and nowhere else.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from collection import identities, participation
from collection.models import LabStart, Study, StudySession
from collection.recruitment.errors import LabCodeUnknown

LAB: Final = "lab"
CODE_LENGTH: Final = 8
ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""No letter or digit that looks or sounds like another."""
CODE_LASTS: Final = timedelta(hours=2)


@dataclass(frozen=True)
class Start:
    """A start code, told once, and the session that it opens."""

    code: str
    session: StudySession
    returning: bool

    @property
    def spelt(self) -> str:
        """In two halves, easier to type."""
        return f"{self.code[:4]} {self.code[4:]}"


def start(study: Study, number: str, *, by: Any = None) -> Start:
    """A new start code for the participant of this number; older ones stop working.

    A number that was here before gets its own session again.

    Raises:
        StudyClosed: a new number, and the study is not open.
    """
    with transaction.atomic():
        named = identities.Arrival(LAB, number)
        before = identities.find(study, named).exists()
        session = participation.enrol(study, external_id=number, platform=LAB)
        # A number that the experimenter gave says nothing about anybody, and the lab's
        # machine must not carry it: it is stored at once.
        identities.know(session, named)
        LabStart.objects.filter(session=session, used_at=None).update(
            expires_at=timezone.now()
        )
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        LabStart.objects.create(
            session=session,
            code_sha256=_hash(code),
            created_by=by,
            expires_at=timezone.now() + CODE_LASTS,
        )
    return Start(code, session, before)


def known(code: str) -> bool:
    """Whether this code could be used now."""
    return _usable(code).exists()


def use(code: str) -> StudySession:
    """The session that a code opens; the code is used up.

    Raises:
        LabCodeUnknown: no such code, or not any more.
    """
    now = timezone.now()
    # One statement: of two machines that send a code at once, one gets the session.
    if _usable(code).update(used_at=now) == 0:
        raise LabCodeUnknown(
            _(
                "This start code does not work: it was used, it is older than two "
                "hours, or a letter is wrong. Please ask the experimenter for a new one."
            )
        )
    found = LabStart.objects.select_related("session").get(code_sha256=_hash(code))
    return found.session


def _usable(code: str) -> QuerySet[LabStart]:
    return LabStart.objects.filter(
        code_sha256=_hash(code), used_at=None, expires_at__gt=timezone.now()
    )


def _hash(code: str) -> str:
    plain = "".join(code.upper().split()).replace("-", "")
    return hashlib.sha256(plain.encode()).hexdigest()
