"""Who cannot take part: asked first, told calmly, and paid as was promised.

A question about the person may name answers with which nobody can take part
(`screen_out`, `screen_out_below`, `screen_out_above`). Such questions stand before all
judgments, after consent: a question asked earlier would store answers of people who
agreed to nothing. The answer that ends a session ends it in the same transaction; what
was answered is in no snapshot, and no place was held yet. Screening is no rejection
(Prolific: pay the time, or ask to return), and `recruitment/completion.py` says how.
"""

from __future__ import annotations

from collection.definition_parts import Question
from collection.models import Response, Trial
from collection.models.trials import Kind
from collection.recruitment.sections import Outcome


def note(trial: Trial, response: Response) -> None:
    """After an answer was stored, in its transaction: end a session that it screens out."""
    if trial.kind != Kind.QUESTION:
        return
    question = trial.session.study.definition_model().question(trial.question)
    if screened_out(question, response):
        # Here, because it imports participation, which imports this module.
        from collection.recruitment.completion import end

        end(trial.session, Outcome.SCREENED_OUT)


def screened_out(question: Question, response: Response) -> bool:
    """Whether nobody who answers like this can take part."""
    if not question.screens:
        return False
    if response.choice:
        return response.choice in question.screen_out
    if question.kind != "number":
        return False
    number = float(response.text)
    low, high = question.screen_out_below, question.screen_out_above
    return (low is not None and number < low) or (high is not None and number > high)
