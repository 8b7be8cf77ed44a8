"""Trials through every mishap that a study meets, and a count of what went wrong.

    python tests/benchmarks/chaos.py [--trials 10000] [--browser-trials 300]

Simulated participants answer the built-in study over HTTP, as the page's script does,
while some click twice, answer in two tabs, or lose the reply; web workers are killed
with -9, the database is killed and restarted, and a third of the people are offline for
30 s. Beside them real Chromium walks with the shipped script, through the same kills and
restarts and through 30 s offline of its own.

Afterwards each person's own account of what the server acknowledged is compared with the
database. Lost: acknowledged and not stored, or stored differently. Duplicated: a trial
or a position stored twice, a pair or a dimension put to one person twice, a counter that
does not agree with its rows. Shown: any page or message that blames or alarms.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

from stage import Stage, join_token, machine, stage  # isort: skip  (sets Django up)

from crowd import (
    Answered,
    Client,
    Fields,
    NoReply,
    Person,
    Unexpected,
)
from django.db.models import Count
from playwright.async_api import Browser, Page, async_playwright

from alignment.progress import Progress
from collection.models import Cell, Incident, Response, StudySession, Trial

OFFLINE_S = 30.0
PAUSE_S = 0.6
"""Between two answers of one person: much faster than people, to get more mishaps."""
DOUBLE_CLICK, TWO_TABS, LOST_REPLY = 0.04, 0.03, 0.04
ALARMING = ("went wrong", "did not work", "One moment", "no such page", "not open to")


@dataclass
class ChaoticPerson(Person):
    """A participant with a nervous finger, many tabs and a bad network."""

    mishaps: Counter[str] = field(default_factory=Counter)

    async def answer(self) -> None:
        answer, fields = self.filled_in()
        luck = self.rng.random()
        if luck < DOUBLE_CLICK:
            self.mishaps["double click"] += 1
            await self._beside(fields, fields)
        elif luck < DOUBLE_CLICK + TWO_TABS and (answer.rating or answer.choice):
            self.mishaps["two tabs"] += 1
            answer.contested = True
            await self._beside(fields, self._otherwise(fields))
        elif luck < DOUBLE_CLICK + TWO_TABS + LOST_REPLY:
            self.mishaps["lost reply"] += 1
            with contextlib.suppress(NoReply):
                await self.client.send("POST", self.address, fields, hang_up=True)
        await self.deliver(answer, fields)

    def _otherwise(self, fields: Fields) -> Fields:
        if "rating" in fields:
            return fields | {"rating": str((int(str(fields["rating"])) + 50) % 101)}
        return fields | {"choice": self._another_choice(str(fields["choice"]))}

    def _another_choice(self, choice: str) -> str:
        assert self.page is not None
        offered = [
            part.split('"')[0] for part in self.page.text.split('name="choice" value="')
        ][1:]
        return next(other for other in offered if other != choice)

    async def _beside(self, mine: Fields, other: Fields) -> None:
        """Two requests at once; what they reply is not even looked at."""
        tabs = self.client.beside(), self.client.beside()
        await asyncio.gather(
            *(
                tab.send("POST", self.address, fields)
                for tab, fields in zip(tabs, (mine, other), strict=True)
            ),
            return_exceptions=True,
        )
        for tab in tabs:
            tab.close()


@dataclass
class Chaos:
    """The run: who walks, and what was done to them."""

    site: Stage
    wanted: int
    progress: Progress
    people: list[ChaoticPerson] = field(default_factory=list)
    done_to_them: Counter[str] = field(default_factory=Counter)
    unfinished: list[str] = field(default_factory=list)
    browser_trials: int = 0
    windows: int = 0
    browser_answers: list[Answered] = field(default_factory=list)
    over: bool = False

    @property
    def n_answers(self) -> int:
        return sum(len(person.answers) for person in self.people) + self.browser_trials

    async def walk_on(self, seed: int, walkers: int) -> None:
        """Persons one after another, until enough was answered."""
        number = seed
        while self.n_answers < self.wanted:
            person = ChaoticPerson(
                client=Client(self.site.base_url),
                slug=self.site.study.slug,
                token=join_token(self.site.study.slug, number),
                rng=random.Random(number),
            )
            number += walkers
            self.people.append(person)
            try:
                await person.arrive()
                await person.consent()
                while not person.ended:
                    await person.answer()
                    self.progress.advance()
                    await asyncio.sleep(person.rng.expovariate(1 / PAUSE_S))
            except Unexpected as shown:
                self.unfinished.append(str(shown))
            person.client.close()

    async def kill_web_workers(self) -> None:
        while not self.over:
            await asyncio.sleep(12)
            workers = self.site.web_workers()
            if workers and not self.over:
                os.kill(random.choice(workers), signal.SIGKILL)
                self.done_to_them["web worker killed -9"] += 1

    async def restart_the_database(self) -> None:
        # Killed, stopped and begun again: the supervisor brings it back each time.
        for how in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
            await asyncio.sleep(25)
            if self.over:
                return
            os.kill(self.site.database_pid(), how)
            self.done_to_them[f"database ended with {how.name}, and restarted"] += 1

    async def take_the_network_away(self) -> None:
        await asyncio.sleep(15)
        cut_off = [p for p in self.people if p.rng.random() < 1 / 3 and not p.ended]
        for person in cut_off:
            person.client.offline = True
            person.client.close()
        await asyncio.sleep(OFFLINE_S)
        for person in cut_off:
            person.client.offline = False
        self.done_to_them[f"people offline for {OFFLINE_S:.0f} s"] += len(cut_off)


@dataclass
class Window:
    """One participant in real Chromium, with the shipped script."""

    chaos: Chaos
    page: Page
    number: int
    offline_at: int
    alarms: list[str] = field(default_factory=list)

    async def walk(self) -> None:
        """The whole session, by mouse."""
        page, slug = self.page, self.chaos.site.study.slug
        page.on("pageerror", lambda error: self.alarms.append(f"script: {error}"))
        token = join_token(slug, 900_000 + self.number)
        await self._open(f"/s/{slug}/?simulated={token}")
        await page.get_by_role("button", name="Read more and decide").click()
        await page.locator("#of_age").wait_for(timeout=120_000)
        await page.locator("#of_age").check()
        for use in await page.locator("input[name=uses]").all():
            await use.check()
        await page.get_by_role("button", name="I agree").click()
        begin = page.get_by_role("link", name="Begin")
        await begin.wait_for(timeout=120_000)
        await begin.click()
        answered = 0
        while await self._trial_stands(answered):
            await self._answer(answered)
            answered += 1

    async def _open(self, address: str) -> None:
        for _ in range(60):
            reply = await self.page.goto(self.chaos.site.base_url + address)
            if reply is not None and reply.ok:
                return
            await asyncio.sleep(1)

    async def _trial_stands(self, answered: int) -> bool:
        """Wait for the next trial, or for the end; note what alarms."""
        heading = f"Question {answered + 1} of"
        for _ in range(1200):
            text = await self.page.locator("main").inner_text()
            if heading in text:
                return True
            if await self.page.locator("[data-completion-code]").count():
                return False
            if any(word in text for word in ALARMING):
                self.alarms.append(text[:120])
            await asyncio.sleep(0.1)
        self.alarms.append(f"stuck before question {answered + 1}: {text[:200]}")
        return False

    async def _answer(self, answered: int) -> None:
        page = self.page
        # A person sees a page once its scripts have run (`blocking="render"`); a robot
        # would already press buttons that the line is about to take the place of.
        await page.wait_for_load_state("load")
        form = page.locator("form[data-trial-id]")
        trial_id = await form.get_attribute("data-trial-id") or ""
        answer = Answered(trial_id)
        line = page.locator(".line")
        if await line.count():
            box = await line.bounding_box()
            assert box is not None
            x = random.uniform(0.05, 0.95) * box["width"]
            await line.click(position={"x": x, "y": box["height"] / 2})
            answer.rating = await page.locator("input[name=rating]").input_value()
        elif await page.locator("input[name=rating][type=radio]").count():
            # The line's script was lost on the way: the row of buttons does as well.
            place = page.locator("input[name=rating][type=radio]").nth(
                random.randrange(11)
            )
            await place.check()
            answer.rating = await place.input_value()
        elif await page.locator("input[name=choice][type=radio]").count():
            choice = page.locator("input[name=choice][type=radio]").first
            await choice.check()
            answer.choice = await choice.input_value()
        else:
            await page.locator("#answer").fill("2")
            answer.text = "2"
        offline = answered == self.offline_at
        if offline:
            await page.context.set_offline(True)
        button = page.get_by_role("button", name="Next")
        await (button.dblclick() if answered % 7 == 3 else button.click())
        if offline:
            await self._sit_out()
        self.chaos.browser_trials += 1
        self.chaos.browser_answers.append(answer)
        self.chaos.progress.advance()
        if await page.locator("[data-missing]:not([hidden])").count():
            self.alarms.append(f"question {answered + 1} was called missing")

    async def _sit_out(self) -> None:
        await asyncio.sleep(OFFLINE_S)
        waiting = self.page.locator("[data-waiting-for=kept]")
        if not await waiting.is_visible():
            self.alarms.append("offline, and nothing was said")
        await self.page.context.set_offline(False)
        self.chaos.done_to_them["Chromium offline for 30 s"] += 1


async def windows(chaos: Chaos, wanted: int, alarms: list[str]) -> None:
    """Chromium participants, three at a time, until enough trials are answered."""
    if not wanted:
        return
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=["--no-sandbox", "--disable-gpu"],
        )

        async def column(first: int) -> None:
            number = first
            while chaos.browser_trials < wanted:
                await one_window(browser, number)
                number += 3

        async def one_window(browser: Browser, number: int) -> None:
            chaos.windows += 1
            context = await browser.new_context()
            context.set_default_timeout(60_000)
            page = await context.new_page()
            window = Window(chaos, page, number, offline_at=12 + 9 * (number % 3))
            try:
                await window.walk()
            except Exception as broken:
                window.alarms.append(f"{type(broken).__name__}: {broken}"[:2000])
            alarms.extend(window.alarms)
            await context.close()

        await asyncio.gather(*(column(first) for first in range(3)))
        await browser.close()


async def run(site: Stage, n_trials: int, n_browser: int, walkers: int) -> int:
    """The run and its account; 0 if nothing was lost, duplicated or shown."""
    alarms: list[str] = []
    started = time.monotonic()
    with Progress("chaos", n_trials) as progress:
        chaos = Chaos(site, n_trials, progress)
        faults = [
            asyncio.create_task(chaos.kill_web_workers()),
            asyncio.create_task(chaos.restart_the_database()),
            asyncio.create_task(chaos.take_the_network_away()),
        ]
        await asyncio.gather(
            windows(chaos, n_browser, alarms),
            *(chaos.walk_on(n, walkers) for n in range(walkers)),
        )
        chaos.over = True
        for fault in faults:
            fault.cancel()
    return account(chaos, alarms, time.monotonic() - started)


def account(chaos: Chaos, alarms: list[str], seconds: float) -> int:
    """Compare what people were told with what is stored, and print it."""
    told = [answer for person in chaos.people for answer in person.answers]
    told += chaos.browser_answers
    stored = {str(r.trial_id): r for r in Response.objects.all()}
    lost = [answer for answer in told if not holds(stored.get(answer.trial_id), answer)]
    twice = duplicated()
    shown = [
        *alarms,
        *chaos.unfinished,
        *(c for p in chaos.people for c in p.complaints),
    ]
    mishaps = sum((person.mishaps for person in chaos.people), Counter[str]())
    print(f"\nMachine: {machine()}")
    print(f"Trials answered: {len(told):,} in {seconds:.0f} s, of them in Chromium:")
    print(f"  {len(chaos.browser_answers)}")
    sessions = StudySession.objects.values_list("status", flat=True)
    by_status = ", ".join(f"{n} {status}" for status, n in Counter(sessions).items())
    walked = len(chaos.people) + chaos.windows
    print(f"Sessions: {by_status}, of {walked} people who walked")
    print("Done to them:")
    for what, times in sorted((mishaps + chaos.done_to_them).items()):
        print(f"  {what:<55}{times:>6}")
    print(f"  {'answers sent again':<55}{sum(p.resent for p in chaos.people):>6}")
    conflicts = Incident.objects.filter(code="already-answered").count()
    print(f"  {'second, different answers refused and recorded':<55}{conflicts:>6}")
    print(f"Lost:       {len(lost)}")
    print(f"Duplicated: {len(twice)}")
    print(f"Shown:      {len(shown)}")
    for trouble in [*map(str, lost), *twice, *shown][:20]:
        print(f"  {trouble}")
    return int(bool(lost or twice or shown))


def holds(response: Response | None, answer: Answered) -> bool:
    """Whether the stored answer is the one that the person gave."""
    if response is None:
        return False
    if answer.contested:  # two tabs said two things: one of them is stored
        return True
    said = "" if response.rating is None else str(response.rating)
    return (said, response.choice, response.text) == (
        answer.rating,
        answer.choice,
        answer.text,
    )


def duplicated() -> list[str]:
    """Everything that stands twice where it may stand once."""
    found = []
    shown = Counter(
        (trial.session_id, trial.block, frozenset(trial.actions), trial.dimension)
        for trial in Trial.objects.filter(repeat=False).exclude(kind="question")
    )
    found += [f"put to one person twice: {key}" for key, n in shown.items() if n > 1]
    asked = Trial.objects.filter(kind="question").values("session", "question")
    found += [
        f"asked twice: {row}" for row in asked.annotate(n=Count("pk")) if row["n"] > 1
    ]
    for cell in Cell.objects.filter(kind="pair"):
        rows = Counter(cell.reservations.values_list("state", flat=True))
        if (cell.completed, cell.in_flight) != (rows["completed"], rows["held"]):
            found.append(f"counters of {cell} do not agree with their rows")
    if Response.objects.count() != Response.objects.values("trial").distinct().count():
        found.append("a trial with two responses")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--browser-trials", type=int, default=300)
    parser.add_argument("--walkers", type=int, default=40, help="People at a time.")
    asked_for = parser.parse_args()
    with stage() as running:
        failed = asyncio.run(
            run(running, asked_for.trials, asked_for.browser_trials, asked_for.walkers)
        )
    raise SystemExit(failed)
