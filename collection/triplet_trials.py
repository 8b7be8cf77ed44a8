"""Which three actions a session judges next: at random, or as a worker chose.

The adaptive sampler is a mixture. With probability 15 % a triplet is drawn uniformly
from those that the person has not judged; otherwise it is a candidate of the study's
newest batch (`collection/triplet_scoring.py` makes it, in a worker). A trial's
propensity is the probability of its triplet under the whole mixture, whichever part
drew it; its sampler says which part that was. Trials with sampler "random" are uniform
in any case, so they are the unbiased test set.

The propensity is exact. A batch stands in a random order that nobody's answers
influence, and each takes the first row that is free and that nobody is just taking
(`FOR UPDATE SKIP LOCKED`). So any of the free rows is as likely to be the one, those
that are just being taken included, and one statement counts them and takes one.

A batch goes stale in two ways, and triplets are then drawn uniformly, with a propensity
that says so, until a worker has chosen new ones:

- too many new judgments: each candidate is taken once, and a batch holds a tenth as
  many as it was chosen by (at least 100), so it is used up;
- too old: chosen more than `ATTUNE_TRIPLETS_FRESH_MINUTES` ago. A study may have
  stood still meanwhile, but people may also have withdrawn.

New ones are asked for when half of a batch is taken, so that nobody has to wait. Before
there are 4 judgments per action all triplets are random.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from math import comb
from random import Random
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from alignment.adaptive_rules import RANDOM_FLOOR, propensity
from collection.definition_parts import TripletBlock
from collection.definitions import StudyDefinition
from collection.models import StudySession, Trial, TripletBatch, TripletCandidate
from collection.models.trials import Kind

# Where there were too few judgments to choose by, it is tried again after this long.
TRY_AGAIN_AFTER = timedelta(seconds=20)

_FREE: Final = f"""
FROM {TripletCandidate._meta.db_table}
WHERE batch_id = %(batch)s AND taken_at IS NULL AND key <> ALL (%(seen)s)
"""
_COUNT: Final = f"""
SELECT count(*), count(*) FILTER (WHERE key = %(key)s) {_FREE}
"""
# One statement sees one moment: who takes a row meanwhile is still counted as free.
_TAKE: Final = f"""
WITH free AS (SELECT count(*) AS n {_FREE}),
chosen AS (
    SELECT id {_FREE} ORDER BY position LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE {TripletCandidate._meta.db_table} AS candidate SET taken_at = %(now)s
FROM chosen, free WHERE candidate.id = chosen.id
RETURNING candidate.key, free.n
"""


@dataclass(frozen=True)
class Drawn:
    """A triplet, in no order, with what drew it and how likely that was."""

    actions: frozenset[str]
    sampler: str
    propensity: float


def fill_triplet(
    trial: Trial, block: TripletBlock, definition: StudyDefinition, rng: Random
) -> Trial | None:
    """Three actions that this person has not judged together; None if there are none.

    The caller holds the session's row, inside a transaction.
    """
    ids = definition.action_ids
    seen = _seen_by(trial.session)
    n_unseen = comb(len(ids), 3) - len(seen)
    if n_unseen <= 0:
        return None
    drawn = None
    if block.sampler == "adaptive":
        drawn = _draw_adaptive(trial.session, ids, seen, n_unseen, rng)
    if drawn is None:
        drawn = Drawn(_uniform(ids, seen, rng), "random", 1 / n_unseen)
    trial.kind = Kind.TRIPLET
    trial.actions = sorted(drawn.actions)
    rng.shuffle(trial.actions)
    trial.sampler = drawn.sampler
    trial.propensity = drawn.propensity
    return trial


def key_of(actions: Collection[str]) -> str:
    """How a candidate's triplet is written: sorted, spaced. Ids hold no spaces."""
    return " ".join(sorted(actions))


def newest_batch(study_id: int, *, simulated: bool) -> TripletBatch | None:
    """The study's last batch for one population, however old."""
    return (
        TripletBatch.objects.filter(study=study_id, simulated=simulated)
        .order_by("-scored_at")
        .first()
    )


def is_fresh(batch: TripletBatch) -> bool:
    """Whether the batch is young enough to be asked from."""
    oldest = timedelta(minutes=settings.ATTUNE_TRIPLETS_FRESH_MINUTES)
    return timezone.now() - batch.scored_at <= oldest


def _draw_adaptive(
    session: StudySession,
    ids: Collection[str],
    seen: frozenset[frozenset[str]],
    n_unseen: int,
    rng: Random,
) -> Drawn | None:
    """A draw from the mixture; None where there is no batch to mix with."""
    batch = newest_batch(session.study_id, simulated=session.simulated)
    if batch is None or not is_fresh(batch) or not batch.n_candidates:
        _ask_for_candidates(session, batch)
        return None
    values: dict[str, Any] = {
        "batch": batch.pk,
        "seen": [key_of(actions) for actions in seen],
        "now": timezone.now(),
    }
    if rng.random() < RANDOM_FLOOR:
        actions = _uniform(ids, seen, rng)
        with connection.cursor() as cursor:
            cursor.execute(_COUNT, {**values, "key": key_of(actions)})
            n_free, waiting = cursor.fetchone()
        chance = propensity(n_unseen, n_free, in_batch=bool(waiting))
        drawn = Drawn(actions, "random", chance)
    else:
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, values)
            taken = cursor.fetchone()
        if taken is None:  # used up, or somebody is just taking each of the last ones
            _ask_for_candidates(session, batch)
            return None
        key, n_free = taken
        chance = propensity(n_unseen, n_free, in_batch=True)
        drawn = Drawn(frozenset(key.split()), "adaptive", chance)
    if n_free <= batch.n_candidates / 2:
        _ask_for_candidates(session, batch)
    return drawn


def _ask_for_candidates(session: StudySession, batch: TripletBatch | None) -> None:
    """Put a scoring on the queue once this trial is stored; it stands there once."""
    just_tried = timezone.now() - TRY_AGAIN_AFTER
    if batch is not None and not batch.n_candidates and batch.scored_at > just_tried:
        return
    from collection import triplet_worker  # here: it leads on to work.py and the queue

    study_id, simulated = session.study_id, session.simulated
    transaction.on_commit(lambda: triplet_worker.ask(study_id, simulated), robust=True)


def _seen_by(session: StudySession) -> frozenset[frozenset[str]]:
    """Every triplet that the session's person was ever shown."""
    shown = Trial.objects.filter(
        session__participant=session.participant_id, kind=Kind.TRIPLET
    ).values_list("actions", flat=True)
    return frozenset(frozenset(actions) for actions in shown)


def _uniform(
    ids: Collection[str], seen: frozenset[frozenset[str]], rng: Random
) -> frozenset[str]:
    """Every triplet that the person has not seen being equally likely."""
    every = list(ids)
    drawn = frozenset(rng.sample(every, 3))
    while drawn in seen:
        drawn = frozenset(rng.sample(every, 3))
    return drawn
