"""The audit log: written once, about accounts and rows, never about participants."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import Error, connection, transaction

from collection import audit
from collection.models import AuditRecord, Study
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return factories.open_study()


def test_a_record_outlives_the_account_and_the_study(study: Study) -> None:
    ada = User.objects.create_user("ada")
    told = audit.record(ada, study, "snapshot.downloaded", number=3, job=None)

    ada.delete()
    study.delete()

    told.refresh_from_db()
    assert (told.by, told.study, told.details) == ("ada", "tiny", {"number": 3})


def test_a_command_has_no_account_and_some_verbs_no_study(study: Study) -> None:
    assert audit.record(None, study, "study.opened").by == "command"
    assert audit.record("ada", None, "token.made").study == ""


@pytest.mark.parametrize("verb", ["opened", "Study.opened", "study opened", "a.b.c"])
def test_a_verb_is_a_short_slug(study: Study, verb: str) -> None:
    with pytest.raises(ValueError, match=r"an audit verb is like study\.opened"):
        audit.record(None, study, verb)


def test_every_known_verb_can_be_recorded(study: Study) -> None:
    for verb in audit.VERBS:
        assert audit.record(None, study, verb).verb == verb


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE collection_auditrecord SET by = 'bo'",
        "DELETE FROM collection_auditrecord",
    ],
)
def test_the_database_itself_refuses_to_change_the_log(
    study: Study, change: str
) -> None:
    told = audit.record(None, study, "study.opened")

    with (
        pytest.raises(Error, match="written once"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)
    with pytest.raises(TypeError, match="written once"):
        told.save()

    assert AuditRecord.objects.get(pk=told.pk).by == "command"
