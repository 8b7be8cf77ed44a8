"""What a report says beyond one number a rater: blocks, values, differences in words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path

from alignment.model_values import ModelValueRow, model_values, write_model_values
from alignment.pooling_table import PoolingRow, poolings, write_poolings
from alignment.progress import Progress
from alignment.raters.base import RaterResult
from alignment.report_agreement import AgreementRow, agreement_rows, write_agreement
from alignment.report_blocks import (
    ALL,
    CEILING,
    SIMILARITY,
    BlockRow,
    Blocks,
    BlockSettings,
    similarity_ceilings,
    similarity_rows,
    value_ceilings,
    value_rows,
    write_blocks,
)
from alignment.report_differences import (
    Differences,
    differences,
    rank_noise,
    write_differences,
)
from alignment.report_files import (
    ARRANGEMENTS,
    GROUP,
    HUMAN,
    HUMAN_VIEWS,
    TRIPLETS,
    ReliabilityRow,
    ReportData,
)
from alignment.report_inference import Inference, inference, write_inference
from alignment.report_questions import QuestionRow, question_rows, write_questions
from alignment.report_values import (
    ValueReliabilityRow,
    value_reliability,
    write_value_reliability,
)
from alignment.snapshots import Snapshot

REFERENCES = (HUMAN, ARRANGEMENTS, TRIPLETS)
"""What raters are compared with: the first of these that people's judgments give."""


@dataclass(frozen=True)
class Parts:
    """Everything of a report that is no `ReportData`: no sweep needs it.

    reference: The matrix that raters were compared with, or an empty string.
    """

    reference: str
    blocks: tuple[BlockRow, ...]
    differences: Differences
    values: tuple[ValueReliabilityRow, ...]
    poolings: tuple[PoolingRow, ...] = ()
    model_values: tuple[ModelValueRow, ...] = ()
    inference: Inference = field(default_factory=Inference)
    agreement: tuple[AgreementRow, ...] = ()
    questions: tuple[QuestionRow, ...] = ()


def report_parts(
    frozen: Snapshot,
    report: ReportData,
    settings: BlockSettings,
    results: Mapping[str, RaterResult],
    *,
    n_resamples: int,
    n_permutations: int,
    seed: int,
) -> Parts:
    """Blocks, values, differences and tests of every rater.

    Args:
        results: What the raters answered, by name.
        seed: Of halvings and resamples; the splits have their own.
    """
    reference = next((each for each in REFERENCES if each in report.matrices), "")
    models = {
        name: matrix
        for name, matrix in report.matrices.items()
        if name not in HUMAN_VIEWS
    }
    blocks = Blocks.drawn(
        len(frozen.actions), settings, n_resamples=n_resamples, seed=seed
    )
    rows: list[BlockRow] = []
    found = Differences((), ())
    tests = Inference()
    known = frozen.similarities
    reliabilities: list[ValueReliabilityRow] = []
    dimensions = [name for name in report.dimensions if (name, GROUP) in report.values]
    with Progress("blocks and values", 1 + len(dimensions)) as progress:
        if reference:
            people = report.matrices[reference]
            rows += similarity_rows(people, models, blocks)
            rows += _ceilings(frozen, report.reliability, blocks, reference, seed)
            noise = None
            if reference == HUMAN:
                noise = rank_noise(frozen.similarities, seed=seed)
            found = differences(people, models, frozen.actions, noise)
            tests = inference(
                people,
                # Of another reference's judgments nobody is asked here.
                known if reference == HUMAN else known.only(()),
                models,
                frozen.actions,
                n_resamples=n_resamples,
                n_permutations=n_permutations,
                seed=seed,
            )
            models = {reference: people} | models
        progress.advance()
        for name in dimensions:
            rows += value_rows(name, report.values[name, GROUP], models, blocks)
            rows += value_ceilings(name, frozen.values, blocks, seed=seed)
            reliabilities.append(value_reliability(frozen.values, name, seed=seed))
            progress.advance()
    pooled = poolings(frozen.similarities, report.matrices)
    own = model_values(report.values, results, n_resamples=n_resamples, seed=seed)
    return Parts(
        reference,
        tuple(rows),
        found,
        tuple(reliabilities),
        pooled,
        own,
        tests,
        agreement_rows(
            known, frozen.values, dimensions, n_resamples=n_resamples, seed=seed
        ),
        question_rows(results),
    )


def write_parts(parts: Parts, folder: Path) -> None:
    """Their tables, each a CSV file; those that would be empty are left out."""
    write_blocks(parts.blocks, folder / "blocks.csv")
    write_differences(parts.differences, folder)
    write_value_reliability(parts.values, folder / "value_reliability.csv")
    if parts.poolings:
        write_poolings(parts.poolings, folder / "pooling.csv")
    if parts.model_values:
        write_model_values(parts.model_values, folder / "model_values.csv")
    if parts.inference.models:
        write_inference(parts.inference, folder)
    if parts.agreement:
        write_agreement(parts.agreement, folder / "agreement.csv")
    if parts.questions:
        write_questions(parts.questions, folder / "question_variance.csv")


def _ceilings(
    frozen: Snapshot,
    reliability: tuple[ReliabilityRow, ...],
    blocks: Blocks,
    reference: str,
    seed: int,
) -> list[BlockRow]:
    """The report's own ceiling for all pairs, and those of the blocks."""
    if reference != HUMAN:
        return []
    rows = [
        BlockRow(
            *(SIMILARITY, ALL, CEILING, "mean"),
            *(each.value, each.low, each.high),
            n_pairs=blocks.masks[ALL].shape[1],
            n_splits=1,
            note=each.note,
        )
        for each in reliability
        if each.what == CEILING
    ]
    if not any(isnan(each.value) for each in rows):
        rows += similarity_ceilings(frozen.similarities, blocks, seed=seed)
    return rows
