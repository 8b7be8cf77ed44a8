"""The participant's pages for trouble of ours, and for a study that is full."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from collection import comprehension
from collection.errors import StudyFull
from collection.models import Study, StudySession
from collection.page_parts import find_session, participant_page
from collection.recruitment.completion import (
    completion_for,
    end,
    outcome_of,
    path_when_full,
)
from collection.recruitment.sections import Outcome


@require_http_methods(["GET", "HEAD", "POST"])
def trouble(request: HttpRequest, code: UUID) -> HttpResponse:
    """What to do when the study does not work; sending it stops the session, paid.

    Stopping here keeps the answers and gives the code for technical trouble. Should
    things work again, the person may still go on.
    """
    session = find_session(code)
    if session.over:
        return redirect("debrief", code=code)
    if session.consented_at is None:
        return redirect("consent", code=code)
    if comprehension.failed(session):
        return redirect("return", code=code)
    if request.method == "POST":
        end(session, Outcome.TECHNICAL)
        return redirect("trouble", code=code)
    stopped = outcome_of(session) == Outcome.TECHNICAL
    return participant_page(
        request,
        "trouble",
        session,
        completion=completion_for(session) if stopped else None,
    )


def full_page(
    request: HttpRequest,
    whose: Study | StudySession,
    refusal: StudyFull,
    *,
    from_platform: bool = False,
) -> HttpResponse:
    """Thanks to somebody who came when there was no place left, and the way back.

    Args:
        whose: Their session, if they have one already; else the study.
        from_platform: Whether the platform sent them, where they have no session.
    """
    return participant_page(
        request,
        "full",
        whose,
        status=refusal.status,
        refusal=refusal,
        completion=path_when_full(whose, from_platform=from_platform),
    )
