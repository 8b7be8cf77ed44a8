"""The participant's page for trouble of ours: try again, or stop and be paid."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from collection.page_parts import find_session, participant_page
from collection.recruitment.completion import completion_for, end, outcome_of
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
