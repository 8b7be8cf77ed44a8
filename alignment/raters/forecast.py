"""What asking a model will cost, in tokens, money and time, before it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from alignment.errors import AlignmentError
from alignment.raters.endpoint import Completion

# Rough, and on the high side for English: a token is about four letters.
LETTERS_A_TOKEN = 3.5
TOKENS_A_MESSAGE = 12  # what a chat template adds
SECONDS_A_REQUEST = 1.0


@dataclass(frozen=True)
class Prices:
    """What a model costs; zero for one that runs at home.

    per_million_in, per_million_out: Price of a million tokens of question and reply.
    seconds_per_request: Guessed before the first reply; afterwards it is measured.
    """

    per_million_in: float = 0.0
    per_million_out: float = 0.0
    currency: str = "USD"
    seconds_per_request: float = SECONDS_A_REQUEST

    def __post_init__(self) -> None:
        if min(self.per_million_in, self.per_million_out) < 0:
            raise AlignmentError("prices: a price must be at least 0")
        if not self.seconds_per_request > 0:
            raise AlignmentError("prices: seconds_per_request must be above 0")


@dataclass(frozen=True)
class Forecast:
    """What is still to be asked of one rater.

    n_questions: Left to ask. n_known: Answered already, in the cache, and free.
    tokens_in, tokens_out: Of what is left; estimated high, or from known replies.
    price: In `currency`. seconds: Wall clock. measured: Whether tokens and time rest
        on replies that came already.
    """

    rater: str
    n_questions: int
    n_known: int
    tokens_in: int
    tokens_out: int
    price: float
    currency: str
    seconds: float
    measured: bool

    def sentence(self) -> str:
        """For the person who decides whether to start."""
        if not self.n_questions:
            return (
                f"{self.rater}: all {self.n_known:,} answers are known; nothing to ask."
            )
        cost = f"{self.price:,.2f} {self.currency}" if self.price else "no price named"
        rests = "measured on known replies" if self.measured else "a rough guess"
        return (
            f"{self.rater}: {self.n_questions:,} questions to ask ({self.n_known:,} "
            f"known), about {self.tokens_in:,} tokens in and {self.tokens_out:,} out, "
            f"{cost}, {_duration(self.seconds)} ({rests})."
        )


def forecast(
    rater: str,
    to_ask: Sequence[str],
    known: Sequence[Completion],
    prices: Prices,
    *,
    max_tokens: int,
    parallel: int,
) -> Forecast:
    """Estimate from the texts to ask, and from replies where there are some.

    Tokens of a question are letters / 3.5 + 12, tokens of a reply `max_tokens`, until
    replies say how many they take.
    """
    n = len(to_ask)
    tokens_in = sum(round(len(t) / LETTERS_A_TOKEN) + TOKENS_A_MESSAGE for t in to_ask)
    counted = [each for each in known if each.tokens_in]
    if counted:
        mean_in = sum(each.tokens_in for each in counted) / len(counted)
        mean_out = sum(each.tokens_out for each in counted) / len(counted)
        tokens_in, each_out = round(n * mean_in), mean_out
    else:
        each_out = float(max_tokens)
    timed = [each.seconds for each in known if each.seconds > 0]
    each_s = sum(timed) / len(timed) if timed else prices.seconds_per_request
    tokens_out = round(n * each_out)
    price = (
        tokens_in * prices.per_million_in + tokens_out * prices.per_million_out
    ) / 1e6
    return Forecast(
        rater,
        n,
        len(known),
        tokens_in,
        tokens_out,
        price,
        prices.currency,
        n * each_s / min(parallel, max(n, 1)),
        measured=bool(counted and timed),
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
