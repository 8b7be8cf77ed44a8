"""Freezing: responses become judgments, once, and everything left out has a reason."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connections

from alignment.errors import FolderError
from alignment.folders import read_manifest, sha256_of
from alignment.snapshots import read_snapshot
from collection import participation, snapshots
from collection.definitions import load_definition
from collection.errors import SnapshotRefused
from collection.languages import keep
from collection.ledgers import record_exclusion
from collection.loading import load_study, open_study
from collection.models import Response, SnapshotRecord, Study, Trial
from collection.participation import Answer
from collection.snapshots import freeze, one_moment
from tests import factories

SHORT = Path(__file__).resolve().parents[1] / "studies" / "short" / "study.toml"

pytestmark = pytest.mark.django_db

TABLES = ("value_judgments", "similarity_judgments", "triplet_judgments")


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def cast(tmp_path: Path) -> tuple[Study, Path]:
    """A study that all four took part in, frozen."""
    study = factories.open_study()
    for person in (factories.ada, factories.bo, factories.cy, factories.dee):
        person(study)
    freeze(study, tmp_path / "snapshot")
    return study, tmp_path / "snapshot"


def test_only_adas_judgments_are_in_and_the_others_have_a_reason(
    cast: tuple[Study, Path],
) -> None:
    study, folder = cast
    ada = study.participants.get(identity__external_id="ada").rater_id

    raters = {row["rater_id"] for table in TABLES for row in rows(folder, table)}
    reasons = Counter(
        (row["kind"], row["rule"], row["reason"]) for row in rows(folder, "exclusions")
    )

    assert raters == {ada}
    assert [len(rows(folder, table)) for table in TABLES] == [6, 5, 3]
    everything = {"pair": 5, "triplet": 3, "value": 6}
    assert reasons == {
        # Bo stopped after eight trials: his pairs and his triplets.
        ("pair", "not-finished", "the session was not finished"): 5,
        ("triplet", "not-finished", "the session was not finished"): 3,
        **{
            (kind, rule, reason): n
            for kind, n in everything.items()
            for rule, reason in (
                ("withdrawn", "the participant withdrew"),
                (
                    "failed-checks",
                    "1 attention checks failed (check), 0 allowed",
                ),
            )
        },
    }


def test_judgments_are_what_ada_meant(cast: tuple[Study, Path]) -> None:
    _, folder = cast
    place = factories.ACTION_IDS.index

    for row in rows(folder, "value_judgments"):
        assert float(row["value"]) == 10 + 15 * place(row["action_id"])
    for row in rows(folder, "similarity_judgments"):
        apart = abs(place(row["action_a"]) - place(row["action_b"]))
        assert float(row["similarity"]) == pytest.approx(1 - apart / 5)
        assert row["action_a"] < row["action_b"]
    for row in rows(folder, "triplet_judgments"):
        assert row["a"] < row["b"] < row["c"]
        assert row["odd"] in {row["a"], row["b"], row["c"]}
        assert row["sampler"] == "random"
        assert 0 < float(row["propensity"]) < 1


def test_group_and_block_order_stand_with_each_judgment(
    cast: tuple[Study, Path],
) -> None:
    _, folder = cast

    for table in TABLES:
        assert {(row["group"], row["block_order"]) for row in rows(folder, table)} == {
            ("all", "pairs>triplets>values>about")
        }


def test_no_identity_and_no_text_answer_leaves_the_database(
    cast: tuple[Study, Path],
) -> None:
    study, folder = cast
    codes = [str(code) for code in study.sessions.values_list("code", flat=True)]

    written = "".join(
        path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()
    )

    for private in ("my secret remark", "cast", "external", "TINY-DONE", *codes):
        assert private not in written
    assert Response.objects.filter(text="my secret remark").exists()


def test_the_library_reads_the_snapshot_back(cast: tuple[Study, Path]) -> None:
    study, folder = cast

    snapshot = read_snapshot(folder)

    assert snapshot.actions.ids == factories.ACTION_IDS
    (ada,) = snapshot.values.raters(snapshot.values.dimensions[0])
    vector = snapshot.values.vector(ada, snapshot.values.dimensions[0])
    assert list(vector) == [10, 25, 40, 55, 70, 85]
    assert snapshot.manifest["study"] == study.slug
    assert snapshot.manifest["definition_sha256"] == study.definition_sha256
    assert snapshot.manifest["simulated"] is False
    assert snapshot.manifest["wording"]["pair"].startswith("How similar are these two")
    assert snapshot.manifest["dimensions"][0]["name"] == "morality"
    assert snapshot.manifest["consent_uses"] == ["this_study"]


def test_the_record_names_the_folder_and_its_hash(cast: tuple[Study, Path]) -> None:
    study, folder = cast

    record = SnapshotRecord.objects.get()

    assert (record.study, record.number, record.n_judgments) == (study, 1, 14)
    assert Path(record.folder) == folder.resolve()
    assert record.sha256 == sha256_of(folder / "manifest.json")


def test_two_freezes_of_the_same_answers_give_the_same_files(
    cast: tuple[Study, Path], tmp_path: Path
) -> None:
    study, folder = cast

    again = freeze(study, tmp_path / "again")

    files = [
        read_manifest(f, "snapshot")["files"] for f in (folder, tmp_path / "again")
    ]
    assert files[0] == files[1]
    assert len(files[0]) == 7
    assert again.number == 2


def test_a_snapshot_is_never_written_over(cast: tuple[Study, Path]) -> None:
    study, folder = cast
    before = sha256_of(folder / "manifest.json")

    with pytest.raises(FolderError, match="never changed"):
        freeze(study, folder)

    assert sha256_of(folder / "manifest.json") == before
    assert SnapshotRecord.objects.count() == 1


def test_the_same_truth_under_both_polarities_gives_equal_values(
    tmp_path: Path,
) -> None:
    study = factories.open_study(**factories.only("value", polarity="randomised"))
    while len(set(Trial.objects.values_list("polarity", flat=True))) < 2:
        factories.finished(study)

    freeze(study, tmp_path / "snapshot")

    raw = set(Response.objects.values_list("trial__actions__0", "rating"))
    frozen = {
        (row["action_id"], float(row["value"]))
        for row in rows(tmp_path / "snapshot", "value_judgments")
    }
    assert len(raw) > 6, "the scale was shown both ways round"
    assert frozen == {
        (name, 10.0 + 15 * place) for place, name in enumerate(factories.ACTION_IDS)
    }


def test_what_was_not_understood_or_repeated_is_no_judgment(tmp_path: Path) -> None:
    study = factories.open_study(**factories.only("pair", repeats=2))
    answers = iter([Answer(not_understood=True)])
    session = factories.joined(study)
    factories.answer(session, lambda _: next(answers), n_trials=1)
    factories.answer(session)
    participation.finish(session)

    freeze(study, tmp_path / "snapshot")

    assert len(rows(tmp_path / "snapshot", "similarity_judgments")) == 4
    assert Counter(
        (row["rule"], row["reason"])
        for row in rows(tmp_path / "snapshot", "exclusions")
    ) == {
        ("not-understood", "not understood"): 1,
        ("repeat", "asked a second time, to measure consistency"): 2,
    }


def test_only_people_who_ticked_the_use_are_in(tmp_path: Path) -> None:
    study = factories.open_study(**factories.only("pair"))
    factories.ada(study)
    reserved = participation.enrol(study)
    participation.give_consent(reserved, {"this_study": True}, of_age=True)
    factories.answer(reserved)
    participation.finish(reserved)

    here = freeze(study, tmp_path / "here")
    released = freeze(study, tmp_path / "released", use="open_release")

    assert (here.n_judgments, released.n_judgments) == (10, 5)
    # Not even as left out: a release says nothing about who did not tick it.
    assert rows(tmp_path / "released", "exclusions") == []
    assert (
        read_manifest(tmp_path / "released", "snapshot")["parameters"][
            "people_without_consent_to_release"
        ]
        == 1
    )
    agents = freeze(study, tmp_path / "agents", use="simulated_agents")
    assert agents.n_judgments == 5
    assert {row["rule"] for row in rows(tmp_path / "agents", "exclusions")} == {
        "consent-not-for-this-use"
    }
    with pytest.raises(SnapshotRefused, match="does not ask for the use 'sale'"):
        freeze(study, tmp_path / "sold", use="sale")


def test_what_a_researcher_typed_stays_out_of_a_release(tmp_path: Path) -> None:
    study = factories.open_study()
    factories.ada(study)
    other = factories.finished(study)
    why = {"ground": "traces", "reason": "Frau Huber from Graz did not read."}
    record_exclusion(other, "exclude", by="ada", **why)

    freeze(study, tmp_path / "here")
    freeze(study, tmp_path / "released", use="open_release")

    files = {
        name: "".join(p.read_text() for p in (tmp_path / name).glob("*.*"))
        for name in ("here", "released")
    }
    assert "Huber" in files["here"]
    assert "Huber" not in files["released"]
    assert "left out by hand (no trace of hands at work)" in files["released"]


def any_answer(trial: Trial) -> Answer:
    """Whatever the trial takes."""
    if trial.kind == "question":
        asked = trial.session.study.definition_model().question(trial.question)
        options = [option.key for option in asked.options]
        return Answer(choice=options[0]) if options else Answer(text="2")
    odd = trial.kind == "triplet"
    return Answer(choice=trial.actions[0]) if odd else Answer(rating=40)


def test_people_of_a_rare_language_are_not_counted_apart_in_a_release(
    tmp_path: Path,
) -> None:
    study = load_study(load_definition(SHORT))
    open_study(study)
    for language in ["en"] * 5 + ["de"]:
        session = participation.enrol(study)
        keep(session, language)
        factories.consented(session)
        factories.answer(session, any_answer)
        participation.finish(session)

    counts = {}
    for use in ("this_study", "open_release"):
        freeze(study, tmp_path / use, use=use)
        told = read_manifest(tmp_path / use, "snapshot")["parameters"]
        counts[use] = told["people_by_language"]

    assert counts["this_study"] == {"de": 1, "en": 5}
    assert counts["open_release"] == {"other": 6}


def test_names_are_drawn_anew_for_each_release(tmp_path: Path) -> None:
    study = factories.open_study()
    ada = factories.ada(study)
    dee = factories.dee(study)
    for name in ("here", "first", "second"):
        use = "this_study" if name == "here" else "open_release"
        freeze(study, tmp_path / name, use=use)

    named = {
        name: {
            row[column]
            for table in (*TABLES, "exclusions")
            for row in rows(tmp_path / name, table)
            for column in ("rater_id", "trial_id")
        }
        for name in ("here", "first", "second")
    }

    assert {ada.participant.rater_id, dee.participant.rater_id} <= named["here"]
    assert len(named["here"]) == len(named["first"]) == len(named["second"])
    assert not named["here"] & named["first"]
    assert not named["here"] & named["second"]
    assert not named["first"] & named["second"]
    # The same judgments all the same.
    judged = [
        sorted(row["value"] for row in rows(tmp_path / name, "value_judgments"))
        for name in ("here", "first", "second")
    ]
    assert judged[0] == judged[1] == judged[2]


class TestSimulatedPeople:
    TRUTH = {"world": "follows", "seed": 7, "action_ids": ["alpha"], "values": {}}

    @pytest.fixture
    def mixed(self) -> Study:
        study = factories.open_study(**factories.only("pair"))
        study.simulation = self.TRUTH
        study.save()
        factories.finished(study, simulated=True)
        factories.finished(study, simulated=True)
        factories.ada(study)
        return study

    def test_they_are_never_mixed_with_real_people(
        self, mixed: Study, tmp_path: Path
    ) -> None:
        with pytest.raises(
            SnapshotRefused,
            match="2 simulated and 1 real participants, and a snapshot never mixes",
        ):
            freeze(mixed, tmp_path / "snapshot")

        assert not (tmp_path / "snapshot").exists()

    def test_one_population_can_be_chosen(self, mixed: Study, tmp_path: Path) -> None:
        simulated = freeze(mixed, tmp_path / "simulated", simulated=True)
        real = freeze(mixed, tmp_path / "real", simulated=False)

        assert (simulated.n_judgments, simulated.simulated) == (10, True)
        assert (real.n_judgments, real.simulated) == (5, False)
        stamps = [
            read_manifest(tmp_path / name, "snapshot") for name in ("simulated", "real")
        ]
        assert [stamp["simulated"] for stamp in stamps] == [True, False]
        assert [stamp["world"] for stamp in stamps] == ["follows", None]
        assert stamps[0]["seeds"] == {"simulation": 7}

    def test_their_truth_stands_beside_the_snapshot(
        self, mixed: Study, tmp_path: Path
    ) -> None:
        freeze(mixed, tmp_path / "simulated", simulated=True)
        freeze(mixed, tmp_path / "real", simulated=False)

        beside = tmp_path / "simulated.truth.json"
        assert json.loads(beside.read_text(encoding="utf-8")) == self.TRUTH
        assert not (tmp_path / "real.truth.json").exists()

    def test_choosing_people_who_are_not_there_is_refused(self, tmp_path: Path) -> None:
        study = factories.open_study(**factories.only("pair"))
        factories.ada(study)

        with pytest.raises(SnapshotRefused, match="no answers of simulated"):
            freeze(study, tmp_path / "snapshot", simulated=True)


def nobody(study: Study) -> None:
    factories.joined(study)


def only_bo(study: Study) -> None:
    factories.bo(study)


@pytest.mark.parametrize(
    ("people", "sentence"),
    [
        (nobody, "holds no answers yet"),
        (only_bo, "was left out: 5 not-finished|8 not-finished"),
    ],
)
def test_a_snapshot_without_judgments_is_refused(
    people: Callable[[Study], None], sentence: str, tmp_path: Path
) -> None:
    study = factories.open_study()
    people(study)

    with pytest.raises(SnapshotRefused, match=sentence):
        freeze(study, tmp_path / "snapshot")

    assert SnapshotRecord.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_comes_in_while_reading_is_in_no_table() -> None:
    study = factories.open_study(**factories.only("pair"))
    factories.ada(study)

    def meanwhile() -> int:
        try:
            factories.finished(study)
            return Response.objects.count()
        finally:
            connections.close_all()

    with one_moment():
        before = snapshots.read_judgments(study, simulated=False, use="this_study")
        with ThreadPoolExecutor(1) as pool:
            n_stored = pool.submit(meanwhile).result(timeout=60)
        after = snapshots.read_judgments(study, simulated=False, use="this_study")

    assert n_stored == 10
    assert before == after
    assert len(before) == 5
    later = snapshots.read_judgments(study, simulated=False, use="this_study")
    assert len(later) == 10


def test_an_arrangement_becomes_the_distances_of_all_its_pairs(tmp_path: Path) -> None:
    study = factories.open_study(**factories.arranging())

    def unsure(trial: Trial) -> Answer:
        said = factories.attentive(trial).positions
        assert said is not None
        return Answer(positions={**said, trial.actions[0]: None})

    session = factories.finished(study, unsure)
    freeze(study, tmp_path / "snapshot")

    place = factories.ACTION_IDS.index
    found = rows(tmp_path / "snapshot", "arrangement_judgments")
    assert len(found) == 2 * 3  # three of each arena's four actions were understood
    for row in found:
        apart = abs(place(row["action_a"]) - place(row["action_b"]))
        assert float(row["distance"]) == pytest.approx(0.1 * apart)
        assert row["action_a"] < row["action_b"]
        assert row["n_in_arena"] == "3"
    assert {row["trial_id"] for row in found} == {
        str(trial.pk) for trial in session.trials.all()
    }
    read = read_snapshot(tmp_path / "snapshot")
    assert len(read.arrangements) == 6
    assert read.arrangements.raters == (session.participant.rater_id,)
    assert read.manifest["wording"]["arrangement"].startswith("Place these actions")


def test_a_study_without_arrangements_has_no_file_of_them(
    cast: tuple[Study, Path],
) -> None:
    _, folder = cast

    assert not (folder / "arrangement_judgments.csv").exists()
    assert len(read_snapshot(folder).arrangements) == 0
