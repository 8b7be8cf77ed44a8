"""What recruiting platforms say became of a session, and what they were told to pay.

Nothing here names a person: a platform's ids of people and submissions stand in
:class:`~collection.models.people.PlatformIdentity` and nowhere else.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from collection.models.people import StudySession
from collection.models.study import Study


class Submission(models.Model):
    """A platform's record of a session: how it was verified, and what became of it."""

    class Status(models.TextChoices):
        """Prolific's own words, in the order in which they can follow each other."""

        RESERVED = "RESERVED"
        ACTIVE = "ACTIVE"
        TIMED_OUT = "TIMED-OUT"
        AWAITING_REVIEW = "AWAITING REVIEW"
        RETURNED = "RETURNED"
        SCREENED_OUT = "SCREENED OUT"
        PARTIALLY_APPROVED = "PARTIALLY APPROVED"
        REJECTED = "REJECTED"
        APPROVED = "APPROVED"

    class Verification(models.TextChoices):
        TOKEN = "token", "by signed token"
        API = "api", "by the submissions API"
        PENDING = "pending", "not yet: the platform could not be reached"
        UNCHECKED = "unchecked", "not checked, as the definition says"
        REFUTED = "refuted", "refuted by the platform"

    session = models.OneToOneField(
        StudySession, models.CASCADE, related_name="submission"
    )
    study = models.ForeignKey(Study, models.CASCADE, related_name="submissions")
    status = models.CharField(
        max_length=20, choices=Status.choices, default=Status.ACTIVE
    )
    status_at = models.DateTimeField(
        default=timezone.now, help_text="When we learned of the status."
    )
    verification = models.CharField(max_length=10, choices=Verification.choices)
    time_taken_s = models.PositiveIntegerField(
        null=True, blank=True, help_text="As the platform measured it."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes = [
            models.Index(fields=["study", "status"], name="submissions_by_status")
        ]

    def __str__(self) -> str:
        return f"submission of {self.session_id}: {self.status}"


class RefusedArrival(models.Model):
    """Somebody was not let in. Counted by reason; who it was is not kept."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="refused_arrivals")
    reason = models.SlugField(max_length=40)
    at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.reason} at {self.at:%Y-%m-%d %H:%M}"


class PlatformEvent(models.Model):
    """A webhook's event that was taken in, so that its repetition changes nothing."""

    event_id = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=60)
    status = models.CharField(max_length=40, blank=True, default="")
    effect = models.SlugField(
        max_length=20, help_text="applied, stale, unknown or ignored."
    )
    received_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.status}: {self.effect}"


class Reconciliation(models.Model):
    """One comparison of a study's submissions with what the platform says."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="reconciliations")
    started_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    n_seen = models.PositiveIntegerField(default=0)
    n_changed = models.PositiveIntegerField(default=0)
    n_unknown = models.PositiveIntegerField(
        default=0, help_text="On the platform, but never arrived here."
    )
    n_refuted = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["-started_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.study_id} at {self.started_at:%Y-%m-%d %H:%M}"


class Ending(models.Model):
    """A session that ended for a reason of ours: neither finished nor the person's wish."""

    session = models.OneToOneField(StudySession, models.CASCADE, related_name="ending")
    outcome = models.CharField(max_length=30)
    at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.session_id}: {self.outcome}"


class PlatformPayment(models.Model):
    """Something the platform shall pay a session's person, and how far that is.

    Paying a bonus twice cannot be taken back: what may have been sent is never sent
    again by itself (`unknown`), but shown to a researcher.
    """

    class Kind(models.TextChoices):
        APPROVAL = "approval"
        BONUS = "bonus"

    class State(models.TextChoices):
        OWED = "owed"
        SENDING = "sending"
        SENT = "sent"
        UNKNOWN = "unknown", "sent, and no answer came: check on the platform"

    session = models.ForeignKey(
        StudySession, models.CASCADE, related_name="platform_payments"
    )
    study = models.ForeignKey(Study, models.CASCADE, related_name="platform_payments")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.SlugField(max_length=60)
    cents = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OWED)
    batch = models.CharField(max_length=100, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "kind", "reason"],
                name="a_payment_is_owed_once_for_a_reason",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.cents} for {self.session_id}: {self.state}"


class LabStart(models.Model):
    """A one-time code with which a lab machine takes up a session.

    The participant's number that the experimenter typed stands in `PlatformIdentity`;
    of the code, only a hash is kept.
    """

    session = models.ForeignKey(StudySession, models.CASCADE, related_name="lab_starts")
    code_sha256 = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"lab start of {self.session_id}"
