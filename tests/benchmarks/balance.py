"""Do all pairs get equally many judgments, with many people at once and dropouts?

    python tests/benchmarks/balance.py [--judgments 24500] [--people 300] [--dropout 0.15]

Simulated participants take trials and answer them through the functions behind the
pages, on PostgreSQL, from several threads in two processes. `--people` sessions are open
at any moment, each holding a pair; a share of them leaves at a random point and never
comes back, and somebody new takes their seat. The pace is as fast as the machine goes,
and the lease follows it.

Bar: after 24,500 judgments of 1,225 pairs, the most judged pair has at most two more
than the least judged.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.sharedctypes import Synchronized

from stage import database, load_study, machine, open_study, pairs_only  # isort: skip  (sets Django up)

from django.conf import settings
from django.db import connection, connections
from django.db.models import Max, Min

from alignment.progress import Progress
from collection import participation
from collection.answers import Answer
from collection.models import Cell, Response, Study, StudySession, Trial

BAR = 2
PROCESSES, THREADS = 2, 4
TRIALS = 60


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


def main(judgments: int, people: int, dropout: float) -> int:
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
        return table(study, people, dropout, time.monotonic() - started)


def table(study: Study, people: int, dropout: float, seconds: float) -> int:
    """Print what came out, and whether the bar holds."""
    cells = Cell.objects.filter(study=study, kind="pair")
    most, least = cells.aggregate(Max("completed"), Min("completed")).values()
    counts = sorted(cells.values_list("completed", flat=True))
    sessions = study.sessions.count()
    left_open = study.sessions.filter(status="consented").count()
    print(f"\nMachine: {machine()}")
    print(
        f"{Response.objects.count():,} judgments of {len(counts):,} pairs by {people} "
    )
    print(
        f"people at a time, {PROCESSES} processes of {THREADS} threads, {seconds:.0f} s"
    )
    print(f"sessions: {sessions}, of them left or open at the end: {left_open}")
    print(f"share that leaves at a random point: {dropout:.0%}")
    print("judgments a pair: pairs")
    for n in sorted(set(counts)):
        print(f"  {n:>4}: {counts.count(n)}")
    holds = most - least <= BAR
    print(f"{'holds' if holds else 'FAILS'}: max - min = {most - least}, at most {BAR}")
    return int(not holds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--judgments", type=int, default=24_500)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--dropout", type=float, default=0.15)
    asked_for = parser.parse_args()
    raise SystemExit(main(asked_for.judgments, asked_for.people, asked_for.dropout))
