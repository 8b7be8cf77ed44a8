"""The audit log: who changed, downloaded, excluded or erased what.

A record is written once, in the transaction of what it tells about: what was rolled
back was not done, and is not told. It names accounts, jobs and rows by their numbers,
and nothing of a participant, so that erasing a person leaves no trace of them here.
"""

from __future__ import annotations

import re
from typing import Any, Final

from collection.models import AuditRecord, Study

COMMAND: Final = "command"
_VERB: Final = re.compile(r"[a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*")

# What each verb says on the page; a verb that is not here is shown as it is.
VERBS: Final[dict[str, str]] = {
    "person.added": "Added to the study",
    "person.role-changed": "Changed a role",
    "person.removed": "Removed from the study",
    "account.invited": "Invited somebody",
    "account.invited-anew": "Made a new invitation link",
    "account.password-set": "Chose a first password",
    "account.password-changed": "Changed their password",
    "team.made": "Made a team",
    "team.joined": "Added to a team",
    "team.left": "Removed from a team",
    "team.lead-changed": "Changed who leads a team",
    "study.created": "Created the study",
    "study.imported": "Imported the study as a dataset",
    "study.changed": "Changed the definition",
    "study.piloted": "Piloted with simulated participants",
    "study.opened": "Opened the study",
    "study.paused": "Paused the study",
    "study.closed": "Closed the study",
    "job.started": "Started a job",
    "job.cancelled": "Cancelled a job",
    "report.opened": "Took a report’s own page",
    "snapshot.downloaded": "Downloaded a snapshot",
    "report.downloaded": "Downloaded a report",
    "sweep.downloaded": "Downloaded a sweep",
    "ask.downloaded": "Downloaded models’ answers",
    "comparison.downloaded": "Downloaded a comparison",
    "figure.downloaded": "Downloaded a figure",
    "dataset.downloaded": "Downloaded a dataset",
    "payment-list.downloaded": "Downloaded a payment list",
    "audit.downloaded": "Downloaded this log",
    "exclusion.decided": "Decided on an exclusion",
    "payment.decided": "Decided on a payment",
    "recruitment.asked": "Asked the recruitment platform",
    "lab.started": "Started a lab session",
    "participant.erased": "Erased a participant",
    "token.made": "Made an access token",
    "token.revoked": "Revoked an access token",
}


def record(
    user: Any, study: Study | None, verb: str, **details: str | int | bool | None
) -> AuditRecord:
    """Note that somebody did something.

    Args:
        user: The account; its name where there is no account at hand; None for a
            command of the server.
        study: None where it concerns no single study.
        verb: ``thing.done``, in small letters and hyphens.
        details: Plain values that say which one. No personal data: no rater id, no
            session code, no text that somebody typed.

    Raises:
        ValueError: the verb is not written like that.
    """
    if not _VERB.fullmatch(verb):
        raise ValueError(f"an audit verb is like study.opened, not {verb!r}")
    return AuditRecord.objects.create(
        study=study.slug if study is not None else "",
        by=_name(user),
        verb=verb,
        details={name: value for name, value in details.items() if value is not None},
    )


def _name(user: Any) -> str:
    if user is None:
        return COMMAND
    return user if isinstance(user, str) else str(user.get_username())
