"""How well a running study's people agree, as a worker measured it last."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from collection.models.study import Study


class LiveAgreement(models.Model):
    """The newest measurement of one population of a study; what it replaced is gone.

    It holds no person and no judgment: only what ``live_agreement.Row`` names.
    """

    study = models.ForeignKey(Study, models.CASCADE, related_name="live_agreements")
    simulated = models.BooleanField(default=False)
    measured_at = models.DateTimeField(default=timezone.now)
    took_s = models.FloatField(help_text="Seconds it took to measure.")
    n_judgments = models.PositiveIntegerField(help_text="Judgments it was made from.")
    counted = models.PositiveIntegerField(
        help_text="What the study's counters said then; another count makes it old."
    )
    rows = models.JSONField(help_text="One object per dimension, pairs, triplets.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "simulated"], name="one_agreement_per_population"
            )
        ]

    def __str__(self) -> str:
        return f"agreement in {self.study_id} at {self.measured_at}"
