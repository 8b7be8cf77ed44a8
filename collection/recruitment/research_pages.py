"""The researcher's page about recruitment, and the one from which lab sessions start."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from collection import audit
from collection.access import Role, study_for
from collection.models import PlatformPayment, Study, StudySession, Submission
from collection.recruitment import lab, payments, tasks
from collection.recruitment.completion import money
from collection.recruitment.costs import Cost, cost, live_fair_pay
from collection.recruitment.definition_lint import findings
from collection.recruitment.sections import Recruitment

KINDS = {
    "approvals": PlatformPayment.Kind.APPROVAL,
    "bonuses": PlatformPayment.Kind.BONUS,
}
LONGEST_NUMBER = 40


class NumberForm(forms.Form):
    """The participant's number, as the lab's own list has it."""

    number = forms.CharField(
        max_length=LONGEST_NUMBER,
        label="Participant’s number",
        help_text="As in your own list, for instance 017. No name: it is kept apart from "
        "the answers, and still says who somebody is.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autofocus": True}),
    )


@login_required
@require_safe
def recruitment(request: HttpRequest, slug: str) -> HttpResponse:
    """Who came from where, what became of them, what it costs, and what is owed."""
    study = study_for(request.user, slug)
    section = study.definition_model().recruitment
    on_platform = section is not None and section.prolific
    context: dict[str, Any] = {
        "study": study,
        "section": section if on_platform else None,
        "plain_url": request.build_absolute_uri(reverse("join", args=[slug])),
        "origins": _origins(study),
    }
    if section is not None and on_platform:
        context |= _platform_context(request, study, section)
    return render(request, "research/recruitment.html", context)


@login_required
@require_POST
def act(request: HttpRequest, slug: str, action: str) -> HttpResponse:
    """Ask or pay the platform, by the worker; or note that a list was sent by hand."""
    study = study_for(request.user, slug, at_least=Role.EDITOR)
    if action in tasks.ACTIONS:
        tasks.ACTIONS[action].defer(study_id=study.pk)
        audit.record(request.user, study, "recruitment.asked", action=action)
        messages.info(request, "The worker does it now. Reload to see how it went.")
    elif action.startswith("sent-") and (
        kind := KINDS.get(action.removeprefix("sent-"))
    ):
        n = payments.mark_sent(study, kind)
        audit.record(request.user, study, "recruitment.asked", action=action, n=n)
        messages.info(request, f"{n} marked as sent by hand.")
    else:
        raise Http404("no such action")
    return redirect("research-recruitment", slug=slug)


@login_required
@require_safe
def payment_list(request: HttpRequest, slug: str, kind: str, part: int) -> HttpResponse:
    """One list for the platform: submissions to approve, or bonuses to pay.

    It names the platform's submissions and nothing from the study's data.
    """
    study = study_for(request.user, slug, at_least=Role.EDITOR)
    if kind not in KINDS:
        raise Http404("no such list")
    parts = payments.csv_parts(study, KINDS[kind]) or [""]
    if not 1 <= part <= len(parts):
        raise Http404("no such part")
    audit.record(request.user, study, "payment-list.downloaded", list=kind, part=part)
    name = f"{slug}-{kind}-{part}.csv"
    return HttpResponse(
        parts[part - 1],
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def lab_sessions(request: HttpRequest, slug: str) -> HttpResponse:
    """Type a participant's number, get a start code; who is at work in the lab."""
    study = study_for(request.user, slug, at_least=Role.EDITOR)
    form = NumberForm(request.POST if request.method == "POST" else None)
    started = None
    if request.method == "POST" and form.is_valid():
        started = lab.start(study, form.cleaned_data["number"], by=request.user)
        audit.record(request.user, study, "lab.started")
        form = NumberForm()
    machine = request.build_absolute_uri(reverse("lab"))
    context = {
        "study": study,
        "form": form,
        "started": started,
        "machine_url": machine,
        "start_url": f"{machine}?code={started.code}" if started else "",
        "sessions": _lab_rows(study),
    }
    status = 422 if form.is_bound and not form.is_valid() else 200
    return render(request, "research/lab.html", context, status=status)


def _platform_context(
    request: HttpRequest, study: Study, section: Recruitment
) -> dict[str, Any]:
    meter = live_fair_pay(study)
    promised = sum(
        study.platform_payments.filter(kind=PlatformPayment.Kind.BONUS).values_list(
            "cents", flat=True
        )
    )
    return {
        "webhook_url": request.build_absolute_uri(reverse("prolific-webhook")),
        "verifications": _labelled(study, "verification", Submission.Verification),
        "refused": study.refused_arrivals.values_list("reason")
        .annotate(n=Count("pk"))
        .order_by("-n"),
        "statuses": _labelled(study, "status", Submission.Status),
        "run": study.reconciliations.first(),
        "meter": meter,
        "hourly": meter and money(meter.hourly_cents, section.currency),
        "floor": meter and money(meter.floor_cents, section.currency),
        "recommended": meter and money(meter.recommended_cents, section.currency),
        "fair_reward": meter and money(meter.fair_reward_cents, section.currency),
        "reward": money(section.reward_cents, section.currency),
        "costs": _cost_rows(cost(section, bonuses=promised), section),
        "payments": [
            (kind, state, n, money(cents, section.currency) if cents else "")
            for kind, state, n, cents in payments.counts(study)
        ],
        "without_amount": payments.without_amount(study),
        "lists": [
            (name, range(1, len(parts) + 1), sum(p.count("\n") for p in parts))
            for name, kind in KINDS.items()
            if (parts := payments.csv_parts(study, kind))
        ],
        "findings": findings(study.definition_model()),
    }


def _labelled(study: Study, field: str, choices: Any) -> list[tuple[str, int]]:
    """(label, people) of every choice that occurs, in the choices' own order."""
    counted = dict(
        study.submissions.values_list(field).annotate(n=Count("pk")).order_by()
    )
    return [(str(c.label), counted[c.value]) for c in choices if c.value in counted]


def _origins(study: Study) -> list[tuple[str, int]]:
    """(where from, people): by platform, by lab, by plain link."""
    words = {"prolific": "Prolific", "lab": "Lab", "simulated": "Simulated"}
    rows = (
        study.participants.filter(simulated=False)
        .values_list("identity__platform")
        .annotate(n=Count("pk"))
        .order_by()
    )
    found: dict[str, int] = {}
    for platform, n in rows:
        word = words.get(platform or "", "Plain link")
        found[word] = found.get(word, 0) + n
    return sorted(found.items(), key=lambda row: -row[1])


def _cost_rows(whole: Cost, section: Recruitment) -> list[tuple[str, str]]:
    def amount(cents: int) -> str:
        return money(cents, section.currency)

    return [
        (f"Rewards for {whole.places} people", amount(whole.rewards)),
        ("Bonuses promised so far", amount(whole.bonuses)),
        (f"Platform fee, {section.fee_percent:g} %", amount(whole.fee)),
        (f"Tax on the fee, {section.vat_percent:g} %", amount(whole.vat)),
        ("All", amount(whole.total)),
    ]


def _lab_rows(study: Study) -> list[dict[str, Any]]:
    """The last lab sessions: number, how far, since when."""
    sessions = (
        StudySession.objects.filter(study=study, lab_starts__isnull=False)
        .select_related("participant__identity")
        .distinct()
        .order_by("-created_at")[:30]
    )
    return [
        {
            "number": session.participant.identity.external_id
            if hasattr(session.participant, "identity")
            else "",
            "status": session.get_status_display(),
            "since": session.created_at,
            "waiting": not session.lab_starts.filter(used_at__isnull=False).exists(),
        }
        for session in sessions
    ]
