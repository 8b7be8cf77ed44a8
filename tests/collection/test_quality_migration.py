"""The tables of quality come to a study that ran for real, and leave it as it was."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor

from collection import ledgers
from collection.attention.runs import run_rules
from collection.models import PaymentDecision, Response
from tests import factories

NAME = ("collection", "0008_quality_and_ledgers")


@pytest.mark.django_db(transaction=True)
def test_a_study_with_answers_keeps_them_across_the_migration_and_is_judged() -> None:
    study = factories.open_study()
    session = factories.ada(study)
    answers = list(Response.objects.order_by("pk").values())
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes("collection")
    parents = [
        parent
        for parent in executor.loader.get_migration(*NAME).dependencies
        if parent[0] == "collection"
    ]

    try:
        executor.migrate(parents)
        assert "collection_qualityrun" not in connection.introspection.table_names()
    finally:
        MigrationExecutor(connection).migrate(leaves)

    assert list(Response.objects.order_by("pk").values()) == answers
    assert run_rules(study).n_sessions == 1
    ledgers.record_payment(
        session, "pay", ground="in-order", reason="Finished.", by="ada"
    )
    with pytest.raises(IntegrityError, match="is written once and never changed"):
        PaymentDecision.objects.update(reason="Another one.")
