"""What a browser may answer to a trial, checked against what the trial asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypedDict

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collection.arranged import Places, checked_places
from collection.definition_parts import PREFER_NOT_TO_SAY, Question
from collection.errors import AnswerMissing, AnswerNotOffered, RatingOutOfRange
from collection.models import Response, Trial
from collection.models.trials import Kind


@dataclass(frozen=True)
class Answer:
    """What was said, as it came from the page. At most one field means something.

    rating: on the scale as shown, 0 (left end) to 100 (right end).
    choice: the odd action's id, or a question's option (or prefer-not-to-say).
    text: a number or short text typed.
    positions: action -> place in an arena, as `collection/arranged.py` describes it.
    not_understood: said instead of judging; a rating beside it is dropped.
    """

    rating: float | None = None
    choice: str = ""
    text: str = ""
    positions: dict[str, Any] | None = None
    not_understood: bool = False


class Stored(TypedDict):
    """The part of a response that the person answered."""

    rating: int | None
    choice: str
    text: str
    positions: Places | None
    not_understood: bool


def checked(trial: Trial, answer: Answer) -> Stored:
    """The answer as it will be stored.

    Raises:
        AnswerMissing: nothing was answered.
        RatingOutOfRange: a rating is not a number within 0 to 100, or a typed number
            lies outside the question's range.
        AnswerNotOffered: a choice that the trial did not show.
        PositionOutside: a place that does not lie in the arena.
    """
    if trial.kind == Kind.QUESTION:
        question = trial.session.study.definition_model().question(trial.question)
        return _answer_to_question(question, answer)
    if trial.kind == Kind.ARRANGEMENT:
        places = checked_places(trial.actions, answer.positions)
        # One place alone is near to nothing and far from nothing.
        return _stored(positions=places, not_understood=len(places) < 2)
    if answer.not_understood:
        return _stored(not_understood=True)
    if trial.kind == Kind.TRIPLET:
        if not answer.choice:
            raise AnswerMissing(
                _("Please choose the action that is least like the others.")
            )
        if answer.choice not in trial.actions:
            raise AnswerNotOffered(_("Please choose one of the three actions shown."))
        return _stored(choice=answer.choice)
    if answer.rating is None:
        raise AnswerMissing(_("Please give an answer before you go on."))
    return _stored(rating=_rating(answer.rating))


def same_answer(response: Response, stored: Stored) -> bool:
    """Whether a repeated request says what was stored the first time."""
    return (
        response.rating == stored["rating"]
        and response.choice == stored["choice"]
        and response.text == stored["text"]
        and response.positions == stored["positions"]
        and response.not_understood == stored["not_understood"]
    )


def said(response: Response) -> Stored:
    """What a stored response answered."""
    return Stored(
        rating=response.rating,
        choice=response.choice,
        text=response.text,
        positions=response.positions,
        not_understood=response.not_understood,
    )


def _stored(
    *,
    rating: int | None = None,
    choice: str = "",
    text: str = "",
    positions: Places | None = None,
    not_understood: bool = False,
) -> Stored:
    return Stored(
        rating=rating,
        choice=choice,
        text=text,
        positions=positions,
        not_understood=not_understood,
    )


def _rating(rating: float) -> int:
    # A bool is an int in Python, and would be stored as a rating of 0 or 1.
    if isinstance(rating, bool) or not isinstance(rating, int | float):
        raise RatingOutOfRange(
            _("A rating is a number from 0 to 100; got %(rating)s.")
            % {"rating": repr(rating)}
        )
    if not math.isfinite(rating) or not 0 <= rating <= 100:
        raise RatingOutOfRange(
            _("Ratings run from 0 to 100; got %(rating)s.") % {"rating": f"{rating:g}"}
        )
    return round(rating)


def _answer_to_question(question: Question, answer: Answer) -> Stored:
    if answer.choice == PREFER_NOT_TO_SAY and question.may_be_declined:
        return _stored(choice=PREFER_NOT_TO_SAY)
    if question.kind == "choice":
        if not answer.choice:
            return _nothing(question)
        if answer.choice not in {option.key for option in question.options}:
            raise AnswerNotOffered(_("Please choose one of the options shown."))
        return _stored(choice=answer.choice)
    if answer.choice:
        raise AnswerNotOffered(_("This question is answered by typing."))
    text = answer.text.strip().replace("\x00", "")
    if not text:
        return _nothing(question)
    if question.kind == "number":
        return _stored(text=_number(question, text))
    if len(text) > question.max_length:
        raise AnswerNotOffered(
            ngettext(
                "Please use at most %(most)d character; you wrote %(n)d.",
                "Please use at most %(most)d characters; you wrote %(n)d.",
                question.max_length,
            )
            % {"most": question.max_length, "n": len(text)}
        )
    return _stored(text=text)


def _nothing(question: Question) -> Stored:
    if not question.may_be_empty:
        raise AnswerMissing(_("Please answer this question before you go on."))
    return _stored()


def _number(question: Question, text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise RatingOutOfRange(
            _("Please type a number; got “%(text)s”.") % {"text": text[:40]}
        )
    low, high = question.minimum, question.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        if high is None:
            needs = _("Please type a number of at least %(low)s; got %(number)s.")
        elif low is None:
            needs = _("Please type a number of at most %(high)s; got %(number)s.")
        else:
            needs = _(
                "Please type a number of at least %(low)s and at most %(high)s; "
                "got %(number)s."
            )
        bounds = {
            name: "" if bound is None else f"{bound:g}"
            for name, bound in (("low", low), ("high", high), ("number", number))
        }
        raise RatingOutOfRange(needs % bounds)
    return f"{number:.15g}"
