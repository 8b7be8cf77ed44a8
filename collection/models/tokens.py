"""Access tokens: what a researcher's program shows instead of a password."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Scope(models.TextChoices):
    """What a token may be used for, of what its person may do."""

    READ = "read", "Read"
    WRITE = "write", "Start and cancel jobs, open and close studies"


class ApiToken(models.Model):
    """A researcher's key to the API. The key itself is shown once and never stored."""

    class State(models.TextChoices):
        LIVE = "live"
        EXPIRED = "expired"
        REVOKED = "revoked"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens"
    )
    name = models.CharField(max_length=60, help_text="What its person calls it.")
    # A plain hash will do: the key is random and long, so that no list of guesses has it.
    digest = models.CharField(
        max_length=64, unique=True, help_text="sha256 of the key."
    )
    hint = models.CharField(max_length=20, help_text="How the key begins.")
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    window_at = models.DateTimeField(
        null=True, blank=True, help_text="The minute that `n_in_window` counts."
    )
    n_in_window = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name"],
                condition=Q(revoked_at=None),
                name="a_person_has_one_token_of_a_name",
            )
        ]

    def __str__(self) -> str:
        return f"{self.hint}… of {self.user}"

    def state(self, now: datetime | None = None) -> State:
        """Whether it opens anything, and why not."""
        if self.revoked_at is not None:
            return self.State.REVOKED
        now = now or timezone.now()
        return self.State.EXPIRED if self.expires_at <= now else self.State.LIVE
