"""Quality runs and their verdicts. A flag asks somebody to look; it excludes nobody."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from collection.api.base import StudyView, page
from collection.api.bodies import Flag, PageQuery
from collection.api.errors import GONE_OR_HIDDEN
from collection.api.fields import QualityRunRow, VerdictRow
from collection.api.schema import page_of
from collection.models import QualityRun, QualityVerdict, StudySession


class VerdictQuery(PageQuery):
    """Which verdicts."""

    flagged = Flag(required=False, help_text="Flagged sessions alone, or the others.")


class QualityRuns(StudyView):
    """The judgments of a study's sessions so far."""

    asks = PageQuery
    tag = "quality"

    @extend_schema(
        operation_id="listQualityRuns",
        summary="Quality runs",
        responses=page_of(QualityRunRow),
    )
    def get(self, request: Request, slug: str) -> Response:
        """Every run of the quality rules over the study, oldest first."""
        return page(
            self,
            self.study.quality_runs.all(),
            lambda run: QualityRunRow(run).data,
            by="number",
            key=lambda run: run.number,
        )


class Verdicts(StudyView):
    """What one run says of each session."""

    asks = VerdictQuery
    tag = "quality"

    @extend_schema(
        operation_id="listVerdicts",
        summary="A run's verdicts",
        responses=page_of(VerdictRow),
    )
    def get(self, request: Request, slug: str, number: int) -> Response:
        """Each session's score, with every rule's reason.

        A flag excludes nobody and withholds no pay. Nothing is told of people who
        withdrew.
        """
        run = QualityRun.objects.filter(study=self.study, number=number).first()
        if run is None:
            raise NotFound(GONE_OR_HIDDEN)
        withdrawn = StudySession.Status.WITHDRAWN
        verdicts = QualityVerdict.objects.filter(run=run)
        verdicts = verdicts.exclude(session__status=withdrawn)
        if "flagged" in self.query:
            verdicts = verdicts.filter(flagged=self.query["flagged"])
        people = verdicts.select_related("session__participant")
        return page(self, people, lambda verdict: VerdictRow(verdict).data)
