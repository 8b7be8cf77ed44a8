"""A study's texts in each language: hashed with it, and every fault with its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from collection.definitions import StudyDefinition, check_definition, load_definition

STUDIES = Path(__file__).resolve().parents[1] / "studies"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The short study's files, to be spoilt."""
    return Path(shutil.copytree(STUDIES / "short", tmp_path / "short"))


@pytest.fixture
def edit(folder: Path) -> Callable[[str, str, str], None]:
    def change(name: str, old: str, new: str) -> None:
        path = folder / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


def faults(folder: Path) -> list[str]:
    return [str(fault) for fault in check_definition(folder / "study.toml")]


def test_a_language_changes_what_is_read_and_nothing_else() -> None:
    study = load_definition(STUDIES / "short" / "study.toml")
    german = study.in_language("de")

    assert german.title == "Eine kurze Studie"
    assert german.language == "de"
    assert german.dimension("morality").low == "Sehr unmoralisch"
    assert german.question("age-band").options[1].text == "45 oder älter"
    assert german.consent.support[0].label == "TelefonSeelsorge"
    assert german.consent.contact == study.consent.contact
    assert german.action_ids == study.action_ids
    assert german.groups == study.groups
    assert all(
        one.attributes == other.attributes and one.text != other.text
        for one, other in zip(german.actions, study.actions, strict=True)
    )


def test_a_language_that_is_not_offered_is_answered_in_the_studys_own() -> None:
    study = load_definition(STUDIES / "short" / "study.toml")

    assert study.in_language("fr") is study
    assert study.in_language("en") is study


def test_a_study_of_one_language_keeps_the_hash_it_had() -> None:
    arena = load_definition(STUDIES / "arena" / "study.toml")

    # Computed by the release before languages: a study that runs is still itself.
    assert arena.sha256.startswith("4d7648a7029b12b2")


def test_a_translated_word_changes_the_hash(
    folder: Path, edit: Callable[[str, str, str], None]
) -> None:
    before = load_definition(folder / "study.toml").sha256
    edit("texts.de.toml", "Sehr ähnlich", "Äußerst ähnlich")

    assert load_definition(folder / "study.toml").sha256 != before


def test_a_stored_study_keeps_its_languages() -> None:
    study = load_definition(STUDIES / "short" / "study.toml")
    stored = StudyDefinition.model_validate(study.model_dump(mode="json"))

    assert stored == study
    assert stored.sha256 == study.sha256
    assert stored.in_language("de").title == "Eine kurze Studie"


def test_every_fault_of_a_language_is_listed_with_its_place(
    folder: Path, edit: Callable[[str, str, str], None]
) -> None:
    edit("texts.de.toml", 'low = "Sehr unmoralisch"\n', "")
    edit("texts.de.toml", 'title = "Moral"\n', 'title = "Moral"\ncolour = "rot"\n')
    edit("texts.de.toml", 'pay = "keine"', 'pay = ""')
    edit("texts.de.toml", '18-44 = "18 bis 44"', "18-44 = 18")
    edit("actions.de.csv", "walk-dog,", "walk-cat,")

    assert sorted(faults(folder)) == [
        "actions.de.csv: action walk-cat: the study has no such text; is it misspelt?",
        "actions.de.csv: action walk-dog: is missing; the study says 'I walk the dog "
        "around the block after dinner.'",
        "texts.de.toml: consent.pay: is missing; the study says 'none'",
        "texts.de.toml: dimensions.morality.colour: the study has no such text; is it "
        "misspelt?",
        "texts.de.toml: dimensions.morality.low: is missing; the study says 'Very "
        "immoral'",
        "texts.de.toml: questions.age-band.options.18-44: is missing; the study says "
        "'18 to 44'",
        "texts.de.toml: questions.age-band.options.18-44: is no text; got 18",
    ]


def test_a_title_is_asked_for_where_the_study_goes_by_the_name(
    folder: Path, edit: Callable[[str, str, str], None]
) -> None:
    edit("texts.de.toml", 'title = "Moral"\n', "")

    assert faults(folder) == ["texts.de.toml: dimensions.morality.title: is missing"]


def test_files_that_are_not_there_are_named_once(folder: Path) -> None:
    (folder / "texts.de.toml").unlink()
    (folder / "actions.de.csv").unlink()

    found = faults(folder)

    assert len(found) == 2
    assert found[0].startswith("texts.de.toml: cannot be read")
    assert found[1].startswith("actions.de.csv: cannot be read")


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        ('["de"]', "must name the study's own language, 'en'"),
        ('["en", "en"]', "'en' stands twice"),
        ('["en", "German"]', "'German' is no language tag; write it like 'de'"),
    ],
)
def test_a_list_of_languages_that_cannot_be(
    folder: Path,
    edit: Callable[[str, str, str], None],
    languages: str,
    message: str,
) -> None:
    edit("study.toml", 'languages = ["en", "de"]', f"languages = {languages}")

    (fault,) = [fault for fault in faults(folder) if "study.toml: languages" in fault]
    assert message in fault


def test_translations_do_not_stand_in_the_study_itself(
    folder: Path, edit: Callable[[str, str, str], None]
) -> None:
    edit("study.toml", 'version = "1"\n', 'version = "1"\ntranslations = {}\n')

    assert faults(folder) == [
        "study.toml: translations: other languages stand in files beside this document; "
        "name them in languages"
    ]


def test_a_fault_of_the_study_does_not_hide_one_in_a_file_of_texts(
    folder: Path, edit: Callable[[str, str, str], None]
) -> None:
    edit("study.toml", "harm = true", 'harm = "perhaps"')
    edit("texts.de.toml", 'title = "Moral"', "title = 7")

    found = faults(folder)

    assert any("dimensions[0].harm" in fault for fault in found)
    assert "texts.de.toml: dimensions.morality.title: is no text; got 7" in found
