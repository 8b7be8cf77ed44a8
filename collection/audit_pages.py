"""The audit log of a study, for its owners: filtered, page by page, or as a CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from collection import audit
from collection.access import Role, study_for
from collection.models import AuditRecord, Study

PER_PAGE = 100
HEADER = ("at", "by", "verb", "details")
# What a spreadsheet would take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class FilterForm(forms.Form):
    """Which records; a field that cannot be read is left out and said so."""

    by = forms.ChoiceField(required=False, label="Who")
    verb = forms.ChoiceField(required=False, label="What")
    since = forms.DateField(
        required=False,
        label="From",
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    until = forms.DateField(
        required=False,
        label="To",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def __init__(self, data: Any, *, study: Study) -> None:
        super().__init__(data)
        every = AuditRecord.objects.filter(study=study.slug).order_by()
        names = sorted(every.values_list("by", flat=True).distinct())
        verbs = sorted(every.values_list("verb", flat=True).distinct())
        self._choose("by", [("", "Everybody"), *((name, name) for name in names)])
        self._choose("verb", [("", "All"), *((v, in_words(v)) for v in verbs)])

    def chosen(self, study: Study) -> QuerySet[AuditRecord]:
        """The records asked for, newest first."""
        self.is_valid()
        found = AuditRecord.objects.filter(study=study.slug)
        wanted = self.cleaned_data
        for field in ("by", "verb"):
            if wanted.get(field):
                found = found.filter(**{field: wanted[field]})
        if wanted.get("since"):
            found = found.filter(at__gte=_midnight(wanted["since"]))
        if wanted.get("until"):
            found = found.filter(at__lt=_midnight(wanted["until"]) + timedelta(days=1))
        return found

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]


def in_words(verb: str) -> str:
    """What a verb says on the page."""
    return audit.VERBS.get(verb, verb)


@login_required
@require_safe
def log(request: HttpRequest, slug: str) -> HttpResponse:
    """Who changed, downloaded, excluded or erased what."""
    study = study_for(request.user, slug, at_least=Role.OWNER)
    form = FilterForm(request.GET, study=study)
    records = form.chosen(study)
    asked = request.GET.copy()
    asked.pop("page", None)
    page = Paginator(records, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "study": study,
        "heading": "Audit log",
        "form": form,
        "query": asked.urlencode(),
        "page": page,
        "rows": [(one, in_words(one.verb), _said(one)) for one in page],
    }
    return render(request, "research/audit.html", context)


@login_required
@require_safe
def log_csv(request: HttpRequest, slug: str) -> StreamingHttpResponse:
    """The same records as a CSV; taking it is a record too."""
    study = study_for(request.user, slug, at_least=Role.OWNER)
    records = FilterForm(request.GET, study=study).chosen(study)
    newest = audit.record(request.user, study, "audit.downloaded")
    return StreamingHttpResponse(
        _lines(records.filter(pk__lte=newest.pk)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{slug}-audit.csv"'},
    )


def _lines(records: QuerySet[AuditRecord]) -> Iterator[str]:
    yield ",".join(HEADER) + "\r\n"
    for one in records.iterator():
        line = io.StringIO()
        cells = (one.at.isoformat(timespec="seconds"), one.by, one.verb, _said(one))
        csv.writer(line).writerow([_harmless(cell) for cell in cells])
        yield line.getvalue()


def _said(one: AuditRecord) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in one.details.items()
    )


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _midnight(day: Any) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
