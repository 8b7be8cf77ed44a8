"""Addresses of the researcher's pages, under ``/research/``."""

from django.contrib.auth import views as auth_views
from django.urls import path

from collection import erasure_pages, quality_pages, research
from collection.recruitment import research_pages as recruitment

urlpatterns = [
    path("", research.studies, name="research"),
    path(
        "login/",
        auth_views.LoginView.as_view(
            template_name="research/login.html", redirect_authenticated_user=True
        ),
        name="research-login",
    ),
    path("logout/", auth_views.LogoutView.as_view(), name="research-logout"),
    path("studies/<slug:slug>/", research.study, name="research-study"),
    path("studies/<slug:slug>/erase/", erasure_pages.find, name="research-erase-find"),
    path(
        "studies/<slug:slug>/erase/<str:rater_id>/",
        erasure_pages.erase,
        name="research-erase",
    ),
    path(
        "studies/<slug:slug>/consent/<str:version>/",
        erasure_pages.consent_text,
        name="research-consent",
    ),
    path(
        "studies/<slug:slug>/recruitment/",
        recruitment.recruitment,
        name="research-recruitment",
    ),
    path(
        "studies/<slug:slug>/recruitment/lists/<slug:kind>/<int:part>.csv",
        recruitment.payment_list,
        name="research-payment-list",
    ),
    path(
        "studies/<slug:slug>/recruitment/<slug:action>/",
        recruitment.act,
        name="research-recruitment-act",
    ),
    path("studies/<slug:slug>/lab/", recruitment.lab_sessions, name="research-lab"),
    path(
        "studies/<slug:slug>/start/<slug:kind>/",
        research.start_job,
        name="research-start",
    ),
    path("studies/<slug:slug>/jobs/<int:pk>/", research.job, name="research-job"),
    path(
        "studies/<slug:slug>/jobs/<int:pk>/cancel/",
        research.cancel_job,
        name="research-cancel",
    ),
    path(
        "studies/<slug:slug>/quality/", quality_pages.quality, name="research-quality"
    ),
    path(
        "studies/<slug:slug>/quality/<slug:rater_id>/",
        quality_pages.person,
        name="research-quality-person",
    ),
    path(
        "studies/<slug:slug>/quality/<slug:rater_id>/<slug:ledger>/",
        quality_pages.decide,
        name="research-quality-decide",
    ),
    path(
        "studies/<slug:slug>/snapshots/<int:number>/download/",
        research.snapshot_download,
        name="research-snapshot",
    ),
    path(
        "studies/<slug:slug>/<slug:kind>/<int:pk>/",
        research.result,
        name="research-result",
    ),
    path(
        "studies/<slug:slug>/report/<int:pk>/page/",
        research.result_page,
        name="research-report-page",
    ),
    path(
        "studies/<slug:slug>/<slug:kind>/<int:pk>/download/",
        research.result_download,
        name="research-download",
    ),
    path(
        "studies/<slug:slug>/<slug:kind>/<int:pk>/figures/<str:name>",
        research.result_figure,
        name="research-figure",
    ),
]
