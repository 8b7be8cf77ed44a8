"""Put a definition into the database, and open or close what it describes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from collection import audit
from collection.assignment import dimensions_of
from collection.definition_parts import ArrangementBlock, PairBlock, ValueBlock
from collection.definitions import StudyDefinition
from collection.errors import DefinitionError, Fault, StateRefused
from collection.models import Action, Cell, Study
from collection.models.trials import Kind

# Made in the database: the half a million pairs of 1,000 actions never pass through here.
# Collated by code point, which is the order in which action_a < action_b everywhere.
_PAIRS: Final = f"""
INSERT INTO {Cell._meta.db_table} (study_id, kind, key, action_a_id, action_b_id,
    dimension, wanted, completed, in_flight)
SELECT a.study_id, %s, a.action_id || '|' || b.action_id, a.id, b.id, '', %s, 0, 0
FROM {Action._meta.db_table} AS a JOIN {Action._meta.db_table} AS b
  ON b.study_id = a.study_id AND a.action_id COLLATE "C" < b.action_id COLLATE "C"
WHERE a.study_id = %s
"""


@transaction.atomic
def load_study(definition: StudyDefinition, *, by: Any = None) -> Study:
    """Store a study with its actions and cells; loading the same again changes nothing.

    Args:
        by: The account that does it; None where a command does.

    Raises:
        DefinitionError: another definition stands under this slug, and people took
            part: what they were told and asked cannot be changed afterwards.
    """
    study = Study.objects.select_for_update().filter(slug=definition.slug).first()
    if study is None:
        study = Study(slug=definition.slug)
    elif study.definition_sha256 == definition.sha256 or (
        # The same document has another hash once a release adds a field to it.
        study.definition_model() == definition
    ):
        return study
    elif n_sessions := study.sessions.count():
        raise DefinitionError(
            [
                Fault(
                    f"study {study.slug}",
                    f"{n_sessions} people took part under another definition "
                    f"({study.definition_sha256[:8]}, now {definition.sha256[:8]}), "
                    "which therefore cannot change; load it under a new slug",
                )
            ]
        )
    is_new = study.pk is None
    study.title = definition.title
    study.definition = definition.model_dump(mode="json")
    study.definition_sha256 = definition.sha256
    study.simulation = None
    if study.status == Study.Status.OPEN and definition.missing_before_opening():
        study.status = Study.Status.DRAFT
    study.save()
    audit.record(
        by,
        study,
        "study.created" if is_new else "study.changed",
        definition=definition.sha256[:8],
    )
    study.cells.all().delete()
    study.actions.all().delete()
    actions = Action.objects.bulk_create(
        Action(
            study=study,
            action_id=action.action_id,
            text=action.text,
            position=position,
            attributes=dict(action.attributes),
        )
        for position, action in enumerate(definition.actions)
    )
    _make_pairs(study, definition)
    Cell.objects.bulk_create(_value_cells(study, definition, actions), batch_size=1000)
    return study


@transaction.atomic
def open_study(study: Study, *, by: Any = None) -> Study:
    """Let people join. Safe to call twice; a paused or closed study opens again.

    Args:
        by: The account that does it; None where a command does.

    Raises:
        DefinitionError: with every field of the consent page that is still empty.
    """
    missing = study.definition_model().missing_before_opening()
    if missing:
        raise DefinitionError(missing)
    if study.status != Study.Status.OPEN:
        study.status = Study.Status.OPEN
        study.opened_at = study.opened_at or timezone.now()
        study.save(update_fields=["status", "opened_at"])
        audit.record(by, study, "study.opened")
    return study


def pause_study(study: Study, *, by: Any = None) -> Study:
    """Let nobody new join for now; people who began may finish. Safe to call twice.

    Raises:
        StateRefused: the study is not open: there is nothing to pause.
    """
    if study.status not in (Study.Status.OPEN, Study.Status.PAUSED):
        raise StateRefused(
            f"Only an open study can be paused; this one is {study.status}."
        )
    return _let_nobody_in(study, Study.Status.PAUSED, by)


def close_study(study: Study, *, by: Any = None) -> Study:
    """Let nobody new join; people who began may finish. Safe to call twice."""
    return _let_nobody_in(study, Study.Status.CLOSED, by)


@transaction.atomic
def _let_nobody_in(study: Study, status: Study.Status, by: Any) -> Study:
    if study.status != status:
        study.status = status
        study.save(update_fields=["status"])
        audit.record(by, study, f"study.{status.value}")
    return study


def _make_pairs(study: Study, definition: StudyDefinition) -> None:
    """One cell per pair of actions, if any block wants pairs.

    Blocks of one kind share their cells; the block that wants most decides how many.
    """
    of_pairs: tuple[tuple[Kind, type[PairBlock] | type[ArrangementBlock]], ...] = (
        (Kind.PAIR, PairBlock),
        (Kind.ARRANGEMENT, ArrangementBlock),
    )
    for kind, asks in of_pairs:
        wants = [
            block.judgments_per_cell
            for block in definition.blocks
            if isinstance(block, asks)
        ]
        if wants:
            with connection.cursor() as cursor:
                cursor.execute(_PAIRS, [kind.value, max(wants), study.pk])


def _value_cells(
    study: Study, definition: StudyDefinition, actions: list[Action]
) -> Iterator[Cell]:
    """One cell per whole dimension or scattered rating that any block wants."""
    values = [block for block in definition.blocks if isinstance(block, ValueBlock)]
    for assign in ("dimension", "cells"):
        wants: dict[str, int] = {}
        for block in values:
            if block.assign == assign:
                for dimension in dimensions_of(block, definition):
                    wants[dimension] = max(
                        wants.get(dimension, 0), block.judgments_per_cell
                    )
        for dimension, wanted in wants.items():
            for action in actions if assign == "cells" else [None]:
                yield Cell(
                    study=study,
                    kind=Kind.VALUE,
                    key=f"{dimension}/{action.action_id}" if action else dimension,
                    action_a=action,
                    dimension=dimension,
                    wanted=wanted,
                )
