"""The researcher's pages for a person's wishes: find them, see what goes, erase.

What the person named themselves with is posted and never put into an address: addresses
are logged. Once found, they go by their random rater id.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from collection import erasure, superseding
from collection.access import Role, study_for
from collection.errors import NobodyFound
from collection.finding import found_by
from collection.models import Erasure, Participant, Response

get_or_post = require_http_methods(["GET", "HEAD", "POST"])


class FindForm(forms.Form):
    """Who asks."""

    who = forms.CharField(
        max_length=300,
        label="What they gave you",
        help_text="Their withdrawal code, the address of any page of theirs, their id on "
        "the platform that sent them, or a rater id.",
        error_messages={"required": "Type what the person gave you."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class EraseForm(forms.Form):
    """Why, and that it is meant."""

    reason = forms.ChoiceField(label="Reason", choices=Erasure.Reason.choices)
    reference = forms.CharField(
        required=False,
        max_length=80,
        label="Case number",
        help_text="If you keep one. It stays in the ledger for good: no names.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    sure = forms.BooleanField(
        label="Yes, erase this person. This cannot be taken back.",
        error_messages={"required": "Nothing was erased: please tick the box first."},
    )


@login_required
@get_or_post
def find(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask whom to erase; the ledger of those who were stands under it."""
    study = study_for(request.user, slug, at_least=Role.OWNER)
    form = FindForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            found = found_by(study, form.cleaned_data["who"])
        except NobodyFound as nobody:
            form.add_error("who", nobody.message)
        else:
            return redirect("research-erase", slug=slug, rater_id=found.rater_id)
    context: dict[str, Any] = {
        "study": study,
        "heading": "Erase a participant",
        "form": form,
        "erasures": Erasure.objects.filter(study=slug).order_by("-at"),
    }
    return render(request, "research/erase_find.html", context, status=_status(form))


@login_required
@get_or_post
def erase(request: HttpRequest, slug: str, rater_id: str) -> HttpResponse:
    """Show what erasing a person takes away, and do it once it is confirmed."""
    study = study_for(request.user, slug, at_least=Role.OWNER)
    person = get_object_or_404(
        Participant.objects.select_related("study"), study=study, rater_id=rater_id
    )
    form = EraseForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        done = erasure.erase(
            person,
            by=request.user.get_username(),
            reason=form.cleaned_data["reason"],
            reference=form.cleaned_data["reference"],
        )
        n_gone = done.counts.get("response", 0)
        messages.info(
            request,
            f"Erased: {n_gone} response{'' if n_gone == 1 else 's'} and everything else "
            "of this person. The ledger below has the tombstone.",
        )
        return redirect("research-erase-find", slug=slug)
    held = superseding.holding(person)
    context = {
        "study": study,
        "heading": f"Erase {rater_id}",
        "person": person,
        "sessions": person.sessions.order_by("created_at"),
        "n_responses": Response.objects.filter(
            trial__session__participant=person
        ).count(),
        "held": held,
        "form": form,
    }
    return render(request, "research/erase.html", context, status=_status(form))


@login_required
@require_safe
def consent_text(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """A text that people agreed to, as it was shown."""
    study = study_for(request.user, slug)
    kept = get_object_or_404(study.consent_versions, version=version)
    context = {
        "study": study,
        "heading": f"Consent text {version[:8]}",
        "kept": kept,
        "n_given": study.sessions.filter(consent__version=version).count(),
    }
    return render(request, "research/consent_text.html", context)


def _status(form: forms.Form) -> int:
    return 422 if form.is_bound else 200
