"""What the people of a forecast cost, by the definition's pay or by the hour."""

from __future__ import annotations

from dataclasses import dataclass

from collection.definitions import StudyDefinition
from collection.forecasting.settings import ForecastRefused
from collection.recruitment.costs import Cost, cost
from collection.recruitment.sections import Recruitment

SIGNS = {"GBP": "£", "USD": "$"}


@dataclass(frozen=True)
class Pay:
    """How people are paid.

    Attributes:
        section: Reward, fee and tax, as recruitment knows them.
        source: Where the reward comes from, in words.
    """

    section: Recruitment
    source: str

    def cost(self, n: int) -> Cost:
        """Of `n` people who finish."""
        return cost(self.section, places=n)

    def shown(self, cents: int) -> str:
        """An amount as a reader writes it."""
        return f"{SIGNS[self.section.currency]}{cents / 100:,.0f}"


def pay_of(
    definition: StudyDefinition, *, per_hour: float | None, minutes: float
) -> Pay | None:
    """The definition's own pay; with `per_hour`, so much for the median minutes.

    None where neither says anything. Fee and tax are the definition's, or the defaults.

    Raises:
        ForecastRefused: pay per hour that is not above 0.
    """
    section = definition.recruitment
    if per_hour is not None:
        if not per_hour > 0:
            raise ForecastRefused(f"pay per hour: must be above 0, got {per_hour:g}")
        reward = round(100 * per_hour * minutes / 60)
        base = section or Recruitment()
        sign = SIGNS[base.currency]
        return Pay(
            base.model_copy(update={"reward_cents": reward}),
            f"{sign}{per_hour:g} an hour for {minutes:.0f} min: "
            f"{sign}{reward / 100:.2f} each",
        )
    if section is None or not section.reward_cents:
        return None
    sign = SIGNS[section.currency]
    hourly = section.reward_cents / 100 * 60 / minutes
    return Pay(
        section,
        f"{sign}{section.reward_cents / 100:.2f} each, as the definition says: "
        f"{sign}{hourly:.2f} an hour at {minutes:.0f} min",
    )
