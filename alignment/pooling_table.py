"""What the way of pooling people's ratings does: each rater's alignment under all three.

The report's own matrix is the mean of each pair. A conclusion that turns when raters'
levels are taken out, or pairs with few ratings are drawn to the mean of all, hangs on
who rated what more than on the actions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

from alignment.errors import AlignmentError
from alignment.folders import write_records
from alignment.judgments import SimilarityJudgments
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from alignment.pooling import POOLINGS
from alignment.report_files import HUMAN_VIEWS

MEASURE = "spearman"


@dataclass(frozen=True)
class PoolingRow:
    """One rater's Spearman alignment with people's ratings, pooled one way.

    pooling: A name of `POOLINGS`. value: NaN where undefined; `note` then says why.
    n_clipped: Pairs that pooling moved back into [0, 1]. n_unused: Judgments that this
    way cannot use.
    """

    pooling: str
    rater: str
    value: float
    n_clipped: int
    n_unused: int
    note: str


def poolings(
    judgments: SimilarityJudgments, matrices: Mapping[str, SimilarityMatrix]
) -> tuple[PoolingRow, ...]:
    """Every rater's alignment under every pooling; no rows where nobody rated a pair."""
    if not len(judgments):
        return ()
    rows = []
    models = {name: each for name, each in matrices.items() if name not in HUMAN_VIEWS}
    for pooling, pool in POOLINGS.items():
        try:
            pooled = pool(judgments)
        except AlignmentError as refusal:  # only means are known
            rows += [
                PoolingRow(pooling, name, nan, 0, 0, str(refusal)) for name in models
            ]
            continue
        for name, matrix in models.items():
            value = MATRIX_MEASURES[MEASURE].compute(pooled.matrix, matrix)
            note = "undefined" if isnan(value) else ""
            known = (pooled.n_clipped, pooled.n_unused)
            rows.append(PoolingRow(pooling, name, value, *known, note))
    return tuple(rows)


def write_poolings(rows: Iterable[PoolingRow], path: Path) -> None:
    """The table as a CSV file; an empty field for NaN."""
    write_records(path, PoolingRow, rows)
