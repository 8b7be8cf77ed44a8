"""Judge every session of a study by a rule set: one score each, flags and reasons.

The combined score is a sum over kinds of evidence. Rules that look at the same thing
from two sides (speed and straight-lining, agreement over the whole and at the end) are
counted once, by the stronger, or the same answers would speak twice.

`conduct_score` is the part that no agreement with others enters: the only score that a
strict exclusion may use. A flag never excludes anybody by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass

from collection.attention.evidence import SessionEvidence
from collection.attention.reference import Reference, reference_of
from collection.attention.rules import CONDUCT, RULES, RuleVerdict
from collection.attention.settings import RuleSet

PASSES = 2
"""The second pass takes those whom conduct flags out of what the others are held
against. Dissenters stay in it: they are part of what people think."""

_COUNTED_ONCE = (("too-fast", "straight-lining"), ("agreement", "fading"))


@dataclass(frozen=True)
class SessionJudgment:
    """What a rule set says of one session.

    score: All rules together; `flagged` from the rule set's `flag_at` on.
    conduct_score: The same without the rules that compare with other people.
    """

    session: str
    score: float
    conduct_score: float
    flagged: bool
    conduct_flagged: bool
    verdicts: tuple[RuleVerdict, ...]

    @property
    def dissent_alone(self) -> bool:
        """Flagged, but not by what the person did: nothing follows from it."""
        return self.flagged and not self.conduct_flagged

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences of the rules that flag, strongest first."""
        flags = [v for v in self.verdicts if v.outcome == "flag"]
        return tuple(v.reason for v in sorted(flags, key=lambda v: -v.score))


@dataclass(frozen=True)
class StudyJudgment:
    """All sessions' judgments in the order they were given, and the reference used."""

    judgments: tuple[SessionJudgment, ...]
    reference: Reference


class _Members(Collection[SessionEvidence]):
    """Sessions without some of them, gone over again each time it is asked."""

    def __init__(self, sessions: Collection[SessionEvidence], out: Set[str]) -> None:
        self._sessions, self._out = sessions, out

    def __iter__(self) -> Iterator[SessionEvidence]:
        return (one for one in self._sessions if one.session not in self._out)

    def __len__(self) -> int:
        return len(self._sessions) - len(self._out)

    def __contains__(self, one: object) -> bool:
        return any(member == one for member in self)


def judge(sessions: Collection[SessionEvidence], rules: RuleSet) -> StudyJudgment:
    """Judge all sessions of a study against each other. Pure: no clock, no chance.

    Args:
        sessions: Gone over several times and never held, so that they may be on disk.
    """
    out: frozenset[str] = frozenset()
    for _ in range(PASSES):
        reference = reference_of(
            _Members(sessions, out),
            least_others=rules.agreement.least_others,
            tolerance=rules.straight_lining.tolerance,
        )
        judgments = tuple(judge_session(one, reference, rules) for one in sessions)
        out = frozenset(one.session for one in judgments if one.conduct_flagged)
        if len(out) == len(sessions):
            out = frozenset()
    return StudyJudgment(judgments, reference)


def judge_session(
    evidence: SessionEvidence, reference: Reference, rules: RuleSet
) -> SessionJudgment:
    """One session by every rule in use."""
    verdicts = tuple(
        rule(evidence, reference, rules)
        for rule in RULES
        if getattr(rules, rule.field).use
    )
    scores = {verdict.rule: verdict.score for verdict in verdicts}
    conduct = combined({n: s for n, s in scores.items() if n in CONDUCT})
    score = combined(scores)
    return SessionJudgment(
        session=evidence.session,
        score=score,
        conduct_score=conduct,
        flagged=score >= rules.flag_at,
        conduct_flagged=conduct >= rules.flag_at,
        verdicts=verdicts,
    )


def combined(scores: Mapping[str, float]) -> float:
    """The sum of the scores, those that look at the same thing counted once."""
    left = dict(scores)
    total = 0.0
    for together in _COUNTED_ONCE:
        total += max([left.pop(name) for name in together if name in left] or [0.0])
    return total + sum(left.values())
