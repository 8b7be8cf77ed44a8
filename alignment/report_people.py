"""The views that people's judgments give a report, and the rows that describe them."""

from dataclasses import replace

import numpy as np

from alignment.arrangements import arrangement_similarity
from alignment.errors import AlignmentError, TooFewRaters
from alignment.matrices import SimilarityMatrix
from alignment.progress import Progress
from alignment.reliability import ONLY_MEANS, split_halves
from alignment.report_files import (
    ARRANGEMENTS,
    HALF_A,
    HALF_B,
    HUMAN,
    TRIPLET_EMBEDDING,
    TRIPLETS,
    RaterRow,
)
from alignment.snapshots import Snapshot
from alignment.triplet_embedding import embed_triplets, enough


def people_views(
    frozen: Snapshot, *, seed: int, notes: list[str]
) -> dict[str, SimilarityMatrix]:
    """What people's judgments give: pair means, their halves, arrangements, triplets.

    Args:
        seed: Of the halves and of the embedding of triplets.
        notes: Gets a sentence on everything that could not be made.
    """
    views: dict[str, SimilarityMatrix] = {}
    if len(frozen.similarities):
        views[HUMAN] = frozen.similarities.mean(rater=HUMAN)
        try:
            halves = split_halves(frozen.similarities, seed=seed)
            for name, half in zip((HALF_A, HALF_B), halves, strict=True):
                views[name] = replace(half, rater=name)
        except TooFewRaters as refusal:
            why = "only means are available" if ONLY_MEANS in str(refusal) else refusal
            notes.append(f"No split halves of the participants: {why}.")
    else:
        notes.append("No pair was rated: there is no human matrix from pair ratings.")
    if len(frozen.arrangements):
        try:
            views[ARRANGEMENTS], _ = arrangement_similarity(
                frozen.arrangements, rater=ARRANGEMENTS
            )
        except AlignmentError as refusal:  # everybody put everything on one spot
            notes.append(f"No matrix from arrangements: {refusal}.")
    return views | _triplet_views(frozen, seed, notes)


def _triplet_views(
    frozen: Snapshot, seed: int, notes: list[str]
) -> dict[str, SimilarityMatrix]:
    """Choice frequencies of uniform triplets, and an embedding of all of them."""
    views: dict[str, SimilarityMatrix] = {}
    n_judgments, fair = len(frozen.triplets), frozen.triplets.drawn_uniformly()
    if len(fair):
        views[TRIPLETS], _ = fair.mean(rater=TRIPLETS)
    if len(fair) < n_judgments:
        notes.append(
            f"{n_judgments - len(fair):,} of {n_judgments:,} triplets were chosen by "
            "earlier answers: they count in the embedding alone, not in choice "
            "frequencies or in the accuracy on triplets."
        )
    if not n_judgments:
        return views
    with Progress("embedding triplets", 1) as progress:
        found = embed_triplets(frozen.triplets, rater=TRIPLET_EMBEDDING, seed=seed)
        progress.advance()
    if found is None:
        notes.append(
            f"No embedding of the triplets: {len(frozen.actions)} actions need "
            f"{enough(len(frozen.actions)):,} judgments, there are {n_judgments:,}."
        )
        return views
    views[TRIPLET_EMBEDDING] = found.matrix
    foretold = (
        ""
        if np.isnan(found.held_out)
        else f"; fitted without them, it names the odd one of {found.held_out:.0%} of "
        "random triplets"
    )
    n_dimensions = found.embedding.points.shape[1]
    notes.append(
        f"The embedding of {n_judgments:,} triplets has {n_dimensions} "
        f"dimension{'s' if n_dimensions > 1 else ''}{foretold}."
    )
    return views


def person_row(matrix: SimilarityMatrix) -> RaterRow:
    """The row of a matrix that comes from people."""
    described = {
        HUMAN: "Mean of the participants' pair ratings.",
        HALF_A: "Mean of one random half of the participants.",
        HALF_B: "Mean of the other half of the participants.",
        ARRANGEMENTS: "How near two actions were put in the participants' arrangements.",
        TRIPLETS: "How often two actions stayed together in the triplets.",
        TRIPLET_EMBEDDING: "exp(-squared distance / median) in an embedding of the "
        "triplets.",
    }
    kinds = {
        ARRANGEMENTS: "arrangements",
        TRIPLETS: "triplets",
        TRIPLET_EMBEDDING: "triplets",
    }
    n_judged = matrix.n_pairs - matrix.n_missing
    return RaterRow(
        rater=matrix.rater,
        kind=kinds.get(matrix.rater, "human"),
        family="human",
        complete=matrix.complete,
        n_missing=matrix.n_missing,
        n_pairs=matrix.n_pairs,
        n_asked=n_judged,
        n_refused=0,
        description=described[matrix.rater],
    )
