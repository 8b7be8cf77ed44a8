"""What a model that is asked in words is asked: the questions and their conditions.

How a question is put moves a model's answers: the words around it, which action stands
first, at which end of the scale the high numbers lie. So each question can be put under
several conditions, and what each of them does is reported (`alignment.raters.variation`).

Paraphrase 0 is the study's own question, word for word. The others put the same
question into other frames and, where somebody wrote rewordings of exactly that
question, in other words too. Attune never rewords a question by itself: only its author
can say what still asks the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.matrices import IntArray
from alignment.raters.base import BoolArray, MoreQuestions, Task, ValueQuestion

ReplyAs = Literal["text", "integer", "object"]
PAIR_WORDING = ("pair", "pair_low", "pair_high")
N_FRAMES = 3


@dataclass(frozen=True)
class Design:
    """Under how many conditions each question is put.

    paraphrases: At least 1; more than 3 need rewordings of the study's questions.
    both_orders: Pairs are shown both ways round, triplets in three rotations; else
        each stands in one drawn order.
    reversed_scale: The study's own wording is put once more with the scale's ends
        exchanged (triplets have no scale).
    repeats: How often each of these is asked.
    rewordings: A study's sentence -> other sentences that ask the same.
    """

    paraphrases: int = 1
    both_orders: bool = False
    reversed_scale: bool = False
    repeats: int = 1
    rewordings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("paraphrases", "repeats"):
            if getattr(self, name) < 1:
                raise AlignmentError(
                    f"how a model is asked: {name} must be at least 1, "
                    f"got {getattr(self, name)}"
                )

    def conditions(self, task: Task) -> list["Condition"]:
        """All conditions of one question, the plain one first."""
        turns = {"pair": 2, "triplet": 3, "value": 1}[task]
        orders = range(turns if self.both_orders else 1)
        ways = [(p, o, False) for p in range(self.paraphrases) for o in orders]
        if self.reversed_scale and task != "triplet":
            ways += [(0, order, True) for order in orders]
        return [Condition(*way, k) for k in range(self.repeats) for way in ways]

    def sentence(self, own: str, paraphrase: int) -> str:
        """The question itself under a paraphrase.

        Raises:
            AlignmentError: There are not enough rewordings for so many paraphrases.
        """
        known = (own, *self.rewordings.get(own, ()))
        if paraphrase >= N_FRAMES * len(known):
            short = -(-self.paraphrases // N_FRAMES) - len(known)
            raise AlignmentError(
                f"how a model is asked: {self.paraphrases} paraphrases of {own!r} need "
                f"{short} more rewordings of it; write them under [[rewording]] in "
                "raters.toml, or ask for fewer paraphrases"
            )
        # Frames turn fastest; each round of them starts one sentence later, so that
        # no frame meets a sentence twice.
        return known[(paraphrase % N_FRAMES + paraphrase // N_FRAMES) % len(known)]


# What science asks of a model: three paraphrases, both orders, the scale reversed once.
FULL_DESIGN = Design(paraphrases=3, both_orders=True, reversed_scale=True)


@dataclass(frozen=True)
class Condition:
    """How one question was put; see `Design`."""

    paraphrase: int = 0
    order: int = 0
    reversed: bool = False
    repeat: int = 0


@dataclass(frozen=True)
class Question:
    """One message to a model.

    rows: The actions in the order shown. dimension: Of a value question, else "".
    """

    task: Task
    rows: tuple[int, ...]
    dimension: str
    condition: Condition
    text: str


def plan(
    actions: Actions,
    wording: Mapping[str, str],
    more: MoreQuestions | None,
    design: Design,
    *,
    n_pairs: int | None,
    n_triplets: int | None,
    seed: int,
    preferred: BoolArray | None,
    reply_as: ReplyAs = "text",
    whose: str,
) -> list[Question]:
    """Every question to put, in order: pairs, values, triplets.

    Args:
        n_pairs, n_triplets: How many at most; None for all.
        whose: The rater's name, for messages.

    Raises:
        AlignmentError: The study has no pair question, or too few rewordings.
    """
    missing = [key for key in PAIR_WORDING if not wording.get(key)]
    if missing:
        raise AlignmentError(
            f"rater {whose}: is asked what people were asked, but the snapshot's "
            f"wording has no {', '.join(missing)}"
        )
    texts = actions.texts
    asked: list[Question] = []
    for first, second in sample_pairs(
        len(actions), n_pairs, seed=seed, preferred=preferred
    ).tolist():
        for how in design.conditions("pair"):
            rows = (second, first) if how.order else (first, second)
            own = dict(wording) | {
                "pair": design.sentence(wording["pair"], how.paraphrase)
            }
            text = pair_question(
                texts[rows[0]], texts[rows[1]], own, how=how, reply_as=reply_as
            )
            asked.append(Question("pair", rows, "", how, text))
    more = more or MoreQuestions()
    for dimension in more.dimensions:
        for row in range(len(actions)):
            for how in design.conditions("value"):
                sentence = design.sentence(dimension.question, how.paraphrase)
                text = value_question(
                    texts[row], dimension, sentence, how=how, reply_as=reply_as
                )
                asked.append(Question("value", (row,), dimension.name, how, text))
    if wording.get("triplet"):
        for rows3 in sample_triplets(more.triplets, n_triplets, seed=seed).tolist():
            for how in design.conditions("triplet"):
                shown = (*rows3[how.order :], *rows3[: how.order])
                sentence = design.sentence(wording["triplet"], how.paraphrase)
                text = triplet_question(
                    [texts[row] for row in shown], sentence, how=how, reply_as=reply_as
                )
                asked.append(Question("triplet", shown, "", how, text))
    return asked


def pair_question(
    first: str,
    second: str,
    wording: Mapping[str, str],
    *,
    how: Condition = Condition(),
    reply_as: ReplyAs = "text",
) -> str:
    """The message about a pair: the actions, the study's words, the scale."""
    poles = (wording["pair_low"], "", wording["pair_high"])
    return _framed([first, second], wording["pair"], poles, how, reply_as)


def value_question(
    action: str,
    dimension: ValueQuestion,
    sentence: str,
    *,
    how: Condition = Condition(),
    reply_as: ReplyAs = "text",
) -> str:
    """The message about one action on a dimension, with its definition and poles."""
    poles = (dimension.low, dimension.midpoint, dimension.high)
    asked = f"{sentence}\n{dimension.definition}" if dimension.definition else sentence
    return _framed([action], asked, poles, how, reply_as)


def triplet_question(
    actions: Sequence[str],
    sentence: str,
    *,
    how: Condition = Condition(),
    reply_as: ReplyAs = "text",
) -> str:
    """The message about three actions: which is the odd one out?"""
    return _framed(actions, sentence, None, how, reply_as)


def _framed(
    actions: Sequence[str],
    sentence: str,
    poles: tuple[str, str, str] | None,
    how: Condition,
    reply_as: ReplyAs,
) -> str:
    frame = how.paraphrase % N_FRAMES
    listed = _listed(actions, frame)
    ends = poles[::-1] if poles and how.reversed else poles
    scale = _scale(ends, frame) if ends else ""
    last = _answer(frame, chooses=poles is None, reply_as=reply_as)
    if frame == 1:
        parts = [sentence, listed, f"{scale} {last}".strip()]
    else:
        parts = [listed, sentence, *([scale] if scale else []), last]
    if frame == 2:
        parts.insert(0, "You are one of many who answer a questionnaire.")
    return "\n\n".join(parts)


def _listed(actions: Sequence[str], frame: int) -> str:
    many = len(actions) > 1
    if frame == 0:
        heads = [f"Action {k}: " if many else "Action: " for k in range(1, 4)]
    elif frame == 1:
        heads = [f"{k}. " if many else "The action: " for k in range(1, 4)]
    else:
        heads = [f"({k}) " if many else "" for k in range(1, 4)]
    return "\n".join(
        f"{head}{text}" for head, text in zip(heads, actions, strict=False)
    )


def _scale(ends: tuple[str, str, str], frame: int) -> str:
    low, middle, high = ends
    if frame == 0:
        between = f", 50 = {middle}" if middle else ""
        return f"0 = {low}{between}, 100 = {high}"
    if frame == 1:
        between = f", over 50 ({middle})," if middle else ""
        return f"The scale runs from 0 ({low}){between} to 100 ({high})."
    between = f", 50 means “{middle}”" if middle else ""
    return f"0 means “{low}”{between} and 100 means “{high}”."


def _answer(frame: int, *, chooses: bool, reply_as: ReplyAs) -> str:
    if reply_as == "object":
        value = "1, 2 or 3" if chooses else "a whole number from 0 to 100"
        return f'Reply with JSON {{"{answer_key(chooses=chooses)}": N}}, N {value}.'
    if chooses:
        return (
            "Reply with the number of that action, 1, 2 or 3, and nothing else.",
            "Write only 1, 2 or 3.",
            "Your answer is a single digit, 1, 2 or 3, without any other words.",
        )[frame]
    return (
        "Reply with one whole number from 0 to 100 and nothing else.",
        "Write only a whole number from 0 to 100.",
        "Your answer is a single whole number from 0 to 100, without any other words.",
    )[frame]


def answer_key(*, chooses: bool) -> str:
    """The one key of a JSON answer."""
    return "odd_one_out" if chooses else "rating"


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


def sample_triplets(
    triplets: IntArray, n_triplets: int | None, *, seed: int
) -> IntArray:
    """(n, 3) distinct triplets of those given, in a drawn order, each shuffled.

    A larger sample of the same triplets holds the smaller one.
    """
    distinct = np.unique(np.sort(triplets, axis=1), axis=0).reshape(-1, 3)
    rng = np.random.default_rng([seed, len(distinct), 3])
    distinct = distinct[rng.permutation(len(distinct))]
    shuffled: IntArray = rng.permuted(distinct, axis=1)
    return shuffled[:n_triplets]
