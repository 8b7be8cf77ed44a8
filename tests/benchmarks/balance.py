"""Do all pairs get equally many judgments, with many people at once and dropouts?

    python tests/benchmarks/balance.py [--over http|functions]
        [--judgments 24500] [--people 300] [--dropout 0.15]

`--people` simulated participants are at it at any moment, each holding a pair; a share of
them leaves at a random point and never comes back, and somebody new takes their seat.
Whoever leaves says nothing to anybody: their pair stays held until the lease is over that
the server itself gave it, as its pace says.

Over HTTP (the default), against the production server on PostgreSQL with the settings it
ships with: everybody has a connection and cookies of their own, joins, consents, and
sends each answer as soon as the page before it stands. With `--over functions` the
functions behind the pages are called instead, from several threads in two processes, as
fast as the machine goes.

Bar: after 24,500 judgments of 1,225 pairs, the most judged pair has at most two more
than the least judged.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from multiprocessing.sharedctypes import Synchronized

from stage import Stage, stage  # isort: skip  (sets Django up)
from stage import database, join_token, load_study, machine, open_study, pairs_only  # isort: skip

from crowd import Client, Person, Unexpected, percentile
from django.conf import settings
from django.db import connection, connections
from django.db.models import Max, Min

from alignment.progress import Progress
from collection import pace, participation
from collection.answers import Answer
from collection.models import Cell, Reservation, Response, Study, StudySession, Trial

BAR = 2
PROCESSES, THREADS = 2, 4
TRIALS = 60
ARRIVE_WITHIN_S = 20.0
# Nobody pauses here, so a reply may take as long as 300 people take their turns; asking
# again meanwhile would only make the line longer.
PATIENCE_S = 120.0


@dataclass
class Crowd:
    """Everybody who comes, over HTTP, until enough was judged.

    Attributes:
        left: Answers that may still be sent.
        seats: Numbers for whoever comes next.
    """

    site: Stage
    dropout: float
    left: int
    progress: Progress
    seats: Iterator[int] = field(default_factory=count)
    people: list[Person] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def seat(self, rng: random.Random) -> None:
        """One seat: somebody sits there until all is done, one person after another."""
        await asyncio.sleep(rng.uniform(0, ARRIVE_WITHIN_S))
        while self.left > 0:
            person = self.newcomer()
            stays = TRIALS if rng.random() >= self.dropout else rng.randrange(TRIALS)
            try:
                await person.arrive()
                await person.consent()
                for _ in range(stays):
                    if person.ended or self.left <= 0:
                        break
                    self.left -= 1
                    await person.answer()
                    self.progress.advance()
            except Unexpected as shown:
                self.errors.append(str(shown))
            person.client.close()

    def newcomer(self) -> Person:
        number = next(self.seats)
        slug = self.site.study.slug
        person = Person(
            client=Client(self.site.base_url, PATIENCE_S),
            slug=slug,
            token=join_token(slug, number),
            rng=random.Random(number),
        )
        self.people.append(person)
        return person


def over_http(judgments: int, people: int, dropout: float) -> int:
    """The crowd against the production server, and its table."""
    with stage(pairs_only()) as site:
        started = time.monotonic()
        with Progress("judging", judgments) as progress:
            crowd = Crowd(site, dropout, judgments, progress)

            async def everybody() -> None:
                seats = [crowd.seat(random.Random(-n)) for n in range(1, people + 1)]
                await asyncio.gather(*seats)

            asyncio.run(everybody())
        failed = table(site.study, people, dropout, time.monotonic() - started)
        submits = [
            seconds
            for person in crowd.people
            for what, seconds in person.times
            if what == "submit"
        ]
        print(
            "over HTTP, the production server: an answer took "
            f"{statistics.median(submits):.1f} s in the median, "
            f"{percentile(submits, 0.95):.1f} s at p95"
        )
        resent = sum(person.resent for person in crowd.people)
        print(f"sent again: {resent}; errors: {len(crowd.errors)}")
        for error in crowd.errors[:10]:
            print(f"  {error}")
        return int(failed or bool(crowd.errors))


def seat(
    slug: str, seats: int, dropout: float, left: Synchronized[int], seed: int
) -> None:
    """Some of the people, in turns, until enough was judged."""
    settings.ATTUNE_RESERVATION_LEAST_S = 2
    rng = random.Random(seed)
    study = Study.objects.get(slug=slug)
    open_seats: list[tuple[StudySession, Trial, int] | None] = [None] * seats
    while True:
        for n, sitting in enumerate(open_seats):
            if sitting is None:
                session = joined(study)
                stays = TRIALS if rng.random() >= dropout else rng.randrange(TRIALS)
                trial = participation.current_trial(session)
            else:
                session, trial, stays = sitting
                with left.get_lock():
                    if left.value <= 0:
                        connections.close_all()
                        return
                    left.value -= 1
                answer = Answer(rating=rng.randrange(101))
                participation.record_response(session, trial_id=trial.pk, answer=answer)
                trial = participation.current_trial(session)
                stays -= 1
            # Who leaves keeps their pair until the lease is over.
            gone = trial is None or trial.kind != "pair" or stays <= 0
            open_seats[n] = None if gone or trial is None else (session, trial, stays)


def joined(study: Study) -> StudySession:
    """A new person who consented, in the group that judges pairs."""
    session = participation.enrol(study, simulated=True)
    participation.give_consent(session, {"this_study": True}, of_age=True)
    return session


def process(
    slug: str, seats: int, dropout: float, left: Synchronized[int], n: int
) -> None:
    """One process of several threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        share = seats // THREADS
        for done in [
            pool.submit(seat, slug, share, dropout, left, 100 * n + t)
            for t in range(THREADS)
        ]:
            done.result()


def over_functions(judgments: int, people: int, dropout: float) -> int:
    """The same crowd without pages, and its table."""
    with database():
        study = open_study(load_study(pairs_only()))
        connections.close_all()
        connection.close_pool()  # its threads would not be there after the fork
        context = multiprocessing.get_context("fork")
        left = context.Value("i", judgments)
        started = time.monotonic()
        workers = [
            context.Process(
                target=process, args=(study.slug, people // PROCESSES, dropout, left, n)
            )
            for n in range(PROCESSES)
        ]
        for worker in workers:
            worker.start()
        with Progress("judging", judgments) as progress:
            done = 0
            while any(worker.is_alive() for worker in workers):
                time.sleep(0.5)
                progress.advance(judgments - max(left.value, 0) - done)
                done = judgments - max(left.value, 0)
        if any(worker.exitcode for worker in workers):
            raise SystemExit("a process failed; see above")
        failed = table(study, people, dropout, time.monotonic() - started)
        print(f"over functions: {PROCESSES} processes of {THREADS} threads")
        return failed


def table(study: Study, people: int, dropout: float, seconds: float) -> int:
    """Print what came out, and whether the bar holds."""
    cells = Cell.objects.filter(study=study, kind="pair")
    most, least = cells.aggregate(Max("completed"), Min("completed")).values()
    counts = sorted(cells.values_list("completed", flat=True))
    sessions = study.sessions.count()
    begun = study.sessions.filter(status="consented").count()
    states = Reservation.State
    held = Reservation.objects.filter(cell__study=study, state=states.HELD).count()
    released = Reservation.objects.filter(
        cell__study=study, state=states.RELEASED
    ).count()
    n_judgments = Response.objects.count()
    print(f"\nMachine: {machine()}")
    print(f"{n_judgments:,} judgments of {len(counts):,} pairs by {people} people at a")
    print(f"time, {seconds:.0f} s, {n_judgments / seconds:.0f} a second")
    print(f"sessions: {sessions}, of them left or open at the end: {begun}")
    print(f"share that leaves at a random point: {dropout:.0%}")
    print(
        f"a place is held for {pace.observed_lease(study.pk).total_seconds():.0f} s; "
        f"run out and given to others: {released}; held at the end: {held}"
    )
    print("judgments a pair: pairs")
    for n in sorted(set(counts)):
        print(f"  {n:>4}: {counts.count(n)}")
    holds = most - least <= BAR
    print(f"{'holds' if holds else 'FAILS'}: max - min = {most - least}, at most {BAR}")
    return int(not holds)


ROADS = {"http": over_http, "functions": over_functions}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--over", choices=ROADS, default="http")
    parser.add_argument("--judgments", type=int, default=24_500)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--dropout", type=float, default=0.15)
    asked_for = parser.parse_args()
    road = ROADS[asked_for.over]
    raise SystemExit(road(asked_for.judgments, asked_for.people, asked_for.dropout))
