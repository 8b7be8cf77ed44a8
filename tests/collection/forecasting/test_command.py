"""`manage.py simulateparticipants --forecast`, from a document to a folder."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from alignment.folders import read_manifest, read_rows
from collection.definitions import StudyDefinition
from collection.forecasting.pay import pay_of
from collection.forecasting.runs import forecast
from collection.forecasting.settings import ForecastRefused, ForecastSettings
from collection.forecasting.told import told
from collection.models import Response, StudySession
from tests import factories

SMALL = Path(__file__).parents[3] / "collection" / "studies" / "small" / "study.toml"
QUICK = ForecastSettings(participants=(1, 24), replicates=3, n_splits=3)


def definition(**changes: Any) -> StudyDefinition:
    return StudyDefinition.model_validate(factories.document(**changes))


def forecasted(study: str, **options: Any) -> str:
    out = StringIO()
    quick: dict[str, Any] = {"replicates": 3, "participants": (1, 12), "processes": 1}
    call_command(
        "simulateparticipants", forecast=study, stdout=out, **(quick | options)
    )
    return out.getvalue()


def test_a_document_is_forecast_into_a_finished_folder(tmp_path: Path) -> None:
    folder = tmp_path / "forecast"

    said = forecasted(str(SMALL), out=folder, pay_per_hour=9.0)

    manifest = read_manifest(folder, "forecast")
    assert manifest["simulated"] is True
    assert set(manifest["files"]) == {
        "forecast.csv",
        "forecast.txt",
        "forecast.svg",
        "forecast.png",
        "forecast.pdf",
    }
    assert "SIMULATED PARTICIPANTS" in (folder / "forecast.svg").read_text()
    assert "SIMULATED PARTICIPANTS" in said
    rows = read_rows(folder / "forecast.csv")
    assert {row["level"] for row in rows} == {"expected", "optimistic", "pessimistic"}
    assert not any(value == "nan" for row in rows for value in row.values())
    alone = next(row for row in rows if row["n"] == "1")
    assert alone["ceiling"] == alone["reliability"] == ""
    assert "2 raters" in alone["note"]
    assert (folder / "forecast.txt").read_text().strip() in said
    assert "nan" not in said


def test_processes_do_not_change_a_forecast() -> None:
    alone, beside = (
        forecast(definition(), QUICK, processes=processes) for processes in (1, 2)
    )

    assert repr(alone.expected) == repr(beside.expected)


@pytest.mark.django_db
def test_a_loaded_study_is_forecast_and_nothing_is_stored() -> None:
    study = factories.open_study()
    before = study.simulation

    said = forecasted("tiny")

    study.refresh_from_db()
    assert "1 participant: no reliability or ceiling for pairs" in said
    assert "give --pay-per-hour" in said
    assert "dealt at random" in said
    assert study.simulation == before
    assert not StudySession.objects.exists()
    assert not Response.objects.exists()


@pytest.mark.django_db
def test_an_unknown_study_is_refused_with_those_that_there_are() -> None:
    factories.open_study()

    with pytest.raises(CommandError, match=r"'nope'\. Loaded studies: tiny"):
        forecasted("nope")


def test_two_studies_at_once_are_refused() -> None:
    with pytest.raises(CommandError, match="leave out 'everyday'"):
        call_command("simulateparticipants", "everyday", forecast=str(SMALL))


def test_neither_a_study_nor_a_forecast_is_refused() -> None:
    with pytest.raises(CommandError, match="or forecast one with --forecast"):
        call_command("simulateparticipants")


def test_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(CommandError, match="value_sd: from 0 up"):
        forecasted(str(SMALL), value_noise=-3.0)
    with pytest.raises(CommandError, match="pay per hour: must be above 0"):
        forecasted(str(SMALL), pay_per_hour=-1.0)
    with pytest.raises(CommandError, match="whole numbers with commas"):
        call_command("simulateparticipants", f"--forecast={SMALL}", "--participants=x")


def test_a_study_without_judgments_has_nothing_to_forecast() -> None:
    with pytest.raises(ForecastRefused, match=r"arrangements are not forecast yet"):
        forecast(definition(**factories.arranging()), QUICK)


def test_more_than_a_machine_holds_is_refused_beforehand() -> None:
    with pytest.raises(ForecastRefused, match="at most 20,000"):
        forecast(definition(), ForecastSettings(participants=(50_000,)))


def test_a_study_without_pairs_tells_of_its_values() -> None:
    result = forecast(definition(**factories.only("value")), QUICK)

    said = told(result)

    assert "pairs" not in said.replace("actions.csv", "")
    assert "24 participants: reliability of value morality" in said


def test_all_careless_people_have_no_ceiling_and_it_is_said() -> None:
    settings = ForecastSettings(
        participants=(24,), replicates=5, n_splits=3, careless=1, dropout=0
    )

    said = told(forecast(definition(**factories.only("pair")), settings))

    assert "nan" not in said
    assert "more than 24 participants" in said
    assert "the halves do not agree" in said


def test_pay_by_the_hour_and_by_the_definition() -> None:
    free = definition()
    paid = definition(recruitment={"reward_cents": 300, "vat_percent": 20})

    hourly = pay_of(free, per_hour=9, minutes=20)
    own = pay_of(paid, per_hour=None, minutes=20)

    assert pay_of(free, per_hour=None, minutes=20) is None
    assert hourly is not None
    assert own is not None
    assert hourly.section.reward_cents == own.section.reward_cents == 300
    assert own.cost(100).total == 30_000 + 9_990 + 1_998
    assert own.shown(41_988) == "£420"
    assert "£9.00 an hour at 20 min" in own.source
