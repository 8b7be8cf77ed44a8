"""Participants' pages for leaving: by a code written down, and for good.

Withdrawing leaves a person's answers out of everything made from then on. Erasing deletes
them, and what was made from them; it is offered to those who have withdrawn, because
nothing is left afterwards by which they could be paid or recognised.
"""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from collection import erasure, limits, withdrawal
from collection.errors import UnknownWithdrawalCode
from collection.models import StudySession
from collection.page_parts import find_session, get_or_post, participant_page


@get_or_post
def withdraw_by_code(request: HttpRequest) -> HttpResponse:
    """Ask for a withdrawal code, and lead to the page of its session."""
    typed = request.POST.get("code", "")[:100]
    refusal = None
    if request.method == "POST":
        try:
            session = _session_of(request, typed)
        except UnknownWithdrawalCode as unknown:
            refusal = unknown
        else:
            return redirect("withdraw", code=session.code)
    return render(
        request,
        "participant/withdraw_code.html",
        {"typed": typed, "refusal": refusal},
        status=refusal.status if refusal else 200,
    )


@get_or_post
def withdraw_by_link(request: HttpRequest, typed: str) -> HttpResponse:
    """The same, by the link that the debrief gave."""
    return redirect("withdraw", code=_session_of(request, typed[:100]).code)


def _session_of(request: HttpRequest, typed: str) -> StudySession:
    """The session of a withdrawal code; wrong ones are limited by address."""
    here = limits.address(request)
    limits.take(limits.WITHDRAWAL_CODES, here)
    session = withdrawal.session_of(typed)
    limits.give_back(limits.WITHDRAWAL_CODES, here)
    return session


@get_or_post
def erase_mine(request: HttpRequest, code: UUID) -> HttpResponse:
    """Ask a person who withdrew whether everything shall be deleted, and do so."""
    session = find_session(code)
    if session.status != StudySession.Status.WITHDRAWN:
        return redirect("withdraw", code=code)
    if request.method == "POST":
        if request.POST.get("sure") == "1":
            study = session.study
            erasure.erase(session.participant, by="participant")
            return participant_page(request, "erased", study)
        messages.info(request, _("Nothing was deleted: please tick the box first."))
    return participant_page(request, "erase", session)
