"""Snapshots, reports, sweeps and datasets, and the files of their folders.

A folder is read only through its manifest (``downloads.py``): what that does not list is
never sent. What was made from data that were erased since is not given out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, TypeVar

from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from alignment.folders import MANIFEST, read_manifest, sha256_of
from collection import audit, downloads
from collection.api.base import StudyView, page
from collection.api.bodies import PageQuery
from collection.api.errors import GONE_OR_HIDDEN
from collection.api.fields import (
    FolderDocument,
    ResultRow,
    SnapshotRow,
    folder_document,
)
from collection.api.schema import page_of
from collection.errors import SupersededResult
from collection.models import JobRecord, SnapshotRecord
from collection.policies import HEADER

BINARY = OpenApiTypes.BINARY
ANYTHING = OpenApiTypes.ANY
Record = TypeVar("Record", SnapshotRecord, JobRecord)


class AnyType(BaseContentNegotiation):
    """A file is what it is, whatever type was asked for."""

    def select_parser(self, request: Request, parsers: list[Any]) -> Any:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: list[BaseRenderer], format_suffix: Any = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class FileView(StudyView):
    """Sends a file, or a folder as one."""

    tag = "results"
    refusals = {"GET": (410,)}
    content_negotiation_class = AnyType


# ------------------------------------------------------------------ snapshots


class Snapshots(StudyView):
    """What was frozen from a study."""

    asks = PageQuery
    tag = "results"

    @extend_schema(
        operation_id="listSnapshots",
        summary="Snapshots",
        responses=page_of(SnapshotRow),
    )
    def get(self, request: Request, slug: str) -> Response:
        """The study's snapshots, oldest first; superseded ones are marked as such."""
        return page(
            self,
            self.study.snapshots.all(),
            lambda snapshot: SnapshotRow(snapshot).data,
            by="number",
            key=lambda snapshot: snapshot.number,
        )


class OneSnapshot(StudyView):
    """One snapshot."""

    tag = "results"

    @extend_schema(
        operation_id="getSnapshot", summary="A snapshot", responses={200: SnapshotRow}
    )
    def get(self, request: Request, slug: str, number: int) -> Response:
        """What a snapshot is of, and its hash."""
        return Response(SnapshotRow(_snapshot(self, number)).data)


class SnapshotFolder(StudyView):
    """The files of a snapshot."""

    tag = "results"
    refusals = {"GET": (410,)}

    @extend_schema(
        operation_id="getSnapshotFiles",
        summary="A snapshot's files",
        responses={200: FolderDocument},
    )
    def get(self, request: Request, slug: str, number: int) -> Response:
        """Its files with their hashes, and what it was made from."""
        return _folder(_current(_snapshot(self, number)), "snapshot")


class SnapshotFile(FileView):
    """One file of a snapshot."""

    @extend_schema(
        operation_id="downloadSnapshotFile",
        summary="One of its files",
        responses={(200, "*/*"): ANYTHING},
    )
    def get(
        self, request: Request, slug: str, number: int, name: str
    ) -> HttpResponseBase:
        """One file, as its manifest names it."""
        record = _current(_snapshot(self, number))
        sent = _file(record, "snapshot", name)
        _note(request, self, "snapshot", number=number)
        return sent


class SnapshotZip(FileView):
    """A snapshot, whole."""

    @extend_schema(
        operation_id="downloadSnapshot",
        summary="A snapshot as a zip file",
        responses={(200, "application/zip"): BINARY},
    )
    def get(self, request: Request, slug: str, number: int) -> HttpResponseBase:
        """The whole folder, with its manifest."""
        record = _current(_snapshot(self, number))
        folder = Path(record.folder)
        sent = downloads.zipped(folder, "snapshot", f"{slug}-snapshot-{number}")
        _note(request, self, "snapshot", number=number)
        return sent


# ------------------------------------------------------------------ what jobs made


class Results(StudyView):
    """Finished reports, sweeps or datasets; which of them, the address says."""

    asks = PageQuery
    tag = "results"
    kind: ClassVar[str]

    def get(self, request: Request, slug: str) -> Response:
        """Those that are finished, newest first; superseded ones are marked as such."""
        return page(
            self,
            _finished(self, self.kind),
            lambda job: ResultRow(job).data,
            descending=True,
        )


class OneResult(StudyView):
    """One of them."""

    tag = "results"
    kind: ClassVar[str]

    def get(self, request: Request, slug: str, pk: int) -> Response:
        """What it was made of, and when."""
        return Response(ResultRow(_result(self, self.kind, pk)).data)


class ResultFolder(StudyView):
    """Its files."""

    tag = "results"
    refusals = {"GET": (410,)}
    kind: ClassVar[str]

    def get(self, request: Request, slug: str, pk: int) -> Response:
        """Its files with their hashes, and what it was made from."""
        return _folder(_current(_result(self, self.kind, pk)), self.kind)


class ResultFile(FileView):
    """One of its files."""

    kind: ClassVar[str]

    def get(self, request: Request, slug: str, pk: int, name: str) -> HttpResponseBase:
        """One file, as its manifest names it: a table or a figure."""
        record = _current(_result(self, self.kind, pk))
        sent = _file(record, self.kind, name)
        _note(request, self, self.kind, job=pk)
        return sent


class ResultZip(FileView):
    """The whole of it."""

    kind: ClassVar[str]

    def get(self, request: Request, slug: str, pk: int) -> HttpResponseBase:
        """The whole folder, with its manifest."""
        record = _current(_result(self, self.kind, pk))
        folder = Path(record.result_folder)
        sent = downloads.zipped(folder, self.kind, f"{slug}-{self.kind}-{pk}")
        _note(request, self, self.kind, job=pk)
        return sent


def of_kind(view: type[StudyView], kind: str) -> type[StudyView]:
    """A view of reports, sweeps or datasets, as the document describes it.

    They are the same but for their names, and stand in the document each by its own.
    """
    name = kind.capitalize()
    described: dict[type[StudyView], tuple[str, str, Any]] = {
        Results: (f"list{name}s", f"{name}s", page_of(ResultRow)),
        OneResult: (f"get{name}", f"A {kind}", {200: ResultRow}),
        ResultFolder: (f"get{name}Files", f"A {kind}'s files", {200: FolderDocument}),
        ResultFile: (
            f"download{name}File",
            "One of its files",
            {(200, "*/*"): ANYTHING},
        ),
        ResultZip: (
            f"download{name}",
            f"A {kind} as a zip file",
            {(200, "application/zip"): BINARY},
        ),
    }
    operation_id, summary, responses = described[view]
    named = type(
        f"{name}{view.__name__}", (view,), {"kind": kind, "__doc__": view.__doc__}
    )
    decorate = extend_schema_view(
        get=extend_schema(
            operation_id=operation_id, summary=summary, responses=responses
        )
    )
    decorated: type[StudyView] = decorate(named)
    return decorated


# ------------------------------------------------------------------ the pieces


def _snapshot(view: StudyView, number: int) -> SnapshotRecord:
    found = SnapshotRecord.objects.filter(study=view.study, number=number).first()
    if found is None:
        raise NotFound(GONE_OR_HIDDEN)
    return found


def _finished(view: StudyView, kind: str) -> Any:
    done = JobRecord.Status.DONE
    return JobRecord.objects.filter(study=view.study, kind=kind, status=done)


def _result(view: StudyView, kind: str, pk: int) -> JobRecord:
    found: JobRecord | None = _finished(view, kind).filter(pk=pk).first()
    if found is None:
        raise NotFound(GONE_OR_HIDDEN)
    return found


def _current(record: Record) -> Record:
    """The record, if its data are all still there."""
    if record.superseded_at is None:
        return record
    if isinstance(record, SnapshotRecord):
        name = f"Snapshot {record.number}"
    else:
        name = f"{record.kind.capitalize()} {record.pk}"
    raise SupersededResult(
        f"{name} is superseded: {record.superseded_reason}. Make a new one."
    )


def _home(record: SnapshotRecord | JobRecord) -> Path:
    return Path(
        record.folder if isinstance(record, SnapshotRecord) else record.result_folder
    )


def _folder(record: SnapshotRecord | JobRecord, kind: str) -> Response:
    home = _home(record)
    downloads.listed_files(home, kind)  # 404 where the folder is gone
    manifest = read_manifest(home, kind, verify=False)
    found = folder_document(home, manifest, sha256_of(home / MANIFEST))
    return Response(FolderDocument(found).data)


def _file(record: SnapshotRecord | JobRecord, kind: str, name: str) -> FileResponse:
    home = _home(record)
    if name not in {MANIFEST, *downloads.listed_files(home, kind)}:
        raise Http404("no such file")
    sent = FileResponse((home / name).open("rb"), as_attachment=True)
    # Opened in a browser it may do nothing: an SVG or a page could run script.
    sent[HEADER] = "default-src 'none'; sandbox"
    return sent


def _note(request: Request, view: StudyView, kind: str, **details: int) -> None:
    audit.record(request.user, view.study, f"{kind}.downloaded", api=True, **details)
