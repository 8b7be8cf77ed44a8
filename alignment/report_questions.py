"""What paraphrase, order, reversal and repetition did to models' answers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alignment.folders import write_records
from alignment.raters.base import RaterResult


@dataclass(frozen=True)
class QuestionRow:
    """`alignment.raters.base.Variation` of one rater; the same fields mean the same."""

    rater: str
    task: str
    dimension: str
    factor: str
    variance: float
    shift: float
    between_items: float
    n: int


def question_rows(results: Mapping[str, RaterResult]) -> tuple[QuestionRow, ...]:
    """A row for each rater, kind of question and factor that took more than one level."""
    return tuple(
        QuestionRow(
            *(name, each.task, each.dimension, each.factor),
            *(each.variance, each.shift, each.between_items, each.n),
        )
        for name, result in results.items()
        for each in result.variation
    )


def write_questions(rows: Iterable[QuestionRow], path: Path) -> None:
    """The table as a CSV file; an empty field for NaN."""
    write_records(path, QuestionRow, rows)
