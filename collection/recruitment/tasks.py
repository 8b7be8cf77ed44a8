"""What the worker does for recruitment: ask the platform, and pay.

One after the other, and beside whatever fills the machine: a return that is learned of
only after a sweep holds its places all that time.
"""

from __future__ import annotations

from procrastinate.contrib.django import app

from collection.models import Study
from collection.recruitment import payments, reconciliation

IN_TURN = "recruitment"


@app.periodic(cron="*/5 * * * *")
@app.task(
    name="reconcile", queue="recruitment", lock=IN_TURN, queueing_lock="reconcile"
)
def reconcile(timestamp: int) -> None:
    """Every five minutes: what webhooks did not tell."""
    reconciliation.reconcile_all()


@app.task(name="reconcile-study", queue="recruitment", lock=IN_TURN)
def reconcile_study(study_id: int) -> None:
    reconciliation.reconcile(Study.objects.get(pk=study_id))


@app.task(name="approve-all", queue="recruitment", lock=IN_TURN)
def approve_all(study_id: int) -> None:
    payments.approve_all(Study.objects.get(pk=study_id))


@app.task(name="pay-bonuses", queue="recruitment", lock=IN_TURN)
def pay_bonuses(study_id: int) -> None:
    payments.pay_bonuses(Study.objects.get(pk=study_id))


ACTIONS = {
    "reconcile": reconcile_study,
    "approve": approve_all,
    "pay": pay_bonuses,
}
"""What a researcher may start from the recruitment page."""
