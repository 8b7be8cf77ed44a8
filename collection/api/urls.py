"""Addresses of the API, under ``/api/1/``."""

from django.urls import path

from collection.api.schema_pages import Document, DocumentPage
from collection.api.views import jobs, people, quality, results, studies, token
from collection.api.views.results import of_kind

STUDY = "studies/<slug:slug>/"


def _results(kind: str) -> list[object]:
    """Addresses of reports, sweeps or datasets: the same below each."""
    under = f"{STUDY}{kind}s/"
    one = f"{under}<int:pk>/"
    return [
        path(under, of_kind(results.Results, kind).as_view()),
        path(one, of_kind(results.OneResult, kind).as_view()),
        path(f"{one}files/", of_kind(results.ResultFolder, kind).as_view()),
        path(f"{one}files/<path:name>", of_kind(results.ResultFile, kind).as_view()),
        path(f"{one}download/", of_kind(results.ResultZip, kind).as_view()),
    ]


urlpatterns = [
    path("token/", token.Token.as_view()),
    path("studies/", studies.Studies.as_view(), name="api-studies"),
    path(STUDY, studies.OneStudy.as_view()),
    path(f"{STUDY}definition/", studies.Definition.as_view()),
    path(f"{STUDY}status/", studies.Status.as_view()),
    path(f"{STUDY}actions/", studies.Actions.as_view()),
    path(f"{STUDY}actions/<slug:action_id>/", studies.OneAction.as_view()),
    path(f"{STUDY}coverage/", studies.Coverage.as_view()),
    path(f"{STUDY}coverage/cells/", studies.Cells.as_view()),
    path(f"{STUDY}participants/", people.Participants.as_view()),
    path(f"{STUDY}participants/<slug:rater_id>/", people.OneParticipant.as_view()),
    path(f"{STUDY}judgments/", people.Judgments.as_view()),
    path(f"{STUDY}quality/", quality.QualityRuns.as_view()),
    path(f"{STUDY}quality/<int:number>/verdicts/", quality.Verdicts.as_view()),
    path(f"{STUDY}jobs/", jobs.Jobs.as_view()),
    path(f"{STUDY}jobs/<int:pk>/", jobs.OneJob.as_view()),
    path(f"{STUDY}jobs/<int:pk>/cancel/", jobs.Cancel.as_view()),
    path(f"{STUDY}snapshots/", results.Snapshots.as_view()),
    path(f"{STUDY}snapshots/<int:number>/", results.OneSnapshot.as_view()),
    path(f"{STUDY}snapshots/<int:number>/files/", results.SnapshotFolder.as_view()),
    path(
        f"{STUDY}snapshots/<int:number>/files/<path:name>",
        results.SnapshotFile.as_view(),
    ),
    path(f"{STUDY}snapshots/<int:number>/download/", results.SnapshotZip.as_view()),
    *_results("report"),
    *_results("sweep"),
    *_results("dataset"),
    path("schema/", Document.as_view(), name="api-schema"),
    path("docs/", DocumentPage.as_view(), name="api-docs"),
]
