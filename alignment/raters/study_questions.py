"""What the people of a snapshot were asked besides pairs, for models to be asked too."""

from alignment.raters.base import MoreQuestions, ValueQuestion
from alignment.snapshots import Snapshot


def questions_besides_pairs(snapshot: Snapshot) -> MoreQuestions:
    """The value questions of the study, and the triplets that people were shown.

    Only uniformly drawn triplets: those that earlier answers chose are hard ones, and
    what is said of them says nothing of triplets at large. A dimension that has no
    question (published ratings) cannot be put to a model and is left out.
    """
    dimensions = tuple(
        ValueQuestion(
            name=str(each["name"]),
            question=str(each["question"]),
            low=str(each["low"]),
            high=str(each["high"]),
            midpoint=str(each.get("midpoint") or ""),
            definition=str(each.get("definition") or ""),
        )
        for each in snapshot.manifest["dimensions"]
        if each.get("question")
    )
    return MoreQuestions(dimensions, snapshot.triplets.drawn_uniformly().triplets)
