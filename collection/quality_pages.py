"""The researcher's pages on quality: flags with their reasons, and the two ledgers.

A person is named by their rater id: a session's code is the participant's own key, and
stands on no page but theirs. A view computes nothing: judging is a job.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from collection import coverage, ledgers
from collection.access import Role, study_for
from collection.attention.reading import evidence_of
from collection.attention.rules import RULES
from collection.attention.runs import changes
from collection.errors import DecisionRefused
from collection.models import QualityRun, QualityVerdict, Study, StudySession, Trial
from collection.quality_forms import DecisionForm, ExclusionForm, PaymentForm
from collection.quality_plots import answer_dots, histogram

PER_PAGE = 50
SORTS = {"conduct": "conduct", "dissent": "agreement with others"}
ABOUT = {rule.name: SORTS[rule.sort] for rule in RULES}
LEDGERS: dict[str, tuple[type[DecisionForm], Any]] = {
    "payment": (PaymentForm, ledgers.record_payment),
    "exclusion": (ExclusionForm, ledgers.record_exclusion),
}


@login_required
@require_safe
def quality(request: HttpRequest, slug: str) -> HttpResponse:
    """A study's sessions with their flags, by one quality run."""
    study = study_for(request.user, slug)
    runs = list(study.quality_runs.all())
    run = _chosen(runs, request.GET.get("run"))
    context: dict[str, Any] = {
        "study": study,
        "simulated": coverage.has_simulated_people(study),
        "runs": runs[::-1],
        "run": run,
    }
    if run is not None:
        context |= _of_run(study, run, runs, request.GET.get("page"))
    return render(request, "research/quality.html", context)


@login_required
@require_safe
def person(request: HttpRequest, slug: str, rater_id: str) -> HttpResponse:
    """One session: each rule's verdict, its answers over time, and both ledgers."""
    session = _session(request, slug, rater_id)
    return _person(request, session, PaymentForm(), ExclusionForm())


@login_required
@require_POST
def decide(request: HttpRequest, slug: str, rater_id: str, ledger: str) -> HttpResponse:
    """Write a decision into one ledger. The other is not touched."""
    if ledger not in LEDGERS:
        raise Http404("no such ledger")
    session = _session(request, slug, rater_id, Role.EDITOR)
    kind, record = LEDGERS[ledger]
    form = kind(request.POST)
    if form.is_valid():
        try:
            record(
                session,
                form.cleaned_data["decision"],
                ground=form.cleaned_data["ground"],
                reason=form.cleaned_data["reason"],
                by=request.user.get_username(),
                run=session.study.quality_runs.last(),
            )
        except DecisionRefused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, f"Noted in the {ledger} ledger.")
            return redirect("research-quality-person", slug=slug, rater_id=rater_id)
    payment = form if ledger == "payment" else PaymentForm()
    exclusion = form if ledger == "exclusion" else ExclusionForm()
    return _person(request, session, payment, exclusion)


# ------------------------------------------------------------------ the pieces


def _of_run(
    study: Study, run: QualityRun, runs: list[QualityRun], page: str | None
) -> dict[str, Any]:
    verdicts = list(run.verdicts.select_related("session__participant"))
    excluded = ledgers.standing_exclusions(study)
    paid = ledgers.standing_payments(study)
    shown = Paginator(verdicts, PER_PAGE).get_page(page)
    rows = [
        {
            "verdict": verdict,
            "rater_id": verdict.session.participant.rater_id,
            "flag": _flag(verdict),
            "reasons": _reasons(verdict),
            "payment": paid.get(verdict.session_id),
            "exclusion": excluded.get(verdict.session_id),
        }
        for verdict in shown
    ]
    earlier = [one for one in runs if one.number < run.number]
    before = next(
        (one for one in reversed(earlier) if one.simulated == run.simulated), None
    )
    return {
        "rows": rows,
        "page": shown,
        "rules": _rule_rows(verdicts),
        "flag_at": run.rules["flag_at"],
        "histogram": histogram([v.score for v in verdicts], run.rules["flag_at"]),
        "before": before,
        "changes": changes(before, run) if before else [],
    }


def _rule_rows(verdicts: list[QualityVerdict]) -> list[dict[str, Any]]:
    outcomes: dict[str, Counter[str]] = {}
    versions: dict[str, str] = {}
    for verdict in verdicts:
        for one in verdict.rules:
            outcomes.setdefault(one["rule"], Counter())[one["outcome"]] += 1
            versions[one["rule"]] = one["version"]
    return [
        {
            "name": name,
            "version": versions[name],
            "about": ABOUT.get(name, ""),
            "flag": counts["flag"],
            "no_flag": counts["no flag"],
            "cannot_tell": counts["cannot tell"],
        }
        for name, counts in outcomes.items()
    ]


def _flag(verdict: QualityVerdict) -> str:
    if not verdict.flagged:
        return ""
    return "flag" if verdict.conduct_flagged else "flag for disagreeing only"


def _reasons(verdict: QualityVerdict) -> list[str]:
    flags = [one for one in verdict.rules if one["outcome"] == "flag"]
    strongest = sorted(flags, key=lambda one: -one["score"])
    return [f"{one['rule']}: {one['reason']}" for one in strongest]


def _person(
    request: HttpRequest,
    session: StudySession,
    payment: DecisionForm,
    exclusion: DecisionForm,
) -> HttpResponse:
    verdict = (
        QualityVerdict.objects.filter(session=session)
        .select_related("run")
        .order_by("run__number")
        .last()
    )
    trials = (
        Trial.objects.filter(session=session, response__isnull=False)
        .select_related("response")
        .order_by("position")
    )
    # Answers of somebody who withdrew are not looked at any more.
    withdrawn = session.status == StudySession.Status.WITHDRAWN
    answers = (
        ()
        if withdrawn
        else evidence_of(
            session, list(trials), session.study.definition_model()
        ).answers
    )
    rules = [
        {**one, "about": ABOUT.get(one["rule"], "")}
        for one in (verdict.rules if verdict and not withdrawn else [])
    ]
    context = {
        "study": session.study,
        "simulated": session.simulated,
        "session": session,
        "rater_id": session.participant.rater_id,
        "withdrawn": withdrawn,
        "verdict": None if withdrawn else verdict,
        "flag": _flag(verdict) if verdict else "",
        "rules": rules,
        "plots": answer_dots(answers),
        "ledgers": [
            ("payment", payment, session.payment_decisions.select_related("run")),
            ("exclusion", exclusion, session.exclusion_decisions.select_related("run")),
        ],
    }
    return render(request, "research/quality_person.html", context)


def _chosen(runs: list[QualityRun], asked: str | None) -> QualityRun | None:
    if asked is None:
        return runs[-1] if runs else None
    for run in runs:
        if str(run.number) == asked:
            return run
    raise Http404("no such quality run")


def _session(
    request: HttpRequest, slug: str, rater_id: str, at_least: Role = Role.VIEWER
) -> StudySession:
    study = study_for(request.user, slug, at_least)
    found = (
        StudySession.objects.filter(study=study, participant__rater_id=rater_id)
        .select_related("participant", "study")
        .order_by("created_at")
        .last()
    )
    if found is None:
        raise Http404("no such person")
    return found
