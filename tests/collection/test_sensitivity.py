"""Who is left out under no, default and strict exclusion, and that dissent is not."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from alignment.folders import read_manifest
from alignment.snapshots import read_snapshot
from collection import ledgers
from collection.attention.runs import run_rules
from collection.attention.settings import RuleSet, TooFast
from collection.models import Study, StudySession, Trial
from collection.participation import (
    Answer,
    current_trial,
    finish,
    record_response,
)
from collection.snapshots import freeze
from tests import factories

pytestmark = pytest.mark.django_db


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rater(session: StudySession) -> str:
    return session.participant.rater_id


def at_a_pace(study: Study, name: str, rt_ms: int) -> StudySession:
    """Somebody who answers well, each answer after so long."""
    session = factories.joined(study, external_id=name, platform="cast")
    while (trial := current_trial(session)) is not None:
        record_response(
            session, trial_id=trial.pk, answer=factories.attentive(trial), rt_ms=rt_ms
        )
    return finish(session)


def hurried(study: Study, name: str) -> StudySession:
    """Somebody who cannot have read what they answered so well."""
    return at_a_pace(study, name, 300)


def contrary(trial: Trial) -> Answer:
    """Sees everything the other way round from everybody."""
    honest = factories.attentive(trial)
    return honest if honest.rating is None else Answer(rating=100 - honest.rating)


def test_the_three_schemes_name_whom_they_leave_out(tmp_path: Path) -> None:
    study = factories.open_study()
    ada = at_a_pace(study, "ada", 4000)
    bo, cy, dee = (
        person(study) for person in (factories.bo, factories.cy, factories.dee)
    )
    fast = hurried(study, "eve")

    freeze(study, tmp_path / "snapshot")

    found = {
        (row["exclusion"], row["rater_id"]): row["rule"]
        for row in rows(tmp_path / "snapshot", "sensitivity")
    }
    assert found == {
        ("none", rater(cy)): "withdrawn",
        ("default", rater(cy)): "withdrawn",
        ("default", rater(bo)): "not-finished",
        ("default", rater(dee)): "failed-checks",
        ("strict", rater(cy)): "withdrawn",
        ("strict", rater(bo)): "not-finished",
        ("strict", rater(dee)): "failed-checks",
        ("strict", rater(fast)): "flagged-by-conduct",
    }
    manifest = read_manifest(tmp_path / "snapshot", "snapshot")
    assert manifest["raters_excluded"] == {"none": 1, "default": 3, "strict": 4}
    assert manifest["parameters"]["strict_rules_sha256"] == RuleSet().sha256
    frozen = read_snapshot(tmp_path / "snapshot")
    assert set(frozen.similarities.raters) == {rater(ada), rater(fast)}
    assert set(frozen.set_aside.raters) == {rater(bo), rater(dee)}  # never Cy


def test_the_judgments_of_who_withdrew_or_did_not_consent_are_in_no_file(
    tmp_path: Path,
) -> None:
    study = factories.open_study()
    factories.ada(study)
    cy = factories.cy(study)

    freeze(study, tmp_path / "snapshot")

    aside = rows(tmp_path / "snapshot", "set_aside_similarity_judgments")
    assert rater(cy) not in {row["rater_id"] for row in aside}


def test_a_dissenter_is_left_out_under_no_scheme(tmp_path: Path) -> None:
    study = factories.open_study(
        **factories.only("value", dimensions=["morality"], judgments_per_cell=20)
    )
    for i in range(6):
        factories.finished(study, external_id=f"p{i}", platform="cast")
    alone = factories.finished(study, contrary, external_id="alone", platform="cast")
    rules = RuleSet.model_validate({"agreement": {"least_answers": 6}, "flag_at": 0.5})

    run = run_rules(study, rules)
    freeze(study, tmp_path / "snapshot")

    verdict = run.verdicts.get(session=alone)
    assert verdict.flagged
    assert not verdict.conduct_flagged
    assert rows(tmp_path / "snapshot", "sensitivity") == []
    values = rows(tmp_path / "snapshot", "value_judgments")
    assert rater(alone) in {row["rater_id"] for row in values}


def test_the_rules_of_the_latest_run_decide_what_is_strict(tmp_path: Path) -> None:
    study = factories.open_study()
    at_a_pace(study, "ada", 4000)
    hurried(study, "eve")
    lenient = RuleSet(name="lenient", too_fast=TooFast(use=False))

    run_rules(study, lenient)
    freeze(study, tmp_path / "snapshot")

    assert rows(tmp_path / "snapshot", "sensitivity") == []
    manifest = read_manifest(tmp_path / "snapshot", "snapshot")
    assert manifest["parameters"]["strict_rules"]["name"] == "lenient"


def test_an_exclusion_by_hand_stands_in_the_exclusions_with_its_reason(
    tmp_path: Path,
) -> None:
    study = factories.open_study()
    factories.ada(study)
    eve = factories.finished(study, external_id="eve", platform="cast")
    decision = ledgers.record_exclusion(
        eve, "exclude", ground="traces", reason="A script answered.", by="ada"
    )

    freeze(study, tmp_path / "snapshot")

    found = Counter(
        (row["rater_id"], row["rule"], row["reason"])
        for row in rows(tmp_path / "snapshot", "exclusions")
    )
    assert found == {
        (
            rater(eve),
            "excluded-by-hand",
            f"left out by hand on {decision.decided_at:%Y-%m-%d} "
            "(no trace of hands at work): A script answered.",
        ): 14
    }
    schemes = {row["exclusion"] for row in rows(tmp_path / "snapshot", "sensitivity")}
    assert schemes == {"default", "strict"}


def test_who_asked_to_be_left_out_is_left_out_under_every_scheme(
    tmp_path: Path,
) -> None:
    study = factories.open_study()
    factories.ada(study)
    eve = factories.finished(study, external_id="eve", platform="cast")
    ledgers.record_exclusion(
        eve, "exclude", ground="person-asked", reason="By letter.", by="ada"
    )

    freeze(study, tmp_path / "snapshot")

    folder = tmp_path / "snapshot"
    schemes = {row["exclusion"] for row in rows(folder, "sensitivity")}
    assert schemes == {"none", "default", "strict"}
    assert rows(folder, "set_aside_similarity_judgments") == []


def test_an_exclusion_that_was_taken_back_excludes_nobody(tmp_path: Path) -> None:
    study = factories.open_study()
    ada = factories.ada(study)
    why = {"ground": "traces", "reason": "A script answered.", "by": "ada"}
    ledgers.record_exclusion(ada, "exclude", **why)
    ledgers.record_exclusion(ada, "keep", **{**why, "ground": "correction"})

    freeze(study, tmp_path / "snapshot")

    assert rows(tmp_path / "snapshot", "exclusions") == []
