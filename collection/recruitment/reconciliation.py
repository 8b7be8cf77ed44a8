"""Ask the platform about every submission of a study: webhooks can be lost.

The answer is the present. It moves statuses forward and, where a decision was taken
back, backward; it confirms people who were let in while the platform could not be
reached, or refutes them. An unknown or refuted arrival is shown to the researcher;
nobody's answers are thrown away for it.
"""

from __future__ import annotations

import logging
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from collection.models import Reconciliation, Study, Submission
from collection.recruitment import payments, submissions
from collection.recruitment.arrival import recruitment_of
from collection.recruitment.client import Prolific
from collection.recruitment.errors import PlatformError

log = logging.getLogger(__name__)

Verification = Submission.Verification


def studies_to_reconcile() -> list[Study]:
    """Studies on Prolific whose submissions may still change."""
    return [
        study
        for study in Study.objects.exclude(status=Study.Status.DRAFT)
        if recruitment_of(study) is not None
    ]


def reconcile(study: Study, *, api: Prolific | None = None) -> Reconciliation:
    """Compare one study with the platform, and keep how that went.

    A failure is kept and told, not raised: the next run makes up for it.
    """
    run = Reconciliation.objects.create(study=study)
    try:
        if api is not None:
            _compare(study, api, run)
        else:
            with Prolific.from_settings() as own:
                _compare(study, own, run)
    except PlatformError as error:
        run.error = error.message
        log.warning("Reconciling %s: %s", study.slug, error.message)
    run.finished_at = timezone.now()
    run.save()
    return run


def reconcile_all() -> list[Reconciliation]:
    """Every study on Prolific; nothing where the environment holds no token."""
    if not settings.PROLIFIC_TOKEN:
        return []
    return [reconcile(study) for study in studies_to_reconcile()]


def _compare(study: Study, api: Prolific, run: Reconciliation) -> None:
    section = recruitment_of(study)
    if section is None:
        raise PlatformError(f"Study {study.slug} does not recruit on Prolific.")
    before = submissions.known(study.pk)
    seen: set[str] = set()
    for remote in api.submissions(section.study_id):
        run.n_seen += 1
        seen.add(remote.submission_id)
        if remote.submission_id not in before:
            run.n_unknown += 1
            continue
        identity, code = before[remote.submission_id]
        if not submissions.is_of(identity, remote.participant_id):
            run.n_refuted += _verify(code, Verification.REFUTED)
            continue
        _verify(code, Verification.API)
        if remote.status not in submissions.ORDER:
            log.warning("A submission has a status that is new: %s", remote.status)
            continue
        run.n_changed += submissions.learn(
            code, remote.status, certain=True, time_taken_s=remote.time_taken_s
        )
    for name, (_, code) in before.items():
        if name and name not in seen:
            run.n_refuted += _verify(code, Verification.REFUTED)
    payments.note_approvals(study)


def _verify(code: UUID, verdict: Submission.Verification) -> int:
    """Settle who was let in on trust; what a token proved stays proven."""
    waiting = Submission.objects.filter(
        session=code,
        verification__in=[Verification.PENDING, Verification.UNCHECKED],
    )
    return waiting.update(verification=verdict)
