"""A study's documents and its state: upload, look at the plan, pilot, open, pause, close.

Editors do all of it; whoever uploads a new study owns it.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from collection import pilots, uploads
from collection.access import Role, study_for
from collection.errors import CollectionError, DefinitionError
from collection.loading import close_study, open_study, pause_study
from collection.models import Study
from collection.pilot_forms import PilotForm

CHANGES = {"open": open_study, "pause": pause_study, "close": close_study}
# What a form adds to its files: boundaries, names, and the token.
ROOM = 100_000


@csrf_exempt  # the token is looked for in the body: first see how long that is
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, slug: str | None = None) -> HttpResponse:
    """Send a study's documents: a new study, or a new version of this one."""
    study = study_for(request.user, slug, at_least=Role.EDITOR) if slug else None
    if _length(request) > uploads.MOST_BYTES + ROOM:
        limit = uploads.MOST_BYTES // 1_000_000
        told = [f"The files are over {limit} MB in all. Nothing was read."]
        return _upload_page(request, study, status=413, loose=told, n_faults=1)
    answer: HttpResponse = _upload(request, study)
    return answer


@login_required
@require_safe
def definition(request: HttpRequest, slug: str) -> HttpResponse:
    """What the study asks of people, what it still lacks, and its state."""
    return _definition(request, study_for(request.user, slug))


@login_required
@require_POST
def change_state(request: HttpRequest, slug: str, change: str) -> HttpResponse:
    """Open, pause or close the study; twice is once."""
    study = study_for(request.user, slug, at_least=Role.EDITOR)
    if change not in CHANGES:
        raise Http404("no such state")
    try:
        CHANGES[change](study, by=request.user)
    except DefinitionError:
        # The page lists what is missing.
        return _definition(request, study, refused="The study cannot open yet")
    except CollectionError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"The study is {study.status} now.")
    return redirect("research-definition", slug=slug)


@login_required
@require_POST
def pilot(request: HttpRequest, slug: str) -> HttpResponse:
    """Open a copy of the study to try it out: with colleagues, or simulated people."""
    study = study_for(request.user, slug, at_least=Role.EDITOR)
    form = PilotForm(request.POST)
    if not form.is_valid():
        return _definition(request, study, pilot_form=form)
    try:
        copy = pilots.start(
            study, simulated=form.cleaned_data["sessions"] or 0, by=request.user
        )
    except DefinitionError:
        return _definition(request, study, refused="The study cannot be piloted yet")
    return redirect("research-study", slug=copy.slug)


# ------------------------------------------------------------------ the pieces


@csrf_protect
def _upload(request: HttpRequest, study: Study | None) -> HttpResponse:
    if request.method != "POST":
        return _upload_page(request, study)
    sent: Any = request.FILES.getlist("files")
    texts: dict[str, str] = {}
    try:
        read, texts = uploads.read_upload(sent)
        stored = uploads.store(read, request.user, into=study)
    except uploads.UploadRefused as refused:
        return _refused(request, study, refused)
    except DefinitionError as error:
        refusal = uploads.UploadRefused(error.faults, texts)
        return _refused(request, study, refusal)
    messages.success(request, "The definition has no faults, and is stored.")
    return redirect("research-definition", slug=stored.slug)


def _refused(
    request: HttpRequest, study: Study | None, refused: uploads.UploadRefused
) -> HttpResponse:
    loose, files = uploads.files_shown(refused)
    return _upload_page(
        request,
        study,
        status=422,
        loose=loose,
        files=files,
        n_faults=len(refused.faults),
    )


def _upload_page(
    request: HttpRequest, study: Study | None, *, status: int = 200, **shown: Any
) -> HttpResponse:
    context = {
        "study": study,
        "heading": "A new version" if study else "A new study",
        "most_mb": uploads.MOST_BYTES // 1_000_000,
        **shown,
    }
    return render(request, "research/upload.html", context, status=status)


def _definition(request: HttpRequest, study: Study, **shown: Any) -> HttpResponse:
    read = study.definition_model()
    plan = read.plan()
    context = {
        "study": study,
        "heading": "Definition and state",
        "definition": read,
        "plan": plan,
        "blocks": [(block, plan.judgments.get(block.key, 0)) for block in read.blocks],
        "missing": read.missing_before_opening(),
        "n_sessions": study.sessions.count(),
        "pilot_form": PilotForm(),
        "pilots": pilots.of(study),
        "is_pilot": pilots.is_pilot(study),
        **shown,
    }
    status = 422 if shown else 200
    return render(request, "research/definition.html", context, status=status)


def _length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0
