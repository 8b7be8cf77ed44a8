"""How many people a study and its groups may have, and who holds a place now.

A definition may give a group, or the whole study, a `quota`: the people wanted there and
no more. A place is held by

- whoever finished, and
- whoever is at it: arrived or consented, with a sign of life (their arrival, their
  consent, a trial that was given to them) within the longest time for which a question
  is held (`settings.ATTUNE_RESERVATION_MINUTES`), or with a lab's start code that can
  still be used. The longest and not the one that follows the pace: a place in a study is
  worth more than a question, and consent takes longer to read than a question.

A place is free again once its person declined or withdrew, was erased, was asked to
return it or sent away (`Ending`, a missed comprehension check), once a researcher left
them out by hand (`ledgers.py`; taking that back takes the place again), and once the
platform said of an unfinished session that it was returned, timed out, rejected or
screened out. It is also free after half an hour of silence. Whoever comes back after
that and had consented goes on all the same, and is paid: a quota may then be exceeded by
those who came back, never by those who arrive. What a declared rule leaves out of a
snapshot frees no place: rules are read when a snapshot is frozen, and may differ from
one to the next.

Simulated and real people are counted apart. Arrivals take turns on the study's row, as
all arrivals do, so that of two at the last place one gets it; no table is locked, and
nothing is counted for a study without limits.

With `stop_when_covered`, groups whose judgments are all there are left out as full ones
are (`covered.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from collection.covered import is_covered
from collection.definition_parts import Group
from collection.definitions import StudyDefinition
from collection.errors import StudyFull
from collection.models import (
    ComprehensionOutcome,
    Ending,
    ExclusionDecision,
    LabStart,
    Study,
    StudySession,
    Submission,
    Trial,
)

GIVEN_UP: Final = (
    Submission.Status.RETURNED,
    Submission.Status.TIMED_OUT,
    Submission.Status.REJECTED,
    Submission.Status.SCREENED_OUT,
)
"""What a platform says of a submission whose unfinished session holds no place."""

Status = StudySession.Status


@dataclass(frozen=True)
class Standing:
    """A group, or with an empty name the whole study, against what it may have.

    Attributes:
        finished, at_it: People who hold a place, by how far they are.
        quota: The most there may be; None where there is no such limit.
        covered: Whether every judgment is there, and that is where the study stops.
        turned_away: Whether newcomers are: it is full or covered itself, or the whole
            study is full, or every group turns them away.
    """

    group: str
    finished: int
    at_it: int
    quota: int | None
    covered: bool = False
    turned_away: bool = False

    @property
    def taken(self) -> int:
        return self.finished + self.at_it

    @property
    def full(self) -> bool:
        return self.quota is not None and self.taken >= self.quota


def limited(definition: StudyDefinition) -> bool:
    """Whether the definition says how many people may come, or when to stop."""
    return (
        definition.quota is not None
        or definition.stop_when_covered
        or any(group.quota is not None for group in definition.groups)
    )


def holding(study: Study) -> QuerySet[StudySession]:
    """The sessions that hold a place, as the module's head says."""
    own = {"session": OuterRef("pk")}
    now = timezone.now()
    since = now - timedelta(minutes=settings.ATTUNE_RESERVATION_MINUTES)
    decided = ExclusionDecision.objects.filter(**own).order_by("-decided_at", "-pk")
    sent_away = (
        Exists(Ending.objects.filter(**own))
        | Exists(ComprehensionOutcome.objects.filter(**own, passed=False))
        | Exists(Submission.objects.filter(**own, status__in=GIVEN_UP))
    )
    alive = (
        Q(created_at__gte=since)
        | Q(consented_at__gte=since)
        | Exists(Trial.objects.filter(**own, issued_at__gte=since))
        | Exists(LabStart.objects.filter(**own, used_at=None, expires_at__gt=now))
    )
    at_it = Q(status__in=(Status.ARRIVED, Status.CONSENTED)) & alive & ~sent_away
    return (
        StudySession.objects.filter(study=study)
        .annotate(last_decision=Subquery(decided.values("decision")[:1]))
        .filter(
            Q(last_decision=None)
            | ~Q(last_decision=ExclusionDecision.Decided.EXCLUDE.value)
        )
        .filter(Q(status=Status.FINISHED) | at_it)
    )


def open_groups(study: Study, *, simulated: bool) -> Sequence[Group]:
    """The groups that may have one more person now; at least one.

    Raises:
        StudyFull: there is none.
    """
    definition = study.definition_model()
    if not limited(definition):
        return definition.groups
    *groups, whole = standings(study, simulated=simulated)
    if whole.turned_away:
        raise full_refusal()
    return [
        group
        for group, standing in zip(definition.groups, groups, strict=True)
        if not standing.turned_away
    ]


def is_full(study: Study, *, simulated: bool = False) -> bool:
    """Whether somebody new would be turned away now."""
    try:
        open_groups(study, simulated=simulated)
    except StudyFull:
        return True
    return False


def keep_place(session: StudySession) -> None:
    """Before a consent: whoever let their place go needs one that is still free.

    Inside the caller's transaction, before it holds the session: the study's row comes
    first, as everywhere.

    Raises:
        StudyFull: others have it by now.
    """
    if not limited(session.study.definition_model()):
        return
    study = Study.objects.select_for_update(no_key=True).get(pk=session.study_id)
    if (
        session.status != Status.ARRIVED
        or holding(study).filter(pk=session.pk).exists()
    ):
        return
    groups = open_groups(study, simulated=session.simulated)
    if session.group not in {group.name for group in groups}:
        raise full_refusal()


def full_refusal() -> StudyFull:
    """What is said to somebody who finds no place free."""
    return StudyFull(
        _("This study has all the people it needs. Thank you very much for coming.")
    )


def standings(study: Study, *, simulated: bool) -> list[Standing]:
    """Every group in the definition's order, and then the whole study."""
    definition = study.definition_model()
    finished, at_it = Counter[str](), Counter[str]()
    rows = holding(study).filter(simulated=simulated)
    for group, status in rows.values_list("group", "status"):
        (finished if status == Status.FINISHED else at_it)[group] += 1
    groups = [
        Standing(
            group.name,
            finished[group.name],
            at_it[group.name],
            group.quota,
            definition.stop_when_covered and is_covered(study, group),
        )
        for group in definition.groups
    ]
    whole = Standing(
        "",
        finished.total(),
        at_it.total(),
        definition.quota,
        all(group.covered for group in groups),
    )
    groups = [
        replace(group, turned_away=group.full or group.covered or whole.full)
        for group in groups
    ]
    return [*groups, replace(whole, turned_away=all(g.turned_away for g in groups))]
