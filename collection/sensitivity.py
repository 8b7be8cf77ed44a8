"""Who is left out under no, default and strict exclusion (`science.md`, 8).

    none      only who withdrew, did not tick this use, or asked to be left out
    default   the study's declared rules and exclusions by hand: what a snapshot holds
    strict    besides, whom the quality rules flag by conduct

A flag for dissent leaves nobody out under any of the three: strict exclusion reads the
conduct score alone, into which no comparison with other people enters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from pydantic import ValidationError

from collection.attention.rules import CONDUCT
from collection.attention.runs import judge_study
from collection.attention.settings import RuleSet
from collection.models import Study
from collection.quality import Evidence, Verdict, their_own_decision

Row = dict[str, object]


def strict_rules(study: Study, *, simulated: bool) -> RuleSet:
    """The rules of the study's latest quality run; the defaults before the first."""
    latest = study.quality_runs.filter(simulated=simulated).last()
    try:
        return RuleSet.model_validate(latest.rules) if latest else RuleSet()
    except ValidationError:
        # Rules of a version that this code has no more; the snapshot names its own.
        return RuleSet()


def flagged_by_conduct(
    study: Study, rules: RuleSet, *, simulated: bool
) -> Mapping[UUID, str]:
    """Session -> the sentence of its strongest conduct rule, of those flagged by it."""
    found = {}
    for one in judge_study(study, rules, simulated=simulated).judgments:
        if one.conduct_flagged:
            strongest = max(
                (verdict for verdict in one.verdicts if verdict.rule in CONDUCT),
                key=lambda verdict: verdict.score,
            )
            found[UUID(one.session)] = f"{strongest.rule}: {strongest.reason}"
    return found


def left_out(
    evidence: Evidence, default: Verdict | None, flagged: str | None
) -> list[Row]:
    """The rows of the sensitivity table for one session: one per scheme it is out of.

    Args:
        default: What the declared rules and the ledger say.
        flagged: Why conduct rules flag it; None where they do not.
    """
    strict = default
    if strict is None and flagged is not None:
        strict = Verdict("flagged-by-conduct", flagged)
    schemes = (
        ("none", their_own_decision(evidence)),
        ("default", default),
        ("strict", strict),
    )
    return [
        {
            "exclusion": scheme,
            "rater_id": evidence.session.participant.rater_id,
            "rule": verdict.rule,
            "reason": verdict.reason,
        }
        for scheme, verdict in schemes
        if verdict is not None
    ]


def only_by_choice(rows: Sequence[Row]) -> bool:
    """Whether the default leaves a session out that no exclusion would keep."""
    schemes = {row["exclusion"] for row in rows}
    return "default" in schemes and "none" not in schemes
