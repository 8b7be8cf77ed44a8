"""What is to be judged, who is judging it now, and what each person was shown."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Random
from django.utils import timezone

from collection.models.people import StudySession
from collection.models.study import Action, Study


class Kind(models.TextChoices):
    """Kinds of trial; questions have no cells."""

    VALUE = "value"
    PAIR = "pair"
    TRIPLET = "triplet"
    ARRANGEMENT = "arrangement"
    QUESTION = "question"


class Cell(models.Model):
    """Something a study wants judged so many times, with counters.

    A `pair` cell is one pair of actions. A `value` cell is one dimension (complete
    vectors are counted), or one action on one dimension where a study assigns by
    cells. Random triplets need no cells: every triplet is equally likely. An
    `arrangement` cell is one pair again, judged by being in one arena: `completed`
    counts every arena that held the pair, while `in_flight` counts only the arenas that
    were begun for its sake (`collection/arenas.py`).
    """

    study = models.ForeignKey(Study, models.CASCADE, related_name="cells")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    key = models.CharField(max_length=200)
    action_a = models.ForeignKey(
        Action, models.CASCADE, null=True, blank=True, related_name="+"
    )
    action_b = models.ForeignKey(
        Action, models.CASCADE, null=True, blank=True, related_name="+"
    )
    action_c = models.ForeignKey(
        Action, models.CASCADE, null=True, blank=True, related_name="+"
    )
    dimension = models.SlugField(max_length=60, blank=True, default="")
    wanted = models.PositiveIntegerField()
    completed = models.PositiveIntegerField(default=0)
    in_flight = models.PositiveIntegerField(
        default=0, help_text="Reservations held now. Expired ones are taken off."
    )
    load = models.GeneratedField(
        expression=F("completed") + F("in_flight"),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    # Ties are broken by a random start in this fixed random order: an index can
    # serve it, which `ORDER BY random()` over all cells cannot.
    shuffle = models.FloatField(db_default=Random())

    class Meta:
        indexes = [
            models.Index(
                fields=["study", "kind", "load", "shuffle"], name="least_judged_first"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "kind", "key"], name="a_cell_stands_once_in_a_study"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class Reservation(models.Model):
    """A session's hold on a cell, so that people at once get different cells.

    Held until answered or expired. A late answer still counts: the cell then has one
    more than wanted, which loses nothing.
    """

    class State(models.TextChoices):
        HELD = "held"
        RELEASED = "released"
        COMPLETED = "completed"

    session = models.ForeignKey(
        StudySession, models.CASCADE, related_name="reservations"
    )
    cell = models.ForeignKey(Cell, models.CASCADE, related_name="reservations")
    block = models.SlugField(max_length=60)
    state = models.CharField(max_length=10, choices=State.choices, default=State.HELD)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["expires_at"],
                condition=Q(state="held"),
                name="held_reservations_by_expiry",
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "cell"], name="a_session_meets_a_cell_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.session_id} on {self.cell_id}: {self.state}"


class Trial(models.Model):
    """One question put to one participant, exactly as it was shown.

    `actions` stand in shown order (a pair: left, right). `polarity` is "reversed"
    when the high pole stood at the left end.
    """

    class Polarity(models.TextChoices):
        NORMAL = "normal"
        REVERSED = "reversed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(StudySession, models.CASCADE, related_name="trials")
    block = models.SlugField(max_length=60)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    position = models.PositiveIntegerField(help_text="From 0, over all blocks.")
    actions = models.JSONField(default=list, help_text="action_id in shown order.")
    dimension = models.SlugField(max_length=60, blank=True, default="")
    polarity = models.CharField(
        max_length=10, choices=Polarity.choices, default=Polarity.NORMAL
    )
    question = models.SlugField(
        max_length=60, blank=True, default="", help_text="Question key."
    )
    sampler = models.CharField(max_length=40, blank=True, default="")
    propensity = models.FloatField(
        null=True, blank=True, help_text="Probability that the sampler drew this."
    )
    repeat = models.BooleanField(
        default=False, help_text="Asked a second time, to measure consistency."
    )
    reservation = models.ForeignKey(
        Reservation, models.SET_NULL, null=True, blank=True, related_name="trials"
    )
    issued_at = models.DateTimeField(default=timezone.now, editable=False)
    reserved_until = models.DateTimeField(
        help_text="Until when the place was held as of issue; the hold itself moves."
    )

    class Meta:
        ordering = ["session", "position"]
        indexes = [
            # The pace at which people answer is asked of the newest trials.
            models.Index(fields=["issued_at"], name="trials_by_time")
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "position"], name="a_position_holds_one_trial"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} trial {self.position} of {self.session_id}"

    @property
    def answered(self) -> bool:
        return hasattr(self, "response")

    def shown_actions(self) -> list[Action]:
        """The actions of this trial, in shown order."""
        found = {
            action.action_id: action
            for action in Action.objects.filter(
                study=self.session.study_id, action_id__in=self.actions
            )
        }
        return [found[action_id] for action_id in self.actions]
