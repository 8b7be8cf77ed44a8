"""Alignment on the blocks of pairs that a sweep uses, for similarity and every value.

An agent learns on its personalization actions and is tested on the others. What a
kernel is worth while it learns hangs on the pairs within the first, what it is worth
beyond them on the pairs between the two: a model may agree with people on the one and not
on the other. A sweep splits anew in each replicate, so a block's alignment is the mean
over replicates.

The same is asked of every value dimension: how far a model's similarity follows
differences in that value, 1 - |v_i - v_j| / max, beside how far people's own similarity
does. "Sees actions as we do" and "sees what this value is about" come apart.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import nan
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from alignment.action_split import BoolArray, split_actions
from alignment.errors import AlignmentError, FolderError, TooFewRaters
from alignment.folders import read_rows, write_records
from alignment.judgments import SimilarityJudgments, ValueJudgments
from alignment.matrices import FloatArray, SimilarityMatrix, from_distances
from alignment.measures import rdm
from alignment.reliability import noise_ceiling, stepped_up
from alignment.uncertainty import draw_actions, percentile_estimate

SIMILARITY = "similarity"
ALL, WITHIN, ACROSS = "all", "personalization", "personalization_generalization"
BLOCKS = {
    ALL: "all pairs",
    WITHIN: "within personalization",
    ACROSS: "personalization × generalization",
}
CEILING = "noise_ceiling"
# Splits whose blocks get intervals and ceilings: enough that their mean is steady.
FEW_SPLITS = 8
# Halvings of the raters behind a ceiling on a block or a value.
HALVINGS = 20
# A block with fewer pairs has no rank correlation worth a row.
LEAST_PAIRS = 3


@dataclass(frozen=True)
class BlockSettings:
    """Which splits of the actions the blocks come from: those of a sweep.

    seed: The sweep's seed (`bandits/specs`). n_splits: Replicates 0, 1, ... that are
    averaged. share: Of the actions, those of the personalization phase.
    """

    seed: int = 1
    n_splits: int = 64
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.n_splits < 1:
            raise AlignmentError(
                f"blocks: need at least 1 split of the actions, got {self.n_splits}"
            )
        split_actions(2, [0], seed=self.seed, share=self.share)  # refuses by itself


@dataclass(frozen=True)
class BlockRow:
    """One rater's Spearman alignment on one block, or the noise ceiling there.

    target: "similarity", or the value dimension whose differences are the reference.
    block: A key of `BLOCKS`. rater: "noise_ceiling" for the ceiling. pooling: How
    people's judgments became the reference. value: NaN where undefined; `note` then
    says why. low, high: 95 % interval over actions; NaN where none was made. n_pairs:
    Median over the splits of pairs that both have.
    """

    target: str
    block: str
    rater: str
    pooling: str
    value: float
    low: float
    high: float
    n_pairs: int
    n_splits: int
    note: str


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of all splits, and draws of actions for intervals.

    masks: block -> (n_splits, n_pairs) bool, pairs as `SimilarityMatrix.pairs`.
    counts: (n_resamples, n_actions) how often each action is drawn.
    """

    masks: Mapping[str, BoolArray]
    counts: FloatArray

    @classmethod
    def drawn(
        cls, n_actions: int, settings: BlockSettings, *, n_resamples: int, seed: int
    ) -> "Blocks":
        """The blocks of `n_actions` actions, and resamples of them."""
        split = split_actions(
            n_actions,
            np.arange(settings.n_splits),
            seed=settings.seed,
            share=settings.share,
        )
        i, j = np.triu_indices(n_actions, k=1)
        masks = {
            ALL: np.ones((1, len(i)), dtype=np.bool_),
            WITHIN: split[:, i] & split[:, j],
            ACROSS: split[:, i] ^ split[:, j],
        }
        counts = draw_actions(n_actions, n_resamples, seed).astype(np.float64)
        return cls(masks, counts)


def similarity_rows(
    against: SimilarityMatrix,
    matrices: Mapping[str, SimilarityMatrix],
    blocks: Blocks,
    *,
    pooling: str = "mean",
) -> list[BlockRow]:
    """Every rater against one matrix of people's, on all pairs and on each block."""
    return [
        _row(SIMILARITY, block, name, pooling, against, matrix, blocks, interval=True)
        for block in BLOCKS
        for name, matrix in matrices.items()
    ]


def similarity_ceilings(
    judgments: SimilarityJudgments, blocks: Blocks, *, seed: int
) -> list[BlockRow]:
    """The noise ceiling on each block but the whole: it stands in reliability.csv."""
    n = len(judgments.actions)
    number = {pair: k for k, pair in enumerate(combinations(range(n), 2))}
    pairs = zip(judgments.a.tolist(), judgments.b.tolist(), strict=True)
    pair = np.array([number[each] for each in pairs], dtype=np.int64)
    rows = []
    for block in (WITHIN, ACROSS):
        found, note = [], ""
        for mask in blocks.masks[block][:FEW_SPLITS]:
            try:
                ceiling = noise_ceiling(
                    _only(judgments, mask[pair]),
                    n_splits=HALVINGS,
                    n_resamples=1,
                    seed=seed,
                )
                found.append(ceiling.mean_r)
            except TooFewRaters as refusal:
                note = str(refusal)
        rows.append(_ceiling_row(SIMILARITY, block, found, blocks, note))
    return rows


def value_rows(
    dimension: str,
    values: FloatArray,
    matrices: Mapping[str, SimilarityMatrix],
    blocks: Blocks,
) -> list[BlockRow]:
    """How far each rater's similarity follows differences on one value dimension.

    Args:
        values: (n_actions,) people's mean values, NaN where nobody judged.
    """
    actions = next(iter(matrices.values())).actions if matrices else ()
    try:
        against = value_similarity(values, actions, dimension)
    except AlignmentError:
        return []  # all values alike: there is no difference to follow
    return [
        _row(
            dimension, block, name, "mean", against, each, blocks, interval=block == ALL
        )
        for block in BLOCKS
        for name, each in matrices.items()
    ]


def value_ceilings(
    dimension: str, judged: ValueJudgments, blocks: Blocks, *, seed: int
) -> list[BlockRow]:
    """How well differences in people's mean values can be followed, on each block.

    Spearman between the difference matrices of two halves of the raters, stepped up to
    all of them, and its root: as the ceiling of similarity.
    """
    raters = np.array(judged.raters(dimension))
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {block: [] for block in BLOCKS}
    for _ in range(HALVINGS if len(raters) > 1 else 0):
        order = rng.permutation(raters)
        half = len(order) // 2
        means = [
            judged.only(who.tolist()).mean(dimension)
            for who in (order[:half], order[half:])
        ]
        x, y = (-_differences(mean) for mean in means)
        for block, masks in blocks.masks.items():
            scores = _spearman(x, y, masks[:FEW_SPLITS].astype(np.float64))
            found[block] += scores[~np.isnan(scores)].tolist()
    note = f"no ceiling: {len(raters)} of the people judged {dimension}"
    return [
        _ceiling_row(dimension, block, each, blocks, note)
        for block, each in found.items()
    ]


def value_similarity(
    values: FloatArray, actions: Iterable[str], dimension: str
) -> SimilarityMatrix:
    """1 - |v_i - v_j| / max: alike are actions of like value; NaN where one is unknown.

    Raises:
        MatrixError: No two actions differ in value.
    """
    apart = np.abs(values[:, None] - values[None, :])
    np.fill_diagonal(apart, 0.0)
    return from_distances(apart, tuple(actions), rater=f"values on {dimension}")


def write_blocks(rows: Iterable[BlockRow], path: Path) -> None:
    """The table as a CSV file; an empty field for NaN."""
    write_records(path, BlockRow, rows)


def read_blocks(path: Path) -> tuple[BlockRow, ...]:
    """The table read back.

    Raises:
        FolderError: A field is no number where one belongs.
    """
    parse: dict[str, Callable[[str], Any]] = {
        name: (lambda text: float(text or "nan")) if kind is float else kind
        for name, kind in get_type_hints(BlockRow).items()
    }
    try:
        return tuple(
            BlockRow(*(as_kind(row[name]) for name, as_kind in parse.items()))
            for row in read_rows(path)
        )
    except (KeyError, ValueError) as fault:
        raise FolderError(f"{path}: not a table of blocks ({fault})") from fault


def _row(
    target: str,
    block: str,
    name: str,
    pooling: str,
    against: SimilarityMatrix,
    matrix: SimilarityMatrix,
    blocks: Blocks,
    *,
    interval: bool,
) -> BlockRow:
    against.same_actions(matrix)
    both = ~np.isnan(against.pairs()) & ~np.isnan(matrix.pairs())
    x, y = against.pairs()[both], matrix.pairs()[both]
    masks = blocks.masks[block][:, both].astype(np.float64)
    n_pairs = int(np.median(masks.sum(axis=1)))
    head = (target, block, name, pooling)
    if n_pairs < LEAST_PAIRS:
        note = f"needs at least {LEAST_PAIRS} pairs judged by both, got {n_pairs}"
        return BlockRow(*head, nan, nan, nan, n_pairs, 0, note)
    scores = _spearman(x, y, masks)
    usable = scores[~np.isnan(scores)]
    if not len(usable):
        note = "undefined: all pairs have the same similarity"
        return BlockRow(*head, nan, nan, nan, n_pairs, 0, note)
    value = float(usable.mean())
    low = high = nan
    if interval:
        i, j = (each[both] for each in np.triu_indices(len(matrix), k=1))
        drawn = blocks.counts[:, i] * blocks.counts[:, j]
        few = masks[~np.isnan(scores)][:FEW_SPLITS]
        draws = np.stack([_spearman(x, y, drawn * mask) for mask in few]).mean(axis=0)
        # A few splits stand for all: their draws are moved to the mean of all.
        found = percentile_estimate(value, draws - usable[: len(few)].mean() + value)
        low, high = found.low, found.high
    return BlockRow(*head, value, low, high, n_pairs, len(usable), "")


def _ceiling_row(
    target: str, block: str, found: list[float], blocks: Blocks, note: str
) -> BlockRow:
    """sqrt(2r / (1 + r)) of the mean r between halves of the raters."""
    n_pairs = int(np.median(blocks.masks[block].sum(axis=1)))
    r = float(np.mean(found)) if found else nan
    if found and not r > 0:
        note = f"no ceiling: the halves must agree, their correlation is {r:.3f}"
    value = float(np.sqrt(stepped_up(r))) if r > 0 else nan
    return BlockRow(
        *(target, block, CEILING, "mean"),
        *(value, nan, nan),
        n_pairs,
        len(found),
        "" if r > 0 else note,
    )


def _only(judgments: SimilarityJudgments, kept: BoolArray) -> SimilarityJudgments:
    columns = ("a", "b", "rater", "similarity", "weight", "group")
    return replace(
        judgments, **{name: getattr(judgments, name)[kept] for name in columns}
    )


def _differences(values: FloatArray) -> FloatArray:
    i, j = np.triu_indices(len(values), k=1)
    return np.asarray(np.abs(values[i] - values[j]))


def _spearman(x: FloatArray, y: FloatArray, weights: FloatArray) -> FloatArray:
    """(n_draws,) weighted Spearman over the pairs that both have."""
    both = ~np.isnan(x) & ~np.isnan(y)
    if both.sum() < LEAST_PAIRS:
        return np.full(len(weights), np.nan)
    return rdm.spearman(x[both], y[both], weights[:, both])
