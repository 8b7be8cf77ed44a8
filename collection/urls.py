"""Every address of the site."""

from django.urls import include, path

from collection import (
    health,
    joining_pages,
    metrics,
    pages,
    rights_pages,
    trial_views,
)
from collection.recruitment import lab_pages, participant_pages, webhooks

urlpatterns = [
    path("", joining_pages.home, name="home"),
    path("s/<slug:slug>/", joining_pages.join, name="join"),
    path("p/<uuid:code>/", pages.resume, name="resume"),
    path("p/<uuid:code>/consent/", pages.consent, name="consent"),
    path("p/<uuid:code>/instructions/", pages.instructions, name="instructions"),
    path("p/<uuid:code>/trial/", trial_views.trial, name="trial"),
    path("p/<uuid:code>/debrief/", pages.debrief, name="debrief"),
    path("p/<uuid:code>/withdraw/", pages.withdraw, name="withdraw"),
    path("p/<uuid:code>/return/", pages.return_place, name="return"),
    path("p/<uuid:code>/erase/", rights_pages.erase_mine, name="erase-mine"),
    path("withdraw/", rights_pages.withdraw_by_code, name="withdraw-by-code"),
    path("withdraw/<str:typed>/", rights_pages.withdraw_by_link, name="withdraw-link"),
    path("p/<uuid:code>/trouble/", participant_pages.trouble, name="trouble"),
    path("lab/", lab_pages.lab_start, name="lab"),
    path("hooks/prolific/", webhooks.prolific, name="prolific-webhook"),
    path("research/", include("collection.research_urls")),
    path("api/1/", include("collection.api.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics.metrics, name="metrics"),
]

handler400 = "collection.api.errors.bad_request"
handler403 = "collection.error_pages.forbidden"
handler404 = "collection.error_pages.not_found"
handler500 = "collection.error_pages.server_error"
