"""Which attention checks Prolific accepts as a ground for rejection.

A check is valid when the question itself says what to choose, or asks something
nonsensical on a scale without a neutral middle. A slider has a middle, so no rating can
ever be a valid check: repeated and identical pairs are for exclusion only.
"""

from __future__ import annotations

import re
from typing import Final

from collection.definition_parts import Question

SHORT_STUDY_MINUTES: Final = 5
_MIDDLE: Final = re.compile(
    r"\b(neither|neutral|not sure|undecided|unsure|sometimes|no opinion|in the middle)\b",
    re.IGNORECASE,
)


def checks_needed(minutes: float) -> int:
    """Valid checks that must be failed before a rejection is allowed."""
    return 1 if minutes < SHORT_STUDY_MINUTES else 2


def why_invalid(question: Question) -> str | None:
    """Why failing this question is no ground for rejection; None if it is one."""
    if question.purpose == "comprehension":
        return "is a comprehension check, which never justifies a rejection"
    if question.purpose != "attention":
        return "is a question about the person, not a check"
    right = next((o.text for o in question.options if o.key == question.correct), "")
    if right and _says(question.text, right):
        return None
    if any(_MIDDLE.search(option.text) for option in question.options):
        return "neither says what to choose nor does without a neutral middle option"
    if len(question.options) % 2:
        return "does not say what to choose, and its odd number of options has a middle one"
    return None


def _says(text: str, option: str) -> bool:
    plain = option.strip().strip(".").casefold()
    return re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", text.casefold()) is not None
