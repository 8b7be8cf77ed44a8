"""Triplets worth asking next, as a worker chose them; people only take them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from collection.models.study import Study


class TripletBatch(models.Model):
    """What one scoring of a study's judgments chose. The newest one counts.

    Real and simulated people have batches of their own. A batch without candidates
    says that there were too few judgments to choose by.
    """

    study = models.ForeignKey(Study, models.CASCADE, related_name="triplet_batches")
    simulated = models.BooleanField(default=False)
    scored_at = models.DateTimeField(default=timezone.now, editable=False)
    n_judgments = models.PositiveIntegerField(help_text="Judgments it was chosen by.")
    n_candidates = models.PositiveIntegerField(help_text="Triplets chosen.")

    class Meta:
        indexes = [
            models.Index(
                fields=["study", "simulated", "-scored_at"], name="newest_batch_first"
            )
        ]

    def __str__(self) -> str:
        return f"{self.n_candidates} triplets of {self.study_id} at {self.scored_at}"


class TripletCandidate(models.Model):
    """One triplet of a batch, taken by at most one person.

    `position` is a random order that says nothing about the triplet: whoever takes the
    first free one draws uniformly from those that are free.
    """

    batch = models.ForeignKey(
        TripletBatch, models.CASCADE, related_name="candidates", db_index=False
    )
    position = models.PositiveIntegerField()
    key = models.CharField(
        max_length=250, help_text="The three action_ids in alphabetical order, spaced."
    )
    taken_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["batch", "position"],
                condition=Q(taken_at__isnull=True),
                name="free_candidates_in_order",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "key"], name="a_triplet_stands_once_in_a_batch"
            )
        ]

    def __str__(self) -> str:
        return self.key
