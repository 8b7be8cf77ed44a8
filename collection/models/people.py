"""People, and their sittings. Who they are elsewhere stays in a table of its own."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING

from django.db import models
from django.utils import timezone

from collection.models.study import Study

if TYPE_CHECKING:
    from collection.identities import Arrival


def new_rater_id() -> str:
    """A random name that says nothing about the person: `p-` and 8 hex digits."""
    return f"p-{secrets.token_hex(4)}"


class Participant(models.Model):
    """A person in one study. `rater_id` is all that ever leaves the database."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="participants")
    rater_id = models.CharField(max_length=40, default=new_rater_id)
    group = models.SlugField(max_length=60)
    simulated = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["study", "rater_id"], name="a_rater_id_names_one_participant"
            )
        ]

    def __str__(self) -> str:
        return self.rater_id


class PlatformIdentity(models.Model):
    """Who a participant is elsewhere. Read to recognise them; never exported.

    Before consent only `digest` is stored, a keyed one: enough to recognise who comes
    back, and no name. `external_id` comes with consent. Both go when `keep_until` has
    passed, a day after arriving for whoever did not consent (`identities.py`).
    """

    participant = models.OneToOneField(
        Participant, models.CASCADE, related_name="identity"
    )
    # Again beside participant.study, because a constraint cannot look through a join.
    study = models.ForeignKey(Study, models.CASCADE, related_name="+")
    platform = models.CharField(max_length=40)
    # Null and not "": one person's name is unique within a study, no name is not.
    external_id = models.CharField(max_length=200, null=True, blank=True)
    digest = models.CharField(
        max_length=64, null=True, help_text="Keyed digest of platform and external id."
    )
    keep_until = models.DateTimeField(
        null=True, db_index=True, help_text="When this row is deleted."
    )
    submission_id = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",  # a server of the release before writes no such column
        db_index=True,
        help_text="The platform's id of what this person does for the study now.",
    )

    class Meta:
        verbose_name_plural = "platform identities"
        constraints = [
            models.UniqueConstraint(
                fields=["study", "platform", "external_id"],
                name="an_identity_belongs_to_one_participant",
            ),
            models.UniqueConstraint(
                fields=["study", "digest"], name="a_digest_belongs_to_one_participant"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.platform} identity of {self.participant.rater_id}"


class StudySession(models.Model):
    """One sitting of one participant; its code is the only key a browser holds."""

    class Status(models.TextChoices):
        ARRIVED = "arrived"
        CONSENTED = "consented"
        FINISHED = "finished"
        WITHDRAWN = "withdrawn"

    code = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    participant = models.ForeignKey(
        Participant, models.CASCADE, related_name="sessions"
    )
    study = models.ForeignKey(Study, models.CASCADE, related_name="sessions")
    status = models.CharField(
        max_length=10, choices=Status.choices, default=Status.ARRIVED
    )
    group = models.SlugField(max_length=60)
    blocks = models.JSONField(help_text="Block keys, in this session's own order.")
    dimensions = models.JSONField(
        default=list, help_text="Dimensions reserved for this session, in order."
    )
    simulated = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    consented_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    completion_code = models.CharField(max_length=100, blank=True, default="")
    language = models.CharField(
        max_length=35,
        blank=True,
        default="",
        db_default="",  # a server of the release before writes no such column
        help_text="Which of the study's languages the person reads; empty: its only one.",
    )

    arriving_as: Arrival | None = None
    """Who the person says they are: in memory only, until consent (`identities.py`)."""

    class Meta:
        indexes = [
            models.Index(
                fields=["study", "status"], name="sessions_by_study_and_status"
            )
        ]

    def __str__(self) -> str:
        return str(self.code)

    @property
    def block_order(self) -> str:
        """The session's blocks in its order, as the snapshot writes them: `a>b`."""
        return ">".join(self.blocks)

    @property
    def over(self) -> bool:
        return self.status in (self.Status.FINISHED, self.Status.WITHDRAWN)

    @property
    def declined(self) -> bool:
        """Left at the consent page: withdrawn without ever having consented."""
        return self.status == self.Status.WITHDRAWN and self.consented_at is None


class Consent(models.Model):
    """What a person agreed to, and to which text. Given once per session."""

    session = models.OneToOneField(StudySession, models.CASCADE, related_name="consent")
    version = models.CharField(
        max_length=64, help_text="Which text: ConsentVersion.version of this study."
    )
    uses = models.JSONField(help_text="Data use -> ticked, for every use offered.")
    given_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"consent of {self.session_id}"

    def allows(self, use: str) -> bool:
        return self.uses.get(use) is True
