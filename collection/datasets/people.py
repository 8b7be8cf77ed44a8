"""Who judged: facts in groups of five or more, flags, and what is told of the release.

What people said of themselves stands in no snapshot. It is read here, of those alone
whose judgments are in one, and leaves the house only coarsened (`collection/disclosure`),
whatever the use: a dataset is a thing that is passed on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collection.datasets.tables import Column, fact
from collection.definition_parts import PREFER_NOT_TO_SAY, Question
from collection.disclosure import WITHHELD, Coarsened, K, coarsen, released_id
from collection.errors import DatasetRefused
from collection.models import (
    Consent,
    QualityVerdict,
    SnapshotRecord,
    StudySession,
    Trial,
)
from collection.models.trials import Kind

BAND = 10
WIDE_BAND = 20
UNANSWERED = "not-answered"


@dataclass(frozen=True)
class People:
    """Everybody in a snapshot, as a dataset tells about them.

    names: rater_id in the database -> the name in the dataset.
    facts: Columns about people, beyond the name.
    table: Name in the dataset -> fact -> value; empty without facts.
    coarsened: How the facts were made coarse; None where there are none to tell.
    """

    names: Mapping[str, str]
    facts: tuple[Column, ...]
    table: Mapping[str, Mapping[str, str]]
    coarsened: Coarsened | None


def people_in(snapshot: SnapshotRecord, raters: set[str]) -> People:
    """Facts about the raters whose judgments are in a snapshot.

    Args:
        raters: Their names in the snapshot.

    Raises:
        DatasetRefused: somebody in it withdrew since, or took the consent back.
    """
    names = _names(snapshot, raters)
    _still_agreed(snapshot, set(names))
    asked = _asked(snapshot)
    if not asked or len(names) < K:
        return People(names, (), {}, None)
    said = _said(snapshot, names, asked)
    ladders = {q.key: _ladder(said, q.key) for q in asked if q.kind == "number"}
    coarsened = coarsen(said, ladders=ladders)
    facts = tuple(fact(_column(q.key), q.text) for q in asked)
    table = {
        name: {_column(key): value for key, value in own.items()}
        for name, own in coarsened.people.items()
    }
    return People(names, facts, table, coarsened)


def disclosure_report(
    snapshot: SnapshotRecord, people: People, without_consent: int | None
) -> dict[str, Any]:
    """What is told about people in this dataset, and what is kept back, as JSON."""
    coarsened = people.coarsened
    told = coarsened is not None
    return {
        "use": snapshot.use,
        "open_release": bool(snapshot.release_key),
        "simulated": snapshot.simulated,
        "people": len(people.names),
        "people_left_out_without_consent_to_release": without_consent,
        "k": K,
        "names": "drawn anew for this release; two releases share no name"
        if snapshot.release_key
        else "the study's own random names; no platform's",
        "facts_told": [
            column.name
            for column in people.facts
            if told and _told_of_somebody(people, column.name)
        ],
        "facts_withheld_from_everybody": sorted(_dropped(coarsened)),
        "people_with_every_fact_withheld": coarsened.n_withheld if coarsened else 0,
        "smallest_group_that_shares_its_facts": coarsened.smallest
        if coarsened
        else None,
        "never_told": [
            "identities on a recruitment platform",
            "typed texts",
            "dates and times of single answers",
            *(
                ["places in a session", "response times"]
                if snapshot.release_key
                else []
            ),
        ],
        "remaining_risk": "A person's judgments together are a fingerprint: whoever "
        "knows many of somebody's judgments from elsewhere can find their row.",
    }


def rater_rows(
    people: People, counted: Mapping[str, int], *, simulated: bool
) -> Iterator[dict[str, object]]:
    """The raters table, by name."""
    for name in sorted(people.names.values()):
        facts: Mapping[str, str] = people.table.get(name, {})
        yield {
            "rater_id": name,
            "simulated": simulated,
            "n_judgments": counted.get(name, 0),
            **facts,
        }


def quality_rows(
    snapshot: SnapshotRecord, people: People
) -> tuple[list[dict[str, object]], dict[str, Any]]:
    """The latest run's verdicts on these raters, and which run that was."""
    run = snapshot.study.quality_runs.filter(simulated=snapshot.simulated).last()
    if run is None:
        return [], {}
    rows: dict[str, dict[str, object]] = {}
    verdicts = QualityVerdict.objects.filter(run=run).select_related(
        "session__participant"
    )
    for verdict in verdicts.order_by("-score", "pk").iterator(chunk_size=2_000):
        name = people.names.get(verdict.session.participant.rater_id)
        if name is None or name in rows:  # of several sessions, the most suspicious one
            continue
        rows[name] = {
            "rater_id": name,
            "flagged": verdict.flagged,
            "conduct_flagged": verdict.conduct_flagged,
            "score": verdict.score,
            "conduct_score": verdict.conduct_score,
            "rules": " ".join(
                str(rule["rule"])
                for rule in verdict.rules
                if rule.get("outcome") == "flag"
            ),
        }
    about = {"number": run.number, "rules": run.rules, "rules_sha256": run.rules_sha256}
    return [rows[name] for name in sorted(rows)], about


def _names(snapshot: SnapshotRecord, raters: set[str]) -> dict[str, str]:
    key = snapshot.release_key
    own = snapshot.study.participants.filter(simulated=snapshot.simulated)
    names = {
        rater_id: released_id(key, rater_id) if key else rater_id
        for rater_id in own.values_list("rater_id", flat=True)
    }
    return {rater_id: name for rater_id, name in names.items() if name in raters}


def _still_agreed(snapshot: SnapshotRecord, rater_ids: set[str]) -> None:
    """A snapshot is of its day; what is passed on today needs today's consent."""
    sessions = (
        StudySession.objects.filter(study=snapshot.study, simulated=snapshot.simulated)
        .exclude(status=StudySession.Status.WITHDRAWN)
        .values_list("pk", "participant__rater_id")
    )
    uses = dict(
        Consent.objects.filter(session__study=snapshot.study).values_list(
            "session", "uses"
        )
    )
    agreed = {
        rater_id
        for pk, rater_id in sessions
        if uses.get(pk, {}).get(snapshot.use) is True
    }
    gone = len(rater_ids - agreed)
    if gone:
        raise DatasetRefused(
            f"{gone} people whose judgments are in snapshot {snapshot.number} withdrew "
            f"since, or do not agree to the use {snapshot.use!r} any more. Freeze a new "
            "snapshot, and make the dataset of that one."
        )


def _asked(snapshot: SnapshotRecord) -> list[Question]:
    definition = snapshot.study.definition_model()
    return [
        question
        for question in definition.questions
        if question.purpose == "about" and question.kind != "text"
    ]


def _said(
    snapshot: SnapshotRecord, names: Mapping[str, str], asked: list[Question]
) -> dict[str, dict[str, str]]:
    numbers = {question.key for question in asked if question.kind == "number"}
    said = {
        name: {question.key: UNANSWERED for question in asked}
        for name in sorted(names.values())
    }
    answers = Trial.objects.filter(
        session__study=snapshot.study,
        session__simulated=snapshot.simulated,
        kind=Kind.QUESTION,
        question__in=[question.key for question in asked],
        response__isnull=False,
    ).values_list(
        "session__participant__rater_id",
        "question",
        "response__choice",
        "response__text",
    )
    for rater_id, key, choice, text in answers.order_by("pk").iterator():
        if rater_id in names:
            value = choice
            if key in numbers and choice != PREFER_NOT_TO_SAY:
                value = _band(text, BAND)
            said[names[rater_id]][key] = value or UNANSWERED
    return said


def _band(text: str, width: int) -> str:
    """`34` -> `30-39`. What is no number is not answered."""
    try:
        low = int(float(text.replace(",", ".")) // width * width)
    except (ValueError, OverflowError):
        return ""
    return f"{low}-{low + width - 1}"


def _ladder(said: Mapping[str, Mapping[str, str]], key: str) -> dict[str, str]:
    """Each band of ten -> the band of twenty that it lies in."""
    bands = {own[key] for own in said.values()}
    return {
        band: _band(band.rpartition("-")[0], WIDE_BAND)
        for band in bands
        if _band(band.rpartition("-")[0], BAND) == band
    }


def _column(key: str) -> str:
    return f"about_{key.replace('-', '_')}"


def _told_of_somebody(people: People, fact_name: str) -> bool:
    return any(own[fact_name] != WITHHELD for own in people.table.values())


def _dropped(coarsened: Coarsened | None) -> set[str]:
    return {_column(key) for key in coarsened.dropped} if coarsened else set()


__all__ = ["WITHHELD", "People", "disclosure_report", "people_in", "quality_rows"]
