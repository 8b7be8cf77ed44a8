"""A whole forecast: every level of noise, every replicate, and the pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

from alignment.progress import Progress
from collection.definition_parts import ArrangementBlock, TripletBlock
from collection.definitions import StudyDefinition
from collection.forecasting.curve import CurvePoint, curve_of
from collection.forecasting.measures import Point, measure, targets_of
from collection.forecasting.pay import Pay, pay_of
from collection.forecasting.settings import (
    LEVELS,
    ForecastRefused,
    ForecastSettings,
    Level,
)
from collection.forecasting.twin import simulate, usable_attributes
from collection.forecasting.workers import each

Studies = tuple[tuple[Point, ...], ...]
"""One study each, at every number of participants."""
MOST_PEOPLE = 20_000
MOST_CELLS = 60_000_000
"""Raters times pairs of one table: half a gigabyte."""


@dataclass(frozen=True)
class Forecast:
    """What came out.

    Attributes:
        slug, title: Of the definition.
        definition_sha256: Of the definition.
        studies: Level of noise -> simulated studies.
        curves: Level -> target -> points, ascending.
        minutes: Median of a session, over all who finished at the expected noise.
        tenths: Minutes below and above which a tenth of the sessions lie.
        pay: None where nobody said what people are paid.
        remarks: Sentences about what the forecast could not know.
    """

    slug: str
    title: str
    definition_sha256: str
    settings: ForecastSettings
    studies: Mapping[Level, Studies]
    curves: Mapping[Level, Mapping[str, Sequence[CurvePoint]]]
    minutes: float
    tenths: tuple[float, float]
    pay: Pay | None
    remarks: tuple[str, ...]

    @property
    def expected(self) -> Mapping[str, Sequence[CurvePoint]]:
        return self.curves["expected"]

    @property
    def targets(self) -> list[str]:
        return list(self.expected)


def forecast(
    definition: StudyDefinition,
    settings: ForecastSettings,
    *,
    pay_per_hour: float | None = None,
    processes: int = 1,
) -> Forecast:
    """Simulate the study at every level of noise, `replicates` times each.

    Replicates number i of all levels share people, truth and assignment, so that only
    the noise differs between them.

    Raises:
        ForecastRefused: nothing to forecast, or too much for one machine.
    """
    _check(definition, settings)
    tasks = [
        (definition, settings, level, number)
        for number in range(settings.replicates)
        for level in LEVELS
    ]
    with Progress(f"Simulated studies of {definition.slug}", len(tasks)) as progress:
        done = each(one_study, tasks, processes=processes, told=progress.advance)
    studies: dict[Level, Studies] = {
        level: tuple(
            points for points, task in zip(done, tasks, strict=True) if task[2] == level
        )
        for level in LEVELS
    }
    minutes = sorted(
        minute for points in studies["expected"] for minute in points[-1].minutes
    )
    return Forecast(
        slug=definition.slug,
        title=definition.title,
        definition_sha256=definition.sha256,
        settings=settings,
        studies=studies,
        curves={level: curve_of(studies[level]) for level in LEVELS},
        minutes=median(minutes),
        tenths=(minutes[len(minutes) // 10], minutes[-1 - len(minutes) // 10]),
        pay=pay_of(definition, per_hour=pay_per_hour, minutes=median(minutes)),
        remarks=_remarks(definition),
    )


def one_study(
    definition: StudyDefinition, settings: ForecastSettings, level: Level, number: int
) -> tuple[Point, ...]:
    """Replicate `number` at one level of noise."""
    seed = 100_000 * settings.seed + number
    study = simulate(definition, settings.at(level), seed=seed)
    return measure(study, definition, settings, seed=seed)


def _check(definition: StudyDefinition, settings: ForecastSettings) -> None:
    if not targets_of(definition):
        raise ForecastRefused(
            f"Study {definition.slug} asks for no pairs, triplets or values, so there "
            "is no reliability to forecast"
            + (
                "; arrangements are not forecast yet."
                if any(isinstance(b, ArrangementBlock) for b in definition.blocks)
                else "."
            )
        )
    most = settings.participants[-1]
    if most > MOST_PEOPLE:
        raise ForecastRefused(
            f"participants: at most {MOST_PEOPLE:,} can be simulated, got {most:,}"
        )
    widest = max(
        min(
            comb(len(definition.actions), 2),
            most
            * sum(
                definition.block(k).trials_in_session(len(definition.actions))
                for k in group.blocks
            ),
        )
        for group in definition.groups
    )
    if most * widest > MOST_CELLS:
        raise ForecastRefused(
            f"{most:,} participants who judge {widest:,} different pairs are too much "
            "for one table; forecast fewer participants, whose curve can be carried on"
        )


def _remarks(definition: StudyDefinition) -> tuple[str, ...]:
    found = []
    if not usable_attributes(definition):
        found.append(
            "actions.csv has no column that a truth could be made of (area, valence, "
            "affected, stakes, differing between actions): attributes were dealt at "
            "random."
        )
    for block in definition.blocks:
        if isinstance(block, TripletBlock) and block.sampler == "adaptive":
            found.append(
                f"Block {block.key} chooses triplets; the forecast draws them at random, "
                "so that it is a cautious one."
            )
        if isinstance(block, ArrangementBlock):
            found.append(
                f"Block {block.key}: arenas count for time and pay; what they add to "
                "the similarity is not forecast."
            )
    return tuple(found)
