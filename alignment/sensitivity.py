"""What the exclusion of participants does: ceiling and alignment under three schemes.

A snapshot names who is left out under no, default and strict exclusion, and holds the
similarities of those whom only the default leaves out. Everything else of a report is
under the default; this table shows how much hangs on that choice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path

import numpy as np

from alignment.errors import AlignmentError
from alignment.folders import write_records
from alignment.judgments import SimilarityJudgments
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from alignment.reliability import noise_ceiling
from alignment.report_files import HUMAN_VIEWS
from alignment.snapshot_files import EXCLUSION_SCHEMES
from alignment.snapshots import Snapshot

MEASURE = "spearman"
FEWER_RESAMPLES = 5
"""The intervals here are beside the report's own: a fifth of its resamples does."""


@dataclass(frozen=True)
class SensitivityRow:
    """The noise ceiling, or one rater's Spearman alignment, under one scheme.

    NaN where undefined; `note` then says why. Alignments have no interval here.
    """

    exclusion: str
    n_raters: int
    n_judgments: int
    what: str
    value: float
    low: float
    high: float
    note: str


def sensitivity(
    frozen: Snapshot,
    matrices: Mapping[str, SimilarityMatrix],
    *,
    n_splits: int,
    n_resamples: int,
    seed: int,
) -> tuple[SensitivityRow, ...]:
    """Ceiling and alignments under each scheme of exclusion.

    No rows where no scheme leaves anybody out (all three are the same then), or nobody
    rated a pair.
    """
    if not frozen.excluded or not len(frozen.similarities):
        return ()
    rows: list[SensitivityRow] = []
    for scheme in EXCLUSION_SCHEMES:
        judgments = under(frozen, scheme)
        if not len(judgments):
            continue
        known = (scheme, len(judgments.raters), len(judgments))
        try:
            ceiling = noise_ceiling(
                judgments,
                n_splits=n_splits,
                n_resamples=max(1, n_resamples // FEWER_RESAMPLES),
                seed=seed,
            )
            found = ceiling.estimate
            rows.append(
                SensitivityRow(
                    *known,
                    "noise_ceiling",
                    found.value,
                    found.low,
                    found.high,
                    ceiling.note,
                )
            )
        except AlignmentError as refusal:
            rows.append(
                SensitivityRow(*known, "noise_ceiling", nan, nan, nan, str(refusal))
            )
        human = judgments.mean()
        for name, matrix in matrices.items():
            if name not in HUMAN_VIEWS:
                rows.append(_alignment(known, name, human, matrix))
    return tuple(rows)


def under(frozen: Snapshot, scheme: str) -> SimilarityJudgments:
    """The similarities of the people whom a scheme of exclusion keeps."""
    kept, aside = frozen.similarities, frozen.set_aside
    everybody = SimilarityJudgments(
        actions=kept.actions,
        **{
            column: np.concatenate([getattr(kept, column), getattr(aside, column)])
            for column in ("a", "b", "rater", "similarity", "weight", "group")
        },
    )
    left_out = frozen.excluded.get(scheme, frozenset())
    return everybody.only([name for name in everybody.raters if name not in left_out])


def write_sensitivity(rows: Iterable[SensitivityRow], path: Path) -> None:
    """The table as a CSV file; an empty field for NaN."""
    write_records(path, SensitivityRow, rows)


def _alignment(
    known: tuple[str, int, int],
    name: str,
    human: SimilarityMatrix,
    matrix: SimilarityMatrix,
) -> SensitivityRow:
    try:
        value = MATRIX_MEASURES[MEASURE].compute(human, matrix)
        note = "undefined" if isnan(value) else ""
    except AlignmentError as refusal:
        value, note = nan, str(refusal)
    return SensitivityRow(*known, name, value, nan, nan, note)
