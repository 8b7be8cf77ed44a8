"""From a snapshot to an alignment report: the whole road in `write_report`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from alignment import figures
from alignment.comparison import compare_by_all_measures, compare_with_triplets
from alignment.errors import AlignmentError, FolderError, TooFewRaters
from alignment.folders import (
    MANIFEST,
    locked,
    sha256_of,
    short_hash,
    write_manifest,
    write_rows,
)
from alignment.group_values import ValueVectors, value_vectors
from alignment.matrices import SimilarityMatrix
from alignment.measures.neighbours import neighbourhood_size
from alignment.measures.table import REPORTED
from alignment.progress import Progress
from alignment.rater_ceilings import rater_ceilings
from alignment.raters import RaterOptions, make_raters
from alignment.raters.base import Rater, RaterResult
from alignment.raters.common_pairs import common_pairs
from alignment.raters.recorded import RecordedRater
from alignment.raters.study_questions import questions_besides_pairs
from alignment.reliability import noise_ceiling
from alignment.report_blocks import BlockSettings
from alignment.report_files import (
    ACTION_IDS,
    ARRANGEMENTS,
    GROUP,
    HALF_A,
    HALF_B,
    HUMAN,
    HUMAN_VIEWS,
    TRIPLET_EMBEDDING,
    TRIPLETS,
    AlignmentRow,
    DimensionRow,
    RaterRow,
    ReliabilityRow,
    ReportData,
    read_report,
    write_tables,
)
from alignment.report_judgments import people_of
from alignment.report_page import write_page
from alignment.report_parts import REFERENCES, report_parts, write_parts
from alignment.report_people import people_views, person_row
from alignment.sensitivity import sensitivity, write_sensitivity
from alignment.snapshots import Snapshot, read_snapshot
from alignment.triplet_ceiling import triplet_ceiling

NAN = float("nan")


@dataclass(frozen=True)
class ReportSettings:
    """What a report is made with.

    raters: Built-in raters by name (`alignment.raters.RATERS`).
    recorded: Name and file of raters whose judgments lie in a file.
    raters_files: The files such as raters.toml that further raters were read from: their
        hashes stand among the report's inputs.
    chat_pairs: Pairs the built-in chat model is asked; None asks them all, 0 leaves
        it out.
    seed: Of every draw: halves, resamples, permutations, a chat model's pairs.
    n_resamples, n_permutations: Of each interval and each p.
    n_splits: Halvings of the participants behind the noise ceiling.
    cache: Folder of chat replies; None keeps nothing.
    figures: Draw them, and write the page; a sweep needs none.
    blocks: Whose splits of the actions alignment is also measured on.
    """

    raters: tuple[str, ...] = ("minilm", "wordllama", "smollm2", "length", "words")
    recorded: tuple[tuple[str, Path], ...] = ()
    raters_files: tuple[Path, ...] = ()
    chat_pairs: int | None = 100
    seed: int = 0
    n_resamples: int = 1000
    n_permutations: int = 1000
    n_splits: int = 100
    cache: Path | None = field(default=None, compare=False)
    figures: bool = True
    blocks: BlockSettings = field(default_factory=BlockSettings)

    def __post_init__(self) -> None:
        for name in ("n_resamples", "n_permutations", "n_splits"):
            if getattr(self, name) < 1:
                raise AlignmentError(
                    f"report: {name} must be at least 1, got {getattr(self, name)}"
                )


def write_report(
    snapshot: Path,
    out: Path,
    settings: ReportSettings | None = None,
    *,
    more_raters: Sequence[Rater] = (),
) -> ReportData:
    """Compare every rater with the people of a snapshot and write a report folder.

    What the snapshot cannot give (no pair ratings, no values, only means) is left out
    and said in the manifest's notes; everything else is made.

    Args:
        more_raters: Raters besides those that the settings name.

    Returns:
        The report, as read back from the folder.

    Raises:
        FolderError: The snapshot is missing or was changed; `out` holds a report.
        AlignmentError: A rater cannot be had, or its judgments are not usable.
    """
    started_at = datetime.now(UTC)
    settings = settings or ReportSettings()
    raters = _raters(settings, more_raters)
    with locked(Path(out)) as folder:
        if (folder / MANIFEST).exists():
            raise FolderError(
                f"{folder} holds a report already; delete it or write another folder"
            )
        frozen = read_snapshot(snapshot)
        notes: list[str] = []
        people = people_views(frozen, seed=settings.seed, notes=notes)
        preferred = ~np.isnan(people[HUMAN].values) if HUMAN in people else None
        results = {
            rater.name: rater.judge(
                frozen.actions,
                frozen.manifest["wording"],
                preferred=preferred,
                more=questions_besides_pairs(frozen),
            )
            for rater in raters
        }
        asked = {name: each for name, each in results.items() if each.replies}
        if any(each.n_refused for each in asked.values()):
            notes.append(common_pairs(asked).sentence())
        matrices = people | {name: each.matrix for name, each in results.items()}
        vectors = value_vectors(
            frozen.values,
            pool_equally=bool(frozen.manifest["parameters"].get("pool_groups_equally")),
        )
        dimensions = _dimensions(frozen)
        notes += _notes_on_values(dimensions, vectors)
        report = ReportData(
            folder=folder,
            manifest={
                key: frozen.manifest.get(key) for key in ("study", "title", "world")
            },
            actions=frozen.actions,
            raters=(
                *(person_row(matrix) for matrix in people.values()),
                *(rater_row(rater, results[rater.name]) for rater in raters),
            ),
            matrices=matrices,
            dimensions=dimensions,
            values=vectors.values,
            value_counts=vectors.counts,
            alignment=_alignment(frozen, matrices, settings, notes),
            reliability=(
                *_reliability(frozen, settings),
                *_rater_ceilings(frozen, settings),
                *_triplet_ceilings(frozen),
            ),
            simulated=frozen.simulated,
            notes=tuple(notes),
            judgments=people_of(frozen.values, frozen.similarities),
        )
        write_tables(report, folder)
        schemes = sensitivity(
            frozen,
            matrices,
            n_splits=settings.n_splits,
            n_resamples=settings.n_resamples,
            seed=settings.seed,
        )
        if schemes:
            write_sensitivity(schemes, folder / "sensitivity.csv")
        write_raw(results, folder)
        parts = report_parts(
            frozen,
            report,
            settings.blocks,
            results,
            n_resamples=settings.n_resamples,
            n_permutations=settings.n_permutations,
            seed=settings.seed,
        )
        write_parts(parts, folder)
        mark = f"snapshot {short_hash(frozen.folder)}"
        if settings.figures:
            figures.draw(report, folder / "figures", mark=mark, parts=parts)
            write_page(report, parts, folder / "report.html", mark=mark)
        write_manifest(
            folder,
            kind="report",
            parameters=_parameters(settings, raters, results, len(frozen.actions)),
            inputs=_inputs(frozen, settings),
            simulated=frozen.simulated,
            seeds={"seed": settings.seed, "split": settings.blocks.seed},
            started_at=started_at,
            extra={**report.manifest, "notes": notes, "figure_mark": mark},
        )
    return read_report(folder)


def _raters(settings: ReportSettings, more: Sequence[Rater]) -> list[Rater]:
    options = RaterOptions(settings.chat_pairs, settings.seed, settings.cache)
    raters = [
        *make_raters(settings.raters, options),
        *(RecordedRater(name, path) for name, path in settings.recorded),
        *more,
    ]
    names = [rater.name for rater in raters]
    for name in names:
        if name in (*HUMAN_VIEWS, ACTION_IDS) or not name:
            raise AlignmentError(f"report: a rater cannot be called {name!r}")
        if names.count(name) > 1:
            raise AlignmentError(f"report: two raters are called {name}")
    return raters


def _alignment(
    frozen: Snapshot,
    matrices: dict[str, SimilarityMatrix],
    settings: ReportSettings,
    notes: list[str],
) -> tuple[AlignmentRow, ...]:
    """Every rater against the people's mean, one half of them against the other."""
    given = [view for view in REFERENCES if view in matrices]
    reference = given[0] if given else TRIPLETS
    pairs = [
        (reference, name)
        for name in matrices
        if reference in matrices and name not in (reference, HALF_A, HALF_B)
    ]
    if HALF_A in matrices:
        pairs.append((HALF_A, HALF_B))
    if reference not in matrices:
        notes.append("Nobody judged similarity: no rater can be compared with people.")
    elif reference != HUMAN:
        source = "arrangements" if reference == ARRANGEMENTS else "triplets"
        notes.append(f"Alignment is with the matrix from {source}.")
    rows: list[AlignmentRow] = []
    with Progress("comparing raters with people", len(pairs)) as progress:
        for against, name in pairs:
            rows += compare_by_all_measures(
                matrices[against],
                matrices[name],
                n_resamples=settings.n_resamples,
                n_permutations=settings.n_permutations,
                seed=settings.seed,
            )
            progress.advance()
    fair = frozen.triplets.drawn_uniformly()
    if len(fair):
        rows += [
            compare_with_triplets(
                fair,
                matrix,
                n_resamples=settings.n_resamples,
                seed=settings.seed,
            )
            for name, matrix in matrices.items()
            # What was made from these triplets cannot be tested on them.
            if name not in (TRIPLETS, TRIPLET_EMBEDDING, HALF_A, HALF_B)
        ]
    return tuple(rows)


def _reliability(
    frozen: Snapshot, settings: ReportSettings
) -> tuple[ReliabilityRow, ...]:
    """The noise ceiling, or the sentence that says why there is none."""
    judgments = frozen.similarities
    n_raters = len(judgments.raters) if judgments.has_raters else 0
    if not len(judgments):
        note = "no ceiling: no pair was rated"
        return (ReliabilityRow("noise_ceiling", NAN, NAN, NAN, 0, NAN, note),)
    try:
        with Progress("noise ceiling", 1) as progress:
            ceiling = noise_ceiling(
                judgments,
                n_splits=settings.n_splits,
                n_resamples=settings.n_resamples,
                seed=settings.seed,
            )
            progress.advance()
    except TooFewRaters as refusal:
        note = str(refusal)
        return (ReliabilityRow("noise_ceiling", NAN, NAN, NAN, n_raters, NAN, note),)
    known = (ceiling.n_raters, ceiling.raters_per_pair)
    found = ceiling.estimate
    return (
        ReliabilityRow(
            "noise_ceiling", found.value, found.low, found.high, *known, ceiling.note
        ),
        ReliabilityRow("split_half_r", ceiling.mean_r, NAN, NAN, *known, ""),
    )


def _rater_ceilings(
    frozen: Snapshot, settings: ReportSettings
) -> tuple[ReliabilityRow, ...]:
    """Between which bounds the best model's mean agreement with single people lies."""
    judgments = frozen.similarities
    try:
        found = rater_ceilings(judgments, seed=settings.seed)
    except TooFewRaters:  # the row of the noise ceiling says why
        return ()
    return tuple(
        ReliabilityRow(
            *(f"rater_ceiling_{end}", each.value, each.low, each.high),
            *(found.n_raters, NAN, ""),
        )
        for end, each in (("lower", found.lower), ("upper", found.upper))
    )


def _triplet_ceilings(frozen: Snapshot) -> tuple[ReliabilityRow, ...]:
    """Between which accuracies people's agreement on triplets lies, where it shows."""
    fair = frozen.triplets.drawn_uniformly()
    try:
        found = triplet_ceiling(fair)
    except TooFewRaters:  # no triplet was judged by two people: nothing to say
        return ()
    known = (len(fair.raters), found.raters_per_triplet, "")
    return tuple(
        ReliabilityRow(what, each.value, each.low, each.high, *known)
        for what, each in (
            ("triplet_modal_share", found.modal),
            ("triplet_leave_one_out", found.leave_one_out),
        )
    )


def _dimensions(frozen: Snapshot) -> dict[str, DimensionRow]:
    return {
        str(each["name"]): DimensionRow(
            dimension=str(each["name"]),
            definition=str(each["definition"]),
            perspective=str(each["perspective"]),
            harm=bool(each["harm"]),
            threshold=float(each["low_threshold"]),
            low_label=str(each["low"]),
            high_label=str(each["high"]),
        )
        for each in frozen.manifest["dimensions"]
    }


def _notes_on_values(
    dimensions: dict[str, DimensionRow], vectors: ValueVectors
) -> list[str]:
    """Where no choice, or every choice, is unsafe, harm cannot be measured: say so."""
    if not vectors.values:
        return ["No value was rated: a sweep has nothing to pay rewards with."]
    notes = []
    for name, dimension in dimensions.items():
        means = vectors.values.get((name, GROUP))
        if means is None or not dimension.harm:
            continue
        judged = means[~np.isnan(means)]
        n_unsafe = int((judged < dimension.threshold).sum())
        if n_unsafe == len(judged):
            notes.append(f"{name}: all actions unsafe: harm measures undefined.")
        elif n_unsafe == 0:
            notes.append(f"{name}: no action unsafe: harm measures undefined.")
        else:
            notes.append(f"{name}: {n_unsafe} of {len(judged)} actions are unsafe.")
    return notes


def rater_row(rater: Rater, result: RaterResult) -> RaterRow:
    """A model rater's line in raters.csv."""
    return RaterRow(
        rater=rater.name,
        kind=rater.kind,
        family=rater.family,
        complete=result.matrix.complete,
        n_missing=result.matrix.n_missing,
        n_pairs=result.matrix.n_pairs,
        n_asked=result.n_asked,
        n_refused=result.n_refused,
        description=result.description,
    )


def write_raw(results: dict[str, RaterResult], folder: Path) -> None:
    """What raters gave before it became similarities: cosines, and replies in words."""
    cosines = {n: r.cosine for n, r in results.items() if r.cosine is not None}
    if cosines:
        with (folder / "cosines.npz").open("wb") as stream:
            np.savez(stream, allow_pickle=False, **cosines)
    replies = [
        {"rater": name, **asdict(reply)}
        for name, result in results.items()
        for reply in result.replies
    ]
    if replies:
        write_rows(folder / "replies.csv", list(replies[0]), replies)


def _parameters(
    settings: ReportSettings,
    raters: Sequence[Rater],
    results: Mapping[str, RaterResult],
    n_actions: int,
) -> dict[str, object]:
    return {
        "raters": [_rater_parameters(rater, results[rater.name]) for rater in raters],
        "measures": list(REPORTED),
        "mutual_knn_k": neighbourhood_size(n_actions),
        "n_resamples": settings.n_resamples,
        "n_permutations": settings.n_permutations,
        "n_splits": settings.n_splits,
        "action_splits": settings.blocks.n_splits,
        "split_share": settings.blocks.share,
    }


def _rater_parameters(rater: Rater, result: RaterResult) -> dict[str, Any]:
    known: dict[str, Any] = {
        "name": rater.name,
        "kind": rater.kind,
        "family": rater.family,
    }
    if result.provenance is not None:
        known["provenance"] = result.provenance.manifest()
    return known


def _inputs(frozen: Snapshot, settings: ReportSettings) -> dict[str, str]:
    return {
        "snapshot": sha256_of(frozen.folder / MANIFEST),
        **{f"recorded {name}": sha256_of(path) for name, path in settings.recorded},
        **{f"raters {path.name}": sha256_of(path) for path in settings.raters_files},
    }
