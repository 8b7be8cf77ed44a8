"""Who waits to be let in, while too many people answer at once."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class WaitingPlace(models.Model):
    """A place in the line: a random name that a waiting page holds, and nothing else."""

    token = models.CharField(max_length=40, primary_key=True)
    arrived_at = models.DateTimeField(default=timezone.now, editable=False)
    asked_at = models.DateTimeField(
        default=timezone.now, help_text="When its page last asked for room."
    )

    class Meta:
        indexes = [models.Index(fields=["arrived_at"], name="waiting_by_arrival")]

    def __str__(self) -> str:
        return f"waiting since {self.arrived_at:%H:%M:%S}"
