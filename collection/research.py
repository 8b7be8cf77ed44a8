"""The researcher's pages: my studies, how far they are, and what came out of them.

Every view starts from the studies that this person may see, and says which role it asks
for (``access.py``). A view computes nothing: what takes longer than a request is a job.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from alignment.errors import FolderError
from collection import audit, coverage, downloads, jobs, quotas
from collection.access import Role, studies_of, study_for
from collection.errors import StudyFull
from collection.job_faults import faults_of
from collection.job_forms import FORMS
from collection.models import JobRecord, Study, StudySession
from collection.policies import allows
from collection.result_kinds import RESULTS
from collection.superseded_pages import superseded_page

# Datasets have no page: they are saved.
DOWNLOADS = (*RESULTS, "dataset")


@login_required
@require_safe
def studies(request: HttpRequest) -> HttpResponse:
    """The list of my studies."""
    return render(
        request, "research/studies.html", {"studies": studies_of(request.user)}
    )


@login_required
@require_safe
def study(request: HttpRequest, slug: str) -> HttpResponse:
    """One study: who came, what is covered, what was frozen and computed."""
    found = study_for(request.user, slug)
    records = list(found.jobs.all())
    incidents = coverage.incidents_by_code(found)
    simulated = coverage.has_simulated_people(found)
    finished = [job for job in records if job.status == JobRecord.Status.DONE]
    return render(
        request,
        "research/study.html",
        {
            "study": found,
            "participant_url": request.build_absolute_uri(f"/s/{found.slug}/"),
            "simulated": simulated,
            "turned_away": found.refused_arrivals.filter(reason=StudyFull.code).count(),
            "statuses": StudySession.Status.labels,
            "groups": coverage.progress_by_group(found),
            "places": _places(found, simulated=simulated),
            "coverage": coverage.coverage_by_block(found),
            "incidents": incidents,
            "incident_count": sum(n for _, n in incidents),
            "consents": found.consent_versions.all(),
            "snapshots": found.snapshots.order_by("-number"),
            "results": [
                {"job": job, "heading": RESULTS[kind].heading}
                for kind in reversed(list(RESULTS))
                for job in finished
                if job.kind == kind
            ],
            "datasets": [job for job in finished if job.kind == "dataset"],
            "jobs": records[:20],
            "working": any(job.status in jobs.UNFINISHED for job in records),
            "forms": [(kind, form(study=found)) for kind, form in FORMS.items()],
        },
    )


@login_required
@require_POST
def start_job(request: HttpRequest, slug: str, kind: str) -> HttpResponse:
    """Put a job on the queue; a second press finds the first one waiting."""
    found = study_for(request.user, slug, at_least=Role.EDITOR)
    if kind not in FORMS:
        raise Http404("no such kind of job")
    form = FORMS[kind](request.POST, study=found)
    if not form.is_valid():
        for faults in form.errors.values():
            messages.error(request, " ".join(map(str, faults)))
        return redirect("research-study", slug=slug)
    record = jobs.enqueue(found, kind, form.parameters(), by=request.user)
    return redirect("research-job", slug=slug, pk=record.pk)


@login_required
@require_safe
def job(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """How far a job is, or why it failed."""
    record = get_object_or_404(study_for(request.user, slug).jobs, pk=pk)
    reason, _, told = record.error.partition("\n")
    context = {
        "study": record.study,
        "heading": f"{record.kind.capitalize()} {record.pk}",
        "job": record,
        "working": record.status in jobs.UNFINISHED,
        "has_download": record.status == JobRecord.Status.DONE
        and record.kind == "dataset",
        "has_page": record.status == JobRecord.Status.DONE and record.kind in RESULTS,
        "result_name": {"ask": "the answers"}.get(record.kind, f"the {record.kind}"),
        "superseded": record.superseded_at is not None,
        "reason": reason,
        "told": told,
        "faults": faults_of(record.error),
        "of_own": record.kind in ("sweep", "check") and "document" in record.parameters,
    }
    return render(request, "research/job.html", context)


@login_required
@require_POST
def cancel_job(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Stop a job that waits or runs."""
    found = study_for(request.user, slug, at_least=Role.EDITOR)
    record = get_object_or_404(found.jobs, pk=pk)
    if not jobs.cancel(record, by=request.user):
        messages.info(request, "The job had already ended.")
    return redirect("research-job", slug=slug, pk=pk)


@login_required
@require_safe
def snapshot_download(request: HttpRequest, slug: str, number: int) -> HttpResponseBase:
    """A snapshot's folder as a zip file."""
    record = get_object_or_404(study_for(request.user, slug).snapshots, number=number)
    if record.superseded_at is not None:
        return superseded_page(request, record)
    answer = downloads.zipped(
        Path(record.folder), "snapshot", f"{slug}-snapshot-{number}"
    )
    audit.record(request.user, record.study, "snapshot.downloaded", number=number)
    return answer


@login_required
@require_safe
@allows(img="data:")  # plotly.js draws a matrix as a picture of its own
def result(request: HttpRequest, slug: str, kind: str, pk: int) -> HttpResponse:
    """A report or a sweep: figures first, then tables."""
    record = result_for(request, slug, kind, pk)
    if record.superseded_at is not None:
        return superseded_page(request, record)
    try:
        page = RESULTS[kind].page(Path(record.result_folder))
    except FolderError as error:
        raise Http404(str(error)) from error
    context = {
        "study": record.study,
        "heading": f"{RESULTS[kind].heading} {pk}",
        "job": record,
        "kind": kind,
        "page": page,
    }
    return render(request, f"research/{kind}.html", context)


@login_required
@require_safe
def result_figure(
    request: HttpRequest, slug: str, kind: str, pk: int, name: str
) -> HttpResponseBase:
    """One figure's file, to whoever may see the page it stands on; or to be saved."""
    record = result_for(request, slug, kind, pk)
    if record.superseded_at is not None:
        return superseded_page(request, record)
    folder = Path(record.result_folder)
    if "save" not in request.GET:
        return downloads.figure(folder, RESULTS[kind].folder, name)
    saved_as = f"{slug}-{kind}-{pk}-{Path(name).stem}"
    answer = downloads.figure(folder, RESULTS[kind].folder, name, save_as=saved_as)
    audit.record(request.user, record.study, "figure.downloaded", job=pk, figure=name)
    return answer


@login_required
@require_safe
def result_page(request: HttpRequest, slug: str, pk: int) -> HttpResponseBase:
    """The page that a report brings, as a file, to whoever may see the report."""
    record = result_for(request, slug, "report", pk)
    if record.superseded_at is not None:
        return superseded_page(request, record)
    answer = downloads.report_page(
        Path(record.result_folder), save_as=f"{slug}-report-{pk}"
    )
    audit.record(request.user, record.study, "report.opened", job=pk)
    return answer


@login_required
@require_safe
def result_download(
    request: HttpRequest, slug: str, kind: str, pk: int
) -> HttpResponseBase:
    """A report's, sweep's or dataset's folder as a zip file."""
    record = result_for(request, slug, kind, pk, among=DOWNLOADS)
    if record.superseded_at is not None:
        return superseded_page(request, record)
    folder = Path(record.result_folder)
    inside = RESULTS[kind].folder if kind in RESULTS else kind
    answer = downloads.zipped(folder, inside, f"{slug}-{kind}-{pk}")
    audit.record(request.user, record.study, f"{kind}.downloaded", job=pk)
    return answer


def result_url(record: JobRecord) -> str:
    """The address of the page that shows a finished report or sweep."""
    assert record.study is not None
    return reverse("research-result", args=[record.study.slug, record.kind, record.pk])


def _places(study: Study, *, simulated: bool) -> list[quotas.Standing]:
    """Who may still come, by group and in all; empty where nothing limits that."""
    if not quotas.limited(study.definition_model()):
        return []
    return quotas.standings(study, simulated=simulated)


def result_for(
    request: HttpRequest,
    slug: str,
    kind: str,
    pk: int,
    among: Collection[str] = RESULTS,
) -> JobRecord:
    """A finished job with something to show, for whoever may see its study.

    Args:
        among: Which kinds of job are meant; those with a page of results.

    Raises:
        Http404: no such result, or a study that this person may not see.
    """
    if kind not in among:
        raise Http404("no such kind of result")
    finished = study_for(request.user, slug).jobs.filter(status=JobRecord.Status.DONE)
    return get_object_or_404(finished, kind=kind, pk=pk)
