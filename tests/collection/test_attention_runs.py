"""Runs of the quality rules: stored whole, repeatable, comparable."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from collection.attention import judging
from collection.attention.reading import read_evidence
from collection.attention.runs import changes, run_rules
from collection.attention.settings import FailedChecks, RuleSet, TooFast, load_rules
from collection.errors import DefinitionError, NothingToJudge
from collection.models import QualityVerdict, Study
from tests import factories
from tests.collection.test_sensitivity import hurried, rater

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    study = factories.open_study()
    for person in (factories.ada, factories.bo, factories.cy, factories.dee):
        person(study)
    hurried(study, "eve")
    return study


def judge(*words: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command("judgequality", *words, stdout=out, **options)
    return out.getvalue()


def flags(run: Any) -> dict[str, tuple[str, ...]]:
    return {
        verdict.session.participant.rater_id: tuple(
            one["rule"] for one in verdict.rules if one["outcome"] == "flag"
        )
        for verdict in run.verdicts.all()
    }


def test_every_session_gets_each_rules_verdict_with_its_reason(study: Study) -> None:
    run = run_rules(study)

    dee = study.participants.get(identity__external_id="dee")
    eve = study.participants.get(identity__external_id="eve")
    verdict = run.verdicts.get(session__participant=dee)
    by_rule = {one["rule"]: one for one in verdict.rules}
    assert by_rule["failed-checks"]["outcome"] == "flag"
    assert (
        by_rule["failed-checks"]["reason"] == "1 of 1 instructed checks failed: check"
    )
    assert by_rule["failed-checks"]["version"] == "1"
    assert flags(run)[eve.rater_id] == ("too-fast",)
    assert run.verdicts.get(session__participant=eve).conduct_flagged
    assert run.n_sessions == run.verdicts.count() == 4  # Cy withdrew: not looked at
    assert run.n_flagged == run.verdicts.filter(flagged=True).count()


def test_who_withdrew_is_not_looked_at(study: Study) -> None:
    cy = study.participants.get(identity__external_id="cy")
    (session,) = cy.sessions.all()

    judged = {one.session for one in read_evidence(study, simulated=False)}

    assert str(session.pk) not in judged


def test_evidence_on_disk_is_judged_as_evidence_in_memory_is(study: Study) -> None:
    on_disk = read_evidence(study, simulated=False)
    rules = RuleSet()

    assert len(on_disk) == 4
    in_memory = judging.judge(list(on_disk), rules)
    assert judging.judge(on_disk, rules) == in_memory
    flagged = {one.session for one in in_memory.judgments if one.conduct_flagged}
    assert flagged.isdisjoint(in_memory.reference.members)
    # Where conduct flags everybody, they are held against each other all the same.
    alone = [one for one in on_disk if one.session in flagged]
    assert judging.judge(alone, rules).reference.members == flagged != set()


def test_the_same_answers_and_rules_give_the_same_verdicts_again(study: Study) -> None:
    first, second = run_rules(study), run_rules(study)

    assert (first.number, second.number) == (1, 2)
    assert first.rules_sha256 == second.rules_sha256
    assert changes(first, second) == []
    assert [v.rules for v in first.verdicts.order_by("session")] == [
        v.rules for v in second.verdicts.order_by("session")
    ]


def test_an_earlier_run_stays_when_rules_change_and_the_difference_is_told(
    study: Study,
) -> None:
    first = run_rules(study)
    before = flags(first)
    second = run_rules(study, RuleSet(name="lenient", too_fast=TooFast(use=False)))

    eve = study.participants.get(identity__external_id="eve")
    (change,) = [one for one in changes(first, second) if one.rater_id == eve.rater_id]
    assert change.sentence.startswith(f"{eve.rater_id}: flag → no flag (")
    assert "too-fast flag → not asked" in change.sentence
    assert flags(first) == before
    assert first.rules_sha256 != second.rules_sha256


def test_a_session_that_came_later_is_a_change(study: Study) -> None:
    first = run_rules(study)
    late = factories.finished(study, external_id="fay", platform="cast")
    second = run_rules(study)

    found = {one.rater_id: one.sentence for one in changes(first, second)}

    assert found[rater(late)] == f"{rater(late)}: judged in the later run only"


def test_a_verdict_is_written_once(study: Study) -> None:
    run = run_rules(study)

    with (
        pytest.raises(IntegrityError, match="is written once and never changed"),
        transaction.atomic(),
    ):
        QualityVerdict.objects.filter(run=run).update(flagged=False)


def test_simulated_and_real_people_are_never_held_against_each_other(
    study: Study,
) -> None:
    study.participants.update(simulated=True)
    study.sessions.update(simulated=True)
    real = factories.finished(study, external_id="real", platform="cast")

    runs = [run_rules(study, simulated=simulated) for simulated in (True, False)]

    assert [run.n_sessions for run in runs] == [4, 1]
    assert [v.session_id for v in runs[1].verdicts.all()] == [real.pk]
    assert run_rules(study).simulated is False


def test_a_study_without_answers_is_refused() -> None:
    study = factories.open_study()

    with pytest.raises(NothingToJudge, match="no session of simulated participants"):
        run_rules(study)


# ------------------------------------------------------------------ rule sets


def test_a_rule_sets_hash_names_every_parameter() -> None:
    assert RuleSet().sha256 == RuleSet().sha256
    assert RuleSet(flag_at=3).sha256 != RuleSet().sha256
    assert RuleSet(too_fast=TooFast(floor_ms=900)).sha256 != RuleSet().sha256
    again = RuleSet.model_validate(RuleSet(flag_at=3).model_dump(mode="json"))
    assert again.sha256 == RuleSet(flag_at=3).sha256


def test_a_rule_set_is_read_from_a_document(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('name = "mine"\n[failed_checks]\nflag_at = 1\n', encoding="utf-8")

    rules = load_rules(path)

    assert rules == RuleSet(name="mine", failed_checks=FailedChecks(flag_at=1))


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("flagat = 1\n[repeats]\nmany = 1\n", ["unknown field; is it misspelt?"] * 2),
        ('[repeats]\nversion = "7"\n', ["Input should be '1'"]),
        ("flag_at = \n", ["is not TOML"]),
        (
            "".join(
                f"[{name}]\nuse = false\n"
                for name in ("failed_checks", "repeats", "too_fast", "agreement",
                             "straight_lining", "traces", "fading")
            ),
            ["at least one rule must be in use"],
        ),
        ("[fading]\nearliest = 0.8\n", ["earliest must lie before latest"]),
    ],
)  # fmt: skip
def test_a_faulty_rule_set_is_refused_with_every_fault(
    tmp_path: Path, text: str, faults: list[str]
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DefinitionError) as refused:
        load_rules(path)

    assert len(refused.value.faults) == len(faults)
    for fault, expected in zip(refused.value.faults, faults, strict=True):
        assert expected in fault.message
        assert fault.place.startswith("rules.toml")


# ------------------------------------------------------------------ the command


def test_the_command_tells_what_it_found_and_what_changed(
    study: Study, tmp_path: Path
) -> None:
    first = judge("tiny")
    path = tmp_path / "rules.toml"
    path.write_text('name = "lenient"\n[too_fast]\nuse = false\n', encoding="utf-8")
    second = judge("tiny", rules=path)

    assert first.startswith("Quality run 1 of tiny: ")
    assert "of 4 sessions flagged by the rules default" in first
    assert "by the rules lenient" in second
    assert "Since run 1: " in second
    assert "too-fast flag → not asked" in second


def test_the_button_judges_by_the_rules_of_the_last_run(
    study: Study, tmp_path: Path
) -> None:
    path = tmp_path / "rules.toml"
    path.write_text('name = "lenient"\n[too_fast]\nuse = false\n', encoding="utf-8")

    first = judge("tiny", again=True)
    judge("tiny", rules=path)
    again = judge("tiny", again=True)

    assert "by the rules default" in first
    assert "by the rules lenient" in again


def test_the_command_refuses_in_a_sentence(study: Study, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="has no quality run 9; it has none yet"):
        judge("tiny", against=9)
    with pytest.raises(CommandError, match=r"rules\.toml: cannot be read"):
        judge("tiny", rules=tmp_path / "rules.toml")
    with pytest.raises(CommandError, match="No study 'nowhere'"):
        judge("nowhere")
