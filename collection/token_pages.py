"""A researcher's access tokens: make one, see it once, revoke it.

The key stands on the page that answers the form, and nowhere again. Sending that form a
second time, as a reload does, is refused by the token's name and makes nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from collection.api import tokens
from collection.api.errors import TokenRefused
from collection.models import ApiToken

LIFETIMES = {"7": "7 days", "30": "30 days", "90": "90 days", "365": "A year"}
SCOPES = {
    "read": "Look: studies, judgments, jobs, results",
    "read write": "Look, start and cancel jobs, open and close studies",
}


class TokenForm(forms.Form):
    """A new token."""

    name = forms.CharField(
        max_length=60,
        label="Name",
        help_text="What it is for, as you will know it again: analysis on my laptop.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Give the token a name."},
    )
    scopes = forms.ChoiceField(
        label="It may",
        choices=list(SCOPES.items()),
        initial="read",
        widget=forms.RadioSelect,
    )
    lifetime = forms.ChoiceField(
        label="It lasts", choices=list(LIFETIMES.items()), initial="90"
    )


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_variables("key")
def own_tokens(request: HttpRequest) -> HttpResponse:
    """My tokens, and a form for another one."""
    form = TokenForm(request.POST if request.method == "POST" else None)
    key = ""
    if form.is_valid():
        asked = form.cleaned_data
        lasts = timedelta(days=int(asked["lifetime"]))
        try:
            _, key = tokens.make(
                request.user, asked["name"], asked["scopes"].split(), lasts
            )
        except TokenRefused as refusal:
            form.add_error("name", refusal.message)
        else:
            form = TokenForm()
    mine = ApiToken.objects.filter(user=cast(User, request.user))
    context: dict[str, Any] = {
        "form": form,
        "key": key,
        "tokens": [(token, token.state()) for token in mine],
        "example": request.build_absolute_uri(reverse("api-studies")),
    }
    status = 201 if key else 422 if form.is_bound else 200
    return render(request, "research/tokens.html", context, status=status)


@login_required
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of my tokens at once."""
    token = get_object_or_404(ApiToken, pk=pk, user=request.user)
    if tokens.revoke(token):
        messages.info(request, f"Revoked: {token.name}. It opens nothing any more.")
    return redirect("research-tokens")
