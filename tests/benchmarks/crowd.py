"""People over HTTP for the load and chaos runs: many of them, and light.

One process walks hundreds of simulated participants, each with a connection and cookies
of their own, and must leave the processor to the server that is measured. So a page is
read with regular expressions, and the client speaks just the HTTP that the site does.

An answer is sent as the page's script sends it: it is kept until a reply names its trial
in ``Attune-Stored``, and sent again, later and later apart, until then.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

HEAD_END = b"\r\n\r\n"
PATIENCE_S = 20.0
ASK_AGAIN_S = 10.0
FIRST_PAUSE_S = 0.8
LONGEST_PAUSE_S = 15.0

_TRIAL = re.compile(r'data-trial-id="([^"]+)" data-kind="([^"]+)"')
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_SHOWN = re.compile(r'data-action-id="([^"]+)"')
_CHOICE = re.compile(r'type="radio" name="choice" value="([^"]+)"')
_USES = re.compile(r'name="uses" value="([^"]+)"')
_SIMULATED = re.compile(r'name="simulated" value="([^"]+)"')
_WAITING = re.compile(r'name="waiting" value="([^"]+)"')
_ENDED = re.compile(r"data-completion-code>([^<]*)<")

Fields = dict[str, str | list[str]]


class NoReply(Exception):
    """Nothing was heard, or not all of it."""


class Unexpected(Exception):
    """The site showed something that a participant should not see."""


@dataclass
class Reply:
    """One reply of the server."""

    status: int
    headers: dict[str, str]
    text: str
    address: str


class Client:
    """One browser: a connection, kept open, and its cookies.

    Args:
        patience_s: How long a reply is waited for.
    """

    def __init__(self, base_url: str, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        parts = urlsplit(base_url)
        self.host, self.port = str(parts.hostname), int(parts.port or 80)
        self.cookies: dict[str, str] = {}
        self.offline = False
        self._wire: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    def beside(self) -> Client:
        """Another connection of the same browser."""
        other = Client(f"http://{self.host}:{self.port}", self.patience_s)
        other.cookies = self.cookies
        return other

    def close(self) -> None:
        """Hang up, whatever is under way."""
        if self._wire is not None:
            self._wire[1].close()
            self._wire = None

    async def get(self, address: str) -> Reply:
        return await self.follow("GET", address)

    async def follow(
        self, method: str, address: str, fields: Fields | None = None
    ) -> Reply:
        """Send, and go where the reply leads.

        Raises:
            NoReply: no connection, or it was lost; what was sent may have arrived.
        """
        reply = await self.send(method, address, fields)
        while reply.status in (301, 302, 303):
            reply = await self.send("GET", reply.headers["location"])
        return reply

    async def send(
        self,
        method: str,
        address: str,
        fields: Fields | None = None,
        *,
        hang_up: bool = False,
    ) -> Reply:
        """One request; `hang_up` leaves once it is sent, without hearing the reply."""
        body = urlencode(fields or {}, doseq=True).encode() if fields else b""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        head = [
            f"{method} {address} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            "Accept: text/html",
            "Attune-In-Place: 1",
            f"Content-Length: {len(body)}",
        ]
        if body:
            head.append("Content-Type: application/x-www-form-urlencoded")
        if cookies:
            head.append(f"Cookie: {cookies}")
        if self.offline:
            raise NoReply("offline")
        try:
            async with asyncio.timeout(self.patience_s):
                reader, writer = await self._connected()
                writer.write("\r\n".join(head).encode() + HEAD_END + body)
                await writer.drain()
                if hang_up:
                    raise NoReply("hung up")
                return await self._read(reader, address)
        except (OSError, EOFError, TimeoutError, ValueError) as lost:
            self.close()
            raise NoReply(type(lost).__name__) from lost
        except NoReply:
            self.close()
            raise

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._wire is None or self._wire[0].at_eof():
            self.close()
            self._wire = await asyncio.open_connection(self.host, self.port)
        return self._wire

    async def _read(self, reader: asyncio.StreamReader, address: str) -> Reply:
        head = (await reader.readuntil(HEAD_END)).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        headers: dict[str, str] = {}
        for line in head[1:]:
            name, _, value = line.partition(":")
            if name.lower() == "set-cookie":
                cookie, _, content = value.strip().partition(";")[0].partition("=")
                self.cookies[cookie] = content
            else:
                headers[name.lower()] = value.strip()
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return Reply(status, headers, raw.decode(), address)


@dataclass
class Answered:
    """What a person was told is stored: the trial and the answer that they gave."""

    trial_id: str
    rating: str = ""
    choice: str = ""
    text: str = ""
    contested: bool = False


@dataclass
class Person:
    """One simulated participant, who answers whatever stands on the page.

    Attributes:
        answers: Every answer that the server said it holds.
        complaints: What a participant should not have seen.
        resent: How often an answer was sent again.
        times: (what, seconds) of each request whose reply came at the first try.
    """

    client: Client
    slug: str
    token: str
    rng: random.Random
    answers: list[Answered] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    resent: int = 0
    times: list[tuple[str, float]] = field(default_factory=list)
    page: Reply | None = None

    @property
    def ended(self) -> bool:
        """Whether the completion code stands on the page."""
        return self.page is not None and bool(_ENDED.search(self.page.text))

    @property
    def address(self) -> str:
        """The trial page's address, which is the session's."""
        assert self.page is not None
        return re.sub(r"(/p/[^/]+/).*", r"\1trial/", self.page.address)

    async def arrive(self) -> None:
        """The study's front page, the press that joins, and the line if there is one."""
        front = f"/s/{self.slug}/?simulated={self.token}"
        with self.timed("front page"):
            self.page = await self.patiently("GET", front)
        fields: Fields = {
            "csrfmiddlewaretoken": found(_CSRF, self.page.text),
            "simulated": found(_SIMULATED, self.page.text),
        }
        with self.timed("join"):
            self.page = await self.patiently("POST", f"/s/{self.slug}/", fields)
        while place := _WAITING.search(self.page.text):
            await asyncio.sleep(ASK_AGAIN_S)
            asked = fields | {"waiting": place.group(1)}
            self.page = await self.patiently("POST", f"/s/{self.slug}/", asked)

    async def consent(self) -> None:
        """Agree to everything, and begin."""
        assert self.page is not None
        fields: Fields = {
            "csrfmiddlewaretoken": found(_CSRF, self.page.text),
            "of_age": "1",
            "decision": "agree",
            "uses": _USES.findall(self.page.text),
        }
        consent = self.page.address
        with self.timed("consent"):
            self.page = await self.patiently("POST", consent, fields)
        with self.timed("first trial"):
            self.page = await self.patiently("GET", self.address)

    def filled_in(self) -> tuple[Answered, Fields]:
        """An answer to the trial on the page."""
        assert self.page is not None
        trial_id, kind = trial_of(self.page)
        answer = Answered(trial_id)
        options = _CHOICE.findall(self.page.text)
        if kind in ("pair", "value"):
            answer.rating = str(self.rng.randrange(101))
        elif options:
            answer.choice = self.rng.choice(options)
        else:
            answer.text = str(self.rng.randrange(1, 5))
        return answer, self.fields_of(answer)

    def fields_of(self, answer: Answered) -> Fields:
        """The form as the script sends it."""
        assert self.page is not None
        fields: Fields = {
            "csrfmiddlewaretoken": found(_CSRF, self.page.text),
            "trial_id": answer.trial_id,
            "rt_ms": str(self.rng.randrange(900, 20_000)),
            "timing": '{"first_input_ms": 700, "commit_ms": 900}',
        }
        for name in ("rating", "choice", "text"):
            if value := getattr(answer, name):
                fields[name] = value
        return fields

    async def answer(self) -> None:
        """Answer the trial on the page, once and for good."""
        answer, fields = self.filled_in()
        await self.deliver(answer, fields)

    async def deliver(self, answer: Answered, fields: Fields) -> None:
        """Send until the server says that it holds an answer to this trial."""

        async def once() -> Reply | None:
            with self.timed("submit"):
                reply = await self.client.send("POST", self.address, fields)
            if reply.status in (301, 302, 303):  # the session is over
                return await self.client.follow("GET", reply.headers["location"])
            named = reply.headers.get("attune-stored") == answer.trial_id
            return self.accepted(reply, named)

        self.page = await self.until_heard(once)
        self.answers.append(answer)

    async def patiently(
        self, method: str, address: str, fields: Fields | None = None
    ) -> Reply:
        """As somebody who reloads a page that did not come."""

        async def once() -> Reply | None:
            reply = await self.client.follow(method, address, fields)
            return self.accepted(reply, reply.status == 200)

        return await self.until_heard(once)

    async def until_heard(self, once: Callable[[], Awaitable[Reply | None]]) -> Reply:
        """Try until something was heard, later and later apart."""
        pause = FIRST_PAUSE_S
        while True:
            with contextlib.suppress(NoReply):
                reply = await once()
                if reply is not None:
                    return reply
            self.resent += 1
            await asyncio.sleep(pause * self.rng.uniform(0.75, 1.25))
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def accepted(self, reply: Reply, fine: bool) -> Reply | None:
        """The reply if it is fine; None if it is worth another try."""
        if not fine and reply.status < 500:
            self.complain(reply)
        return reply if fine else None

    def complain(self, reply: Reply) -> None:
        """Note a page that a participant should not have seen.

        Raises:
            Unexpected: always; who sees this cannot go on.
        """
        title = re.search(r"<title>([^<]*)<", reply.text)
        said = f"{reply.status} {reply.address}: {title.group(1) if title else '?'}"
        self.complaints.append(said)
        raise Unexpected(said)

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Note how long a request took that was answered."""
        started = time.perf_counter()
        yield
        self.times.append((what, time.perf_counter() - started))


def trial_of(page: Reply) -> tuple[str, str]:
    """The id and the kind of the trial on a page.

    Raises:
        Unexpected: there is none.
    """
    trial = _TRIAL.search(page.text)
    if trial is None:
        raise Unexpected(f"{page.status} {page.address}: no trial on the page")
    return trial.group(1), trial.group(2)


def found(pattern: re.Pattern[str], text: str) -> str:
    """What a pattern finds first.

    Raises:
        Unexpected: it does not stand on the page.
    """
    match = pattern.search(text)
    if match is None:
        raise Unexpected(f"{pattern.pattern} does not stand on the page")
    return match.group(1)


def percentile(values: list[float], share: float) -> float:
    """The value below which this share lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
