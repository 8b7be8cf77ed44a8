"""A chat model as a rater: asked what people were asked, in the same words.

Each request holds one question and nothing else, so no reply can lean on another. The
model is any that answers the OpenAI chat-completions protocol. Pairs are a seeded
sample in a seeded order, and which action stands first is drawn too. Replies are kept
in a cache on disk: a second report asks nothing again, and a run that breaks off goes
on where it stopped.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from threading import Event
from typing import Any

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.progress import Progress
from alignment.raters.asked import Answer, gather
from alignment.raters.base import (
    BoolArray,
    MoreQuestions,
    Provenance,
    RaterKind,
    RaterResult,
)
from alignment.raters.endpoint import Completion, Endpoint
from alignment.raters.forecast import Forecast, Prices, forecast
from alignment.raters.parsing import (
    Expected,
    expected_rating,
    is_refusal,
    parse_choice,
    parse_rating,
    tokens_of,
    writes_whole_numbers,
)
from alignment.raters.questions import Design, Question, ReplyAs, answer_key, plan
from alignment.raters.reply_cache import ReplyCache


@dataclass(frozen=True)
class ChatSettings:
    """How a chat model is asked.

    model: The name the endpoint knows it by.
    n_pairs: How many pairs to ask, drawn without replacement, those that people
        judged before the others; None asks them all. A larger sample with the same
        seed holds the smaller one.
    n_triplets: Likewise of the triplets that people judged; 0 asks none.
    values: Ask for its own value ratings, where a study has dimensions.
    seed: Decides the pairs, their order and the side of each action; also sent with
        each request, plus the number of the repeat, unless `send_seed` is off.
    design: Under how many conditions each question is put.
    reply_as: "integer" and "object" hold the reply to a whole number by a JSON schema
        (`response_format`): bare, as llama.cpp and vLLM read it, or as the one key of
        an object, which hosted endpoints want.
    logprobs: Ask for the 20 likeliest tokens in each place; ratings are then expected
        ratings where the model writes whole numbers as single tokens.
    served_by: Told apart in the cache: two servers may know different models by one
        name. Not sent.
    parallel: Requests under way at once. attempts, backoff_s, timeout_s: See
        `Endpoint`.
    api_key_env: The environment variable that holds the key, if one is needed; the
        key itself is read when a request is made and stands nowhere.
    """

    model: str
    n_pairs: int | None = 100
    seed: int = 0
    temperature: float = 0.0
    max_tokens: int = 8
    reply_as: ReplyAs = "text"
    design: Design = field(default_factory=Design)
    n_triplets: int | None = 0
    values: bool = False
    logprobs: bool = False
    send_seed: bool = True
    served_by: str = ""
    parallel: int = 1
    attempts: int = 6
    backoff_s: float = 0.5
    timeout_s: float = 120.0
    api_key_env: str | None = None

    def __post_init__(self) -> None:
        whose = f"chat rater {self.model}"
        if self.n_pairs is not None and self.n_pairs < 1:
            raise AlignmentError(
                f"{whose}: must be asked at least 1 pair, got {self.n_pairs}"
            )
        if self.n_triplets is not None and self.n_triplets < 0:
            raise AlignmentError(
                f"{whose}: n_triplets must be 0 or more, got {self.n_triplets}"
            )
        if self.parallel < 1:
            raise AlignmentError(
                f"{whose}: needs at least 1 request at a time, got {self.parallel}"
            )
        if self.attempts < 1 or self.timeout_s <= 0 or self.max_tokens < 1:
            raise AlignmentError(
                f"{whose}: attempts and max_tokens must be at least 1 and timeout_s "
                f"above 0, got {self.attempts}, {self.max_tokens} and "
                f"{self.timeout_s:g}"
            )
        if not 0 <= self.temperature <= 2:
            raise AlignmentError(
                f"{whose}: temperature must be 0 to 2, got {self.temperature:g}"
            )


@dataclass(frozen=True)
class ChatRater:
    """Asks a chat model the study's own questions, one per request.

    server: Gives the endpoint's base URL (".../v1") while its block runs. It is
        entered only if something has to be asked, so a fully cached rater starts no
        server.
    cache: Where replies are kept; nowhere if left out.
    prices: What tokens and time cost, for `forecast`.
    facts: What is known of the model, for its provenance.
    """

    name: str
    family: str
    server: Callable[[], AbstractContextManager[str]]
    settings: ChatSettings
    cache: ReplyCache = field(default_factory=ReplyCache)
    prices: Prices = field(default_factory=Prices)
    facts: Mapping[str, Any] = field(default_factory=dict)
    kind: RaterKind = "chat"

    def judge(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
        more: MoreQuestions | None = None,
    ) -> RaterResult:
        """Ask; pairs not asked or not rated stay NaN.

        Raises:
            AlignmentError: The study has no pair question, the endpoint cannot be
                reached, or it answers with an error again and again.
        """
        questions = self._plan(actions, wording, preferred, more)
        known = self._known(questions)
        completions = self._complete(questions, known)
        answers = self._answers(
            questions, completions, [each is not None for each in known]
        )
        n_pairs = len({frozenset(q.rows) for q in questions if q.task == "pair"})
        held = (
            "" if self.settings.reply_as == "text" else ", its reply held to a schema"
        )
        every = len(actions) * (len(actions) - 1) // 2
        return gather(
            self.name,
            actions,
            questions,
            answers,
            description=f"{self.settings.model}, asked the study's pair question about "
            f"{n_pairs:,} of {every:,} pairs{held}.",
            provenance=self._provenance(completions),
        )

    def forecast(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
        more: MoreQuestions | None = None,
    ) -> Forecast:
        """What `judge` would still have to ask, and what that costs; asks nothing."""
        questions = self._plan(actions, wording, preferred, more)
        known = self._known(questions)
        return forecast(
            self.name,
            [q.text for q, c in zip(questions, known, strict=True) if c is None],
            [c for c in known if c is not None],
            self.prices,
            max_tokens=self.settings.max_tokens,
            parallel=self.settings.parallel,
        )

    def _plan(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        preferred: BoolArray | None,
        more: MoreQuestions | None,
    ) -> list[Question]:
        told = self.settings
        if more is not None and not told.values:
            more = MoreQuestions((), more.triplets)
        return plan(
            actions,
            wording,
            more,
            told.design,
            n_pairs=told.n_pairs,
            n_triplets=told.n_triplets,
            seed=told.seed,
            preferred=preferred,
            reply_as=told.reply_as,
            whose=self.name,
        )

    def _body(self, question: Question) -> dict[str, Any]:
        told = self.settings
        body: dict[str, Any] = {
            "model": told.model,
            "messages": [{"role": "user", "content": question.text}],
            "temperature": told.temperature,
            "max_tokens": told.max_tokens,
        }
        if told.send_seed:
            body["seed"] = told.seed + question.condition.repeat
        if told.reply_as != "text":
            body["response_format"] = _schema(
                told.reply_as, chooses=question.task == "triplet"
            )
        if told.logprobs:
            body |= {"logprobs": True, "top_logprobs": 20}
        return body

    def _asked(self, question: Question) -> dict[str, Any]:
        """What the cache knows a request by: all that is sent, and what is not."""
        unsent = {
            "served_by": self.settings.served_by,
            "repeat": question.condition.repeat,
        }
        return self._body(question) | {"attune": unsent}

    def _known(self, questions: Sequence[Question]) -> list[Completion | None]:
        found = [self.cache.get(self._asked(question)) for question in questions]
        return [None if held is None else _completion(held) for held in found]

    def _complete(
        self, questions: Sequence[Question], known: Sequence[Completion | None]
    ) -> list[Completion]:
        completions = [each or Completion("") for each in known]
        to_ask = [k for k, each in enumerate(known) if each is None]
        if not to_ask:
            return completions
        told = self.settings
        with (
            self.server() as url,
            Endpoint(
                url,
                api_key_env=told.api_key_env,
                timeout_s=told.timeout_s,
                attempts=told.attempts,
                backoff_s=told.backoff_s,
            ) as endpoint,
            ThreadPoolExecutor(told.parallel) as pool,
            Progress(f"asking {self.name}", len(to_ask)) as progress,
        ):
            stopped = Event()

            def ask(k: int) -> None:
                if stopped.is_set():  # another failed for good: cost nothing more
                    return
                try:
                    completions[k] = endpoint.complete(self._body(questions[k]))
                except BaseException:
                    stopped.set()
                    raise
                self.cache.put(self._asked(questions[k]), completions[k].entry())

            try:
                for _ in pool.map(ask, to_ask):
                    progress.advance()
            except BaseException:
                # Without this the pool would go on asking all that is left.
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return completions

    def _answers(
        self,
        questions: Sequence[Question],
        completions: Sequence[Completion],
        cached: Sequence[bool],
    ) -> list[Answer]:
        tokens = [tokens_of(each.logprobs) for each in completions]
        rated = [k for k, each in enumerate(questions) if each.task != "triplet"]
        whole = writes_whole_numbers(tokens[k] for k in rated)
        return [
            _answer(
                question,
                completion,
                self.settings.reply_as,
                was_cached,
                expected_rating(its_tokens) if whole else None,
            )
            for question, completion, its_tokens, was_cached in zip(
                questions, completions, tokens, cached, strict=True
            )
        ]

    def _provenance(self, completions: Sequence[Completion]) -> Provenance:
        told = asdict(self.settings)
        return Provenance(
            model=told.pop("model"),
            settings=told,
            facts=self.facts,
            counts={
                "served_models": sorted({c.model for c in completions if c.model}),
                "fingerprints": sorted(
                    {c.fingerprint for c in completions if c.fingerprint}
                ),
                "tokens_in": sum(c.tokens_in for c in completions),
                "tokens_out": sum(c.tokens_out for c in completions),
            },
        )


def _answer(
    question: Question,
    completion: Completion,
    reply_as: ReplyAs,
    cached: bool,
    expected: Expected | None,
) -> Answer:
    text = completion.text
    if question.task == "triplet":
        chosen = None if completion.refusal else parse_choice(text, reply_as)
        if chosen is not None:
            return Answer(text, "used", cached, chosen=chosen)
    else:
        rating = None if completion.refusal else parse_rating(text, reply_as)
        if rating is not None:
            return Answer(
                text,
                "used",
                cached,
                rating=rating,
                score=float(rating) if expected is None else expected.rating,
                off_scale=float("nan") if expected is None else expected.off_scale,
            )
    refused = (
        completion.refusal
        or completion.finish_reason in ("content_filter", "filtered")
        or is_refusal(text)
    )
    return Answer(
        text or completion.refusal, "refused" if refused else "unparsable", cached
    )


def _schema(reply_as: ReplyAs, *, chooses: bool) -> dict[str, Any]:
    low, high = (1, 3) if chooses else (0, 100)
    schema: dict[str, Any] = {"type": "integer", "minimum": low, "maximum": high}
    if reply_as == "object":
        key = answer_key(chooses=chooses)
        schema = {
            "type": "object",
            "properties": {key: schema},
            "required": [key],
            "additionalProperties": False,
        }
    return {
        "type": "json_schema",
        "json_schema": {"name": "rating", "strict": True, "schema": schema},
    }


def _completion(held: Mapping[str, Any]) -> Completion | None:
    """A completion from the cache; None, to be asked again, if it is of another make."""
    try:
        return Completion(**held)
    except TypeError:
        return None


def at(url: str) -> Callable[[], AbstractContextManager[str]]:
    """A server that already runs somewhere, by its base URL (".../v1")."""
    return lambda: nullcontext(url)
