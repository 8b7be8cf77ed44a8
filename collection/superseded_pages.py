"""What stands where a result was that held somebody who was erased since.

It says why, and offers to make the result again: from everybody else, who is still in
the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from collection.datasets.about import DEFAULT_LICENSE
from collection.disclosure import OPEN_RELEASE
from collection.job_forms import CHAT_PAIRS, DEFAULT_SPEC
from collection.models import JobRecord, SnapshotRecord, Study

GONE = 410


@dataclass(frozen=True)
class Again:
    """A button that makes a result again: which job, and with what."""

    kind: str
    button: str
    parameters: dict[str, object]


def superseded_page(
    request: HttpRequest, record: SnapshotRecord | JobRecord
) -> HttpResponse:
    """In the place of a superseded snapshot, report or sweep, and of its files."""
    if isinstance(record, SnapshotRecord):
        name = f"Snapshot {record.number}"
    else:
        name = f"{record.kind.capitalize()} {record.pk}"
    return render(
        request,
        "research/superseded.html",
        {
            "study": record.study,
            "heading": name,
            "record": record,
            "again": _again(record),
        },
        status=GONE,
    )


def _again(record: SnapshotRecord | JobRecord) -> Again:
    """The next step on the way back: the same from what is current, or what comes first."""
    study = record.study
    assert study is not None
    use = record.use if isinstance(record, SnapshotRecord) else "this_study"
    freeze = Again("freeze", "Freeze a new snapshot", {"use": use})
    if isinstance(record, SnapshotRecord) or record.kind == "freeze":
        return freeze
    snapshot = study.snapshots.filter(superseded_at=None).order_by("number").last()
    reports = study.jobs.filter(kind="report", superseded_at=None)
    report = reports.filter(status=JobRecord.Status.DONE).first()
    if record.kind == "sweep" and report is not None:
        spec = record.parameters.get("spec", DEFAULT_SPEC)
        return Again(
            "sweep",
            f"Run the sweep again, on report {report.pk}",
            {"report": report.pk, "spec": spec},
        )
    if record.kind == "dataset":
        return _dataset_again(study, record.parameters)
    if snapshot is None:
        return freeze
    pairs = record.parameters.get("chat_pairs", CHAT_PAIRS)
    return Again(
        "report",
        f"Write the report again, of snapshot {snapshot.number}",
        {"snapshot": snapshot.pk, "chat_pairs": pairs},
    )


def _dataset_again(study: Study, parameters: Mapping[str, object]) -> Again:
    """Of the newest snapshot for the same use; nobody agreed to another one."""
    license = parameters.get("license")
    use = OPEN_RELEASE if license else "this_study"
    snapshot = study.snapshots.filter(superseded_at=None, use=use).last()
    if snapshot is None:
        return Again("freeze", "Freeze a new snapshot", {"use": use})
    return Again(
        "dataset",
        f"Write the dataset again, of snapshot {snapshot.number}",
        {"snapshot": snapshot.pk, "license": license or DEFAULT_LICENSE},
    )
