"""A launch: 500 people join within a minute, and 300 answer, on one small machine.

    python tests/benchmarks/launch.py [--joins 500] [--people 300] [--minutes 4]

Against the production server on PostgreSQL, from a load generator beside it on the same
machine. Joins arrive evenly at random over 60 s; then people answer at their own pace
(lognormal, median 8 s) for some minutes, by the requests that the page's script sends.

Bars: 95 of 100 joins (from the press on "Read more and decide" until the consent page
stands) under 300 ms, 95 of 100 answers (until the next trial stands) under 150 ms, and
no error. They count while the generator itself takes less than 25 % of one processor, and
while the machine has its processors to itself: what its host gives to other machines
("stolen") is printed, for a tenth of it stolen is enough to triple the waiting.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import resource
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from stage import Stage, join_token, machine, stage  # isort: skip  (sets Django up)

from crowd import Client, Person, Unexpected, percentile

from alignment.progress import Progress

STOLEN = 7
JOIN_BAR_S, SUBMIT_BAR_S, GENERATOR_BAR = 0.300, 0.150, 0.25
MEDIAN_PACE_S, SIGMA = 8.0, 0.6


@dataclass
class Load:
    """How hard the generator and the machine worked in a phase.

    stolen: Of all processors' time, what the host gave to other machines, 0-1.
    """

    seconds: float
    generator: float
    stolen: float

    @property
    def share(self) -> float:
        """Of one processor, what the generator took."""
        return self.generator / self.seconds


@dataclass
class Launch:
    """The people of a launch, and what went wrong."""

    site: Stage
    people: list[Person] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def person(self, number: int) -> Person:
        slug = self.site.study.slug
        person = Person(
            client=Client(self.site.base_url),
            slug=slug,
            token=join_token(slug, number),
            rng=random.Random(number),
        )
        self.people.append(person)
        return person

    async def join_all(self, n_joins: int, within_s: float) -> Load:
        rng = random.Random(5)
        arrivals = sorted(rng.uniform(0, within_s) for _ in range(n_joins))
        with Progress("joining", n_joins) as progress:

            async def one(at: float, number: int) -> None:
                await asyncio.sleep(at)
                try:
                    await self.person(number).arrive()
                except Unexpected as shown:
                    self.errors.append(str(shown))
                progress.advance()

            return await measured(
                asyncio.gather(*(one(at, n) for n, at in enumerate(arrivals)))
            )

    async def answer_all(self, n_people: int, seconds: float) -> Load:
        until = time.monotonic() + seconds
        with Progress("answering", None) as progress:

            async def one(person: Person) -> None:
                pace = person.rng.lognormvariate
                await asyncio.sleep(person.rng.uniform(0, MEDIAN_PACE_S))
                try:
                    await person.consent()
                    while not person.ended and time.monotonic() < until:
                        await asyncio.sleep(pace(math.log(MEDIAN_PACE_S), SIGMA))
                        await person.answer()
                        progress.advance()
                except Unexpected as shown:
                    self.errors.append(str(shown))

            return await measured(
                asyncio.gather(*(one(person) for person in self.people[:n_people]))
            )


async def measured(work: asyncio.Future[list[None]]) -> Load:
    """The time and the processor time that the work took in this process."""
    wall, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    host = processors()
    await work
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = [late - early for early, late in zip(host, processors(), strict=True)]
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Load(time.monotonic() - wall, used, spent[STOLEN] / max(1, sum(spent)))


def processors() -> list[int]:
    """Ticks of all processors since the start: user, nice, system, idle, waiting for
    disks, two kinds of interrupts, stolen (``/proc/stat``)."""
    first = Path("/proc/stat").read_text().split("\n", 1)[0]
    return [int(ticks) for ticks in first.split()[1:9]]


async def run(site: Stage, n_joins: int, n_people: int, minutes: float) -> int:
    """The launch and its table; 0 if every bar held."""
    launch = Launch(site)
    joining = await launch.join_all(n_joins, 60.0)
    answering = await launch.answer_all(n_people, 60 * minutes)
    for person in launch.people:
        person.client.close()
    return table(launch, joining, answering)


def table(launch: Launch, joining: Load, answering: Load) -> int:
    """Print what was measured, and whether the bars hold."""
    times: dict[str, list[float]] = {}
    for person in launch.people:
        for what, seconds in person.times:
            times.setdefault(what, []).append(seconds)
    resent = sum(person.resent for person in launch.people)
    rate = len(times["submit"]) / answering.seconds
    print(f"\nMachine: {machine()}; generator and server on it together")
    print(f"{'request':<14}{'n':>8}{'median':>10}{'p95':>10}{'p99':>10}{'most':>10}")
    for what, values in times.items():
        row = [
            statistics.median(values),
            percentile(values, 0.95),
            percentile(values, 0.99),
            max(values),
        ]
        print(
            f"{what:<14}{len(values):>8}" + "".join(f"{1e3 * v:>7.0f} ms" for v in row)
        )
    print(f"answers a second: {rate:.1f}; sent again: {resent}; ", end="")
    print(f"errors: {len(launch.errors)}")
    for error in launch.errors[:10]:
        print(f"  {error}")
    print(
        f"generator: {joining.share:.0%} of a processor while joining, "
        f"{answering.share:.0%} while answering"
    )
    print(
        f"stolen by the host: {joining.stolen:.0%} of the processors while joining, "
        f"{answering.stolen:.0%} while answering"
    )
    bars = {
        f"p95 of joining under {1e3 * JOIN_BAR_S:.0f} ms": (
            percentile(times["join"], 0.95) < JOIN_BAR_S
        ),
        f"p95 of submitting under {1e3 * SUBMIT_BAR_S:.0f} ms": (
            percentile(times["submit"], 0.95) < SUBMIT_BAR_S
        ),
        "no error, nothing sent again": not launch.errors and not resent,
        "generator under 25 % of a processor": (
            max(joining.share, answering.share) < GENERATOR_BAR
        ),
    }
    for bar, holds in bars.items():
        print(f"{'holds' if holds else 'FAILS'}: {bar}")
    return int(not all(bars.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--joins", type=int, default=500)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=4.0, help="Of answering.")
    asked_for = parser.parse_args()
    with stage() as running:
        failed = asyncio.run(
            run(running, asked_for.joins, asked_for.people, asked_for.minutes)
        )
    raise SystemExit(failed)
