"""What a dataset holds, and what it never tells."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from alignment.folders import read_manifest
from collection import participation
from collection.attention.runs import run_rules
from collection.attention.settings import RuleSet
from collection.datasets import answers
from collection.datasets.package import write_dataset
from collection.datasets.streaming import pieces_of_file, with_column, write_table
from collection.datasets.tables import JUDGMENTS, POSITION, RT, SIMULATED, Table
from collection.errors import DatasetRefused, SupersededResult
from collection.ledgers import record_exclusion
from collection.models import Response, SnapshotRecord, Study, StudySession, Trial
from collection.snapshots import freeze
from tests.collection.datasets.conftest import person

pytestmark = pytest.mark.django_db


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    (path,) = folder.glob(f"data/*-{table}_data.csv")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def texts(folder: Path) -> dict[str, str]:
    """Everything in the package that can be read, Parquet and NPZ by their bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes().decode("utf-8", "replace")
        for path in folder.rglob("*")
        if path.is_file()
    }


def load(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_its_judgments_are_the_snapshots_with_what_the_database_knows_beside(
    study: Study, own: SnapshotRecord, tmp_path: Path
) -> None:
    write_dataset(own, tmp_path / "dataset")

    for table, name in (
        ("values", "value"),
        ("similarities", "similarity"),
        ("triplets", "triplet"),
        ("arrangements", "arrangement"),
    ):
        with (Path(own.folder) / f"{name}_judgments.csv").open(newline="") as file:
            frozen = list(csv.DictReader(file))
        written = rows(tmp_path / "dataset", table)
        assert len(written) == len(frozen) > 0
        for before, after in zip(frozen, written, strict=True):
            trial = Trial.objects.get(pk=after["trial_id"])
            assert after["position"] == str(trial.position)
            assert after["rt_ms"] == "900"
            assert after["simulated"] == "false"
            for column, value in before.items():
                assert (after[column] == value) or float(after[column]) == float(value)


def slowly(snapshot: SnapshotRecord, table: Table, file: Path) -> Iterator[Any]:
    """The pieces of a table of judgments, each trial looked up by itself."""
    for piece in pieces_of_file(file, table):
        names = piece.column("trial_id").to_pylist()
        trials = [Trial.objects.select_related("response").get(pk=pk) for pk in names]
        positions = pa.array([trial.position for trial in trials], pa.int64())
        times = pa.array([trial.response.rt_ms for trial in trials], pa.int64())
        piece = with_column(piece, POSITION, positions)
        piece = with_column(piece, RT, times)
        yield with_column(piece, SIMULATED, snapshot.simulated)


@pytest.mark.parametrize("sessions", [1, 3, 200])
def test_its_files_are_byte_for_byte_what_looking_up_each_trial_gives(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sessions: int
) -> None:
    # Answers without a time, some that are no judgments, and some that came since.
    for response in Response.objects.exclude(rating=None).order_by("pk")[::4]:
        Response.objects.filter(pk=response.pk).delete()
        answer = (
            {"rating": response.rating} if response.pk % 2 else {"not_understood": 1}
        )
        Response.objects.create(trial=response.trial, **answer)
    snapshot = freeze(study, tmp_path / "frozen")
    for _ in range(3):
        person(study)
    monkeypatch.setattr(answers, "SESSIONS_AT_ONCE", sessions)
    monkeypatch.setattr(answers, "TRIALS_AT_ONCE", 40 * sessions)

    dataset = write_dataset(snapshot, tmp_path / "dataset")

    for table in JUDGMENTS:
        whole = table.with_columns([*table.columns, POSITION, RT, SIMULATED])
        paths = (tmp_path / "slow.csv", tmp_path / "slow.parquet")
        pieces = slowly(snapshot, table, Path(snapshot.folder) / table.source)
        assert write_table(whole, pieces, *paths) > 0
        for slow, quick in zip(
            paths, (table.csv(study.slug), table.parquet), strict=True
        ):
            assert slow.read_bytes() == (dataset.folder / quick).read_bytes(), quick


def test_answers_since_the_snapshot_are_passed_over(
    study: Study, own: SnapshotRecord, tmp_path: Path
) -> None:
    session = participation.enrol(study)
    participation.give_consent(session, {"this_study": True}, of_age=True)
    trial = participation.current_trial(session)
    assert trial is not None
    participation.record_response(
        session, trial_id=trial.pk, answer=participation.Answer(rating=5)
    )

    dataset = write_dataset(own, tmp_path / "dataset")

    assert dataset.n_judgments == 105
    assert str(trial.pk) not in "".join(texts(tmp_path / "dataset").values())


def test_a_release_holds_only_whom_it_may_and_names_nobody_as_the_study_does(
    released: Path, package: Path
) -> None:
    here = {row["rater_id"] for row in rows(released, "raters")}
    there = {row["rater_id"] for row in rows(package, "raters")}
    trials = {row["trial_id"] for row in rows(package, "values")}
    everything = "".join(texts(released).values())

    assert (len(here), len(there)) == (5, 7)
    assert all(name.startswith("r-") for name in here)
    assert not [name for name in there | trials if name in everything]
    assert "rt_ms" not in everything
    report = load(released / "documentation/disclosure_report.json")
    assert report["people_left_out_without_consent_to_release"] == 2


def test_nothing_private_is_in_it(
    study: Study, own: SnapshotRecord, tmp_path: Path
) -> None:
    write_dataset(own, tmp_path / "dataset")
    codes = [str(code) for code in study.sessions.values_list("code", flat=True)]

    for name, text in texts(tmp_path / "dataset").items():
        for private in ("my secret remark", "TINY-DONE", str(tmp_path), *codes):
            assert private not in text, (name, private)
    assert Response.objects.filter(text="my secret remark").exists()


def test_facts_about_people_are_coarse_and_shared_by_five(package: Path) -> None:
    told = rows(package, "raters")

    assert {row["about_age"] for row in told} == {"30-39"}
    report = load(package / "documentation/disclosure_report.json")
    assert report["smallest_group_that_shares_its_facts"] == 7
    assert report["facts_told"] == ["about_age"]


def test_whoever_stands_out_has_the_fact_withheld(study: Study, tmp_path: Path) -> None:
    answers = Response.objects.filter(trial__question="age")
    first = answers.order_by("pk").first()
    assert first is not None
    Response.objects.filter(pk=first.pk).delete()
    Response.objects.create(trial=first.trial, text="87")

    write_dataset(freeze(study, tmp_path / "frozen"), tmp_path / "dataset")

    assert {row["about_age"] for row in rows(tmp_path / "dataset", "raters")} == {
        "withheld"
    }
    report = load(tmp_path / "dataset/documentation/disclosure_report.json")
    assert report["facts_told"] == []
    assert report["people_with_every_fact_withheld"] == 7


def test_a_snapshot_of_somebody_who_withdrew_since_is_not_passed_on(
    release: SnapshotRecord, tmp_path: Path
) -> None:
    gone = StudySession.objects.filter(consent__uses__open_release=True)[0]
    gone.status = StudySession.Status.WITHDRAWN
    gone.save()

    with pytest.raises(DatasetRefused, match=r"1 people whose judgments .* withdrew"):
        write_dataset(release, tmp_path / "dataset")
    assert [p.name for p in (tmp_path / "dataset").iterdir()] == [".lock"]


def test_only_an_open_release_can_have_a_licence(
    own: SnapshotRecord, release: SnapshotRecord, tmp_path: Path
) -> None:
    with pytest.raises(
        DatasetRefused, match="nobody in it agreed that it is published"
    ):
        write_dataset(own, tmp_path / "a", license="CC-BY-4.0")
    with pytest.raises(
        DatasetRefused, match="'WTFPL' is no licence that is known here"
    ):
        write_dataset(release, tmp_path / "b", license="WTFPL")

    dataset = write_dataset(release, tmp_path / "c", license="CC0-1.0")
    assert "publicdomain/zero" in (dataset.folder / "README.md").read_text()


def test_a_superseded_snapshot_is_refused(own: SnapshotRecord, tmp_path: Path) -> None:
    own.superseded_at, own.superseded_reason = timezone.now(), "somebody was erased"
    own.save()

    with pytest.raises(SupersededResult, match="Snapshot 1 is superseded: somebody"):
        write_dataset(own, tmp_path / "dataset")


def test_answers_that_are_gone_from_the_database_are_missed(
    own: SnapshotRecord, tmp_path: Path
) -> None:
    Response.objects.filter(trial__kind="value").delete()

    with pytest.raises(DatasetRefused, match="are not all in the database any more"):
        write_dataset(own, tmp_path / "dataset")


def test_exclusions_and_flags_stand_in_tables_of_their_own(
    study: Study, tmp_path: Path
) -> None:
    out = study.sessions.all()[0]
    record_exclusion(
        out, "exclude", ground="too-fast", reason="Faster than reading.", by="ada"
    )
    run_rules(study, RuleSet(), simulated=False)
    dataset = write_dataset(freeze(study, tmp_path / "f"), tmp_path / "dataset")

    excluded = rows(dataset.folder, "exclusions")
    assert {row["rater_id"] for row in excluded} == {out.participant.rater_id}
    assert {row["rule"] for row in excluded} == {"excluded-by-hand"}
    assert dataset.n_judgments == 90
    flags = rows(dataset.folder, "quality")
    assert len(flags) == 6
    assert out.participant.rater_id not in {row["rater_id"] for row in flags}
    assert load(dataset.folder / "documentation/quality_rules.json")["number"] == 1


def test_matrices_are_the_means_of_the_rows(package: Path) -> None:
    pairs: dict[frozenset[str], list[float]] = {}
    for row in rows(package, "similarities"):
        pair = frozenset((row["action_a"], row["action_b"]))
        pairs.setdefault(pair, []).append(float(row["similarity"]))

    with np.load(package / "results/matrices.npz") as arrays:
        names = arrays["action_ids"].tolist()
        similarity, counts = arrays["similarity"], arrays["similarity_counts"]
        values = arrays["values"]
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            told = pairs.get(frozenset((a, b)), [])
            if i == j:
                assert similarity[i, j] == 1
            elif told:
                assert similarity[i, j] == pytest.approx(sum(told) / len(told))
            else:
                assert np.isnan(similarity[i, j])
            assert counts[i, j] == len(told)
    judged = ~np.isnan(values)
    assert judged.any()
    assert np.allclose(np.nanmax(values, axis=1), [10 + 15 * i for i in range(6)])
    with (package / "results/similarity_matrix.csv").open(newline="") as file:
        table = list(csv.reader(file))
    assert table[0] == ["action_id", *names]
    assert [row[0] for row in table[1:]] == names


def test_simulated_stands_everywhere(study: Study, tmp_path: Path) -> None:
    study.participants.update(simulated=True)
    study.sessions.update(simulated=True)
    folder = write_dataset(freeze(study, tmp_path / "f"), tmp_path / "d").folder

    for table in ("values", "similarities", "triplets", "arrangements", "raters"):
        assert {row["simulated"] for row in rows(folder, table)} == {"true"}
    for name in ("README.md", "dataset_description.json", "croissant.json"):
        assert "SIMULATED PARTICIPANTS" in (folder / name).read_text()
    assert read_manifest(folder, "dataset")["simulated"] is True
    assert load(folder / "documentation/provenance.json")["simulated"] is True


def test_every_column_of_every_table_stands_in_the_codebook(package: Path) -> None:
    with (package / "documentation/codebook.csv").open(newline="") as file:
        told = [(row["file"], row["column"]) for row in csv.DictReader(file)]

    for path in sorted((package / "data").iterdir()):
        with path.open(newline="") as file:
            header = next(csv.reader(file))
        name = f"data/{path.name}"
        assert [column for file, column in told if file == name] == header


def test_it_says_where_it_comes_from_without_saying_where_it_lay(
    package: Path, released: Path
) -> None:
    provenance = load(package / "documentation/provenance.json")
    manifest = read_manifest(released, "dataset")

    snapshot = provenance["snapshot"]
    assert isinstance(snapshot, dict)
    assert {"commit", "packages", "seeds", "python"} <= snapshot.keys()
    assert manifest["command"] == [
        "manage.py", "exportdataset", "tiny", "--snapshot", "2",
    ]  # fmt: skip
    assert re.fullmatch("[0-9a-f]{64}", manifest["inputs"]["snapshot"])
    (consent,) = released.glob("documentation/consent_*.html")
    assert "Take part?" in consent.read_text()


def test_the_same_snapshot_gives_the_same_tables(
    own: SnapshotRecord, tmp_path: Path
) -> None:
    one, two = (write_dataset(own, tmp_path / name) for name in ("one", "two"))

    def tables(manifest: dict[str, dict[str, str]]) -> dict[str, str]:
        files = manifest["files"].items()
        return {k: v for k, v in files if k.startswith(("data/", "parquet/"))}

    assert tables(dict(one.manifest)) == tables(dict(two.manifest))
    assert one.judgments_sha256 == two.judgments_sha256


def test_a_folder_with_somebodys_files_is_left_alone(
    own: SnapshotRecord, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("three years of work")

    with pytest.raises(DatasetRefused, match=r"is not empty \(thesis\.txt\)"):
        write_dataset(own, tmp_path / "mine")
    assert (tmp_path / "mine/thesis.txt").read_text() == "three years of work"

    write_dataset(own, tmp_path / "taken")
    with pytest.raises(DatasetRefused, match="holds a dataset already"):
        write_dataset(own, tmp_path / "taken")


def test_the_command_says_what_it_wrote_and_packs_it(
    own: SnapshotRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("exportdataset", "tiny", out=tmp_path / "dataset", zip=True)

    said = capsys.readouterr().out
    assert "Dataset of snapshot 1 of tiny: 105 judgments of real participants" in said
    assert (tmp_path / "dataset.zip").is_file()
    for options, expected in (
        ({"snapshot": 9}, "has no snapshot 9; there are: 1"),
        ({"zip": True}, "--zip needs --out"),
    ):
        with pytest.raises(CommandError, match=expected):
            call_command("exportdataset", "tiny", **options)  # type: ignore[arg-type]


def test_a_study_without_a_snapshot_is_told_to_freeze_one(study: Study) -> None:
    with pytest.raises(CommandError, match="no snapshot in use: freeze one first"):
        call_command("exportdataset", "tiny")


def test_a_process_that_writes_one_does_without_pandas_and_can_still_have_it() -> None:
    script = """
    import sys
    import django
    django.setup()
    from collection.datasets.streaming import frugally
    import pyarrow as pa
    frugally()
    rows = pa.RecordBatch.from_pylist([{"a": 1}])
    print("pandas" in sys.modules, len(rows.to_pandas()))
    """
    told = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
    )

    assert told.stdout.split() == ["False", "1"]
