"""A chat model as a rater: asked what people were asked, in the same words.

Each request holds one pair and nothing else, so no reply can lean on another. The
model is any that answers the OpenAI chat-completions protocol. Pairs are a seeded
sample in a seeded order, and which action stands first is drawn too. Replies are kept
in a cache on disk: a second report asks nothing again, and a run that breaks off goes
on where it stopped.

A reply counts only if it is one whole number from 0 to 100 and nothing else. A number
inside a sentence is not taken: it may be the scale's own end, quoted back.
"""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.matrices import IntArray, from_pair_means
from alignment.progress import Progress
from alignment.raters.base import BoolArray, RaterKind, RaterResult, Reply
from alignment.raters.endpoint import Endpoint
from alignment.raters.reply_cache import ReplyCache

NUMBER_ALONE = re.compile(r"(\d{1,3})(?:\s*/\s*100)?\s*[.%]?")
WORDING = ("pair", "pair_low", "pair_high")


@dataclass(frozen=True)
class ChatSettings:
    """How a chat model is asked. All but the last two can change a reply.

    model: The name the endpoint knows it by.
    n_pairs: How many pairs to ask, drawn without replacement, those that people
        judged before the others; None asks them all. A larger sample with the same
        seed holds the smaller one.
    seed: Decides the pairs, their order and the side of each action.
    structured: Hold the reply to a whole number by a JSON schema (`response_format`,
        as llama.cpp and vLLM read it), for models that would write around the number.
    parallel: Requests under way at once.
    api_key: Sent as a bearer token; never stored.
    """

    model: str
    n_pairs: int | None = 100
    seed: int = 0
    temperature: float = 0.0
    max_tokens: int = 8
    structured: bool = False
    parallel: int = 1
    api_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.n_pairs is not None and self.n_pairs < 1:
            raise AlignmentError(
                f"chat rater {self.model}: must be asked at least 1 pair, "
                f"got {self.n_pairs}"
            )
        if self.parallel < 1:
            raise AlignmentError(
                f"chat rater {self.model}: needs at least 1 request at a time, "
                f"got {self.parallel}"
            )


@dataclass(frozen=True)
class ChatRater:
    """Asks a chat model the study's own pair question, one pair per request.

    server: Gives the endpoint's base URL (".../v1") while its block runs. It is
        entered only if something has to be asked, so a fully cached rater starts no
        server.
    cache: Where replies are kept; nowhere if left out.
    """

    name: str
    family: str
    server: Callable[[], AbstractContextManager[str]]
    settings: ChatSettings
    cache: ReplyCache = field(default_factory=ReplyCache)
    kind: RaterKind = "chat"

    def judge(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
    ) -> RaterResult:
        """Ask for a sample of pairs; pairs not asked or not rated stay NaN.

        Raises:
            AlignmentError: The study has no pair question, the endpoint cannot be
                reached, or it answers with an error again and again.
        """
        missing = [key for key in WORDING if not wording.get(key)]
        if missing:
            raise AlignmentError(
                f"rater {self.name}: is asked what people were asked, but the "
                f"snapshot's wording has no {', '.join(missing)}"
            )
        pairs = sample_pairs(
            len(actions.ids),
            self.settings.n_pairs,
            seed=self.settings.seed,
            preferred=preferred,
        )
        bodies = [
            self._body(
                pair_question(actions.texts[first], actions.texts[second], wording)
            )
            for first, second in pairs
        ]
        texts, cached = self._replies(bodies)
        replies = tuple(
            Reply(
                actions.ids[first], actions.ids[second], text, parse_rating(text), known
            )
            for (first, second), text, known in zip(pairs, texts, cached, strict=True)
        )
        rated = np.array([reply.rating is not None for reply in replies])
        ratings = [reply.rating for reply in replies if reply.rating is not None]
        matrix = from_pair_means(
            actions.ids,
            pairs[rated, 0],
            pairs[rated, 1],
            np.array(ratings, dtype=np.float64) / 100,
            rater=self.name,
        )
        n_refused = len(replies) - len(ratings)
        return RaterResult(
            matrix,
            self._describe(len(replies), n_refused, matrix.n_pairs),
            n_asked=len(replies),
            n_refused=n_refused,
            replies=replies,
        )

    def _describe(self, n_asked: int, n_refused: int, n_pairs: int) -> str:
        held = ", its reply held to a JSON schema" if self.settings.structured else ""
        return (
            f"{self.settings.model}, asked the study's pair question about "
            f"{n_asked:,} of {n_pairs:,} pairs{held}; {n_refused:,} replies were "
            "not one whole number from 0 to 100."
        )

    def _body(self, question: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.settings.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": self.settings.temperature,
            "max_tokens": self.settings.max_tokens,
        }
        if self.settings.structured:
            body["response_format"] = RATING_SCHEMA
        return body

    def _replies(self, bodies: list[dict[str, Any]]) -> tuple[list[str], list[bool]]:
        """The reply to each request, and whether it came from the cache."""
        found = [self.cache.get(body) for body in bodies]
        to_ask = [i for i, text in enumerate(found) if text is None]
        if not to_ask:
            return [text or "" for text in found], [True] * len(bodies)
        texts = [text or "" for text in found]
        with (
            self.server() as url,
            Endpoint(url, api_key=self.settings.api_key) as endpoint,
            ThreadPoolExecutor(self.settings.parallel) as pool,
            Progress(f"asking {self.name}", len(to_ask)) as progress,
        ):

            def ask(i: int) -> None:
                texts[i] = endpoint.complete(bodies[i])
                self.cache.put(bodies[i], texts[i])

            try:
                for _ in pool.map(ask, to_ask):
                    progress.advance()
            except BaseException:
                # Without this the pool would go on asking all that is left.
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return texts, [text is not None for text in found]


RATING_SCHEMA: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "rating",
        "strict": True,
        "schema": {"type": "integer", "minimum": 0, "maximum": 100},
    },
}


def pair_question(first: str, second: str, wording: Mapping[str, str]) -> str:
    """The message a chat model gets: the actions, the study's words, the scale."""
    return (
        f"Action 1: {first}\n"
        f"Action 2: {second}\n\n"
        f"{wording['pair']}\n\n"
        f"0 = {wording['pair_low']}, 100 = {wording['pair_high']}\n\n"
        "Reply with one whole number from 0 to 100 and nothing else."
    )


def parse_rating(text: str) -> int | None:
    """The reply's first line as a rating, if it is a whole number 0..100 and no more.

    "70", " 70. ", "70/100" and "70%" are ratings; "I'd say 70", "150" and "" are not.
    """
    lines = text.strip().splitlines()
    match = NUMBER_ALONE.fullmatch(lines[0].strip()) if lines else None
    if match is None or int(match[1]) > 100:
        return None
    return int(match[1])


def sample_pairs(
    n_actions: int,
    n_pairs: int | None,
    *,
    seed: int,
    preferred: BoolArray | None = None,
) -> IntArray:
    """(n, 2) row numbers of pairs to ask, in order, the one shown first first.

    Every pair has its place and its side before the sample is cut off, so a larger
    sample only adds pairs: the cache keeps its worth.

    Args:
        preferred: (n_actions, n_actions), symmetric: pairs to ask before the others.
    """
    rng = np.random.default_rng([seed, n_actions])
    pairs = np.stack(np.triu_indices(n_actions, k=1), axis=1).astype(np.int64)
    pairs = pairs[rng.permutation(len(pairs))]
    turned = rng.random(len(pairs)) < 0.5
    pairs[turned] = pairs[turned][:, ::-1]
    if preferred is not None:
        later = ~preferred[pairs[:, 0], pairs[:, 1]]
        pairs = pairs[np.argsort(later, kind="stable")]
    return pairs[:n_pairs]


def at(url: str) -> Callable[[], AbstractContextManager[str]]:
    """A server that already runs somewhere, by its base URL (".../v1")."""
    return lambda: nullcontext(url)
