"""Results folders and jobs, as the database remembers them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from collection.models.study import Study


class Superseded(models.Model):
    """Something made from data that have been erased since: it is not given out."""

    superseded_at = models.DateTimeField(null=True, blank=True)
    superseded_reason = models.CharField(
        # A default of the database too: a worker of the last version still inserts.
        max_length=200,
        blank=True,
        default="",
        db_default="",
    )

    class Meta:
        abstract = True


class SnapshotRecord(Superseded):
    """A snapshot folder that was frozen from a study."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="snapshots")
    number = models.PositiveIntegerField(help_text="From 1, within the study.")
    folder = models.CharField(max_length=500)
    sha256 = models.CharField(
        max_length=64, help_text="sha256 of the folder's manifest.json."
    )
    simulated = models.BooleanField(default=False)
    use = models.SlugField(
        max_length=60,
        default="this_study",
        db_default="this_study",
        help_text="The use of the data it is for.",
    )
    release_key = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Turns rater ids into those of an open release; never given out.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    n_judgments = models.PositiveIntegerField()

    class Meta:
        ordering = ["study", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "number"], name="a_snapshot_number_stands_once"
            )
        ]

    def __str__(self) -> str:
        return f"snapshot {self.number} of {self.study.slug}"


class JobRecord(Superseded):
    """A piece of work that outlasts a request, with its progress.

    error: Why it failed: the reason in the first line, then what the command wrote.
    told: What the command wrote last, where it went well.
    """

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    kind = models.SlugField(max_length=40)
    study = models.ForeignKey(
        Study, models.CASCADE, null=True, blank=True, related_name="jobs"
    )
    parameters = models.JSONField(default=dict, blank=True)
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.QUEUED
    )
    stage = models.CharField(max_length=200, blank=True, default="")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True, blank=True)
    error = models.TextField(blank=True, default="")
    told = models.TextField(blank=True, default="", db_default="")
    result_folder = models.CharField(max_length=500, blank=True, default="")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}: {self.status}"
