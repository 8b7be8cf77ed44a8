"""A study, with its frozen definition, and the actions it asks about."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from collection.definitions import StudyDefinition, stored_definition


class Study(models.Model):
    """One data collection with a frozen definition."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAUSED = "paused"
        CLOSED = "closed"

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.DRAFT
    )
    definition = models.JSONField(
        help_text="The whole definition with its actions, as StudyDefinition dumps it."
    )
    definition_sha256 = models.CharField(max_length=64)
    simulation = models.JSONField(
        null=True,
        blank=True,
        help_text="World, seed and truth, where simulated participants answered.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "studies"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["draft", "open", "paused", "closed"]),
                name="a_study_has_a_known_status",
            )
        ]

    def __str__(self) -> str:
        return self.slug

    def definition_model(self) -> StudyDefinition:
        """The definition as a frozen model; parsed once per process and hash."""
        # The document is large: where its hash is known, it need not be fetched at all.
        return stored_definition(self.definition_sha256, lambda: self.definition)

    @property
    def takes_new_people(self) -> bool:
        """Only an open study does; sessions that began may always go on."""
        return self.status == self.Status.OPEN


class Action(models.Model):
    """A short text about something someone does."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="actions")
    action_id = models.SlugField(max_length=80)
    text = models.TextField()
    position = models.PositiveIntegerField(
        help_text="Row in the study's actions file, from 0: the order of every matrix."
    )
    attributes = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["study", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "action_id"],
                name="an_action_id_stands_once_in_a_study",
            ),
            models.UniqueConstraint(
                fields=["study", "position"],
                name="a_position_holds_one_action_of_a_study",
            ),
        ]

    def __str__(self) -> str:
        return self.action_id
