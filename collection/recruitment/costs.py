"""What a study costs, and whether its pay is fair, before and while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from collection.models import Study, StudySession, Submission
from collection.recruitment.sections import Recruitment

HOURLY_FLOOR_CENTS: Final[Mapping[str, int]] = {"GBP": 600, "USD": 800}
"""Prolific refuses less than this per hour (£6, $8)."""
HOURLY_RECOMMENDED_CENTS: Final[Mapping[str, int]] = {"GBP": 900, "USD": 1200}
"""What Prolific recommends per hour (£9, $12)."""


@dataclass(frozen=True)
class Cost:
    """What so many people cost, in hundredths of the currency."""

    places: int
    rewards: int
    fee: int
    vat: int
    bonuses: int

    @property
    def total(self) -> int:
        return self.rewards + self.fee + self.vat + self.bonuses


def cost(section: Recruitment, *, places: int | None = None, bonuses: int = 0) -> Cost:
    """Rewards, the platform's fee on rewards and bonuses, and the tax on that fee.

    Args:
        places: People; as many as the definition wants if left out.
        bonuses: Already promised, in hundredths.
    """
    n = section.places if places is None else places
    rewards = n * section.reward_cents
    fee = round((rewards + bonuses) * section.fee_percent / 100)
    return Cost(n, rewards, fee, round(fee * section.vat_percent / 100), bonuses)


@dataclass(frozen=True)
class FairPay:
    """What an hour is paid, by the median of how long people took.

    verdict: "unlawful" below the platform's floor, "low" below its recommendation,
        "fair" otherwise.
    n: Durations behind the median; 0 where it is the definition's own estimate.
    """

    median_minutes: float
    n: int
    hourly_cents: int
    floor_cents: int
    recommended_cents: int

    @property
    def verdict(self) -> str:
        if self.hourly_cents < self.floor_cents:
            return "unlawful"
        return "low" if self.hourly_cents < self.recommended_cents else "fair"

    @property
    def fair_reward_cents(self) -> int:
        """The reward that would pay the recommended hour."""
        exact = self.recommended_cents * self.median_minutes / 60
        return -int(-exact // 1)


def fair_pay(section: Recruitment, minutes: float, *, n: int = 0) -> FairPay:
    """What an hour is paid where people take so many minutes."""
    return FairPay(
        median_minutes=minutes,
        n=n,
        hourly_cents=round(section.reward_cents * 60 / minutes),
        floor_cents=HOURLY_FLOOR_CENTS[section.currency],
        recommended_cents=HOURLY_RECOMMENDED_CENTS[section.currency],
    )


def live_fair_pay(study: Study) -> FairPay | None:
    """From how long people really took; from the plan before anybody finished.

    None without the section, or where neither is known.
    """
    definition = study.definition_model()
    if definition.recruitment is None:
        return None
    taken = durations_s(study)
    if taken:
        minutes = median(taken) / 60
        return fair_pay(definition.recruitment, max(minutes, 1 / 60), n=len(taken))
    planned = definition.consent.duration_minutes
    return fair_pay(definition.recruitment, planned) if planned else None


def durations_s(study: Study) -> Sequence[float]:
    """How long everyone took who finished by the platform, in seconds.

    As the platform measured it (from taking the place), else from arriving here.
    """
    rows = Submission.objects.filter(
        study=study,
        session__status=StudySession.Status.FINISHED,
        session__simulated=False,
    ).values_list("time_taken_s", "session__created_at", "session__finished_at")
    found: list[float] = []
    for taken, begin, end in rows:
        if taken is not None:
            found.append(float(taken))
        elif end is not None:
            found.append((end - begin).total_seconds())
    return found
