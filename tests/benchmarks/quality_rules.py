"""How many of the careless do the quality rules flag, and how many honest people?

    python tests/benchmarks/quality_rules.py [--studies 20] [--first-seed 1000]
        [--sessions 400] [--careless 0.2] [--repeats 10] [--flag-at 2.0]

Each study has people who judge 60 pairs of 50 actions, `--repeats` of them a second
time. Nobody walks through pages: answers and response times are drawn directly.

    honest    Of what they stably think, half is shared with everybody and half their
              own, drawn anew for every pair, so that nothing but a repeat can tell it
              from noise (the worst case for the rules). Momentary noise comes on top: a
              share of the variance of a rating that differs between people, 15 to
              40 %. Each uses the scale in a way of their own. Response times are
              lognormal, median 8 s, between people (sd .35 of the log) and within (.5).
    random    Any place on the line, at the pace of honest people or a little faster.
    straight  One place with a small jitter, or two places in turn; the same pace.
    fast      Any place or near one place, 1 to 2 s an answer.
    half      Honest for the first half; then random, straight or fast, a third each.

Two more sorts are shown and are not in the bar: dissenters, whose stable views share
nothing with anybody (all their own), and quick honest people (median 3.5 s).

The bar: 90 % of the careless flagged, all four types together, at 2 % or fewer false
alarms among the honest. The defaults of `collection.attention.settings` were tuned on
seeds from 1 on; what is reported runs from another first seed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections import Counter
from itertools import combinations
from math import exp, sqrt
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from collection.attention.evidence import Judged, SessionEvidence
from collection.attention.judging import SessionJudgment, judge
from collection.attention.settings import RuleSet

N_ACTIONS = 50
N_TRIALS = 60
CARELESS = ("random", "straight", "fast", "half")
LATER = ("random", "straight", "fast")
HALVES = tuple(f"half, then {later}" for later in LATER)
ROWS = {
    **{sort: (sort,) for sort in ("random", "straight", "fast")},
    "half": HALVES,
    **{sort: (sort,) for sort in HALVES},
    "careless": ("random", "straight", "fast", *HALVES),
    "honest": ("honest",),
    "dissenter": ("dissenter",),
    "quick": ("quick",),
}
BESIDE = ("dissenter", "quick")
BAR_FLAGGED = 0.90
BAR_FALSE = 0.02


class Person:
    """Somebody who answers pairs: what they think, and how they go about it."""

    def __init__(self, rng: Random, sort: str) -> None:
        self.rng = rng
        self.sort = sort
        self.shared = 0.0 if sort == "dissenter" else 0.5
        self.noise = rng.uniform(0.15, 0.40)
        self.centre = rng.gauss(48, 8)
        self.spread = 22 * exp(rng.gauss(0, 0.3))
        quick = 3.5 if sort == "quick" else 8.0
        self.pace = quick * exp(rng.gauss(0, 0.1 if sort == "quick" else 0.35))
        if sort in ("random", "straight"):
            self.pace *= rng.uniform(0.6, 1.0)
        self.hurry = rng.uniform(1.0, 2.0)
        self.spot = rng.uniform(5, 95)
        self.other_spot = self.spot if rng.random() < 0.7 else rng.uniform(5, 95)
        self.fast_and_still = rng.random() < 0.5
        self.later = rng.choice(LATER)
        self.views: dict[tuple[int, int], float] = {}

    def answer(
        self, pair: tuple[int, int], truth: dict[tuple[int, int], float], at: int
    ) -> tuple[int, int]:
        """A rating (0 to 100) and a response time in ms."""
        manner = self.sort
        if manner == "half":
            manner = "honest" if at < N_TRIALS // 2 else self.later
        if manner == "random":
            return self.anywhere(), self.time(self.pace, 0.5)
        if manner == "straight":
            return self.near_a_spot(at), self.time(self.pace, 0.5)
        if manner == "fast":
            still = self.fast_and_still
            rating = self.near_a_spot(at) if still else self.anywhere()
            return rating, self.time(self.hurry, 0.3)
        own = self.views.setdefault(pair, self.rng.gauss(0, 1))
        view = sqrt(self.shared) * truth[pair] + sqrt(1 - self.shared) * own
        seen = sqrt(1 - self.noise) * view + sqrt(self.noise) * self.rng.gauss(0, 1)
        return _place(self.centre + self.spread * seen), self.time(self.pace, 0.5)

    def anywhere(self) -> int:
        return self.rng.randint(0, 100)

    def near_a_spot(self, at: int) -> int:
        spot = self.other_spot if at % 2 else self.spot
        return _place(spot + self.rng.gauss(0, 2.5))

    def time(self, median_s: float, sd: float) -> int:
        return max(250, round(1000 * median_s * exp(self.rng.gauss(0, sd))))


def _place(raw: float) -> int:
    return min(100, max(0, round(raw)))


def study(
    seed: int, n_sessions: int, careless: float, repeats: int
) -> list[tuple[str, SessionEvidence]]:
    """(sort of person, what they answered) of every session, in mixed order."""
    rng = Random(f"study {seed}")
    pairs = list(combinations(range(N_ACTIONS), 2))
    truth = {pair: rng.gauss(0, 1) for pair in pairs}
    n_careless = round(careless * n_sessions)
    n_beside = max(2, round(0.02 * n_sessions))
    sorts = [CARELESS[i % len(CARELESS)] for i in range(n_careless)]
    sorts += [sort for sort in BESIDE for _ in range(n_beside)]
    sorts += ["honest"] * (n_sessions - len(sorts))
    rng.shuffle(sorts)
    deck: list[tuple[int, int]] = []
    sessions = []
    for number, sort in enumerate(sorts):
        person = Person(Random(f"person {seed} {number}"), sort)
        hand: list[tuple[int, int]] = []
        while len(hand) < N_TRIALS - repeats:
            if not deck:
                deck = rng.sample(pairs, len(pairs))
            if (drawn := deck.pop()) not in hand:
                hand.append(drawn)
        # As the server does: repeats at the end of the block, of trials not just seen.
        again = rng.sample(hand[: max(repeats, len(hand) - 8)], repeats)
        answers = []
        for at, pair in enumerate([*hand, *again]):
            rating, rt_ms = person.answer(pair, truth, at)
            answers.append(
                Judged(
                    kind="pair",
                    scale="pairs",
                    actions=(f"a{pair[0]:02d}", f"a{pair[1]:02d}"),
                    place=rating,
                    rating=rating,
                    repeat=at >= len(hand),
                    rt_ms=rt_ms,
                )
            )
        sort = f"half, then {person.later}" if sort == "half" else sort
        sessions.append((sort, SessionEvidence(f"{seed}-{number}", answers)))
    return sessions


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927)."""
    if not n:
        return 0.0, 1.0
    z, p = 1.96, hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=400)
    parser.add_argument("--careless", type=float, default=0.2, help="Share of people.")
    parser.add_argument("--repeats", type=int, default=10, help="Of the 60 trials.")
    parser.add_argument("--flag-at", type=float, default=RuleSet().flag_at)
    parser.add_argument("--curve", action="store_true", help="Other operating points.")
    options = parser.parse_args()
    rules = RuleSet(flag_at=options.flag_at)
    started = time.monotonic()
    found: list[tuple[str, SessionJudgment]] = []
    judging = 0.0
    for seed in range(options.first_seed, options.first_seed + options.studies):
        people = study(seed, options.sessions, options.careless, options.repeats)
        before = time.monotonic()
        judged = judge([evidence for _, evidence in people], rules)
        judging += time.monotonic() - before
        found += [
            (sort, one) for (sort, _), one in zip(people, judged.judgments, strict=True)
        ]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, standard library only"
    )
    print(
        f"{options.studies} studies (seeds from {options.first_seed}) of "
        f"{options.sessions} sessions, {N_TRIALS} trials each of which "
        f"{options.repeats} repeats, {options.careless:.0%} careless; "
        f"judging a study takes {judging / options.studies:.2f} s, all "
        f"{time.monotonic() - started:.0f} s"
    )
    print(f"rules {rules.sha256[:8]}, flagged from {rules.flag_at:g} on\n")
    flagged, false = _table(found)
    if options.curve:
        print("\nother operating points: careless flagged, false alarms")
        for at in (-1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4):
            hit = [one.score >= at for sort, one in found if sort in ROWS["careless"]]
            miss = [one.score >= at for sort, one in found if sort == "honest"]
            print(f"{at:>6g}{sum(hit) / len(hit):>9.1%}{sum(miss) / len(miss):>8.2%}")
    holds = flagged >= BAR_FLAGGED and false <= BAR_FALSE
    print(
        f"\nbar ({BAR_FLAGGED:.0%} of the careless at {BAR_FALSE:.0%} or fewer false "
        f"alarms): {'holds' if holds else 'DOES NOT HOLD'}"
    )


def _table(found: list[tuple[str, SessionJudgment]]) -> tuple[float, float]:
    print(
        f"{'':<21}{'n':>7}{'flagged':>9}{'95 % interval':>17}{'by conduct':>12}  by rule"
    )
    rates = {}
    for sort, members in ROWS.items():
        these = [one for name, one in found if name in members]
        if not these:
            continue
        hits = sum(one.flagged for one in these)
        low, high = wilson(hits, len(these))
        rates[sort] = hits / len(these)
        conduct = sum(one.conduct_flagged for one in these) / len(these)
        by_rule = Counter(
            v.rule for one in these for v in one.verdicts if v.outcome == "flag"
        )
        named = ", ".join(
            f"{rule} {n / len(these):.0%}" for rule, n in by_rule.most_common()
        )
        print(
            f"{sort:<21}{len(these):>7}{rates[sort]:>9.1%}"
            f"{f'{low:.1%} to {high:.1%}':>17}{conduct:>12.1%}  {named}"
        )
    return rates["careless"], rates["honest"]


if __name__ == "__main__":
    main()
