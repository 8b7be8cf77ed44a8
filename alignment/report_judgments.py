"""What single people said, as a report keeps it: for halves, left-out people, raters' pay.

A report's matrices and values are means. A sweep needs what stands behind them: to make
a kernel from some participants and measure alignment on others, to leave a participant
out, to pay what a random rater said, to know how well a person repeats themselves.
`judgments.npz` holds each judgment in few bytes; it is not there for published means.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from alignment.judgments import (
    AGGREGATE,
    SimilarityJudgments,
    TextArray,
    ValueJudgments,
)
from alignment.matrices import FloatArray, IntArray

FILE = "judgments.npz"


class Judgments(NamedTuple):
    """The value and similarity judgments of the people of a report.

    A rater who judged the same twice stands in it twice: in the snapshot's order.
    """

    values: ValueJudgments
    similarities: SimilarityJudgments

    def both(self) -> tuple[str, ...]:
        """Who judged similarity and values, in alphabetical order."""
        rated = set(self.values.rater.tolist())
        return tuple(r for r in self.similarities.raters if r in rated)


def people_of(
    values: ValueJudgments, similarities: SimilarityJudgments
) -> Judgments | None:
    """The judgments of known people; None where there are published means alone."""
    values = values.only(set(values.rater.tolist()) - {AGGREGATE})
    similarities = similarities.only(set(similarities.raters) - {AGGREGATE})
    return Judgments(values, similarities) if len(values) or len(similarities) else None


def write_judgments(judgments: Judgments, folder: Path) -> None:
    """`judgments.npz`: columns of numbers, and one list of each kind of name."""
    values, pairs = judgments
    columns: dict[str, Any] = {
        "value_action": values.action.astype(np.int32),
        "value": values.value,
        "pair_a": pairs.a.astype(np.int32),
        "pair_b": pairs.b.astype(np.int32),
        "similarity": pairs.similarity,
        "weight": pairs.weight,
    }
    for name, column in _texts(judgments).items():
        names, number = np.unique(column, return_inverse=True)
        columns[name] = number.astype(np.int32)
        columns[f"{name}_names"] = names
    with (folder / FILE).open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **columns)


def read_judgments(folder: Path, actions: tuple[str, ...]) -> Judgments | None:
    """The judgments in a report folder; None where it has none.

    Args:
        actions: The report's, in order.

    Raises:
        JudgmentsError: What is in the file are no judgments of these actions.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as held:

        def text(name: str) -> TextArray:
            named: TextArray = held[f"{name}_names"][held[name]]
            return named

        def whole(name: str) -> IntArray:
            return np.asarray(held[name], dtype=np.int64)

        def real(name: str) -> FloatArray:
            return np.asarray(held[name], dtype=np.float64)

        return Judgments(
            ValueJudgments(
                actions=actions,
                action=whole("value_action"),
                dimension=text("value_dimension"),
                rater=text("value_rater"),
                value=real("value"),
                group=text("value_group"),
            ),
            SimilarityJudgments(
                actions=actions,
                a=whole("pair_a"),
                b=whole("pair_b"),
                rater=text("pair_rater"),
                similarity=real("similarity"),
                weight=real("weight"),
                group=text("pair_group"),
            ),
        )


def _texts(judgments: Judgments) -> dict[str, TextArray]:
    values, pairs = judgments
    return {
        "value_dimension": values.dimension,
        "value_rater": values.rater,
        "value_group": values.group,
        "pair_rater": pairs.rater,
        "pair_group": pairs.group,
    }
