"""Keep the agreement that the live view shows fresh: the part without numpy.

Whoever looks at the page asks for it (:func:`keep_fresh`); a worker takes the job and
lets a child process measure (:func:`measure`). Nobody looks: nothing is computed. It
rests ``REST`` times as long as the last measurement took, so that a study of a million
judgments does not keep a processor busy for its own page.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from procrastinate.exceptions import AlreadyEnqueued

from collection import child
from collection.models import LiveAgreement, Response, Study
from collection.models.trials import Kind

LONGEST_S: Final = 600.0
LEAST_REST_S: Final = 10.0
REST: Final = 5.0

now = timezone.now


def newest(study: Study) -> list[LiveAgreement]:
    """The last measurement of each population that was measured, real people first."""
    return list(study.live_agreements.order_by("simulated"))


def keep_fresh(study: Study, populations: list[bool]) -> None:
    """Ask for a measurement of each population whose last one is old.

    Args:
        populations: Whether simulated, of each population that answered anything.
    """
    if not populations:
        return
    standing = {one.simulated: one for one in newest(study)}
    counted = count(study)
    for simulated in populations:
        if is_old(standing.get(simulated), counted):
            _ask(study.pk, simulated)


def is_old(standing: LiveAgreement | None, counted: int) -> bool:
    """Whether judgments came since, and the last measurement has rested."""
    if standing is None:
        return True
    rest = timedelta(seconds=max(LEAST_REST_S, REST * standing.took_s))
    return standing.counted != counted and _age(standing) >= rest


def measure(study_id: int, simulated: bool) -> bool:
    """Measure in a child process; whether that was still needed.

    Raises:
        ChildFailed: The child could not, with its own last sentence.
    """
    study = Study.objects.filter(pk=study_id).first()
    if study is None:
        return False
    standing = study.live_agreements.filter(simulated=simulated).first()
    if not is_old(standing, count(study)):
        return False
    whose = ["--simulated"] if simulated else []
    child.run("measureagreement", study.slug, *whose, longest_s=LONGEST_S)
    return True


def count(study: Study) -> int:
    """Judgments by the study's own counters: another number tells that some came.

    Cells count themselves. Triplets have no cells; theirs is an indexed count.
    """
    of_cells = study.cells.aggregate(n=Sum("completed"))["n"] or 0
    of_triplets = Response.objects.filter(
        trial__session__study=study, trial__kind=Kind.TRIPLET
    ).count()
    return int(of_cells) + of_triplets


def _age(standing: LiveAgreement) -> timedelta:
    age: timedelta = now() - standing.measured_at
    return age


def _ask(study_id: int, simulated: bool) -> None:
    from collection.work import measure_agreement  # here, because work.py imports this

    name = f"agreement-{study_id}-{'simulated' if simulated else 'real'}"
    try:
        with transaction.atomic():
            measure_agreement.configure(lock=name, queueing_lock=name).defer(
                study_id=study_id, simulated=simulated
            )
    except AlreadyEnqueued:
        pass
