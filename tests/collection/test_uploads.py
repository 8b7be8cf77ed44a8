"""Uploads: what is refused before it is read, what while it is, and what is stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from collection import access, participation, uploads
from collection.access import Role
from collection.errors import DefinitionError
from collection.models import Study

SHORT = Path(__file__).resolve().parents[1] / "studies" / "short"
ACTIONS = "action_id,text\nalpha,I call\nbravo,I write\ncharlie,I wait\n"


def sent(**changed: str | bytes) -> list[SimpleUploadedFile]:
    """The files of the short study, some changed or added: study__toml="..."."""
    files: dict[str, str | bytes] = {
        path.name: path.read_text() for path in sorted(SHORT.iterdir())
    }
    files |= {name.replace("__", "."): text for name, text in changed.items()}
    return [
        SimpleUploadedFile(
            name, text if isinstance(text, bytes) else text.encode("utf-8")
        )
        for name, text in files.items()
        if text
    ]


def document(**changed: str) -> str:
    text = (SHORT / "study.toml").read_text()
    for old, new in changed.items():
        text = text.replace(f"{old} = ", f"{new} = ", 1)
    return text


def refused(files: list[SimpleUploadedFile]) -> list[str]:
    with pytest.raises(uploads.UploadRefused) as refusal:
        uploads.read_upload(files)
    return [str(fault) for fault in refusal.value.faults]


def test_the_files_of_a_study_are_read_with_every_language() -> None:
    definition, texts = uploads.read_upload(sent())

    assert definition.slug == "short"
    assert definition.offered_languages == ("en", "de")
    assert set(texts) == {path.name for path in SHORT.iterdir()}


@pytest.mark.parametrize(
    "name",
    ["../study.toml", "study.py", "a b.csv", ".toml", "x" * 90 + ".csv", "ä.csv"],
)
def test_a_name_that_is_not_plain_is_refused(name: str) -> None:
    odd = SimpleUploadedFile("x.csv", b"")
    odd._name = name  # as a forged request could say it

    (fault,) = refused([*sent(), odd])

    assert "a file's name needs plain letters" in fault


def test_files_are_counted_and_measured_before_they_are_read() -> None:
    many = [SimpleUploadedFile(f"a{i}.csv", b"") for i in range(25)]
    large = [SimpleUploadedFile("a.csv", b"x" * (uploads.MOST_BYTES + 1))]

    assert refused(many) == ["upload: 25 files; at most 24"]
    assert refused(large) == ["upload: over 2 MB in all"]


def test_there_is_one_document_and_no_file_twice() -> None:
    twice = [*sent(), SimpleUploadedFile("study.toml", b"")]

    assert refused([]) == ["upload: needs one study document (.toml); found none"]
    assert refused(sent(other__toml="a = 1")) == [
        "upload: needs one study document (.toml); found other.toml, study.toml"
    ]
    assert refused(twice) == ["upload: 'study.toml' was sent twice"]


@pytest.mark.parametrize(
    "named", ["/etc/passwd", "../actions.csv", "folder/actions.csv", "..", "/"]
)
def test_a_document_cannot_name_a_file_of_the_server(
    tmp_path: Path, named: str
) -> None:
    text = document().replace(
        'actions_file = "actions.csv"', f"actions_file = '{named}'"
    )

    faults = refused(sent(study__toml=text))

    assert faults == [
        "study.toml: actions_file: names a file beside this document, in no folder"
    ]
    assert "root:" not in str(faults)


def test_a_file_that_was_not_sent_is_missing_whatever_lies_elsewhere() -> None:
    text = document().replace('"actions.csv"', '"others.csv"')

    assert any(
        fault == "others.csv: cannot be read: No such file or directory"
        for fault in refused(sent(study__toml=text))
    )


@pytest.mark.parametrize(
    ("csv", "told"),
    [
        (ACTIONS + "delta,x\0y\n", "actions.csv line 5: holds a NUL character"),
        (ACTIONS + "delta," + "x" * 140_000, "actions.csv line 5: is no CSV: field"),
        (b"action_id,text\na,\xff\n", "actions.csv: cannot be read: 'utf-8' codec"),
        ("", "actions.csv: cannot be read: No such file"),
    ],
)
def test_a_table_that_cannot_be_stored_is_refused(csv: str | bytes, told: str) -> None:
    assert any(fault.startswith(told) for fault in refused(sent(actions__csv=csv)))


def test_more_actions_than_a_page_takes_are_refused() -> None:
    # One language, or every action would lack its translation.
    text = document().replace('languages = ["en", "de"]\n', "")
    many = ACTIONS + "".join(f"a-{i},I do {i}\n" for i in range(1_000))
    files = sent(
        study__toml=text, actions__csv=many, texts__de__toml="", actions__de__csv=""
    )

    (fault,) = refused(files)

    assert fault.startswith("actions.csv: 1,003 actions; a page takes up to 1,000.")


def test_every_fault_is_shown_on_its_line_with_what_is_around_it() -> None:
    text = document(low="lowest").replace("minimum_age = 18", "minimum_age = 180")
    with pytest.raises(uploads.UploadRefused) as refusal:
        uploads.read_upload(sent(study__toml=text, actions__csv=ACTIONS + "Delta,\n"))

    loose, files = uploads.files_shown(refusal.value)

    assert loose == []
    shown = {file.name: file.lines for file in files}
    wrong = {
        line.text.split(" =")[0]: line.faults
        for line in shown["study.toml"]
        if line.faults
    }
    assert wrong["minimum_age"] == (
        "consent.minimum_age: Input should be less than or equal to 120; got 180",
    )
    assert "unknown field; is it misspelt?" in wrong["lowest"][0]
    assert wrong["[[dimensions]]"][0].startswith("dimensions[0].low:")
    (csv_line,) = (line for line in shown["actions.csv"] if line.faults)
    assert (csv_line.number, csv_line.text) == (5, "Delta,")
    assert len(csv_line.faults) == 2
    assert any(line.after_gap for line in shown["study.toml"])


def test_a_file_of_nothing_but_faults_is_cut_short() -> None:
    rows = "".join(f"A{i},x\n" for i in range(300))
    with pytest.raises(uploads.UploadRefused) as refusal:
        uploads.read_upload(sent(actions__csv="action_id,text\n" + rows))

    loose, _ = uploads.files_shown(refusal.value)

    assert loose[-1].startswith("… and ")


@pytest.mark.django_db
def test_who_uploads_a_study_owns_it_and_the_same_again_changes_nothing() -> None:
    ada = User.objects.create_user("ada")
    definition, _ = uploads.read_upload(sent())

    study = uploads.store(definition, ada)
    again = uploads.store(definition, ada, into=study)

    assert access.role_in(ada, study) == Role.OWNER
    assert again == study
    assert (study.status, study.actions.count()) == ("draft", len(definition.actions))


@pytest.mark.django_db
def test_an_address_that_is_taken_is_refused_and_nothing_is_overwritten() -> None:
    ada, bo = (User.objects.create_user(name) for name in ("ada", "bo"))
    definition, _ = uploads.read_upload(sent())
    study = uploads.store(definition, ada)
    other, _ = uploads.read_upload(
        sent(study__toml=document().replace("A short study", "Another"))
    )

    with pytest.raises(
        DefinitionError, match="'short' is the address of another study"
    ):
        uploads.store(other, bo)

    study.refresh_from_db()
    assert study.title == "A short study"
    assert access.role_in(bo, study) is None


@pytest.mark.django_db
def test_a_new_version_keeps_the_address_and_waits_for_nobody() -> None:
    ada = User.objects.create_user("ada")
    definition, _ = uploads.read_upload(sent())
    study = uploads.store(definition, ada)
    renamed, _ = uploads.read_upload(
        sent(study__toml=document().replace('slug = "short"', 'slug = "long"'))
    )
    other, _ = uploads.read_upload(
        sent(study__toml=document().replace('version = "1"', 'version = "2"'))
    )

    with pytest.raises(DefinitionError, match="address never changes"):
        uploads.store(renamed, ada, into=study)
    uploads.store(other, ada, into=study)
    Study.objects.filter(pk=study.pk).update(status="open")
    participation.enrol(Study.objects.get(pk=study.pk))
    with pytest.raises(DefinitionError, match="1 people took part"):
        uploads.store(definition, ada, into=study)

    study.refresh_from_db()
    assert study.definition["version"] == "2"
