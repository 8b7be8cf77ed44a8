"""Participants by their random names, and what they judged.

A judgment here is a raw response: what was shown and answered, with its polarity and
times, not yet turned round or rescaled, and with no rule of exclusion applied. What a
person decided about themselves does hold: whoever withdrew, did not agree to this use,
was asked to return the study, or asked to be left out is not in the list. For analysis,
freeze a snapshot: it applies every rule, says why each row was left out, and never
changes. Answers to the study's questions (age, remarks) are no judgments, and are in
neither.
"""

from __future__ import annotations

from typing import Any

from django.db.models import F, Prefetch, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response as Answer

from collection.api.base import StudyView, page
from collection.api.bodies import Flag, PageQuery
from collection.api.errors import GONE_OR_HIDDEN
from collection.api.fields import JUDGMENT_KINDS, JudgmentRow, ParticipantRow
from collection.api.schema import page_of
from collection.ledgers import standing_exclusions
from collection.models import (
    Ground,
    Participant,
    Response,
    Study,
    StudySession,
)
from collection.models.trials import Kind

# Of a row of `JudgmentRow`, where the database has it.
_FROM = {
    "rater_id": "trial__session__participant__rater_id",
    "group": "trial__session__group",
    "simulated": "trial__session__simulated",
    "kind": "trial__kind",
    "block": "trial__block",
    "position": "trial__position",
    "dimension": "trial__dimension",
    "actions": "trial__actions",
    "polarity": "trial__polarity",
    "repeat": "trial__repeat",
    "sampler": "trial__sampler",
    "propensity": "trial__propensity",
    "issued_at": "trial__issued_at",
}
_OWN = (
    "trial_id",
    "rating",
    "choice",
    "positions",
    "not_understood",
    "rt_ms",
    "received_at",
)


class ParticipantQuery(PageQuery):
    """Which participants."""

    group = serializers.SlugField(required=False, help_text="Of this group alone.")
    simulated = Flag(required=False, help_text="Simulated ones alone, or real ones.")
    status = serializers.ChoiceField(
        StudySession.Status.choices,
        required=False,
        help_text="Who has a session of this status.",
    )


class JudgmentQuery(PageQuery):
    """Which judgments."""

    kind = serializers.ChoiceField(
        JUDGMENT_KINDS, required=False, help_text="Of this kind alone."
    )
    block = serializers.SlugField(required=False, help_text="Of this block alone.")
    dimension = serializers.SlugField(
        required=False, help_text="Values on this dimension alone."
    )
    action = serializers.SlugField(
        required=False, help_text="Those that showed this action."
    )
    rater_id = serializers.SlugField(required=False, help_text="Of this person alone.")
    group = serializers.SlugField(required=False, help_text="Of this group alone.")
    simulated = Flag(required=False, help_text="Of simulated people, or of real ones.")
    repeat = Flag(required=False, help_text="Second answers alone, or first ones.")
    received_from = serializers.DateTimeField(
        required=False, help_text="Received then or later."
    )
    received_before = serializers.DateTimeField(
        required=False, help_text="Received before then."
    )


class Participants(StudyView):
    """Who took part."""

    asks = ParticipantQuery
    tag = "people"

    @extend_schema(
        operation_id="listParticipants",
        summary="Participants, by random names",
        responses=page_of(ParticipantRow),
    )
    def get(self, request: Request, slug: str) -> Answer:
        """Who agreed to take part. Who they are elsewhere is never told."""
        asked = self.query
        people = took_part(self.study)
        if "group" in asked:
            people = people.filter(group=asked["group"])
        if "simulated" in asked:
            people = people.filter(simulated=asked["simulated"])
        if "status" in asked:
            sessions = StudySession.objects.filter(
                study=self.study, status=asked["status"], consented_at__isnull=False
            )
            people = people.filter(pk__in=sessions.values("participant"))
        return page(self, people, lambda person: ParticipantRow(person).data)


class OneParticipant(StudyView):
    """One participant."""

    tag = "people"

    @extend_schema(
        operation_id="getParticipant",
        summary="A participant",
        responses={200: ParticipantRow},
    )
    def get(self, request: Request, slug: str, rater_id: str) -> Answer:
        """One person who agreed to take part, with their sessions."""
        person = took_part(self.study).filter(rater_id=rater_id).first()
        if person is None:
            raise NotFound(GONE_OR_HIDDEN)
        return Answer(ParticipantRow(person).data)


class Judgments(StudyView):
    """What people judged."""

    asks = JudgmentQuery
    tag = "people"

    @extend_schema(
        operation_id="listJudgments",
        summary="Judgments, as they were given",
        responses=page_of(JudgmentRow),
    )
    def get(self, request: Request, slug: str) -> Answer:
        """Raw responses in the order they came in, by random names.

        As shown and answered: a reversed scale is not turned round, nothing is rescaled,
        and no rule of exclusion is applied. Left out are only people who withdrew, did
        not agree to this use, were asked to return the study, or asked to be left out.
        For analysis freeze a snapshot, which applies every rule and never changes. While
        people answer, an answer may be stored a moment after one that came in later: do
        not rely on the last page to tell what is new, but on `received_from`.
        """
        # Rows and no objects: a million of them pass through here, page by page.
        rows = judged(self.study, self.query).values(
            "pk", *_OWN, **{name: F(path) for name, path in _FROM.items()}
        )
        return page(self, rows, _without_key, key=lambda row: row["pk"])


def took_part(study: Study) -> QuerySet[Participant]:
    """Participants who consented, with those of their sessions in which they did."""
    consented = StudySession.objects.filter(study=study, consented_at__isnull=False)
    sessions = consented.select_related("consent").order_by("created_at")
    return Participant.objects.filter(
        study=study, pk__in=consented.values("participant")
    ).prefetch_related(Prefetch("sessions", sessions))


def judged(study: Study, asked: dict[str, Any]) -> QuerySet[Response]:
    """A study's raw responses that its researchers may see, as far as they are asked for.

    Of `asked`, the fields of :class:`JudgmentQuery` count.
    """
    left_out = [
        session
        for session, decision in standing_exclusions(study).items()
        if decision.ground == Ground.PERSON_ASKED
    ]
    rows = (
        Response.objects.filter(
            trial__session__study=study,
            trial__session__consent__uses__this_study=True,
        )
        .exclude(trial__kind=Kind.QUESTION)
        .exclude(trial__session__status=StudySession.Status.WITHDRAWN)
        .exclude(trial__session__comprehension__passed=False)
        .exclude(trial__session__in=left_out)
    )
    for name in (
        "kind",
        "block",
        "dimension",
        "rater_id",
        "group",
        "simulated",
        "repeat",
    ):
        if name in asked:
            rows = rows.filter(**{_FROM[name]: asked[name]})
    if "action" in asked:
        rows = rows.filter(trial__actions__contains=[asked["action"]])
    if "received_from" in asked:
        rows = rows.filter(received_at__gte=asked["received_from"])
    if "received_before" in asked:
        rows = rows.filter(received_at__lt=asked["received_before"])
    return rows


def _without_key(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "pk"}
