"""Keep a study's triplet batch fresh: the part between the web process and the scoring.

The web process asks (`ask`), a worker takes the job and lets a child process choose
(`choose`), so that neither of them ever holds numpy and the worker's heartbeat goes on.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

from django.db import transaction
from django.utils import timezone
from procrastinate.exceptions import AlreadyEnqueued

from collection import leash
from collection.errors import ScoringRefused
from collection.jobs import reason_of
from collection.models import Study, TripletBatch
from collection.serving import child_environment
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
    command = [sys.executable, "manage.py", "scoretriplets", study.slug]
    command += ["--simulated"] if simulated else []
    with tempfile.TemporaryFile() as said:
        child = leash.start(
            command, env=child_environment(), stdout=said, stderr=subprocess.STDOUT
        )
        try:
            child.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            raise ScoringRefused(
                f"Choosing triplets for {study.slug} took more than {LONGEST_S} s and "
                "was stopped; they stay random."
            ) from None
        finally:
            status = leash.stop(child)
        said.seek(0)
        lines = said.read().decode(errors="replace").splitlines()
    if status:
        raise ScoringRefused(reason_of(lines, status))
    return True


def needed(batch: TripletBatch | None) -> bool:
    """Whether there is no batch, or it is too old, too used or was chosen too early."""
    if batch is None or not is_fresh(batch):
        return True
    if not batch.n_candidates:
        return timezone.now() - batch.scored_at >= TRY_AGAIN_AFTER
    free = batch.candidates.filter(taken_at__isnull=True).count()
    return free <= batch.n_candidates / 2
