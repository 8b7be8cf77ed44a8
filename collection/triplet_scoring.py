"""Choose the triplets that a study should ask next, from what it holds so far.

Runs in a child process of a worker, or by hand as ``manage.py scoretriplets``. It needs
numpy and seconds of computing: the web process never imports this module.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import numpy as np
from django.db import transaction

from alignment.adaptive import choose_triplets
from alignment.adaptive_rules import WARM_UP, batch_size
from alignment.ordinal import count_answers, fit
from collection.definition_parts import TripletBlock
from collection.errors import ScoringRefused
from collection.models import Response, Study, TripletBatch, TripletCandidate
from collection.models.people import StudySession
from collection.models.trials import Kind
from collection.triplet_trials import key_of

# Old batches explain no trial: a trial stores its own propensity.
BATCHES_KEPT = 2


@dataclass(frozen=True)
class Judged:
    """What people said: sorted row numbers (n_judgments, 3), and the odd one of each."""

    triplets: list[list[int]]
    odd: list[int]


def score(
    study: Study, *, simulated: bool = False, seed: int | None = None
) -> TripletBatch:
    """Fit all triplets judged so far, and store the ones to ask next as a new batch.

    With fewer than 4 judgments per action the batch is empty. Safe to run twice, also
    at once: the newest batch counts.

    Args:
        simulated: Whose judgments to use; the batch is for the same people.
        seed: Of which candidates are looked at and of their order; drawn if left out,
            so that nobody can foretell who is asked what.

    Raises:
        ScoringRefused: No block of the study asks for adaptive triplets.
        alignment.errors.JudgmentsError: There are too many actions to choose among.
    """
    definition = study.definition_model()
    ids = definition.action_ids
    n_dimensions = max(
        (
            block.embedding_dimensions
            for block in definition.blocks
            if isinstance(block, TripletBlock) and block.sampler == "adaptive"
        ),
        default=0,
    )
    if not n_dimensions:
        raise ScoringRefused(
            f'Study {study.slug} has no block of triplets with sampler = "adaptive", '
            "so no triplets are chosen for it."
        )
    judged = judgments_so_far(study, simulated=simulated)
    n_judgments = len(judged.odd)
    chosen: list[list[int]] = []
    if n_judgments >= WARM_UP * len(ids):
        counts = count_answers(
            np.array(judged.triplets), np.array(judged.odd), len(ids)
        )
        chosen = choose_triplets(
            fit(counts, n_dimensions),
            counts,
            batch_size(n_judgments),
            seed=secrets.randbits(63) if seed is None else seed,
        ).tolist()
    return _store(
        study, simulated, n_judgments, [key_of([ids[i] for i in row]) for row in chosen]
    )


def judgments_so_far(study: Study, *, simulated: bool) -> Judged:
    """Every triplet answered by people who did not withdraw, finished or not.

    Exclusions are a snapshot's business: they are decided when all is in, and a
    careless answer wastes one question here and nothing else.
    """
    place = {name: i for i, name in enumerate(study.definition_model().action_ids)}
    answered = (
        Response.objects.filter(
            trial__session__study=study,
            trial__session__simulated=simulated,
            trial__kind=Kind.TRIPLET,
        )
        .exclude(choice="")
        .exclude(trial__session__status=StudySession.Status.WITHDRAWN)
        .values_list("trial__actions", "choice")
    )
    judged = Judged([], [])
    for actions, choice in answered.iterator(chunk_size=5000):
        judged.triplets.append(sorted(place[name] for name in actions))
        judged.odd.append(place[choice])
    return judged


@transaction.atomic
def _store(
    study: Study, simulated: bool, n_judgments: int, keys: list[str]
) -> TripletBatch:
    batch = TripletBatch.objects.create(
        study=study,
        simulated=simulated,
        n_judgments=n_judgments,
        n_candidates=len(keys),
    )
    TripletCandidate.objects.bulk_create(
        TripletCandidate(batch=batch, position=position, key=key)
        for position, key in enumerate(keys)
    )
    older = TripletBatch.objects.filter(study=study, simulated=simulated)
    newest = older.order_by("-scored_at").values_list("pk", flat=True)[:BATCHES_KEPT]
    older.exclude(pk__in=list(newest)).delete()
    return batch
