"""Raw answers, written once, and what went wrong around them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from collection.models.people import StudySession
from collection.models.trials import Trial


class Response(models.Model):
    """The raw answer to a trial, as it was given on the scale as it was shown.

    Written once: `save` refuses a change, and so does a trigger in the database.
    Deleting (on a person's wish) is the one exception.
    """

    trial = models.OneToOneField(Trial, models.CASCADE, related_name="response")
    rating = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="0 (left end as shown) to 100 (right end)."
    )
    choice = models.CharField(
        max_length=80,
        blank=True,
        default="",
        help_text="Triplet: the odd action's id. Question: an option's key.",
    )
    text = models.TextField(
        blank=True, default="", help_text="Question: the number or short text typed."
    )
    positions = models.JSONField(
        null=True,
        blank=True,
        help_text="Arrangement: action_id -> [x, y] in [0, 1], from the arena's upper "
        "left; an action that was not understood is left out.",
    )
    not_understood = models.BooleanField(default=False)
    rt_ms = models.PositiveIntegerField(
        null=True, blank=True, help_text="From paint to answer; empty if not measured."
    )
    timing = models.JSONField(null=True, blank=True)
    received_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__range=(0, 100)),
                name="a_rating_runs_from_0_to_100",
            ),
            models.CheckConstraint(
                condition=Q(not_understood=False) | Q(rating__isnull=True, choice=""),
                name="what_was_not_understood_has_no_rating",
            ),
        ]

    def __str__(self) -> str:
        return f"response to {self.trial_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("A response is written once and never changed.")
        super().save(*args, **kwargs)


class Incident(models.Model):
    """A refusal or oddity, tied to the session it happened in."""

    session = models.ForeignKey(
        StudySession, models.CASCADE, null=True, blank=True, related_name="incidents"
    )
    trial = models.ForeignKey(
        Trial, models.CASCADE, null=True, blank=True, related_name="incidents"
    )
    code = models.SlugField(max_length=60)
    detail = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.code} at {self.at:%Y-%m-%d %H:%M}"
