"""Freeze a study into a snapshot folder: the one place where responses become judgments.

Here alone a reversed scale is turned round, and a pair's rating becomes a similarity.
Here alone people and responses are left out, each row with its reason. Nothing leaves
but the rater's random name: no platform identity, no text answer.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import dist
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from alignment.folders import MANIFEST, sha256_of
from alignment.snapshot_files import write_snapshot
from collection import sensitivity
from collection.attention.reading import answered_sessions
from collection.definition_parts import ArrangementBlock
from collection.definitions import StudyDefinition
from collection.disclosure import OPEN_RELEASE, pooled, released_id
from collection.errors import SnapshotRefused
from collection.languages import language_of
from collection.ledgers import standing_exclusions
from collection.models import (
    Participant,
    Response,
    SnapshotRecord,
    Study,
    StudySession,
    Trial,
)
from collection.models.trials import Kind
from collection.quality import Evidence, response_verdict, session_verdict
from collection.spool import Spool, sorted_by_name

SIMILARITY_RULE = "rating / 100, from 0 (the low end) to 1 (the high end)"
POPULATION = {True: "simulated", False: "real"}

Row = dict[str, object]


NAMING_RATERS = (
    "values",
    "similarities",
    "triplets",
    "arrangements",
    "exclusions",
    "sensitivity",
    "set_aside",
)
"""The tables whose rows name a rater."""


@dataclass
class Judgments:
    """The rows of a snapshot's tables, as `alignment.snapshot_files` takes them; on disk,
    so that a million judgments need no more memory than a thousand."""

    values: Spool[Row] = field(default_factory=Spool)
    similarities: Spool[Row] = field(default_factory=Spool)
    triplets: Spool[Row] = field(default_factory=Spool)
    arrangements: Spool[Row] = field(default_factory=Spool)
    exclusions: Spool[Row] = field(default_factory=Spool)
    sensitivity: Spool[Row] = field(default_factory=Spool)
    set_aside: Spool[Row] = field(default_factory=Spool)
    without_consent: int = 0
    languages: Counter[str] = field(default_factory=Counter)
    """Language -> people with a judgment in a table of it; they read the study in it."""

    def tables(self) -> list[Spool[Row]]:
        """All of them, what was left out too."""
        return [getattr(self, name) for name in NAMING_RATERS]

    def raters(self) -> set[str]:
        """Everybody who stands in any table."""
        return {str(row["rater_id"]) for table in self.tables() for row in table}

    def renamed(self, key: str) -> Judgments:
        """The same with other names for raters and trials, in the names' new order."""
        tables: dict[str, Any] = {
            name: sorted_by_name(
                (_renamed(row, key) for row in getattr(self, name)),
                lambda row: (str(row["rater_id"]), str(row.get("trial_id", ""))),
            )
            for name in NAMING_RATERS
        }
        return replace(self, **tables)

    def __len__(self) -> int:
        tables = (self.values, self.similarities, self.triplets, self.arrangements)
        return sum(map(len, tables))


def freeze(
    study: Study,
    out: Path,
    *,
    simulated: bool | None = None,
    use: str = "this_study",
) -> SnapshotRecord:
    """Write the study's judgments into the folder `out`, and remember it.

    Everything is read in one transaction that sees one moment, so that answers which
    come in meanwhile are in all tables or in none. The same data give the same files.
    Where simulated participants answered, their truth is written beside the folder, as
    `<out>.truth.json`.

    For the use `open_release` nobody is named who did not tick it, not even as left out,
    and raters and trials have other names in every release: two of them, or one and
    the study's own snapshot, cannot be laid side by side. What a researcher typed stays
    in the study, and people are counted in groups of five or more (`disclosure.py`).

    Args:
        out: A folder that does not hold a snapshot yet.
        simulated: Which people to take; None takes whoever there is.
        use: The use of the data: only people who ticked it are in.

    Raises:
        SnapshotRefused: both simulated and real people answered and neither was
            chosen; there are no judgments; or the study does not ask for this use.
        alignment.errors.FolderError: `out` holds a snapshot already.
    """
    started_at = timezone.now()
    definition = study.definition_model()
    offered = [one.key for one in definition.consent.uses]
    if use not in offered:
        raise SnapshotRefused(
            f"Study {study.slug} does not ask for the use {use!r}; its consent names "
            f"{', '.join(offered) or 'no use'}."
        )
    with one_moment():
        population = _population(study, simulated)
        strict = sensitivity.strict_rules(study, simulated=population)
        judgments = read_judgments(
            study,
            simulated=population,
            use=use,
            flagged=sensitivity.flagged_by_conduct(study, strict, simulated=population),
        )
    raters = judgments.raters()
    release_key = ""
    if use == OPEN_RELEASE:
        release_key = secrets.token_hex(32)
        judgments = judgments.renamed(release_key)
    if not len(judgments):
        raise SnapshotRefused(_nothing_left(study, judgments))
    truth = (study.simulation or {}) if population else {}
    write_snapshot(
        out,
        actions=_action_rows(study),
        value_rows=judgments.values,
        similarity_rows=judgments.similarities,
        triplet_rows=judgments.triplets,
        arrangement_rows=judgments.arrangements,
        exclusion_rows=judgments.exclusions,
        sensitivity_rows=judgments.sensitivity,
        set_aside_rows=judgments.set_aside,
        study=study.slug,
        title=study.title,
        definition_sha256=study.definition_sha256,
        dimensions=[
            _dimension(d.model_dump(mode="json")) for d in definition.dimensions
        ],
        wording=definition.wording.model_dump(mode="json") | _arrangement(definition),
        simulated=population,
        world=truth.get("world"),
        similarity_rule=SIMILARITY_RULE,
        consent_uses=[use],
        seeds={"simulation": int(truth["seed"])} if "seed" in truth else {},
        parameters={
            "population": POPULATION[population],
            "use": use,
            "exclusion": definition.exclusion.model_dump(mode="json"),
            **(
                {"people_by_language": _by_language(judgments, release_key)}
                if definition.languages
                else {}
            ),
            **(
                {"people_without_consent_to_release": judgments.without_consent}
                if release_key
                else {}
            ),
            "strict_rules": strict.model_dump(mode="json"),
            "strict_rules_sha256": strict.sha256,
        },
        started_at=started_at,
    )
    if truth:
        _write_beside(out, truth)
    record = SnapshotRecord(
        study=study,
        folder=str(out.resolve()),
        sha256=sha256_of(out / MANIFEST),
        simulated=population,
        use=use,
        release_key=release_key,
        n_judgments=len(judgments),
        # The moment that was read, not the moment the files were done: whoever
        # answered in between is not in it.
        created_at=started_at,
    )
    return _remember(record, raters)


def read_judgments(
    study: Study,
    *,
    simulated: bool,
    use: str,
    flagged: Mapping[UUID, str] | None = None,
) -> Judgments:
    """All judgments of one population, and what was left out, in a stable order.

    Args:
        flagged: Session -> reason, of those whom only a strict exclusion leaves out.
    """
    definition = study.definition_model()
    by_hand = standing_exclusions(study)
    judgments = Judgments()
    for session, trials in answered_sessions(study, simulated=simulated):
        if use == OPEN_RELEASE and not _released(session):
            judgments.without_consent += 1
            continue
        evidence = Evidence(
            session,
            [t.response for t in trials],
            definition,
            use,
            by_hand.get(session.pk),
        )
        whole = session_verdict(evidence)
        before = len(judgments)
        schemes = sensitivity.left_out(evidence, whole, (flagged or {}).get(session.pk))
        if any(trial.kind != Kind.QUESTION for trial in trials):
            judgments.sensitivity.extend(schemes)
        for trial in trials:
            if trial.kind == Kind.QUESTION:
                continue
            verdict = whole or response_verdict(trial, trial.response)
            if verdict is not None:
                judgments.exclusions.append(
                    {
                        "kind": trial.kind,
                        "trial_id": str(trial.pk),
                        "rater_id": session.participant.rater_id,
                        "rule": verdict.rule,
                        "reason": verdict.reason,
                    }
                )
            else:
                _add(judgments, session, trial)
            if (
                trial.kind == Kind.PAIR
                and sensitivity.only_by_choice(schemes)
                and response_verdict(trial, trial.response) is None
            ):
                judgments.set_aside.append(_similarity(session, trial))
        if len(judgments) > before:
            judgments.languages[language_of(session)] += 1
    return judgments


def _add(judgments: Judgments, session: StudySession, trial: Trial) -> None:
    response = trial.response
    common = _common(session, trial)
    if trial.kind == Kind.VALUE:
        judgments.values.append(
            {
                "action_id": trial.actions[0],
                "dimension": trial.dimension,
                "value": value_of(trial, response),
                **common,
            }
        )
    elif trial.kind == Kind.PAIR:
        judgments.similarities.append(_similarity(session, trial))
    elif trial.kind == Kind.ARRANGEMENT:
        places: dict[str, list[float]] = response.positions or {}
        for a, b in combinations(sorted(places), 2):
            judgments.arrangements.append(
                {
                    "action_a": a,
                    "action_b": b,
                    "distance": round(dist(places[a], places[b]), 6),
                    "n_in_arena": len(places),
                    **common,
                }
            )
    else:
        a, b, c = sorted(trial.actions)
        judgments.triplets.append(
            {
                "a": a,
                "b": b,
                "c": c,
                "odd": response.choice,
                "sampler": trial.sampler,
                "propensity": trial.propensity,
                **common,
            }
        )


def _similarity(session: StudySession, trial: Trial) -> Row:
    a, b = sorted(trial.actions)
    return {
        "action_a": a,
        "action_b": b,
        "similarity": _rated(trial.response) / 100,
        **_common(session, trial),
    }


def _common(session: StudySession, trial: Trial) -> Row:
    return {
        "rater_id": session.participant.rater_id,
        "trial_id": str(trial.pk),
        "group": session.group,
        "block_order": session.block_order,
    }


def value_of(trial: Trial, response: Response) -> float:
    """The value, 100 the good or high end, whichever way round the scale stood."""
    rating = _rated(response)
    return float(100 - rating if trial.polarity == Trial.Polarity.REVERSED else rating)


def _rated(response: Response) -> int:
    if response.rating is None:
        raise ValueError(f"{response}: a judgment of this kind needs a rating")
    return response.rating


@contextmanager
def one_moment() -> Iterator[None]:
    """A transaction in which every query sees the same moment.

    Inside a transaction that is already running, that one's isolation holds.
    """
    nested = connection.in_atomic_block
    with transaction.atomic():
        if not nested:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )
        yield


def _population(study: Study, simulated: bool | None) -> bool:
    """Which people to take: those asked for, or the only ones there are."""
    answered = study.sessions.filter(trials__response__isnull=False).distinct()
    people = Counter(
        simulated for _, simulated in answered.values_list("pk", "simulated")
    )
    if simulated is not None:
        if not people[simulated]:
            raise SnapshotRefused(
                f"Study {study.slug} holds no answers of {POPULATION[simulated]} "
                "participants."
            )
        return simulated
    if not people:
        raise SnapshotRefused(f"Study {study.slug} holds no answers yet.")
    if len(people) == 2:
        raise SnapshotRefused(
            f"Study {study.slug} holds answers of {people[True]} simulated and "
            f"{people[False]} real participants, and a snapshot never mixes them. "
            "Choose one: --simulated or --real."
        )
    return people.popitem()[0]


def _nothing_left(study: Study, judgments: Judgments) -> str:
    rules = Counter(str(row["rule"]) for row in judgments.exclusions)
    if not rules:
        return f"Study {study.slug} holds answers to questions, but no judgments yet."
    left_out = ", ".join(f"{n} {rule}" for rule, n in sorted(rules.items()))
    return f"Every judgment of study {study.slug} was left out: {left_out}."


def _action_rows(study: Study) -> list[Row]:
    """The actions in their order, every attribute as a column of its own."""
    actions = list(study.actions.order_by("position"))
    columns = list(dict.fromkeys(key for a in actions for key in a.attributes))
    return [
        {
            "action_id": action.action_id,
            "text": action.text,
            **{column: action.attributes.get(column, "") for column in columns},
        }
        for action in actions
    ]


def _by_language(judgments: Judgments, release_key: str) -> dict[str, int]:
    """People per language; in an open release, no group so small that it names them."""
    counts = dict(sorted(judgments.languages.items()))
    return pooled(counts) if release_key else counts


def _arrangement(definition: StudyDefinition) -> dict[str, str]:
    """The question of an arrangement, beside the other wording, where one is asked."""
    asked = [b.question for b in definition.blocks if isinstance(b, ArrangementBlock)]
    return {"arrangement": asked[0]} if asked else {}


def _dimension(dumped: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in dumped.items() if key != "title"}


def _write_beside(out: Path, truth: Mapping[str, object]) -> None:
    path = out.with_name(f"{out.name}.truth.json")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(truth, sort_keys=True) + "\n", encoding="utf-8")
    draft.replace(path)


def _renamed(row: Row, key: str) -> Row:
    names = {
        name: released_id(key, str(row[name]))
        for name in ("rater_id", "trial_id")
        if name in row
    }
    return row | names


def _released(session: StudySession) -> bool:
    """Whether a person ticked the open release, and did not withdraw."""
    consent = getattr(session, "consent", None)
    withdrew = session.status == StudySession.Status.WITHDRAWN
    return consent is not None and consent.allows(OPEN_RELEASE) and not withdrew


def _remember(record: SnapshotRecord, raters: Set[str]) -> SnapshotRecord:
    """Number a snapshot and store its record.

    Raises:
        SnapshotRefused: somebody in it was erased while it was written, so that nobody
            knew to take it out of use. Its folder is deleted.
    """
    study = record.study
    with transaction.atomic():
        # An erasure holds this row too: it sees the record, or is seen here.
        Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        present = set(
            Participant.objects.filter(study=study).values_list("rater_id", flat=True)
        )
        if raters <= present:
            newest = study.snapshots.aggregate(newest=Max("number"))["newest"] or 0
            record.number = newest + 1
            record.save(force_insert=True)
            return record
    shutil.rmtree(record.folder)
    raise SnapshotRefused(
        f"Somebody's data in study {study.slug} were erased while this snapshot was "
        "being written. It was deleted; freeze it again."
    )
