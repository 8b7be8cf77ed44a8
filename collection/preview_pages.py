"""Preview: a study's pages as a participant sees them, with nobody taking part.

The pages are the participants' own templates, made by the same functions. Their buttons
lead to the next page of the preview instead of storing anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import require_http_methods, require_safe

from collection import consents, participation, quotas
from collection.access import study_for
from collection.assignment import Whereabouts
from collection.forms import ArrivalForm, ConsentForm
from collection.languages import PARAMETER, preferred
from collection.models import Study, StudySession, WithdrawalCode
from collection.page_parts import participant_page
from collection.preview import AFTER, BEFORE, Preview, n_variants
from collection.recruitment.completion import path_for_preview, path_when_full
from collection.recruitment.sections import Outcome
from collection.trial_views import show_trial

Status = StudySession.Status
# Twelve characters that were given to nobody: see `rights.new_withdrawal_code`.
NO_CODE = "ABCDEFGHJKMN"
# Where a page's button leads, when it is not the next one.
LEADS_TO = {"withdraw": "withdrawn", "trouble": "stopped", "again": "debrief"}


@dataclass(frozen=True)
class Bar:
    """What the bar above a previewed page says, and where it leads."""

    study: Study
    group: str
    told: str
    before: str
    after: str
    next_part: str


@login_required
@require_safe
def overview(request: HttpRequest, slug: str) -> HttpResponse:
    """Every page of every group, to begin anywhere."""
    study = study_for(request.user, slug)
    definition = study.definition_model()
    variants = [
        Preview(study, group, variant)
        for group in definition.groups
        for variant in range(n_variants(study, group))
    ]
    context = {
        "study": study,
        "heading": "Preview",
        "variants": variants,
        "before": BEFORE,
        "after": AFTER,
        "languages": definition.offered_languages,
        "shown_status": study.get_status_display(),
    }
    return render(request, "research/preview.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def page(
    request: HttpRequest, slug: str, group: str, variant: int, name: str
) -> HttpResponse:
    """One page as a participant would see it; sending it leads to the next."""
    study = study_for(request.user, slug)
    found = [one for one in study.definition_model().groups if one.name == group]
    if not found or variant >= n_variants(study, found[0]):
        raise Http404("no such group")
    preview = Preview(study, found[0], variant)
    if name not in preview.pages and name not in preview.asides:
        raise Http404("no such page")
    language = _language(request, preview)
    way = _Way(preview, name, language)
    if request.method == "POST":
        onward = _onward(request, preview, name)
        if onward is not None:
            return redirect(way.to(onward))
    translation.activate(language)  # the page's sentences; the bar is in English
    request.preview = way.bar()  # type: ignore[attr-defined]
    answer = _shown(request, preview, name, language)
    answer.content = way.rewritten(answer.content.decode())
    return answer


# ------------------------------------------------------------------ the way


class _Way:
    """Where the pages of one preview are."""

    def __init__(self, preview: Preview, name: str, language: str) -> None:
        self.preview = preview
        self.name = name
        self.language = language

    def to(self, name: str) -> str:
        """The address of another page, in the same language."""
        preview = self.preview
        where = [preview.study.slug, preview.group.name, preview.variant, name]
        address = reverse("research-preview-page", args=where)
        if len(preview.definition.offered_languages) > 1:
            address += f"?{PARAMETER}={self.language}"
        return address

    def bar(self) -> Bar:
        pages = self.preview.pages
        at = pages.index(self.name) if self.name in pages else None
        parts = [part.first for part in self.preview.parts if part.n_trials]
        here = _number(self.name)
        later = [first for first in parts if here is not None and first > here]
        is_trial = here is not None
        told = {**BEFORE, **AFTER, **self.preview.asides}.get(self.name)
        return Bar(
            study=self.preview.study,
            group=self.preview.group.name,
            told=told or f"Question {here}",
            before=self.to(pages[at - 1]) if at else "",
            after=self.to(pages[at + 1])
            if at is not None and at + 1 < len(pages)
            else "",
            next_part=self.to(f"q{later[0]}" if later else "debrief")
            if is_trial
            else "",
        )

    def rewritten(self, html: str) -> str:
        """The page with its participants' addresses led back into the preview."""
        own = re.escape(f"/p/{self.preview.code}/")
        html = re.sub(rf"{own}(?:([a-z-]+)/)?", lambda m: self._lead(m[1] or ""), html)
        front = reverse("join", args=[self.preview.study.slug])
        html = html.replace(f'action="{front}"', f'action="{self.to(self.name)}"')
        kept = WithdrawalCode(code=NO_CODE).in_groups
        leaving = reverse("withdraw-link", args=[kept])
        return html.replace(f'href="{leaving}"', f'href="{self.to("withdraw")}"')

    def _lead(self, page: str) -> str:
        if page == "trial" and self.name == "instructions":
            return self.to(self.preview.pages[len(BEFORE)])
        if page in ("withdraw", "trouble") and self.name != page:
            return self.to(page)
        if page == "":
            return self.to("instructions")
        return self.to(self.name)


def _onward(request: HttpRequest, preview: Preview, name: str) -> str | None:
    """The page after the one that was sent; None where it must be shown again."""
    if name == "consent":
        if request.POST.get("decision") == "decline":
            return "declined"
        uses = preview.definition.consent.uses
        if not ConsentForm(request.POST, uses=uses).is_valid():
            return None
    if name in LEADS_TO:
        return LEADS_TO[name]
    if name not in preview.pages:
        return "join"
    return preview.pages[min(preview.pages.index(name) + 1, len(preview.pages) - 1)]


def _number(name: str) -> int | None:
    return int(name[1:]) if re.fullmatch(r"q[0-9]+", name) else None


def _language(request: HttpRequest, preview: Preview) -> str:
    definition = preview.definition
    offered = definition.offered_languages
    asked = request.POST.get(PARAMETER) or request.GET.get(PARAMETER, "")
    if asked in offered:
        return asked
    return preferred(
        request.headers.get("Accept-Language", ""), offered, definition.language
    )


# ------------------------------------------------------------------ the pages


def _shown(
    request: HttpRequest, preview: Preview, name: str, language: str
) -> HttpResponse:
    if (number := _number(name)) is not None:
        before = preview.trials[number - 2] if number > 1 else None
        session = preview.session(Status.CONSENTED, language)
        trial = preview.trials[number - 1]
        trial.session = session
        here = Whereabouts(trial, number - 1, before)  # type: ignore[arg-type]
        return show_trial(request, session, here)
    return _PAGES[name](request, preview, language)


def _join(request: HttpRequest, preview: Preview, language: str) -> HttpResponse:
    preview.session(Status.ARRIVED)
    return participant_page(
        request,
        "join",
        preview.study,
        form=ArrivalForm(initial={}),
        returning=False,
        study=preview.study,
    )


def _consent(request: HttpRequest, preview: Preview, language: str) -> HttpResponse:
    sent = request.POST if request.method == "POST" else None
    form = ConsentForm(sent, uses=preview.definition.consent.uses)
    return participant_page(
        request,
        "consent",
        preview.session(Status.ARRIVED, language),
        status=422 if form.is_bound else 200,
        form=form,
        changed=None,
        ticked=request.POST.getlist("uses"),
        version=consents.version_of(consents.shown(preview.definition, language)),
    )


def _instructions(
    request: HttpRequest, preview: Preview, language: str
) -> HttpResponse:
    session = preview.session(Status.CONSENTED, language)
    total = participation.n_trials(session)
    return participant_page(request, "instructions", session, done=0, total=total)


def _again(request: HttpRequest, preview: Preview, language: str) -> HttpResponse:
    session = preview.session(Status.CONSENTED, language)
    trial = preview.second_attempt()
    trial.session = session
    return show_trial(request, session, Whereabouts(trial, trial.position, None))


def _full(request: HttpRequest, preview: Preview, language: str) -> HttpResponse:
    return participant_page(
        request,
        "full",
        preview.study,
        refusal=quotas.full_refusal(),
        completion=path_when_full(preview.study),
    )


def _ended(
    name: str, status: str, outcome: Outcome | None
) -> Callable[[HttpRequest, Preview, str], HttpResponse]:
    """A page without a trial, with the completion of one outcome."""

    def show(request: HttpRequest, preview: Preview, language: str) -> HttpResponse:
        session = preview.session(status, language)
        if outcome == Outcome.DECLINED:
            session.consented_at = None
        completion = path_for_preview(session, outcome) if outcome else None
        code = WithdrawalCode(code=NO_CODE) if name == "debrief" else None
        return participant_page(
            request, name, session, completion=completion, withdrawal_code=code
        )

    return show


_PAGES: dict[str, Callable[[HttpRequest, Preview, str], HttpResponse]] = {
    "join": _join,
    "consent": _consent,
    "instructions": _instructions,
    "again": _again,
    "full": _full,
    "debrief": _ended("debrief", Status.FINISHED, Outcome.FINISHED),
    "declined": _ended("declined", Status.WITHDRAWN, Outcome.DECLINED),
    "withdraw": _ended("withdraw", Status.CONSENTED, None),
    "withdrawn": _ended("withdrawn", Status.WITHDRAWN, Outcome.WITHDRAWN),
    "trouble": _ended("trouble", Status.CONSENTED, None),
    "stopped": _ended("trouble", Status.CONSENTED, Outcome.TECHNICAL),
    "return": _ended("return", Status.CONSENTED, Outcome.FAILED_COMPREHENSION),
    "screened": _ended("ended", Status.WITHDRAWN, Outcome.SCREENED_OUT),
}
