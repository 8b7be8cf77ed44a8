"""What Prolific would object to in a study, before anybody is paid."""

from __future__ import annotations

from math import sqrt
from typing import Any

import pytest
from pydantic import ValidationError

from collection.definitions import StudyDefinition
from collection.recruitment.definition_lint import (
    Finding,
    findings,
    least_maximum_minutes,
)
from tests import factories
from tests.collection.recruitment.conftest import recruitment


def definition(
    consent: dict[str, Any] | None = None, **changes: Any
) -> StudyDefinition:
    document = factories.document(recruitment=recruitment(**changes))
    warned = {"pay": "£0.60", "content_warning": "Some actions are immoral."}
    document["consent"] |= warned | (consent or {})
    return StudyDefinition.model_validate(document)


def found(rule: str, **changes: Any) -> list[Finding]:
    return [one for one in findings(definition(**changes)) if one.rule == rule]


WARNED = {"content_warnings": ["sensitive"]}


def test_a_good_study_is_refused_nothing() -> None:
    assert [
        one for one in findings(definition(**WARNED)) if one.level == "refuse"
    ] == []


@pytest.mark.parametrize(
    ("reward", "levels"), [(29, ["refuse"]), (30, ["warn"]), (44, ["warn"]), (45, [])]
)
def test_three_minutes_are_paid_by_floor_and_recommendation(
    reward: int, levels: list[str]
) -> None:
    assert [one.level for one in found("pay", reward_cents=reward)] == levels


def test_the_floor_is_told_with_the_hour_that_is_paid() -> None:
    (finding,) = found("pay", reward_cents=20)

    assert str(finding) == (
        "refuse: recruitment.reward_cents: pays £4.00 an hour; Prolific's floor is "
        "£6.00 (pay)"
    )


@pytest.mark.parametrize("minutes", [1, 9, 12.5])
def test_the_least_maximum_time(minutes: float) -> None:
    assert least_maximum_minutes(minutes) == 2 + 2 * minutes + 2 * sqrt(minutes)


def test_too_short_a_maximum_time_is_refused() -> None:
    assert "= 11.5" in found("maximum-time", maximum_minutes=11)[0].message
    assert found("maximum-time", maximum_minutes=12) == []
    assert found("maximum-time", maximum_minutes=None)[0].level == "note"


def test_immoral_acts_need_a_warning_on_the_platform_and_here() -> None:
    places = [
        one.place
        for one in found("content-warning", consent={"content_warning": "None."})
    ]

    assert places == ["consent.content_warning", "recruitment.content_warnings"]
    assert found("content-warning", **WARNED) == []


def test_pay_is_told_before_consent() -> None:
    assert found("pay-told", consent={"pay": "none"})[0].level == "refuse"


def test_too_few_valid_checks_are_told() -> None:
    assert found("valid-checks") == []  # three minutes, one check
    (finding,) = found("valid-checks", consent={"duration_minutes": 6})
    assert "1 valid attention checks; a rejection" in finding.message


def test_the_blocks_own_pace_is_held_against_the_announcement() -> None:
    assert found("duration", consent={"duration_minutes": 1})


@pytest.mark.parametrize("outcome", ["withdrawn", "technical"])
def test_neither_withdrawing_nor_our_trouble_may_cost_the_pay(outcome: str) -> None:
    changed = recruitment()["completion"]
    changed[outcome]["action"] = "request-return"

    (finding,) = [
        one for one in found("completion", completion=changed) if one.level == "refuse"
    ]
    assert finding.place == f"recruitment.completion.{outcome}.action"


def test_a_screen_out_pays_less_than_the_reward() -> None:
    changed = recruitment()["completion"]
    changed["screened_out"]["pay_cents"] = 60
    features = ["fixed-screen-out"]

    assert [
        one.level for one in found("completion", completion=changed, features=features)
    ] == ["refuse"]


def test_what_the_workspace_cannot_do_is_told() -> None:
    changed = recruitment()["completion"]
    changed["screened_out"]["action"] = "fixed-screen-out"

    assert "request-return is used" in found("fallback", completion=changed)[0].message


def test_prolifics_code_is_not_the_plain_links() -> None:
    changed = recruitment()["completion"]
    changed["finished"]["code"] = "TINY-DONE"

    assert any(
        "plain link" in f.message for f in found("completion", completion=changed)
    )
    assert not found("completion", completion=changed, plain_link=False)


def test_believing_any_address_is_told() -> None:
    assert found("verification", verification="none")


def test_a_study_elsewhere_is_not_held_to_prolifics_rules() -> None:
    assert findings(StudyDefinition.model_validate(factories.document())) == []


# The section itself ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"completion": {}}, "needs [recruitment.completion.finished]"),
        ({"study_id": ""}, "study_id is missing"),
        (
            {"completion": {"finished": {"code": "A"}, "declined": {"code": "A"}}},
            "a code of its own",
        ),
        ({"api_token": "secret"}, "Extra inputs are not permitted"),
    ],
)
def test_a_section_that_cannot_work_is_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        definition(**changes)
    assert message in str(refused.value)


def test_a_study_without_the_section_keeps_its_hash() -> None:
    plain = StudyDefinition.model_validate(factories.document())
    document = plain.model_dump(mode="json")

    assert "recruitment" in document
    assert plain.sha256 == StudyDefinition.model_validate(document).sha256
    assert plain.sha256 != definition().sha256


def test_more_places_than_the_quotas_let_in_are_warned_of() -> None:
    (group,) = factories.document()["groups"]
    limited = [group | {"quota": 12}]
    plain, wide = (findings(definition_with(quota)) for quota in (None, 30))
    found = findings(
        StudyDefinition.model_validate(
            factories.document(recruitment=recruitment(), groups=limited)
        )
    )

    (places,) = [one for one in found if one.rule == "places"]
    assert "brings 20 people, and the quotas let 12 in" in places.message
    assert not [one for one in [*plain, *wide] if one.rule == "places"]
    # Only where a limit stands can somebody find the study full.
    assert not [one for one in plain if one.place.endswith("completion.full")]
    assert [one for one in found if one.place.endswith("completion.full")]


def definition_with(quota: int | None) -> StudyDefinition:
    return StudyDefinition.model_validate(
        factories.document(recruitment=recruitment(), quota=quota)
    )
