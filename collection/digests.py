"""Digests that stand for a person where the person must not stand.

Django's models are not imported here: migrations use these functions too.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from django.utils.crypto import salted_hmac

SALT = "collection.identity"


def identity_digest(study: str, platform: str, external_id: str) -> str:
    """Recognises somebody without storing their name: 64 hexadecimal digits.

    Keyed with the site's secret, because platform ids are few enough to be tried out,
    and with the study's slug, so that nobody is followed from one study to another.
    """
    said = "\x1f".join((study, platform, external_id))
    return salted_hmac(SALT, said, algorithm="sha256").hexdigest()


def session_digest(code: UUID | str) -> str:
    """Stands for a session in the ledger of erasures.

    Not keyed: the ledger must outlive a change of the secret, and a session code is 122
    random bits, which nobody can try out.
    """
    return hashlib.sha256(f"attune session {code}".encode()).hexdigest()
