"""What a question that screens people out must be, for a definition's check."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collection.definition_parts import Question


def screening_fault(question: Question, *, declined: str) -> str:
    """Why a question cannot screen out as it says; empty where it can.

    Args:
        declined: The key of "prefer not to say".
    """
    if question.purpose != "about" or not question.required:
        return "only a required question about the person can screen out"
    offered = {option.key for option in question.options}
    if question.may_be_declined:
        offered.add(declined)
    if not offered.issuperset(question.screen_out):
        return (
            f"screen_out must name answers that are offered, {sorted(offered)}; "
            f"got {list(question.screen_out)}"
        )
    if question.kind == "choice" and offered == set(question.screen_out):
        return "screen_out names every answer: nobody could take part"
    limits = (question.screen_out_below, question.screen_out_above)
    if question.kind != "number" and limits != (None, None):
        return "screen_out_below and screen_out_above are for numbers"
    bounds = (question.minimum, *limits, question.maximum)
    in_order = [bound for bound in bounds if bound is not None]
    if in_order != sorted(in_order):
        return (
            "minimum, screen_out_below, screen_out_above and maximum must rise, or "
            f"nobody could take part; got {in_order}"
        )
    return ""
