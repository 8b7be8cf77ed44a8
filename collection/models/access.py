"""Who may do what in a study, teams of such people, and the audit log of what they did."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from collection.models.quality import AppendOnly
from collection.models.study import Study


class Role(models.TextChoices):
    """What a person may do in a study; each may all that the next one may."""

    OWNER = "owner", "Owner"
    EDITOR = "editor", "Editor"
    VIEWER = "viewer", "Viewer"


class Team(models.Model):
    """People who get a study's role together: who joins the team gets its studies."""

    name = models.CharField(max_length=80, unique=True)
    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="TeamPlace", related_name="teams"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TeamPlace(models.Model):
    """One person in one team. Who leads it says who else is in it."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="places")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="team_places"
    )
    leads = models.BooleanField(default=False)

    class Meta:
        ordering = ["team", "-leads", "user__username"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "user"], name="a_person_is_in_a_team_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class Membership(models.Model):
    """The role of one person, or of one team, in a study."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="memberships",
    )
    team = models.ForeignKey(
        Team, models.CASCADE, null=True, blank=True, related_name="memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices)
    since = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["study", "since", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, team__isnull=True)
                | Q(user__isnull=True, team__isnull=False),
                name="a_membership_is_of_a_person_or_of_a_team",
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="a_membership_has_a_known_role"
            ),
            models.UniqueConstraint(
                fields=["study", "user"], name="a_person_has_one_role_in_a_study"
            ),
            models.UniqueConstraint(
                fields=["study", "team"], name="a_team_has_one_role_in_a_study"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user or self.team}: {self.role} of {self.study}"


class AuditRecord(AppendOnly):
    """That somebody changed, downloaded, excluded or erased something.

    Study and person are named and not referred to: the record outlives both, and a
    trigger lets nobody change it. It holds nothing of a participant, not even a rater
    id: a person who is erased must not stay here.
    """

    at = models.DateTimeField(default=timezone.now, editable=False)
    study = models.CharField(
        max_length=60, blank=True, help_text="Its slug; empty: of no single study."
    )
    by = models.CharField(max_length=150, help_text="The account's name, or `command`.")
    verb = models.CharField(max_length=60, help_text="For instance study.opened.")
    details = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["study", "-at"], name="audit_of_a_study")]

    def __str__(self) -> str:
        return f"{self.verb} by {self.by}"
