"""Who the simulated people of a forecast are, and where each number comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Any, Final, Literal, get_args

from collection.errors import CollectionError
from collection.simulated_people import Nature

Level = Literal["expected", "optimistic", "pessimistic"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
NOISE: Final[Mapping[Level, float]] = {
    "expected": 1.0,
    "optimistic": 0.7,
    "pessimistic": 1.4,
}
"""All spreads between answers are multiplied by this."""

EXPECTED: Final = Nature(
    similarity_bias_sd=0.06,
    similarity_sd=0.20,
    value_offset_sd=5.0,
    value_sd=25.0,
    own_share=0.5,
)
SOURCES: Final[Mapping[str, str]] = {
    "value noise": "real data: 70 verbs rated on evaluation by about 170 people each "
    "(actdata, doi 10.5281/zenodo.14652399): one rating has an ICC(1) of .52, as it has "
    "here from careful people",
    "value offset": "assumption",
    "pair noise": "assumption: one rating has an ICC(1) of about .35, less than one of "
    "value; published similarity data hold means only",
    "pair bias": "assumption",
    "own view": "assumption: half of what sets people apart is theirs to stay",
    "pace": "the definition's seconds_per_trial as the median; lognormal, an assumption",
    "careless": "assumption; four kinds in equal parts",
    "dropout": "assumption; at a random point, unpaid, and replaced",
    "truth": "planted from the actions' attributes, another one in every replicate",
}
"""Where the defaults come from. A pilot of one's own beats all of them."""


class ForecastRefused(CollectionError):
    """A forecast that cannot be made of these numbers, or of this study."""

    code = "forecast-refused"
    status = 400


@dataclass(frozen=True)
class ForecastSettings:
    """What a forecast assumes.

    Attributes:
        participants: How many people finish and are paid, ascending; each is a point
            of the curve.
        careless: Share of people who answer carelessly, 0 to 1.
        dropout: Share of people who leave at a random point, below 1. Others take
            their places, so that more join than are paid.
        replicates: Studies simulated for each level of noise.
        nature: How people differ.
        pace: Times the definition's seconds per trial.
        extra_minutes: Consent and instructions, per session.
        n_splits: Random halvings of each study's people.
        seed: From 0 up; the same seed gives the same forecast.

    Raises:
        ForecastRefused: A number is out of its range.
    """

    participants: tuple[int, ...] = (20, 50, 100, 200, 400)
    careless: float = 0.1
    dropout: float = 0.15
    replicates: int = 20
    nature: Nature = EXPECTED
    pace: float = 1.0
    extra_minutes: float = 2.0
    n_splits: int = 20
    seed: int = 1

    def __post_init__(self) -> None:
        ascending = tuple(sorted(set(self.participants)))
        if not ascending or ascending[0] < 1:
            raise ForecastRefused(
                f"participants: needs whole numbers from 1 up, got {self.participants}"
            )
        object.__setattr__(self, "participants", ascending)
        if not 0 <= self.careless <= 1:
            raise ForecastRefused(
                f"careless: needs a share from 0 to 1, got {self.careless}"
            )
        if not 0 <= self.dropout <= 0.95:
            raise ForecastRefused(
                f"dropout: needs a share from 0 to 0.95, got {self.dropout}; if nobody "
                "finishes there is nothing to forecast"
            )
        for name, least in (("replicates", 3), ("n_splits", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ForecastRefused(
                    f"{name}: needs a whole number from {least} up, "
                    f"got {getattr(self, name)}"
                )
        if not 0 < self.pace < inf or not 0 <= self.extra_minutes < inf:
            raise ForecastRefused(
                f"pace must be above 0 and extra minutes not below it, "
                f"got {self.pace} and {self.extra_minutes}"
            )

    def at(self, level: Level) -> ForecastSettings:
        """The same with the noise of this level."""
        return replace(self, nature=self.nature.noisier(NOISE[level]))

    def as_json(self) -> dict[str, Any]:
        """Everything that was chosen, for a manifest."""
        return {**asdict(self), "participants": list(self.participants)}
