"""What `manage.py simulateparticipants --forecast` reads and does."""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collection.definitions import StudyDefinition, load_definition
from collection.forecasting.files import write_forecast
from collection.forecasting.runs import forecast
from collection.forecasting.settings import EXPECTED, ForecastRefused, ForecastSettings
from collection.forecasting.told import told
from collection.models import Study
from collection.simulated_people import Nature


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a forecast, in a group of their own."""
    group = parser.add_argument_group(
        "forecast", "What participants would buy; nothing is stored in a study."
    )
    usual = ForecastSettings()
    group.add_argument(
        "--forecast",
        metavar="STUDY",
        help="A study.toml, or the slug of a loaded study: forecast it.",
    )
    group.add_argument(
        "--participants",
        type=_numbers,
        default=usual.participants,
        metavar="N,N,...",
        help="People who finish and are paid (default: 20,50,100,200,400).",
    )
    group.add_argument("--replicates", type=int, default=usual.replicates)
    group.add_argument(
        "--dropout",
        type=float,
        default=usual.dropout,
        help="Share of people who leave at a random point (default: %(default)s).",
    )
    group.add_argument("--pay-per-hour", type=float, help="In pounds or dollars.")
    group.add_argument(
        "--out", type=Path, help="A folder for the plot, forecast.csv and manifest."
    )
    group.add_argument(
        "--reliability",
        type=_share,
        default=0.8,
        help="Say how many participants reach it (default: %(default)s).",
    )
    group.add_argument(
        "--ceiling-width",
        type=_share,
        default=0.05,
        help="Say how many make the ceiling's interval so narrow (default: %(default)s).",
    )
    group.add_argument(
        "--pair-noise",
        type=float,
        default=EXPECTED.similarity_sd,
        help="Mean spread of a person's similarity ratings, 0-1 (default: %(default)s).",
    )
    group.add_argument(
        "--pair-bias",
        type=float,
        default=EXPECTED.similarity_bias_sd,
        help="Spread between people's mean similarity, 0-1 (default: %(default)s).",
    )
    group.add_argument(
        "--value-noise",
        type=float,
        default=EXPECTED.value_sd,
        help="Mean spread of a person's value ratings, 0-100 (default: %(default)s).",
    )
    group.add_argument(
        "--value-offset",
        type=float,
        default=EXPECTED.value_offset_sd,
        help="Spread between people's mean values, 0-100 (default: %(default)s).",
    )
    group.add_argument(
        "--own-view",
        type=float,
        default=EXPECTED.own_share,
        help="Share of the noise that a person gives again when asked again "
        "(default: %(default)s).",
    )
    group.add_argument(
        "--pace",
        type=float,
        default=usual.pace,
        help="Times the definition's seconds per trial (default: %(default)s).",
    )
    group.add_argument(
        "--extra-minutes",
        type=float,
        default=usual.extra_minutes,
        help="Consent and instructions (default: %(default)s).",
    )
    group.add_argument(
        "--processes",
        type=int,
        default=os.cpu_count() or 1,
        help="How many work beside each other (default: one per core).",
    )


def run(options: dict[str, Any]) -> str:
    """Make the forecast, write its folder if one is wanted, and say what came out.

    Raises:
        DefinitionError, ForecastRefused, AlignmentError: with a sentence.
    """
    started = datetime.now(UTC)
    definition = definition_of(options["forecast"])
    settings = settings_of(options)
    result = forecast(
        definition,
        settings,
        pay_per_hour=options["pay_per_hour"],
        processes=options["processes"],
    )
    said = told(
        result,
        reliability=options["reliability"],
        ceiling_width=options["ceiling_width"],
    )
    if options["out"] is None:
        return said
    written = write_forecast(result, options["out"], told=said, started_at=started)
    return f"{said}\n\nWritten to {options['out']}: {', '.join(written)}"


def definition_of(study: str) -> StudyDefinition:
    """From a document, or from a loaded study of that slug.

    Raises:
        DefinitionError: the document has faults.
        ForecastRefused: neither is there.
    """
    if study.endswith(".toml") or Path(study).is_file():
        return load_definition(Path(study))
    found = Study.objects.filter(slug=study).first()
    if found is None:
        known = ", ".join(Study.objects.values_list("slug", flat=True)) or "none"
        raise ForecastRefused(
            f"No document and no loaded study '{study}'. Loaded studies: {known}."
        )
    return found.definition_model()


def settings_of(options: dict[str, Any]) -> ForecastSettings:
    """The settings that the options name.

    Raises:
        ForecastRefused: a number is out of its range.
    """
    try:
        nature = Nature(
            similarity_bias_sd=options["pair_bias"],
            similarity_sd=options["pair_noise"],
            value_offset_sd=options["value_offset"],
            value_sd=options["value_noise"],
            own_share=options["own_view"],
        )
    except ValueError as error:
        raise ForecastRefused(f"noise: {error}") from error
    careless = options["careless"]
    return ForecastSettings(
        participants=options["participants"],
        careless=ForecastSettings().careless if careless is None else careless,
        dropout=options["dropout"],
        replicates=options["replicates"],
        nature=nature,
        pace=options["pace"],
        extra_minutes=options["extra_minutes"],
        seed=options["seed"],
    )


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdigit() for part in parts):
        raise argparse.ArgumentTypeError(
            f"needs whole numbers with commas, such as 20,50,100; got {text}"
        )
    return tuple(int(part) for part in parts)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"needs a number between 0 and 1, got {text}")
    return share
