"""What a model's reply says, read strictly: a rating, a choice, or nothing.

A number inside a sentence is not taken: it may be the scale's own end, quoted back.
Where the endpoint gives log-probabilities, the expected rating is read from them.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from alignment.raters.questions import ReplyAs, answer_key

NUMBER_ALONE = re.compile(r"(\d{1,3})(?:\s*/\s*100)?\s*[.%]?")
CHOICE_ALONE = re.compile(r"(?:action\s*)?\(?([123])\)?\.?", re.IGNORECASE)
REFUSALS = re.compile(
    r"\W*(?:(?:i['’]?m|i am) (?:really |very |so )?(?:sorry|unable|not able)|sorry\b"
    r"|(?:i|we) (?:can['’]?t|cannot|can not|won['’]?t|will not|am not able|must decline"
    r"|refuse|decline)|as an? (?:ai\b|artificial|language model|assistant|model\b)"
    r"|unfortunately,? i)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Token:
    """One written token and the likeliest ones in its place, with probabilities."""

    text: str
    likeliest: Mapping[str, float]


@dataclass(frozen=True)
class Expected:
    """A rating from probabilities: its mean over the scale, and what was beside it."""

    rating: float
    off_scale: float


def parse_rating(text: str, reply_as: ReplyAs = "text") -> int | None:
    """The reply as a rating, if it is a whole number 0..100 and no more.

    As text, "70", " 70. ", "70/100" and "70%" on the first line are ratings; "I'd say
    70", "150" and "" are not. As an object, only {"rating": 70} is.
    """
    if reply_as == "object":
        return _in_object(text, answer_key(chooses=False), 0, 100)
    match = NUMBER_ALONE.fullmatch(_first_line(text))
    if match is None or int(match[1]) > 100:
        return None
    return int(match[1])


def parse_choice(text: str, reply_as: ReplyAs = "text") -> int | None:
    """Which of three was chosen, 0, 1 or 2, if the reply names one and no more."""
    if reply_as == "object":
        found = _in_object(text, answer_key(chooses=True), 1, 3)
        return None if found is None else found - 1
    match = CHOICE_ALONE.fullmatch(_first_line(text))
    return None if match is None else int(match[1]) - 1


def is_refusal(text: str) -> bool:
    """Whether a reply without a usable answer reads as a refusal to give one."""
    return REFUSALS.match(text.strip()) is not None


def tokens_of(logprobs: object) -> tuple[Token, ...]:
    """The `logprobs` of a chat completion's choice; empty if there are none to use."""
    try:
        content = logprobs["content"]  # type: ignore[index]
        return tuple(
            Token(
                str(each["token"]),
                {
                    str(one["token"]): exp(float(one["logprob"]))
                    for one in each["top_logprobs"]
                },
            )
            for each in content
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return ()


def writes_whole_numbers(replies: Iterable[Sequence[Token]]) -> bool:
    """Whether a model's tokens are whole numbers, as "70", not digits, as "7", "0".

    Only then does one token's place hold the probabilities of all ratings. A number
    of several digits in one token shows it; one number in two tokens shows the other.
    """
    seen = False
    for tokens in replies:
        at = number_at(tokens)
        if at is None:
            continue
        if at + 1 < len(tokens) and tokens[at + 1].text[:1].isdigit():
            return False
        seen = seen or len(tokens[at].text.strip()) > 1
    return seen


def expected_rating(tokens: Sequence[Token], n_choices: int = 101) -> Expected | None:
    """The mean rating over the number tokens that could have stood first.

    Args:
        tokens: Of a model that writes whole numbers as single tokens.
        n_choices: 101 for the numbers 0 to 100.

    Returns:
        None where the reply holds no number. `off_scale` is all probability that is
        not known to be on the scale: other words, and numbers not among the likeliest.
    """
    at = number_at(tokens)
    if at is None:
        return None
    mass: dict[int, float] = {}
    for text, probability in tokens[at].likeliest.items():
        word = text.strip()
        if word.isascii() and word.isdigit() and int(word) < n_choices:
            mass[int(word)] = mass.get(int(word), 0.0) + probability
    on_scale = sum(mass.values())
    if on_scale <= 0:
        return None
    mean = sum(number * share for number, share in mass.items()) / on_scale
    return Expected(mean, max(0.0, 1.0 - on_scale))


def number_at(tokens: Sequence[Token]) -> int | None:
    """The place of the first token that begins a number."""
    for place, token in enumerate(tokens):
        if token.text.strip()[:1].isdigit():
            return place
    return None


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0].strip() if lines else ""


def _in_object(text: str, key: str, low: int, high: int) -> int | None:
    try:
        held = json.loads(text)
    except ValueError:
        return None
    if not isinstance(held, dict) or set(held) != {key}:
        return None
    number = held[key]
    # In Python True is a whole number; in an answer it is not.
    if isinstance(number, bool) or not isinstance(number, int):
        return None
    return number if low <= number <= high else None
