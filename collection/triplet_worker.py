"""Keep a study's triplet batch fresh: the part between the web process and the scoring.

The web process asks (`ask`), a worker takes the job and lets a child process choose
(`choose`), so that neither of them ever holds numpy and the worker's heartbeat goes on.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from procrastinate.exceptions import AlreadyEnqueued

from collection import child
from collection.errors import ScoringRefused
from collection.models import Study, TripletBatch
from collection.triplet_trials import TRY_AGAIN_AFTER, is_fresh, newest_batch

# Far above what 2,000 coordinates need; a child that hangs must not hold the worker.
LONGEST_S = 600


def ask(study_id: int, simulated: bool) -> None:
    """Put a scoring on the queue, unless one is waiting there already."""
    from collection.work import score_triplets  # here, because work.py imports this

    name = f"triplets-{study_id}-{'simulated' if simulated else 'real'}"
    try:
        with transaction.atomic():
            score_triplets.configure(lock=name, queueing_lock=name).defer(
                study_id=study_id, simulated=simulated
            )
    except AlreadyEnqueued:
        pass


def choose(study_id: int, simulated: bool) -> bool:
    """Choose new candidates in a child process; whether that was still needed.

    Raises:
        ScoringRefused: The child could not, with its own last sentence.
    """
    study = Study.objects.filter(pk=study_id).first()
    if study is None or not needed(newest_batch(study_id, simulated=simulated)):
        return False
    whose = ["--simulated"] if simulated else []
    try:
        child.run("scoretriplets", study.slug, *whose, longest_s=LONGEST_S)
    except child.ChildFailed as failure:
        raise ScoringRefused(f"Triplets of {study.slug}: {failure}") from failure
    return True


def needed(batch: TripletBatch | None) -> bool:
    """Whether there is no batch, or it is too old, too used or was chosen too early."""
    if batch is None or not is_fresh(batch):
        return True
    if not batch.n_candidates:
        return timezone.now() - batch.scored_at >= TRY_AGAIN_AFTER
    free = batch.candidates.filter(taken_at__isnull=True).count()
    return free <= batch.n_candidates / 2
