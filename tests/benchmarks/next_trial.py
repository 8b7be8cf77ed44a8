"""Does the next trial take longer where there are more pairs?

    python tests/benchmarks/next_trial.py [--actions 50 200 1000] [--trials 150]

Studies of 50, 200 and 1,000 actions (1,225, 19,900 and 499,500 pairs), each with as
many judgments on its pairs as chance gave them, in one database. People take trials in
turn, one in each study, so that all see the same weather; what is timed is the whole of
"which trial comes next" on PostgreSQL: the session's row, the pair, the reservation.

Bar: no growth beyond a logarithm. The logarithm of the number of pairs grows 1.8-fold
from 50 to 1,000 actions; the time must not grow more.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time

from stage import database, load_study, machine, open_study, pairs_only  # isort: skip

from django.db import connection

from alignment.progress import Progress
from collection import participation
from collection.answers import Answer
from collection.models import Cell, Study, StudySession


def study_of(n_actions: int) -> Study:
    """A study whose pairs were judged unevenly before."""
    study = open_study(load_study(pairs_only(n_actions)))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE collection_cell SET completed = 3 + (random() * 3)::int"
            " WHERE study_id = %s",
            [study.pk],
        )
        cursor.execute("VACUUM ANALYZE collection_cell")
    return study


def joined(study: Study) -> StudySession:
    session = participation.enrol(study, simulated=True)
    participation.give_consent(session, {"this_study": True}, of_age=True)
    return session


def next_trial_s(session: StudySession, rng: random.Random) -> float:
    """Seconds to be given the next trial; the answer to it is not timed."""
    started = time.perf_counter()
    trial = participation.current_trial(session)
    seconds = time.perf_counter() - started
    assert trial is not None
    answer = Answer(rating=rng.randrange(101))
    participation.record_response(session, trial_id=trial.pk, answer=answer)
    return seconds


def main(sizes: list[int], n_trials: int) -> int:
    rng = random.Random(1)
    with database():
        with Progress("studies", len(sizes)) as progress:
            studies = []
            for size in sizes:
                studies.append(study_of(size))
                progress.advance()
        times: dict[int, list[float]] = {size: [] for size in sizes}
        with Progress("trials", n_trials) as progress:
            for n in range(n_trials):
                if n % 50 == 0:
                    people = [joined(study) for study in studies]
                for size, person in zip(sizes, people, strict=True):
                    seconds = next_trial_s(person, rng)
                    if n % 50 >= 5:  # the first trials of a process plan and compile
                        times[size].append(seconds)
                progress.advance()
        return table(times)


def table(times: dict[int, list[float]]) -> int:
    """Print medians and spread, and the growth beside that of the logarithm."""
    print(f"\nMachine: {machine()}")
    print(
        f"{'actions':>8}{'pairs':>10}{'n':>6}{'median':>10}{'quarter':>10}{'p95':>10}",
        end="",
    )
    print(f"{'growth':>9}{'log':>7}")
    first = min(times)
    holds = True
    for size, values in times.items():
        pairs = size * (size - 1) // 2
        low, median, high = statistics.quantiles(values, n=4)
        p95 = statistics.quantiles(values, n=20)[-1]
        growth = median / statistics.median(times[first])
        log = math.log(pairs) / math.log(first * (first - 1) // 2)
        holds &= growth <= log
        print(
            f"{size:>8}{pairs:>10,}{len(values):>6}{1e3 * median:>7.1f} ms"
            f"{1e3 * (high - low):>7.1f} ms{1e3 * p95:>7.1f} ms{growth:>9.2f}{log:>7.2f}"
        )
    print(f"cells: {Cell.objects.count():,}")
    print(f"{'holds' if holds else 'FAILS'}: no growth beyond the logarithm")
    return int(not holds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--actions", type=int, nargs="+", default=[50, 200, 1000])
    parser.add_argument("--trials", type=int, default=150)
    asked_for = parser.parse_args()
    raise SystemExit(main(asked_for.actions, asked_for.trials))
