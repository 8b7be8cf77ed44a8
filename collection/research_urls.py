"""Addresses of the researcher's pages, under ``/research/``."""

from django.contrib.auth import views as auth_views
from django.urls import path

from collection import (
    account_pages,
    audit_pages,
    erasure_pages,
    figure_pages,
    live_pages,
    people_pages,
    preregistration_pages,
    preview_pages,
    quality_pages,
    research,
    study_pages,
    sweep_pages,
    team_pages,
    token_pages,
)
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
    path("account/", account_pages.account, name="research-account"),
    path(
        "account/password/",
        account_pages.ChangePassword.as_view(),
        name="research-password",
    ),
    path(
        "welcome/<str:uidb64>/<str:token>/",
        account_pages.Welcome.as_view(),
        name="research-welcome",
    ),
    path("tokens/", token_pages.own_tokens, name="research-tokens"),
    path("tokens/<int:pk>/revoke/", token_pages.revoke, name="research-token-revoke"),
    path("teams/", team_pages.teams, name="research-teams"),
    path("teams/<int:pk>/join/", team_pages.join, name="research-team-join"),
    path(
        "teams/<int:pk>/<int:place>/lead/",
        team_pages.change_lead,
        name="research-team-lead",
    ),
    path(
        "teams/<int:pk>/<int:place>/leave/",
        team_pages.leave,
        name="research-team-leave",
    ),
    path("new/", study_pages.upload, name="research-new"),
    path("studies/<slug:slug>/", research.study, name="research-study"),
    path("studies/<slug:slug>/live/", live_pages.view, name="research-live"),
    path(
        "studies/<slug:slug>/live/coverage.csv",
        live_pages.counts_csv,
        name="research-live-csv",
    ),
    path(
        "studies/<slug:slug>/definition/",
        study_pages.definition,
        name="research-definition",
    ),
    path(
        "studies/<slug:slug>/definition/upload/",
        study_pages.upload,
        name="research-upload",
    ),
    path(
        "studies/<slug:slug>/state/<slug:change>/",
        study_pages.change_state,
        name="research-state",
    ),
    path(
        "studies/<slug:slug>/preview/", preview_pages.overview, name="research-preview"
    ),
    path(
        "studies/<slug:slug>/preview/<slug:group>/<int:variant>/<slug:name>/",
        preview_pages.page,
        name="research-preview-page",
    ),
    path("studies/<slug:slug>/pilot/", study_pages.pilot, name="research-pilot"),
    path("studies/<slug:slug>/people/", people_pages.people, name="research-people"),
    path(
        "studies/<slug:slug>/people/add/",
        people_pages.add,
        name="research-people-add",
    ),
    path(
        "studies/<slug:slug>/people/add-team/",
        people_pages.add_team,
        name="research-people-add-team",
    ),
    path(
        "studies/<slug:slug>/people/invite/",
        people_pages.invite,
        name="research-people-invite",
    ),
    path(
        "studies/<slug:slug>/people/<int:pk>/role/",
        people_pages.change_role,
        name="research-people-role",
    ),
    path(
        "studies/<slug:slug>/people/<int:pk>/invite-anew/",
        people_pages.invite_anew,
        name="research-people-invite-anew",
    ),
    path(
        "studies/<slug:slug>/people/<int:pk>/remove/",
        people_pages.remove,
        name="research-people-remove",
    ),
    path("studies/<slug:slug>/audit/", audit_pages.log, name="research-audit"),
    path(
        "studies/<slug:slug>/audit.csv", audit_pages.log_csv, name="research-audit-csv"
    ),
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
        "studies/<slug:slug>/preregistration/",
        preregistration_pages.download,
        name="research-preregistration",
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
    path(
        "studies/<slug:slug>/new-sweep/",
        sweep_pages.new_sweep,
        name="research-new-sweep",
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
    path(
        "studies/<slug:slug>/<slug:kind>/<int:pk>/figures/<str:stem>/table/",
        figure_pages.figure_page,
        name="research-figure-page",
    ),
]
