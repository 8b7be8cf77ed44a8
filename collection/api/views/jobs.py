"""Jobs: list, start, cancel. The worker does them; a request only asks."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from collection import jobs
from collection.api import job_requests
from collection.api.base import StudyView, page
from collection.api.bodies import PageQuery
from collection.api.errors import GONE_OR_HIDDEN, JobEnded
from collection.api.fields import JobRow
from collection.api.schema import JobBody, page_of
from collection.models import JobRecord


class JobQuery(PageQuery):
    """Which jobs."""

    kind = serializers.SlugField(required=False, help_text="Of this kind alone.")
    status = serializers.ChoiceField(
        JobRecord.Status.choices, required=False, help_text="Of this status alone."
    )


class Jobs(StudyView):
    """The jobs of a study."""

    asks = JobQuery
    tag = "jobs"
    refusals = {"POST": (422,)}

    @extend_schema(operation_id="listJobs", summary="Jobs", responses=page_of(JobRow))
    def get(self, request: Request, slug: str) -> Response:
        """The study's jobs, newest first."""
        asked = {k: v for k, v in self.query.items() if k in ("kind", "status")}
        found = JobRecord.objects.filter(study=self.study, **asked)
        return page(self, found, lambda job: JobRow(job).data, descending=True)

    @extend_schema(
        operation_id="startJob",
        summary="Start a job",
        request=JobBody,
        responses={202: JobRow},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Put a job on the queue, and tell where it can be followed.

        Safe to repeat: a job of this kind with these parameters that has not finished is
        told of instead of a second one.
        """
        kind, parameters = job_requests.read(request.data, self.study)
        job = jobs.enqueue(self.study, kind, parameters, by=request.user)
        return Response(
            JobRow(job).data,
            status=202,
            headers={"Location": request.build_absolute_uri(f"{job.pk}/")},
        )


class OneJob(StudyView):
    """One job."""

    tag = "jobs"

    @extend_schema(operation_id="getJob", summary="A job", responses={200: JobRow})
    def get(self, request: Request, slug: str, pk: int) -> Response:
        """How far a job is, or why it failed."""
        return Response(JobRow(_job(self, pk)).data)


class Cancel(StudyView):
    """Stop a job."""

    tag = "jobs"
    refusals = {"POST": (409,)}

    @extend_schema(
        operation_id="cancelJob",
        summary="Cancel a job",
        request=None,
        responses={200: JobRow},
    )
    def post(self, request: Request, slug: str, pk: int) -> Response:
        """Stop a job that waits or runs; a running one stops within seconds.

        Safe to repeat. A job that is done or failed stays what it is (409).
        """
        job = _job(self, pk)
        stopped = jobs.cancel(job, by=request.user)
        job.refresh_from_db()
        if not stopped and job.status != JobRecord.Status.CANCELLED:
            raise JobEnded(f"Job {job.pk} has ended: it is {job.status}.")
        return Response(JobRow(job).data)


def _job(view: StudyView, pk: int) -> JobRecord:
    job = JobRecord.objects.filter(study=view.study, pk=pk).first()
    if job is None:
        raise NotFound(GONE_OR_HIDDEN)
    return job
