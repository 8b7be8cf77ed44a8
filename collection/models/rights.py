"""What was shown before consent, how to leave, and what was erased."""

from __future__ import annotations

import secrets
import uuid

from django.db import models
from django.utils import timezone

from collection.models.people import StudySession
from collection.models.study import Study

# Crockford's alphabet without the letters that look like digits, or spell words.
WITHDRAWAL_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
WITHDRAWAL_LENGTH = 12


def new_withdrawal_code() -> str:
    """12 characters that can be written down: 59 bits, too many to guess over HTTP."""
    return "".join(
        secrets.choice(WITHDRAWAL_ALPHABET) for _ in range(WITHDRAWAL_LENGTH)
    )


class ConsentVersion(models.Model):
    """A text that people were asked to agree to, word for word, kept for good.

    `version` is the sha256 of `shown`. For consents given before these texts were kept
    it is that of the whole definition, and `shown` is empty: `definition` then holds the
    consent section that the page was made from.
    """

    study = models.ForeignKey(
        Study, models.CASCADE, related_name="consent_versions", editable=False
    )
    version = models.CharField(max_length=64, editable=False)
    language = models.CharField(max_length=35, editable=False)
    shown = models.TextField(
        editable=False, help_text="What the page said, as HTML, every tick included."
    )
    definition = models.JSONField(
        editable=False, help_text="The consent section of the study's definition."
    )
    first_given_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["study", "first_given_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "version"], name="a_consent_text_is_kept_once"
            )
        ]

    def __str__(self) -> str:
        return f"consent text {self.version[:8]} of {self.study.slug}"


class WithdrawalCode(models.Model):
    """A short key to one session, to be written down: it leads to withdrawing only."""

    session = models.OneToOneField(
        StudySession, models.CASCADE, related_name="withdrawal_code"
    )
    code = models.CharField(max_length=20, unique=True, default=new_withdrawal_code)

    def __str__(self) -> str:
        return f"withdrawal code of {self.session_id}"

    @property
    def in_groups(self) -> str:
        """As it is read out: ABCD-EFGH-JKMN."""
        return "-".join(self.code[i : i + 4] for i in range(0, len(self.code), 4))


class ComprehensionOutcome(models.Model):
    """Whether a session understood the instructions, after at most two attempts each."""

    session = models.OneToOneField(
        StudySession, models.CASCADE, related_name="comprehension"
    )
    passed = models.BooleanField()
    missed = models.JSONField(
        default=list,
        help_text="Keys of the questions answered wrong, once per attempt.",
    )
    at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"comprehension of {self.session_id}: {self.passed}"


class Erasure(models.Model):
    """A tombstone: that somebody's data were erased. Only ever added to.

    It points at nobody. `sessions` are sha256 digests of session codes, random 122-bit
    numbers that no export holds: who restores an old backup can find the person in it
    again, and nobody can find out from the tombstone who it was. The study is named and
    not referred to, so that the tombstone outlives it.
    """

    class Reason(models.TextChoices):
        ASKED = "participant-asked", "The participant asked for it"
        NO_CONSENT = "no-consent", "There was no valid consent"
        UNDER_AGE = "under-age", "The person was too young to take part"
        OTHER = "other", "Another reason"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.SlugField(max_length=60, help_text="The study's slug.")
    sessions = models.JSONField(help_text="sha256 of each session code.")
    at = models.DateTimeField(default=timezone.now)
    by = models.CharField(
        max_length=150, help_text="A researcher's name, `participant` or `command`."
    )
    reason = models.CharField(max_length=20, choices=Reason.choices)
    reference = models.CharField(
        max_length=80, blank=True, default="", help_text="A case number. No names."
    )
    scope = models.CharField(max_length=20, default="everything")
    counts = models.JSONField(default=dict, help_text="Table -> rows erased.")
    superseded = models.JSONField(
        default=dict, help_text="snapshots (numbers), reports and sweeps (job numbers)."
    )

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"erasure {self.pk} in {self.study}"
