"""A causal language model on this machine as a rater: what would it write next?

It is asked what people were asked, and is not made to write: the probability of every
number of the scale is read from it, and its rating is their mean. So a model too small
to hold to instructions still shows what it leans to, and nothing is drawn by chance.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any, Literal

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
from alignment.raters.endpoint import Completion
from alignment.raters.forecast import Forecast, Prices, forecast
from alignment.raters.local_models import (
    DTYPES,
    Weights,
    choose_device,
    find_weights,
    libraries,
    no_loading_bar,
    package_folder,
    shown,
)
from alignment.raters.number_tree import number_probabilities, spell
from alignment.raters.questions import Design, Question, plan
from alignment.raters.reply_cache import ReplyCache

Template = Literal["auto", "chat", "plain"]
TEMPLATES = ("auto", "chat", "plain")
PLAIN_END = "\n\nAnswer:"
KEPT_FROM = 1e-9  # probabilities below this are not worth a line in the cache


@dataclass(frozen=True)
class CausalSettings:
    """How a causal model is asked.

    model, revision, dtype, device: As of `EmbeddingSettings`.
    gguf_file: A quantised file inside `model`; needs the packages gguf and accelerate.
    template: "chat" puts the question into the model's own chat template, "plain" ends
        it with "Answer:", "auto" takes the template if there is one.
    n_pairs, n_triplets, values, seed, design: As of `ChatSettings`.
    floor: See `number_probabilities`.
    least_on_scale: An answer counts only if this much probability lies on the scale.
    """

    model: str
    revision: str | None = None
    gguf_file: str | None = None
    template: Template = "auto"
    dtype: str = "float32"
    device: str = "auto"
    n_pairs: int | None = None
    n_triplets: int | None = None
    values: bool = True
    seed: int = 0
    design: Design = field(default_factory=Design)
    floor: float = 1e-5
    least_on_scale: float = 0.01

    def __post_init__(self) -> None:
        for name, known in (("template", TEMPLATES), ("dtype", DTYPES)):
            if getattr(self, name) not in known:
                raise AlignmentError(
                    f"causal model {self.model}: {name} must be one of "
                    f"{', '.join(known)}, got {getattr(self, name)}"
                )
        for name in ("floor", "least_on_scale"):
            if not 0 <= getattr(self, name) < 1:
                raise AlignmentError(
                    f"causal model {self.model}: {name} must be 0 or more and below 1, "
                    f"got {getattr(self, name):g}"
                )
        for name, least in (("n_pairs", 1), ("n_triplets", 0)):
            number = getattr(self, name)
            if number is not None and number < least:
                raise AlignmentError(
                    f"causal model {self.model}: {name} must be at least {least}, "
                    f"got {number}"
                )


@dataclass(frozen=True)
class CausalRater:
    """Reads a local model's expected ratings; every question is cached by itself."""

    name: str
    family: str
    settings: CausalSettings
    cache: ReplyCache = field(default_factory=ReplyCache)
    prices: Prices = field(default_factory=Prices)
    facts: Mapping[str, Any] = field(default_factory=dict)
    kind: RaterKind = "causal"

    def judge(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
        more: MoreQuestions | None = None,
    ) -> RaterResult:
        """Read each question's answer off the model; pairs not asked stay NaN.

        Raises:
            AlignmentError: The study has no pair question, or the model cannot be had.
        """
        told = self.settings
        questions = self._plan(actions, wording, preferred, more)
        weights = find_weights(told.model, told.revision, rater=self.name)
        known = self._known(weights, questions)
        weights, replies, device = self._read(weights, questions, known)
        answers = [
            _answer(question, reply, cached is not None, told.least_on_scale)
            for question, reply, cached in zip(questions, replies, known, strict=True)
        ]
        n_pairs = len({frozenset(q.rows) for q in questions if q.task == "pair"})
        every = len(actions) * (len(actions) - 1) // 2
        return gather(
            self.name,
            actions,
            questions,
            answers,
            description=f"{shown(told.model)}, its expected rating read from the "
            f"probabilities of what it would write next, for {n_pairs:,} of {every:,} "
            "pairs.",
            provenance=Provenance(
                shown(told.model),
                weights.identity,
                settings=asdict(told) | {"model": shown(told.model)},
                libraries=libraries(),
                facts=self.facts,
                counts={"device": device},
            ),
        )

    def forecast(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
        more: MoreQuestions | None = None,
    ) -> Forecast:
        """What is left to ask, and for how long; loads nothing."""
        told = self.settings
        questions = self._plan(actions, wording, preferred, more)
        weights = find_weights(told.model, told.revision, rater=self.name)
        known = self._known(weights, questions)
        return forecast(
            self.name,
            [q.text for q, held in zip(questions, known, strict=True) if held is None],
            [Completion("", seconds=float(k["seconds"])) for k in known if k],
            self.prices,
            max_tokens=1,
            parallel=1,
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
        if told.design.repeats > 1:
            raise AlignmentError(
                f"rater {self.name}: probabilities are read, nothing is drawn, so "
                f"repeats must be 1, got {told.design.repeats}"
            )
        return plan(
            actions,
            wording,
            more,
            told.design,
            n_pairs=told.n_pairs,
            n_triplets=told.n_triplets,
            seed=told.seed,
            preferred=preferred,
            whose=self.name,
        )

    def _asked(self, weights: Weights, question: Question) -> dict[str, Any]:
        told = self.settings
        return {
            "weights": weights.identity,
            "gguf_file": told.gguf_file,
            "template": told.template,
            "dtype": told.dtype,
            "floor": told.floor,
            "libraries": libraries(),
            "chooses": question.task == "triplet",
            "question": question.text,
        }

    def _known(
        self, weights: Weights, questions: Sequence[Question]
    ) -> list[dict[str, Any] | None]:
        if not weights.identity:
            return [None] * len(questions)
        return [self.cache.get(self._asked(weights, each)) for each in questions]

    def _read(
        self,
        weights: Weights,
        questions: Sequence[Question],
        known: Sequence[dict[str, Any] | None],
    ) -> tuple[Weights, list[dict[str, Any]], str]:
        replies = [each or {} for each in known]
        to_ask = [k for k, each in enumerate(known) if each is None]
        if not to_ask:
            return weights, replies, "none; all was known"
        read, device = _load(weights, self.settings, rater=self.name)
        if not weights.identity:  # it was fetched just now
            told = self.settings
            weights = find_weights(told.model, told.revision, rater=self.name)
        with Progress(f"reading {self.name}", len(to_ask)) as progress:
            for k in to_ask:
                started = monotonic()
                mass = read(questions[k].text, questions[k].task == "triplet")
                replies[k] = {
                    "probabilities": {
                        str(number): p for number, p in mass.items() if p >= KEPT_FROM
                    },
                    "seconds": round(monotonic() - started, 4),
                }
                if weights.identity:
                    self.cache.put(self._asked(weights, questions[k]), replies[k])
                progress.advance()
        return weights, replies, device


def _answer(
    question: Question, reply: Mapping[str, Any], cached: bool, least: float
) -> Answer:
    mass = {int(number): float(p) for number, p in reply["probabilities"].items()}
    on_scale = sum(mass.values())
    off_scale = min(1.0, max(0.0, 1.0 - on_scale))
    if not mass or on_scale < least:
        return Answer("", "unparsable", cached, off_scale=off_scale)
    likeliest = max(mass, key=lambda number: mass[number])
    if question.task == "triplet":
        return Answer(
            str(likeliest), "used", cached, chosen=likeliest - 1, off_scale=off_scale
        )
    return Answer(
        str(likeliest),
        "used",
        cached,
        rating=likeliest,
        score=sum(number * p for number, p in mass.items()) / on_scale,
        off_scale=off_scale,
    )


def _load(
    weights: Weights, told: CausalSettings, *, rater: str
) -> tuple[Callable[[str, bool], dict[int, float]], str]:
    package_folder("transformers", rater=rater)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    device = choose_device(told.device, rater=rater)
    where: dict[str, Any] = {"revision": weights.revision} if weights.revision else {}
    if told.gguf_file:
        where["gguf_file"] = told.gguf_file
    try:
        with no_loading_bar():
            tokenizer = AutoTokenizer.from_pretrained(weights.name, **where)
            model: Any = AutoModelForCausalLM.from_pretrained(
                weights.name, dtype=getattr(torch, told.dtype), **where
            )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        raise AlignmentError(
            f"rater {rater}: transformers cannot load {told.model} as a causal model "
            f"({error}); check the name, or the network it is fetched over"
        ) from error
    model = model.to(device).eval()
    chats = told.template == "chat" or (
        told.template == "auto" and bool(tokenizer.chat_template)
    )
    if chats and not tokenizer.chat_template:
        raise AlignmentError(
            f"rater {rater}: {told.model} has no chat template; ask it with template "
            '"plain" or "auto"'
        )
    after = "\n" if chats else PLAIN_END[-1]
    trees = {
        False: spell(tokenizer, range(101), after=after),
        True: spell(tokenizer, (1, 2, 3), after=after),
    }

    def read(question: str, chooses: bool) -> dict[int, float]:
        if chats:
            prompt = tokenizer.apply_chat_template(
                [{"role": "user", "content": question}],
                add_generation_prompt=True,
                tokenize=False,
            )
            tokens = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        else:
            tokens = tokenizer(question + PLAIN_END)["input_ids"]
        return number_probabilities(model, tokens, trees[chooses], floor=told.floor)

    return read, device
