"""Progress of long stages, for a person at a terminal and for a job's page.

On a terminal: one live line with count, rate and time left. Elsewhere (a log): a line
after two seconds, then after twice as long each time up to a minute, and a closing one;
nothing at all for work under a second. With the environment
variable ``ATTUNE_PROGRESS_FILE`` set, the same numbers are written there as JSON, so
that the process that started this one can show them. Standard library only.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

LIVE_EVERY_S = 0.2
LOG_AFTER_S = 2.0
LOG_AT_LEAST_EVERY_S = 60.0
FILE_EVERY_S = 0.5
QUIET_UNDER_S = 1.0


class Progress:
    """Counts the units of one stage; use as a context manager.

    Args:
        stage: What is being done, as the reader should see it.
        total: How many units there are, or None where nobody can know.
        already: How many of them an earlier process did: they count as done, and
            neither for the rate nor for the time left.
        stream: Where lines go; standard error unless told otherwise.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        stage: str,
        total: int | None = None,
        *,
        already: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stage = stage
        self.total = total
        self.done = already
        self._already = already
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._live = self._stream.isatty()
        path = os.environ.get("ATTUNE_PROGRESS_FILE")
        self._file = Path(path) if path else None
        self._started = self._said = self._filed = clock()
        self._drawn = False
        self._pause = LIVE_EVERY_S if self._live else LOG_AFTER_S

    def __enter__(self) -> Self:
        self._started = self._said = self._clock()
        self._write_file()
        return self

    def advance(self, n: int = 1) -> None:
        """`n` more units are done."""
        self.done += n
        now = self._clock()
        if now - self._said >= self._pause:
            self._said = now
            self._say(self._line(now))
            if not self._live:
                self._pause = min(2 * self._pause, LOG_AT_LEAST_EVERY_S)
        if now - self._filed >= FILE_EVERY_S:
            self._write_file()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        seconds = self._clock() - self._started
        self._write_file()
        if self._live and self._drawn:
            self._stream.write("\r\x1b[K")
        if seconds >= QUIET_UNDER_S:
            how = "done" if kind is None else f"stopped at {self._count()}"
            line = f"{self.stage}: {how} in {_duration(seconds)}"
            if kind is None and self.done - self._already > 1:
                line += f", {_rate((self.done - self._already) / seconds)}"
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def _line(self, now: float) -> str:
        line = f"{self.stage}: {self._count()}"
        seconds = now - self._started
        if self.done > self._already and seconds > 0:
            rate = (self.done - self._already) / seconds
            line += f", {_rate(rate)}"
            if self.total is not None and self.total > self.done:
                line += f", {_duration((self.total - self.done) / rate)} left"
        return line

    def _count(self) -> str:
        if self.total is None:
            return f"{self.done:,}"
        return f"{self.done:,} of {self.total:,}"

    def _say(self, line: str) -> None:
        self._stream.write(f"\r\x1b[K{line}" if self._live else f"{line}\n")
        self._stream.flush()
        self._drawn = True

    def _write_file(self) -> None:
        self._filed = self._clock()
        if self._file is None:
            return
        state = {"stage": self.stage, "done": self.done, "total": self.total}
        partial = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        with suppress(OSError):  # a full disk here must not end the work itself
            partial.write_text(json.dumps(state), encoding="utf-8")
            partial.replace(self._file)


def _rate(a_second: float) -> str:
    return f"{a_second:,.1f}/s" if a_second < 100 else f"{a_second:,.0f}/s"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
