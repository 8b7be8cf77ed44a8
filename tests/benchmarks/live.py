"""How soon an answer shows in the live view of a study of a million judgments.

    python tests/benchmarks/live.py [--judgments 1000000] [--seconds 90]

A site of its own is filled with simulated people by SQL. Then one process goes on
answering through the functions that the pages call, while a researcher looks: the page
is asked for over HTTP from the production server, and again 5 s after it came, as its
script does. Half-way a process measures agreement, as a worker has it do.

An answer's delay lasts from its commit until the first page that counts it has arrived.

The bars: every answer shown within 10 s, and no numpy in a web process. Agreement's time
and memory are printed and are in no bar; what the host gave to other machines ("stolen")
is printed, for it is taken from all of this.
"""

from __future__ import annotations

import argparse
import bisect
import multiprocessing
import re
import statistics
import sys
import threading
import time
import urllib.request
from pathlib import Path

from stage import Stage, machine, pairs_only, stage  # isort: skip  (sets Django up)

from crowd import percentile
from filling import PAIRS_EACH, fill, go_on_answering, measured
from launch import STOLEN, processors

BAR_S = 10.0
EVERY_S = 5.0
MOST_ANSWERS = 200_000
# The numbers of the table of cells: done, being answered, needed.
_DONE = re.compile(
    r'<tr><th scope="row">[^<]*</th><td>pair</td><td class="number">(\d+)</td>'
)


class Researcher:
    """Somebody logged in who looks at the page."""

    def __init__(self, site: Stage) -> None:
        from django.conf import settings
        from django.contrib.auth.models import User
        from django.test import Client

        from collection import access

        user = User.objects.create_user("researcher")
        access.grant(site.study, user, access.Role.VIEWER)
        browser = Client()
        browser.force_login(user)
        session = browser.cookies[settings.SESSION_COOKIE_NAME]
        self.address = f"{site.base_url}/research/studies/{site.study.slug}/live/"
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={session.value}"

    def look(self) -> int:
        """Judgments that the page shows, over all pairs."""
        asked = urllib.request.Request(self.address, headers={"Cookie": self.cookie})
        with urllib.request.urlopen(asked, timeout=120) as answer:
            page = answer.read().decode()
        return sum(int(n) for n in _DONE.findall(page))


def watch(
    researcher: Researcher, until: float
) -> tuple[list[float], list[tuple[float, int]]]:
    """Seconds per page, and when each page stood with how many judgments."""
    took, seen = [], []
    while time.monotonic() < until:
        began = time.monotonic()
        shown = researcher.look()
        stood = time.monotonic()
        took.append(stood - began)
        seen.append((stood, shown))
        time.sleep(EVERY_S)
    return took, seen


def delays(
    before: int, committed: list[float], seen: list[tuple[float, int]]
) -> list[float]:
    """Of each answer that some page showed: seconds from its commit until then.

    before: Judgments that stood before the first of these answers.
    """
    counts = [shown for _, shown in seen]
    found = []
    for n, at in enumerate(committed, start=1):
        first = bisect.bisect_left(counts, before + n)
        if first < len(seen):
            found.append(seen[first][0] - at)
    return found


def with_numpy(site: Stage) -> list[int]:
    """Web processes that have a library of numpy's in their memory."""
    return [
        pid
        for pid in site.web_workers()
        if "numpy" in Path(f"/proc/{pid}/maps").read_text()
    ]


def run(site: Stage, n_judgments: int, seconds: float) -> bool:
    """Fill, watch, and print; whether every bar holds."""
    began = time.monotonic()
    before = fill(site.study, n_judgments)
    print(f"{before:,} answers filled in, {time.monotonic() - began:.0f} s", flush=True)
    researcher = Researcher(site)
    began = time.monotonic()
    shown = researcher.look()
    print(f"first page {time.monotonic() - began:.2f} s", flush=True)
    if shown != before:
        raise SystemExit(f"the page shows {shown:,} judgments of {before:,}")
    stop = multiprocessing.Event()
    answered = multiprocessing.Value("q", 0)
    times = multiprocessing.Array("d", MOST_ANSWERS, lock=False)
    writer = multiprocessing.Process(
        target=go_on_answering, args=(site.study.slug, stop, answered, times)
    )
    agreement: list[tuple[float, float, float]] = []
    measuring = threading.Timer(
        seconds / 2, lambda: agreement.append(_measure_agreement(site.study.slug))
    )
    host = processors()
    writer.start()
    measuring.start()
    try:
        took, seen = watch(researcher, time.monotonic() + seconds)
    finally:
        stop.set()
        writer.join(30)
    spent = [late - early for early, late in zip(host, processors(), strict=True)]
    # A page shows that an answer came before this process hears of its time.
    late = delays(before, list(times[: answered.value]), seen)
    _print(took, late, spent)
    holds = bool(late) and max(late) < BAR_S
    carrying = with_numpy(site)
    print(f"{'holds' if holds else 'FAILS'}: every answer shown within {BAR_S:.0f} s")
    print(
        f"{'FAILS' if carrying else 'holds'}: no numpy in "
        f"{len(site.web_workers())} web processes",
        flush=True,
    )
    measuring.join()
    for whole, worked, peak in agreement:
        print(
            f"agreement (another process): {whole:.1f} s ({worked:.1f} s at work), "
            f"{peak:.0f} MB"
        )
    return holds and not carrying


def _measure_agreement(slug: str) -> tuple[float, float, float]:
    return measured("measureagreement", slug, "--simulated")


def _print(took: list[float], late: list[float], spent: list[int]) -> None:
    for what, values in (("a page", took), ("an answer's delay", late)):
        if values:
            print(
                f"{what:<20}{len(values):>8,}   median {statistics.median(values):.2f} s, "
                f"p95 {percentile(values, 0.95):.2f} s, "
                f"{min(values):.2f} to {max(values):.2f} s"
            )
    print(f"stolen by the host: {spent[STOLEN] / max(1, sum(spent)):.0%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judgments", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=90.0, help="Of looking.")
    options = parser.parse_args()
    print(machine(), flush=True)
    with stage(pairs_only(50, PAIRS_EACH)) as site:
        holds = run(site, options.judgments, options.seconds)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
