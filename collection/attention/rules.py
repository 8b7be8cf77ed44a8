"""The rules: each a pure function from a session's evidence to a verdict and a sentence.

A score is the natural log of how much likelier the evidence is of a careless than of an
attentive person: 0 says nothing, 2 is odds of 7 to 1. Rules add up, so a session is
flagged for one thing that is plain or for several that are not.

Two kinds are kept apart. A *conduct* rule looks at what the person did: followed an
instruction, repeated themselves, took time, moved. A *dissent* rule looks at whether
they agree with others. Dissent may flag; it is in no score that may count against
anybody (`science.md`, 8): see `judging.py` and `ledgers.py`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from collection.attention.evidence import Judged, SessionEvidence
from collection.attention.reference import (
    Compared,
    Reference,
    compared,
    repeats_of,
    same_places,
)
from collection.attention.settings import (
    Agreement,
    Fading,
    FailedChecks,
    Repeats,
    RuleSet,
    RuleSettings,
    StraightLining,
    TooFast,
    Traces,
)
from collection.attention.statistics import (
    from_a_change_on,
    likeliest_start,
    log_mean_exp,
    pair_evidence,
    share_evidence,
    sums_before,
)

Outcome = Literal["flag", "no flag", "cannot tell"]
Sort = Literal["conduct", "dissent"]

EARLIEST_CHANGE = 0.3
LATEST_CHANGE = 0.7
REPLAYED = 3
"""So many answers with the same trace, to the millisecond, were not made by hand."""


@dataclass(frozen=True)
class RuleVerdict:
    """What one rule says of one session.

    score: Above 0 speaks for carelessness, below 0 against; 0 where it cannot tell.
    reason: One sentence, with the numbers that it rests on.
    """

    rule: str
    version: str
    outcome: Outcome
    score: float
    reason: str


@dataclass(frozen=True)
class Rule:
    """One row of the table: the rule's name, its sort, and how it is computed.

    field: The section of the rule set that holds its settings.
    """

    name: str
    sort: Sort
    field: str
    judge: Callable[[SessionEvidence, Reference, Any], RuleVerdict]

    def __call__(
        self, evidence: SessionEvidence, reference: Reference, rules: RuleSet
    ) -> RuleVerdict:
        return self.judge(evidence, reference, getattr(rules, self.field))


def failed_checks(
    evidence: SessionEvidence, reference: Reference, settings: FailedChecks
) -> RuleVerdict:
    """Instructed checks: the question itself says what to answer."""
    name = "failed-checks"
    if not evidence.checks:
        return _cannot_tell(name, settings, "no instructed check was answered")
    failed = sorted(key for key, passed in evidence.checks.items() if not passed)
    score = sum(
        share_evidence(not passed, settings.careless_fails, settings.attentive_fails)
        for passed in evidence.checks.values()
    )
    named = f": {', '.join(failed)}" if failed else ""
    reason = f"{len(failed)} of {len(evidence.checks)} instructed checks failed{named}"
    return _verdict(name, settings, score, reason)


def repeats(
    evidence: SessionEvidence, reference: Reference, settings: Repeats
) -> RuleVerdict:
    """Second ratings against first ones, both by rank within the session.

    Careless: unrelated. Attentive: correlated as the study's median session, or a
    little less or more (people's reliabilities differ).
    """
    name = "repeats"
    found = repeats_of(evidence)
    known = [one for one in found if one[0] in reference.repeated]
    if len(known) < settings.least_repeats:
        return _cannot_tell(
            name,
            settings,
            f"{len(known)} repeated ratings, {settings.least_repeats} needed",
        )
    evidence_at = [
        sum(
            pair_evidence(second, first, _between(reference.repeated[kind] + off))
            for kind, first, second in known
        )
        for off in (-0.25, -0.1, 0.05)
    ]
    near = sum(abs(first - second) <= 0.5 for _, first, second in known)
    return _verdict(
        name,
        settings,
        -log_mean_exp(evidence_at),
        f"{near} of {len(known)} repeated ratings came close to the first",
    )


def too_fast(
    evidence: SessionEvidence, reference: Reference, settings: TooFast
) -> RuleVerdict:
    """Answers faster than reading, in the whole session or from some answer on."""
    name = "too-fast"
    fast: list[bool] = []
    for answer in evidence.answers:
        if answer.rt_ms is None:
            continue
        usual = reference.usual_ms.get(answer.kind, 0.0)
        fast.append(
            answer.rt_ms < max(settings.floor_ms, settings.share_of_usual * usual)
        )
    if len(fast) < settings.least_answers:
        return _cannot_tell(
            name,
            settings,
            f"{len(fast)} measured response times, {settings.least_answers} needed",
        )
    items = [
        share_evidence(one, settings.careless_fast, settings.attentive_fast)
        for one in fast
    ]
    return _whole_or_late(
        name, settings, items, fast, "answers came faster than they can be read"
    )


def straight_lining(
    evidence: SessionEvidence, reference: Reference, settings: StraightLining
) -> RuleVerdict:
    """The same place again, or a pattern of two or three places, whole or late."""
    name = "straight-lining"
    best: RuleVerdict | None = None
    for period in range(1, settings.longest_period + 1):
        items: list[float] = []
        same: list[bool] = []
        for kind, one in same_places(evidence, period, settings.tolerance):
            usual = reference.same_place.get(kind)
            if one is None or usual is None:
                continue
            usual = min(0.9, max(0.05, usual))
            careless = max(settings.careless_same, (1 + usual) / 2)
            items.append(share_evidence(one, careless, usual))
            same.append(one)
        if len(same) < settings.least_answers:
            continue
        what = (
            "answers stand where the one before stood"
            if period == 1
            else f"answers stand where the one {period} before stood"
        )
        found = _whole_or_late(name, settings, items, same, what)
        if best is None or found.score > best.score:
            best = found
    if best is None:
        return _cannot_tell(
            name, settings, f"fewer than {settings.least_answers} answers to compare"
        )
    return best


def traces(
    evidence: SessionEvidence, reference: Reference, settings: Traces
) -> RuleVerdict:
    """Measured answers without any touch or key, or with traces equal to others'.

    A page without JavaScript, or shown a second time, leaves no trace: that says
    nothing. Keyboard and screen reader leave the same trace as a pointer.
    """
    name = "traces"
    traced = [a for a in evidence.answers if a.rt_ms is not None and _traced(a)]
    if len(traced) < settings.least_answers:
        return _cannot_tell(
            name,
            settings,
            f"{len(traced)} answers with a trace, {settings.least_answers} needed",
        )
    prints = Counter(_print(answer) for answer in traced)
    odd = [
        _untouched(answer) or prints[_print(answer)] >= REPLAYED for answer in traced
    ]
    score = sum(
        share_evidence(one, settings.careless_odd, settings.attentive_odd)
        for one in odd
    )
    return _verdict(
        name,
        settings,
        score,
        f"{sum(odd)} of {len(odd)} answers came without any touch or key, or with the "
        "same trace to the millisecond",
    )


def agreement(
    evidence: SessionEvidence, reference: Reference, settings: Agreement
) -> RuleVerdict:
    """Answers against the mean of everybody else's, over the whole session."""
    name = "agreement"
    found = _comparable(evidence, reference, settings)
    if found is None:
        return _cannot_tell(name, settings, _too_few(settings))
    items = _evidence_by_level(found, reference)
    score = -log_mean_exp([sum(level) for level in items])
    return _verdict(name, settings, score, f"{_level(found)} over {len(found)} answers")


def fading(
    evidence: SessionEvidence, reference: Reference, settings: Fading
) -> RuleVerdict:
    """Agreement with everybody else that ends at some answer in the middle.

    Against the hypothesis that it goes on: log of the mean, over where it may have
    ended, of the likelihood of agreement before and none after.
    """
    name = "fading"
    found = _comparable(evidence, reference, settings)
    if found is None:
        return _cannot_tell(name, settings, _too_few(settings))
    starts = _starts(len(found), settings.earliest, settings.latest)
    items = _evidence_by_level(found, reference)
    before = [sums_before(level) for level in items]
    ended = log_mean_exp([sums[start] for sums in before for start in starts])
    score = ended - log_mean_exp([sums[-1] for sums in before])
    start = max(starts, key=before[len(before) // 2].__getitem__)
    return _verdict(
        name,
        settings,
        score,
        f"{_level(found[:start])} up to answer {found[start].at}, "
        f"{_level(found[start:])} after it",
    )


RULES: tuple[Rule, ...] = (
    Rule("failed-checks", "conduct", "failed_checks", failed_checks),
    Rule("repeats", "conduct", "repeats", repeats),
    Rule("too-fast", "conduct", "too_fast", too_fast),
    Rule("straight-lining", "conduct", "straight_lining", straight_lining),
    Rule("traces", "conduct", "traces", traces),
    Rule("agreement", "dissent", "agreement", agreement),
    Rule("fading", "dissent", "fading", fading),
)
CONDUCT: frozenset[str] = frozenset(
    rule.name for rule in RULES if rule.sort == "conduct"
)

# ------------------------------------------------------------------ the pieces


def _verdict(
    name: str, settings: RuleSettings, score: float, reason: str
) -> RuleVerdict:
    held = min(settings.most, max(settings.least, score))
    outcome: Outcome = "flag" if held >= settings.flag_at else "no flag"
    return RuleVerdict(name, _version(settings), outcome, held, reason)


def _cannot_tell(name: str, settings: RuleSettings, why: str) -> RuleVerdict:
    return RuleVerdict(name, _version(settings), "cannot tell", 0.0, why)


def _version(settings: RuleSettings) -> str:
    version: str = getattr(settings, "version")  # noqa: B009 (each rule's own field)
    return version


def _whole_or_late(
    name: str,
    settings: RuleSettings,
    items: Sequence[float],
    hits: Sequence[bool],
    what: str,
) -> RuleVerdict:
    """Evidence of each answer, summed over the whole or from a change on."""
    whole = sum(items)
    starts = _starts(len(items), EARLIEST_CHANGE, LATEST_CHANGE)
    late = from_a_change_on(items, starts)
    if whole >= late or late <= 0:
        return _verdict(name, settings, whole, f"{sum(hits)} of {len(hits)} {what}")
    start = likeliest_start(items, starts)
    return _verdict(
        name,
        settings,
        late,
        f"{sum(hits[start:])} of the last {len(hits) - start} {what}; "
        f"{sum(hits[:start])} of {start} before",
    )


def _starts(n: int, earliest: float, latest: float) -> range:
    first = max(1, round(earliest * n))
    return range(first, max(first + 1, min(n, round(latest * n) + 1)))


def _comparable(
    evidence: SessionEvidence, reference: Reference, settings: Agreement
) -> list[Compared] | None:
    found = [
        one
        for one in compared(evidence, reference, settings.least_others)
        if one.kind in reference.agreement
    ]
    return found if len(found) >= settings.least_answers else None


def _too_few(settings: Agreement) -> str:
    return (
        f"fewer than {settings.least_answers} answers to questions that "
        f"{settings.least_others} others answered"
    )


def _evidence_by_level(
    found: Sequence[Compared], reference: Reference
) -> list[list[float]]:
    """For each level of agreement, the evidence of each answer that it is attentive."""
    n_levels = len(next(iter(reference.agreement.values())))
    return [
        [_agrees(one, reference.agreement[one.kind][level]) for one in found]
        for level in range(n_levels)
    ]


def _agrees(one: Compared, level: float) -> float:
    if one.kind == "triplet":
        return share_evidence(bool(one.own), min(0.98, max(0.36, level)), 1 / 3)
    return pair_evidence(one.own, one.others, _between(level))


def _between(r: float) -> float:
    """A correlation that evidence can be computed with."""
    return min(0.95, max(0.1, r))


def _level(found: Sequence[Compared]) -> str:
    ratings = [one for one in found if one.kind != "triplet"]
    choices = [one for one in found if one.kind == "triplet"]
    said = []
    if ratings:
        r = sum(one.own * one.others for one in ratings) / len(ratings)
        said.append(f"r = {r:.2f} with the others")
    if choices:
        share = sum(one.own for one in choices) / len(choices)
        said.append(f"{share:.0%} of the odd ones out as the others would choose")
    return " and ".join(said) or "nothing to compare"


def _traced(answer: Judged) -> bool:
    return bool(answer.timing) and "not_measured" not in (answer.timing or {})


def _untouched(answer: Judged) -> bool:
    timing: Mapping[str, Any] = answer.timing or {}
    return "first_input_ms" in timing and timing["first_input_ms"] is None


def _print(answer: Judged) -> str:
    timing: Mapping[str, Any] = answer.timing or {}
    kept = {
        key: timing[key]
        for key in ("first_input_ms", "last_change_ms", "commit_ms", "path")
        if key in timing
    }
    return json.dumps([answer.rt_ms, kept], sort_keys=True)
