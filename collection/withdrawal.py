"""Leaving without an account: the session's address, or a short code written down."""

from __future__ import annotations

import re

from django.utils import timezone
from django.utils.translation import gettext as _

from collection.errors import UnknownWithdrawalCode
from collection.models import StudySession, WithdrawalCode


def code_of(session: StudySession) -> WithdrawalCode:
    """The session's code, made when it is first shown. Safe to repeat."""
    code, _ = WithdrawalCode.objects.get_or_create(session=session)
    return code


def session_of(typed: str) -> StudySession:
    """The session that a code leads to, however its owner writes it.

    Raises:
        UnknownWithdrawalCode: there is none, or its data were erased.
    """
    code = re.sub(r"[^0-9A-Z]", "", typed.upper())
    found = WithdrawalCode.objects.select_related("session").filter(code=code).first()
    if found is None:
        raise UnknownWithdrawalCode(
            _(
                "No answers belong to this code. Please compare it with the one you "
                "wrote down: it has twelve letters and digits, and neither O nor 0, I, "
                "L or 1. If your answers were erased, the code went with them."
            )
        )
    return found.session


def too_late(session: StudySession) -> bool:
    """Whether a finished session's last date for withdrawing has passed."""
    until = session.study.definition_model().consent.withdrawal_until
    return (
        session.status == StudySession.Status.FINISHED
        and until is not None
        and timezone.now().date() > until
    )
