"""Which text was agreed to, and that it stays."""

from __future__ import annotations

import re
import secrets

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse

from collection import consents, loading, participation
from collection.definitions import StudyDefinition
from collection.errors import ConsentTextChanged, DefinitionError
from collection.models import ConsentVersion, Study
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return factories.open_study()


def changed(study: Study, **consent: object) -> Study:
    document = factories.document()
    document["consent"] |= consent
    return loading.load_study(StudyDefinition.model_validate(document))


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_the_text_kept_says_all_that_the_page_said(
    client: Client, study: Study
) -> None:
    session = participation.enrol(study)
    page = client.get(reverse("consent", args=[session.code])).text

    kept = consents.keep(study)

    said = words(page)
    for line in filter(None, re.split(r"<[^>]*>", kept.shown)):
        assert words(line) in said
    for sentence in ("Take part?", "Train agents on my values", "I am 18 years old"):
        assert sentence in kept.shown
    assert kept.version == consents.version_of(kept.shown)
    assert f'name="version" value="{kept.version}"' in page


def test_an_old_text_stays_when_the_study_changes(study: Study) -> None:
    first = consents.keep(study)

    second = consents.keep(changed(study, text="Take part, please?"))

    texts = {v.version: v.shown for v in ConsentVersion.objects.all()}
    assert set(texts) == {first.version, second.version}
    assert "Take part?" in texts[first.version]


def test_another_action_is_no_other_consent_text(study: Study) -> None:
    first = consents.keep(study)
    document = factories.document()
    document["actions"][0]["text"] = "I call somebody"
    loading.load_study(StudyDefinition.model_validate(document))

    assert consents.keep(Study.objects.get()).version == first.version


def test_who_read_an_older_text_reads_the_new_one_before_agreeing(
    client: Client, study: Study
) -> None:
    session = participation.enrol(study)
    address = reverse("consent", args=[session.code])
    read = consents.version_of(consents.shown(study.definition_model()))
    # Nobody may change a study that somebody came to; a release may change the page.
    definition = study.definition_model()
    study.definition = definition.model_copy(
        update={"consent": definition.consent.model_copy(update={"pay": "less"})}
    ).model_dump(mode="json")
    # A hash of its own: documents are kept by their hash as long as the process lives.
    study.definition_sha256 = secrets.token_hex(32)
    study.save()
    ticks = {"of_age": "1", "uses": ["this_study"], "version": read}

    answer = client.post(address, ticks)

    assert answer.status_code == 409
    assert "was changed while you were reading it" in answer.text
    assert "less" in answer.text
    session.refresh_from_db()
    assert session.consented_at is None

    ticks["version"] = consents.version_of(consents.shown(study.definition_model()))
    assert client.post(address, ticks).status_code == 302
    with pytest.raises(ConsentTextChanged, match="read it once more"):
        consents.keep(study, read="0" * 64)


def test_a_text_is_never_changed(study: Study) -> None:
    kept = consents.keep(study)

    with (
        pytest.raises(DatabaseError, match="written once and never changed"),
        transaction.atomic(),
    ):
        ConsentVersion.objects.filter(pk=kept.pk).update(shown="You agreed to more")


def test_no_study_opens_while_any_field_of_consent_is_empty() -> None:
    document = factories.document()
    fields = [*document["consent"]]
    document["consent"] = {}
    study = loading.load_study(StudyDefinition.model_validate(document))

    with pytest.raises(DefinitionError) as refusal:
        loading.open_study(study)

    named = {fault.place for fault in refusal.value.faults}
    assert named == {f"consent.{name}" for name in fields}


def test_a_document_whose_fields_grew_is_still_the_same_study(study: Study) -> None:
    """A release that adds a field with a default changes the hash of every document."""
    factories.joined(study)
    study.definition_sha256 = "0" * 64
    study.definition = {
        key: value for key, value in study.definition.items() if key != "exclusion"
    }
    study.save()

    again = loading.load_study(StudyDefinition.model_validate(factories.document()))

    assert again.pk == study.pk
    assert again.definition_sha256 == "0" * 64
