"""The lab machine's own pages: type a start code, begin, and hand over to the next."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from collection import limits
from collection.recruitment import lab
from collection.recruitment.errors import LabCodeUnknown


class CodeForm(forms.Form):
    """The start code, as the experimenter types it or as the link brings it."""

    code = forms.CharField(
        max_length=20,
        label=_("Start code"),
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "characters",
                "spellcheck": "false",
                "autofocus": True,
            }
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def lab_start(request: HttpRequest) -> HttpResponse:
    """Where a lab machine waits between two people.

    Only sending the form uses a code up, so that no preview of a link can. Whatever a
    person before left in this browser goes: no cookie is carried on.
    """
    refusal = ""
    form = CodeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        here = limits.address(request)
        limits.take(limits.LAB_CODES, here)
        try:
            session = lab.use(form.cleaned_data["code"])
        except LabCodeUnknown as unknown:
            refusal = unknown.message
        else:
            limits.give_back(limits.LAB_CODES, here)
            response: HttpResponse = redirect("resume", code=session.pk)
            return _without_cookies(request, response)
    context = {
        "form": form,
        "code": request.POST.get("code") or request.GET.get("code", ""),
        "refusal": refusal,
    }
    response = render(
        request, "participant/lab.html", context, status=404 if refusal else 200
    )
    if request.method != "POST":
        # The form's own protection is set again while the page is written.
        if request.user.is_authenticated:
            request.session.flush()
        _without_cookies(request, response, keep=("csrftoken",))
    return response


def _without_cookies(
    request: HttpRequest, response: HttpResponse, *, keep: tuple[str, ...] = ()
) -> HttpResponse:
    for name in request.COOKIES:
        if name not in keep:
            response.delete_cookie(name)
    if not keep:
        # Also those of other paths, which a browser does not send here.
        response["Clear-Site-Data"] = '"cookies"'
    return response
