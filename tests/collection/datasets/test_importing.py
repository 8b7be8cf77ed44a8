"""A package becomes a study again: the same judgments, closed, and nothing on trust."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from alignment.folders import sha256_of
from collection import access, coverage
from collection.datasets.importing import hash_of, import_dataset
from collection.datasets.package import write_dataset
from collection.datasets.reading import opened, read_package
from collection.erasure import erase
from collection.errors import DatasetRefused
from collection.models import AuditRecord, Participant, SnapshotRecord, Study
from collection.snapshots import freeze, read_judgments

pytestmark = pytest.mark.django_db


def imported(folder: Path, slug: str = "") -> Study:
    return import_dataset(read_package(folder), slug=slug)


def resigned(folder: Path) -> Path:
    """The manifest with the hashes that the files have now: a forger's work."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {name: sha256_of(folder / name) for name in manifest["files"]}
    path.write_text(json.dumps(manifest))
    return folder


def change(
    folder: Path, table: str, edit: Callable[[list[dict[str, str]]], object]
) -> Path:
    """Edit the rows of a table, with the hashes to match."""
    (path,) = folder.glob(f"data/*-{table}_data.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = list(rows[0])
    edit(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return resigned(folder)


def faults(folder: Path) -> str:
    with pytest.raises(DatasetRefused) as refused:
        read_package(folder)
    return str(refused.value)


def test_a_study_comes_back_with_the_files_it_was_made_of(
    own: SnapshotRecord, tmp_path: Path
) -> None:
    write_dataset(own, tmp_path / "dataset")
    own.study.delete()
    study = imported(tmp_path / "dataset")

    again = freeze(study, tmp_path / "again")

    for table in ("value", "similarity", "triplet", "arrangement"):
        name = f"{table}_judgments.csv"
        before = sorted((Path(own.folder) / name).read_text().splitlines())
        after = sorted((Path(again.folder) / name).read_text().splitlines())
        assert len(before) > 1
        assert after == before


def test_an_imported_study_is_closed_and_has_no_identities(package: Path) -> None:
    study = imported(package)

    assert study.status == "closed"
    assert not study.takes_new_people
    assert study.participants.count() == 7
    assert not study.participants.filter(identity__isnull=False).exists()
    assert study.definition_model().completion.code == "withheld"
    assert set(study.sessions.values_list("status", flat=True)) == {"finished"}


def test_a_release_comes_back_with_the_same_judgments_under_its_own_names(
    released: Path,
) -> None:
    manifest = json.loads((released / "manifest.json").read_text())

    study = imported(released)

    read = read_judgments(study, simulated=False, use="open_release")
    assert hash_of(read) == manifest["judgments_sha256"]
    assert all(name.startswith("r-") for name in read.raters())


def test_a_package_made_here_can_be_imported_here_beside_its_study(
    own: SnapshotRecord, tmp_path: Path
) -> None:
    dataset = write_dataset(own, tmp_path / "dataset")

    with pytest.raises(DatasetRefused, match=r"stands here already.*--as"):
        imported(tmp_path / "dataset")
    study = imported(tmp_path / "dataset", "tiny-again")
    again = write_dataset(freeze(study, tmp_path / "frozen"), tmp_path / "second")

    assert again.judgments_sha256 == dataset.judgments_sha256
    assert Study.objects.get(slug="tiny").participants.count() == 7


def test_coverage_of_an_imported_study_is_that_of_the_first(
    own: SnapshotRecord, tmp_path: Path
) -> None:
    write_dataset(own, tmp_path / "dataset")
    before = coverage.coverage_by_block(own.study)

    study = imported(tmp_path / "dataset", "copy")

    assert coverage.coverage_by_block(study) == before


def test_somebody_imported_can_be_erased_and_counts_go_back(package: Path) -> None:
    study = imported(package)

    for person in Participant.objects.filter(study=study):
        erase(person, by="test")

    assert set(study.cells.values_list("completed", flat=True)) == {0}


def test_simulated_people_stay_simulated(package: Path, tmp_path: Path) -> None:
    study = imported(package)
    study.participants.update(simulated=True)
    study.sessions.update(simulated=True)
    write_dataset(freeze(study, tmp_path / "frozen"), tmp_path / "dataset")

    copy = imported(tmp_path / "dataset", "copy")

    assert set(copy.participants.values_list("simulated", flat=True)) == {True}
    assert set(copy.sessions.values_list("simulated", flat=True)) == {True}
    assert freeze(copy, tmp_path / "again").simulated


def test_the_texts_that_people_agreed_to_come_along(
    study: Study, own: SnapshotRecord, tmp_path: Path
) -> None:
    write_dataset(own, tmp_path / "dataset")

    copy = imported(tmp_path / "dataset", "copy")

    was = study.consent_versions.get()
    came = copy.consent_versions.get()
    assert (came.version, came.shown) == (was.version, was.shown)
    assert {s.consent.version for s in copy.sessions.all()} == {was.version}


def test_all_faults_of_all_rows_are_listed_at_once(package: Path) -> None:
    def spoil(rows: list[dict[str, str]]) -> None:
        rows[0]["value"] = "101"
        rows[1]["action_id"] = "zulu"
        rows[2]["dimension"] = "charm"
        rows[3]["group"] = "others"
        rows[4]["simulated"] = "true"
        rows[5]["value"] = "12.5"
        rows[6]["rater_id"] = "../etc"
        rows[7]["trial_id"] = rows[8]["trial_id"]

    listed = faults(change(package, "values", spoil))

    for expected in (
        "row 1: value must lie in 0 to 100, got 101",
        "row 2: the definition has no action 'zulu'",
        "row 3: the definition has no dimension 'charm'",
        "row 4: the definition has no group 'others'",
        "row 5: simulated must be false as in the manifest",
        "row 6: value must be one of 101 places on the scale, got 12.5",
        "row 7: rater_id is no name for a rater: '../etc'",
        "stands already in another row",
        "manifest.json: the judgments come to",
    ):
        assert expected in listed
    assert listed.splitlines()[0].endswith("faults")


@pytest.mark.parametrize(
    ("table", "column", "value", "expected"),
    [
        ("similarities", "similarity", "0.123", "one of 101 places"),
        ("similarities", "weight", "2", "weight must be 1"),
        ("similarities", "action_a", "zulu", "no action 'zulu'"),
        ("triplets", "odd", "zulu", "odd must be one of"),
        ("triplets", "propensity", "1.5", "propensity must lie in 0 to 1"),
        ("arrangements", "distance", "0.77", "not those of its distances"),
        ("arrangements", "block_order", "pairs>dreams", "no block dreams"),
        ("places", "x", "7", "x must lie in 0 to 1, got 7"),
        ("values", "value", "much", "cannot be read"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(
    package: Path, table: str, column: str, value: str, expected: str
) -> None:
    listed = faults(
        change(package, table, lambda rows: rows[0].update({column: value}))
    )

    assert expected in listed


def test_a_judgment_that_was_changed_is_found_by_the_hash_of_all(package: Path) -> None:
    listed = faults(
        change(package, "values", lambda rows: rows[0].update({"value": "11"}))
    )

    assert listed.startswith("1 fault\nmanifest.json: the judgments come to ")


def test_a_row_that_was_taken_away_is_missed(package: Path) -> None:
    listed = faults(change(package, "triplets", lambda rows: rows.pop()))

    assert "has 6 rows, 7 told" in listed


def test_files_that_are_not_the_manifests_are_named(package: Path) -> None:
    (package / "materials/study_definition.json").write_text("{}")
    (package / "documentation/codebook.csv").unlink()

    listed = faults(package)

    assert "study_definition.json: was changed" in listed
    assert "codebook.csv: is missing" in listed


def test_a_definition_of_another_kind_is_refused_with_its_places(package: Path) -> None:
    path = package / "materials/study_definition.json"
    document = json.loads(path.read_text())
    document["size"] = 3
    path.write_text(json.dumps(document))

    assert "study_definition.json: size" in faults(resigned(package))


def test_a_manifest_cannot_name_files_outside_the_package(package: Path) -> None:
    path = package / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["../../etc/passwd"] = "0" * 64
    path.write_text(json.dumps(manifest))

    assert "../../etc/passwd: lies outside the package's folder" in faults(package)


def test_nothing_is_kept_of_an_import_that_comes_out_otherwise(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read_package(package)
    found.manifest["judgments_sha256"] = "0" * 64  # type: ignore[index]

    with pytest.raises(DatasetRefused, match="Nothing was kept"):
        import_dataset(found)

    assert not Study.objects.exists()


def test_a_zip_is_imported_like_its_folder(package: Path, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "packed"), "zip", package.parent, package.name)
    out = io.StringIO()

    call_command("importdataset", tmp_path / "packed.zip", check=True, stdout=out)
    call_command("importdataset", tmp_path / "packed.zip", stdout=out)

    assert "105 judgments, no faults" in out.getvalue()
    assert "Study tiny (closed): 105 judgments of 7 real participants" in out.getvalue()


def test_the_command_says_whose_it_is_and_the_log_that_it_came(package: Path) -> None:
    ada = User.objects.create_user("ada")

    with pytest.raises(CommandError, match="There is no account named 'nobody'"):
        call_command("importdataset", package, owner="nobody")
    assert not Study.objects.exists()
    call_command("importdataset", package, owner="ada", stdout=io.StringIO())

    study = Study.objects.get()
    assert access.role_in(ada, study) == access.Role.OWNER
    noted = AuditRecord.objects.get(study=study.slug, verb="study.imported")
    assert (noted.by, noted.details) == ("command", {"judgments": 105})


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/outside.txt", "a/../../b"])
def test_a_zip_writes_nothing_outside_its_folder(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(name, "boo")

    with (
        pytest.raises(DatasetRefused, match="would be written outside"),
        opened(tmp_path / "evil.zip"),
    ):
        pass


def test_what_is_no_package_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "note.zip").write_text("no zip")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")

    for path, expected in (
        (tmp_path / "note.zip", "is not a zip file"),
        (tmp_path / "empty.zip", "needs one dataset inside"),
        (tmp_path / "nothing", "no such folder or zip file"),
        (tmp_path, "has no manifest.json"),
    ):
        with pytest.raises(CommandError, match=expected):
            call_command("importdataset", path)


def test_an_archive_of_too_many_files_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"many/{number}", b"")

    with (
        pytest.raises(DatasetRefused, match="holds 10,001 files of 0 bytes; at most"),
        opened(path),
    ):
        pass


def test_an_archive_that_would_fill_a_disk_is_not_unpacked(tmp_path: Path) -> None:
    """Three files that say they are 4 GB each, in an archive of a few hundred bytes."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3):
            archive.writestr(f"bomb/{number}", b"0")
    content = bytearray(path.read_bytes())
    place = content.find(b"PK\x01\x02")
    while place >= 0:
        content[place + 24 : place + 28] = (0xFFFFFFF0).to_bytes(4, "little")
        place = content.find(b"PK\x01\x02", place + 1)
    path.write_bytes(content)

    with (
        pytest.raises(DatasetRefused, match="holds 3 files of 12,884,901,840 bytes"),
        opened(path),
    ):
        pass
