"""Does a forecast hold what studies of the same people really give?

    python tests/benchmarks/forecast.py [--studies 20] [--people 20] [--actions 12]

A forecast is made for a study of pairs. Then that study is run many times through the
functions behind the pages, on PostgreSQL, each time with other people and another truth
of the same parameters, several people at a time, some of whom leave half-way. Each gives
a reliability (split halves, Spearman and Brown), and the forecast's interval should hold
95 of 100 of them.

Bar: at least 17 of 20 (with a true coverage of 95 %, fewer happen once in 60 times).
"""

from __future__ import annotations

import argparse
import time

from stage import database, load_study, machine, open_study, pairs_only  # isort: skip  (sets Django up)

from statistics import median

from alignment.progress import Progress
from alignment.reliability import noise_ceiling, stepped_up
from collection.definitions import StudyDefinition
from collection.forecasting.runs import forecast
from collection.forecasting.settings import ForecastSettings
from collection.models import Cell
from tests.real_people import answered_for_real, finished_pairs

BAR = 17 / 20


def main(studies: int, people: int, actions: int, replicates: int) -> int:
    settings = ForecastSettings(
        participants=(max(people // 2, 2), people), replicates=replicates, seed=1
    )
    started = time.monotonic()
    with database():
        definition = pairs_only(actions, trials=20)
        result = forecast(definition, settings)
        seconds = time.monotonic() - started
        point = result.expected["pairs"][-1]
        band = point.reliability
        print(f"\nMachine: {machine()}")
        print(
            f"{actions} actions, {actions * (actions - 1) // 2} pairs, 20 a session, "
            f"{people} people who finish, {settings.careless:.0%} careless, "
            f"{settings.dropout:.0%} leave"
        )
        print(
            f"forecast ({replicates} replicates at 3 levels, {seconds:.0f} s, 1 process):"
        )
        print(f"  reliability {band.value:.3f} [{band.low:.3f}, {band.high:.3f}]")
        print(f"  judgments a pair {point.per_cell:.2f}, joined {point.n_joined:.1f}")
        print(f"  closed form from ICC(1) = {point.icc:.3f}: {point.closed_form:.3f}")
        found, joined, uneven = [], [], []
        with Progress("studies through the real assignment", studies) as progress:
            for number in range(studies):
                document = definition.model_dump(mode="json")
                document["slug"] = f"real-{number}"
                study = open_study(load_study(StudyDefinition.model_validate(document)))
                seed = 900_000 + number
                joined.append(answered_for_real(study, settings, n=people, seed=seed))
                said = noise_ceiling(finished_pairs(study), n_resamples=20, seed=seed)
                found.append(stepped_up(said.mean_r))
                load = Cell.objects.filter(study=study, kind="pair").values_list(
                    "completed", flat=True
                )
                uneven.append(max(load) - min(load))
                progress.advance()
    print("really found:", " ".join(f"{one:.3f}" for one in sorted(found)))
    print(
        f"  median {median(found):.3f}, joined {median(joined):g}, "
        f"most minus fewest judgments a pair {max(uneven)}"
    )
    held = sum(band.low <= one <= band.high for one in found)
    holds = held >= BAR * studies
    print(
        f"{'holds' if holds else 'FAILS'}: the interval holds {held} of {studies} "
        f"({held / studies:.0%}), at least {BAR:.0%} wanted"
    )
    return int(not holds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--actions", type=int, default=12)
    parser.add_argument("--replicates", type=int, default=20)
    asked_for = parser.parse_args()
    raise SystemExit(
        main(
            asked_for.studies,
            asked_for.people,
            asked_for.actions,
            asked_for.replicates,
        )
    )
