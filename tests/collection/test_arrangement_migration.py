"""A study that ran goes on across a change of the tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.apps.registry import Apps
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from collection import participation
from collection.models import Response, Study, Trial
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE_ARRANGEMENTS = ("collection", "0002_responses_never_change")


def migrate(*targets: tuple[str, str]) -> Apps:
    """Move the database to these migrations; the models as they were then."""
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets))
    return MigrationExecutor(connection).loader.project_state(list(targets)).apps


@pytest.fixture
def newest() -> Iterator[list[tuple[str, str]]]:
    """The newest migrations, where every database ends whatever a test did."""
    targets = [
        key
        for key in MigrationExecutor(connection).loader.graph.leaf_nodes()
        if key[0] == "collection"
    ]
    yield targets
    migrate(*targets)


def test_a_running_study_keeps_its_answers_and_takes_arrangements(
    newest: list[tuple[str, str]],
) -> None:
    study = factories.open_study()
    session = factories.joined(study)
    factories.answer(session, n_trials=4)
    before = list(Response.objects.order_by("pk").values_list("pk", "rating", "choice"))
    migrate(BEFORE_ARRANGEMENTS)

    migrate(*newest)

    after = Response.objects.order_by("pk").values_list("pk", "rating", "choice")
    assert list(after) == before
    assert not Response.objects.filter(positions__isnull=False).exists()
    factories.answer(session)  # the session goes on where it was
    assert participation.current_trial(session) is None
    factories.finished(factories.open_study(slug="arenas", **factories.arranging()))
    assert Trial.objects.filter(kind="arrangement").count() == 2
    assert Study.objects.count() == 2


def test_places_are_as_final_as_every_other_answer() -> None:
    factories.finished(factories.open_study(**factories.arranging()))

    with (
        pytest.raises(DatabaseError, match="written once and never changed"),
        transaction.atomic(),
    ):
        Response.objects.update(positions={})
