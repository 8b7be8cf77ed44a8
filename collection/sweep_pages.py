"""A sweep of one's own: its form, a check of it, and a start.

A check and a sweep are jobs. One that failed for the document's faults leads back here,
where each fault stands beside its field.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from collection import jobs
from collection.access import Role, study_for
from collection.job_faults import faults_of
from collection.job_forms import DEFAULT_SPEC, SweepForm
from collection.models import JobRecord, Study
from collection.spec_form import SpecForm, UploadForm, built_in, filled

KINDS = ("sweep", "check")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def new_sweep(request: HttpRequest, slug: str) -> HttpResponse:
    """Write a sweep's document, have it checked, and run it.

    What is asked for: ``report`` (a job's number; the newest otherwise), and what to
    begin with: ``from`` (a built-in spec) or ``job`` (an earlier check or sweep, whose
    faults are shown).
    """
    study = study_for(request.user, slug, at_least=Role.EDITOR)
    reports = study.jobs.filter(
        kind="report", status=JobRecord.Status.DONE, superseded_at=None
    )
    before = _before(request, study)
    asked = request.GET.get("report") or (before and before.parameters.get("report"))
    report = (
        get_object_or_404(reports, pk=asked)
        if str(asked or "").isdecimal()
        else reports.first()
    )
    if report is None:
        messages.error(request, SweepForm.needs)
        return redirect("research-study", slug=slug)
    upload = UploadForm()
    name = request.GET.get("from", DEFAULT_SPEC)
    if request.method == "POST" and "upload" in request.POST:
        upload = UploadForm(request.POST, request.FILES)
        document = upload.cleaned_data["file"] if upload.is_valid() else built_in(name)
        form = filled(document, report=report)
    elif request.method == "POST":
        form = SpecForm(request.POST, report=report)
        if form.is_valid():
            kind = "check" if "check" in request.POST else "sweep"
            return _start(request, study, kind, report, form.cleaned_data["document"])
    elif before is not None:
        form = filled(before.parameters.get("document", {}), report=report)
        # Those that the job found and the shape alone did not tell.
        told = set(form.errors)
        form.show([one for one in faults_of(before.error) if one[0] not in told])
    else:
        form = filled(built_in(name), report=report)
    return render(
        request,
        "research/new_sweep.html",
        {
            "study": study,
            "report": report,
            "form": form,
            "upload": upload,
            "begin": SweepForm(study=study, initial={"report": report, "spec": name}),
            "n_faults": sum(len(found) for found in form.errors.values()),
        },
    )


def _before(request: HttpRequest, study: Study) -> JobRecord | None:
    """The job that somebody comes back from."""
    number = request.GET.get("job", "")
    if not number.isdecimal():
        return None
    return get_object_or_404(study.jobs.filter(kind__in=KINDS), pk=number)


def _start(
    request: HttpRequest,
    study: Study,
    kind: str,
    report: JobRecord,
    document: dict[str, Any],
) -> HttpResponse:
    title = str(document.get("title") or "own")
    parameters = {"report": report.pk, "spec": title, "document": document}
    record = jobs.enqueue(study, kind, parameters, by=request.user)
    return redirect("research-job", slug=study.slug, pk=record.pk)
