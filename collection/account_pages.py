"""One's own account: what it may see, a new password, and the welcome of an invited one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from collection import audit
from collection.access import role_in, studies_of

# Logging in by a link names its backend: there is more than one where logins are counted.
BACKEND = "collection.logins.LimitedBackend"


@login_required
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Who I am here, my studies with my role, and my teams."""
    roles = [
        (study, role_in(request.user, study)) for study in studies_of(request.user)
    ]
    return render(request, "research/account.html", {"roles": roles})


class ChangePassword(auth_views.PasswordChangeView):
    """The old password, and a new one twice. Logs out every other browser."""

    template_name = "research/password.html"
    success_url = reverse_lazy("research-account")
    extra_context = {"heading": "Change password"}

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        audit.record(self.request.user, None, "account.password-changed")
        messages.success(
            self.request, "Your password was changed. Other browsers are logged out."
        )
        return answer

    def render_to_response(self, context: Any, **kwargs: Any) -> Any:
        return super().render_to_response(context, status=_status(context), **kwargs)


@method_decorator(sensitive_post_parameters(), name="dispatch")
class Welcome(auth_views.PasswordResetConfirmView):
    """An invited person chooses their first password, and is logged in.

    The token leaves the address at once (it is kept in the browser's session), so that it
    stands in no history. It is of no use for an account that has a password.
    """

    template_name = "research/password.html"
    success_url = reverse_lazy("research")
    post_reset_login = True
    post_reset_login_backend = BACKEND
    extra_context = {"heading": "Choose a password", "welcome": True}

    def get_user(self, uidb64: str) -> User | None:
        user = super().get_user(uidb64)
        usable = user is None or user.has_usable_password() or not user.is_active
        return None if usable else user

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        audit.record(self.user, None, "account.password-set")
        return answer

    def render_to_response(self, context: Any, **kwargs: Any) -> Any:
        return super().render_to_response(context, status=_status(context), **kwargs)


def _status(context: dict[str, Any]) -> int:
    form = context.get("form")
    if form is None:
        return 404
    return 422 if form.is_bound else 200
