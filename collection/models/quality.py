"""Verdicts on attention, and the two ledgers of what a person decided after them.

A run of a rule set stores one verdict per session; earlier runs stay. Payment and
exclusion are decisions of people, in a ledger each: neither row knows of the other,
and neither is ever changed (a trigger sees to it); the latest one stands. Erasure has a
ledger of its own elsewhere. With its session a row goes too, on the person's wish.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from collection.models.people import StudySession
from collection.models.study import Study


class AppendOnly(models.Model):
    """A row that is written once. The database refuses a change as well."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError(f"A {self._meta.verbose_name} is written once.")
        super().save(*args, **kwargs)


class QualityRun(AppendOnly):
    """One judgment of all of a study's sessions by one rule set."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="quality_runs")
    number = models.PositiveIntegerField(help_text="From 1, within the study.")
    rules = models.JSONField(help_text="The whole rule set, versions included.")
    rules_sha256 = models.CharField(max_length=64)
    simulated = models.BooleanField(default=False)
    reference = models.JSONField(default=dict, help_text="What was usual then.")
    n_sessions = models.PositiveIntegerField()
    n_flagged = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["study", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "number"], name="a_quality_run_number_stands_once"
            )
        ]

    def __str__(self) -> str:
        return f"quality run {self.number} of {self.study.slug}"


class QualityVerdict(AppendOnly):
    """What a run says of one session. A flag: nothing follows from it by itself."""

    run = models.ForeignKey(QualityRun, models.CASCADE, related_name="verdicts")
    session = models.ForeignKey(
        StudySession, models.CASCADE, related_name="quality_verdicts"
    )
    flagged = models.BooleanField()
    conduct_flagged = models.BooleanField(
        help_text="Flagged without any rule that compares with other people."
    )
    score = models.FloatField()
    conduct_score = models.FloatField()
    rules = models.JSONField(
        help_text="Per rule: rule, version, outcome, score, reason."
    )

    class Meta:
        ordering = ["run", "-score", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "session"], name="a_run_judges_a_session_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.run}: {'flag' if self.flagged else 'no flag'}"


class Ground(models.TextChoices):
    """What a decision may rest on. Agreement with others, or with a model, is none."""

    FAILED_CHECKS = "failed-checks", "Failed instructed checks"
    REPEATS = "repeats", "Repeated answers unrelated to the first"
    TOO_FAST = "too-fast", "Answers faster than reading"
    STRAIGHT_LINING = "straight-lining", "The same place again and again"
    TRACES = "traces", "No trace of hands at work"
    INCOMPLETE = "incomplete", "Not finished"
    TECHNICAL = "technical", "A technical fault"
    PERSON_ASKED = "person-asked", "The person asked for it"
    CORRECTION = "correction", "An earlier decision is taken back"
    IN_ORDER = "in-order", "Everything is in order"


class Decision(AppendOnly):
    """What both ledgers note: who, when, why, and after which run."""

    ground = models.CharField(max_length=20, choices=Ground.choices)
    reason = models.TextField(help_text="In a sentence. No names: it may be exported.")
    run = models.ForeignKey(
        QualityRun, models.RESTRICT, null=True, blank=True, related_name="+"
    )
    # A name and no link: an account may be deleted, the ledger must not change then.
    decided_by = models.CharField(max_length=150, help_text="The account's name.")
    decided_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True
        ordering = ["decided_at", "pk"]


class PaymentDecision(Decision):
    """What a person is paid for a session. Never read where data are left out."""

    class Decided(models.TextChoices):
        PAY = "pay", "Pay in full"
        PAY_PART = "pay-part", "Pay in part"
        BONUS = "bonus", "Pay a bonus"
        ASK_TO_RETURN = "ask-to-return", "Ask to return the submission"
        WITHHOLD = "withhold", "Do not pay"

    session = models.ForeignKey(
        StudySession, models.CASCADE, related_name="payment_decisions"
    )
    decision = models.CharField(max_length=20, choices=Decided.choices)

    class Meta(Decision.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(ground__in=Ground.values),
                name="dissent_is_no_ground_for_pay",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""), name="a_payment_decision_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision} {self.session_id}"


class ExclusionDecision(Decision):
    """Whether a session's judgments are left out by hand. Never read where people are
    paid."""

    class Decided(models.TextChoices):
        EXCLUDE = "exclude", "Leave out of snapshots"
        KEEP = "keep", "Take an exclusion by hand back"

    session = models.ForeignKey(
        StudySession, models.CASCADE, related_name="exclusion_decisions"
    )
    decision = models.CharField(max_length=20, choices=Decided.choices)

    class Meta(Decision.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(ground__in=Ground.values),
                name="dissent_is_no_ground_for_exclusion",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""), name="an_exclusion_decision_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.decision} {self.session_id}"
