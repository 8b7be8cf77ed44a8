"""Run a rule set over a study, store its verdicts, and compare two runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from collection.attention.judging import StudyJudgment, judge
from collection.attention.reading import read_evidence
from collection.attention.settings import RuleSet
from collection.errors import NothingToJudge
from collection.models import QualityRun, QualityVerdict, Study


def judge_study(study: Study, rules: RuleSet, *, simulated: bool) -> StudyJudgment:
    """All sessions of one population by a rule set; nothing is stored."""
    return judge(read_evidence(study, simulated=simulated), rules)


def default_population(study: Study, simulated: bool | None) -> bool:
    """Whether to judge simulated people: as asked, else real ones if there are any."""
    if simulated is not None:
        return simulated
    return not study.sessions.filter(simulated=False).exists()


def run_rules(
    study: Study, rules: RuleSet | None = None, *, simulated: bool | None = None
) -> QualityRun:
    """Judge a study's sessions and store every verdict as a new run.

    Earlier runs stay as they are. The same answers and the same rules give the same
    verdicts under a new number.

    Args:
        rules: The defaults where left out.
        simulated: Which people; None takes real ones where there are any.

    Raises:
        NothingToJudge: nobody of them has answered enough yet.
    """
    rules = rules or RuleSet()
    simulated = default_population(study, simulated)
    found = judge_study(study, rules, simulated=simulated)
    if not found.judgments:
        people = "simulated" if simulated else "real"
        raise NothingToJudge(
            f"Study {study.slug} holds no session of {people} participants with "
            "enough judgments to look at yet."
        )
    with transaction.atomic():
        # The study's row is the lock that makes two runs one after the other.
        Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        newest = study.quality_runs.aggregate(newest=Max("number"))["newest"] or 0
        # Somebody may have been erased while their answers were being judged.
        still_there = set(
            study.sessions.filter(simulated=simulated).values_list("pk", flat=True)
        )
        judgments = [j for j in found.judgments if UUID(j.session) in still_there]
        run = QualityRun.objects.create(
            study=study,
            number=newest + 1,
            rules=rules.model_dump(mode="json"),
            rules_sha256=rules.sha256,
            simulated=simulated,
            reference=found.reference.summary(),
            n_sessions=len(judgments),
            n_flagged=sum(one.flagged for one in judgments),
        )
        QualityVerdict.objects.bulk_create(
            [
                QualityVerdict(
                    run=run,
                    session_id=UUID(one.session),
                    flagged=one.flagged,
                    conduct_flagged=one.conduct_flagged,
                    score=round(one.score, 4),
                    conduct_score=round(one.conduct_score, 4),
                    rules=[
                        {**asdict(verdict), "score": round(verdict.score, 4)}
                        for verdict in one.verdicts
                    ],
                )
                for one in judgments
            ],
            batch_size=500,
        )
    return run


@dataclass(frozen=True)
class Change:
    """One session whose flag, or one rule's, came out otherwise in a later run.

    before, after: None where that run has not judged the session.
    """

    session: UUID
    rater_id: str
    before: QualityVerdict | None
    after: QualityVerdict | None

    @property
    def sentence(self) -> str:
        """What changed, for a person."""
        if self.before is None or self.after is None:
            when = "later" if self.before is None else "earlier"
            return f"{self.rater_id}: judged in the {when} run only"
        rules = "; ".join(
            f"{rule} {was} → {now}"
            for rule, (was, now) in changed_rules(self.before, self.after).items()
        )
        flag = {True: "flag", False: "no flag"}
        head = (
            f"{self.rater_id}: {flag[self.before.flagged]} → {flag[self.after.flagged]}"
            if self.before.flagged != self.after.flagged
            else f"{self.rater_id}: still {flag[self.after.flagged]}"
        )
        scores = f"({self.before.score:.1f} → {self.after.score:.1f})"
        return f"{head} {scores}" + (f"; {rules}" if rules else "")


def changes(earlier: QualityRun, later: QualityRun) -> list[Change]:
    """Sessions that are flagged, or flagged by a rule, in one of two runs alone."""
    before = _by_session(earlier)
    after = _by_session(later)
    found = []
    for session in before.keys() | after.keys():
        was, now = before.get(session), after.get(session)
        if was and now and was.flagged == now.flagged and not changed_rules(was, now):
            continue
        some = was or now
        assert some is not None
        rater = some.session.participant.rater_id
        found.append(Change(session, rater, was, now))
    return sorted(found, key=lambda change: (change.rater_id, str(change.session)))


def changed_rules(
    before: QualityVerdict, after: QualityVerdict
) -> Mapping[str, tuple[str, str]]:
    """Rule -> outcome before and after, of the rules that flag in one run alone."""
    was = {one["rule"]: one["outcome"] for one in before.rules}
    now = {one["rule"]: one["outcome"] for one in after.rules}
    return {
        rule: (was.get(rule, "not asked"), now.get(rule, "not asked"))
        for rule in {**was, **now}
        if (was.get(rule) == "flag") != (now.get(rule) == "flag")
    }


def _by_session(run: QualityRun) -> dict[UUID, QualityVerdict]:
    return {
        verdict.session_id: verdict
        for verdict in run.verdicts.select_related("session__participant")
    }
