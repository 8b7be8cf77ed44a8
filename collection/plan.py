"""What a study asks of people: trials, minutes, sessions; and how its texts stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import ceil, comb, sqrt
from typing import TYPE_CHECKING

from collection.actions_file import VALENCES
from collection.definition_parts import (
    ArrangementBlock,
    Block,
    Group,
    PairBlock,
    QuestionsBlock,
    TripletBlock,
)

if TYPE_CHECKING:
    from collection.definitions import StudyDefinition

MINIMAL_PAIR_OVERLAP = 0.6


@dataclass(frozen=True)
class GroupPlan:
    """One group: what a session takes, how many are needed, and how many may be."""

    name: str
    trials_per_session: int
    minutes: float
    sessions_needed: int
    quota: int | None = None


@dataclass(frozen=True)
class Plan:
    """The whole study.

    judgments: block key -> judgments wanted (vectors count each of their ratings).
    valence_by_area: area -> valence -> number of actions; empty without such columns.
    length_correlation: Pearson's r of a text's words with its valence (good 1, neutral
        0, harmful -1); None where either does not vary.
    minimal_pairs: action ids whose texts share most of their words.
    quota: People that may come over all groups; None where there is no limit.
    stop_when_covered: Whether newcomers are turned away once every judgment is there.
    """

    groups: tuple[GroupPlan, ...]
    judgments: dict[str, int]
    n_actions: int
    valence_by_area: dict[str, dict[str, int]]
    length_correlation: float | None
    minimal_pairs: tuple[tuple[str, str], ...]
    quota: int | None = None
    stop_when_covered: bool = False

    @property
    def sessions_needed(self) -> int:
        return sum(group.sessions_needed for group in self.groups)

    @property
    def most_people(self) -> int | None:
        """People that may come at most; None where there is no limit."""
        groups = [group.quota for group in self.groups]
        limits = [] if self.quota is None else [self.quota]
        if None not in groups:
            limits.append(sum(quota for quota in groups if quota is not None))
        return min(limits, default=None)

    @property
    def shortfalls(self) -> list[str]:
        """A sentence for each quota that is too small for the judgments wanted."""
        said = [
            f"group {group.name}: a quota of {group.quota:,} people, and its share of "
            f"the judgments wanted takes {group.sessions_needed:,}"
            for group in self.groups
            if group.quota is not None and group.quota < group.sessions_needed
        ]
        if self.quota is not None and self.quota < self.sessions_needed:
            said.append(
                f"study: a quota of {self.quota:,} people, and the judgments wanted "
                f"take {self.sessions_needed:,}"
            )
        return said


def make_plan(definition: StudyDefinition) -> Plan:
    """Plan from a valid definition, assuming that nobody drops out."""
    n_actions = len(definition.actions)
    judgments = {
        block.key: wanted_judgments(block, definition)
        for block in definition.blocks
        if not isinstance(block, QuestionsBlock)
    }
    return Plan(
        groups=tuple(_group_plan(group, definition) for group in definition.groups),
        judgments=judgments,
        n_actions=n_actions,
        valence_by_area=valence_by_area(definition),
        length_correlation=length_correlation(definition),
        minimal_pairs=minimal_pairs(definition),
        quota=definition.quota,
        stop_when_covered=definition.stop_when_covered,
    )


def wanted_judgments(block: Block, definition: StudyDefinition) -> int:
    """Judgments that a block wants over all people; 0 for questions."""
    n_actions = len(definition.actions)
    if isinstance(block, QuestionsBlock):
        return 0
    if isinstance(block, TripletBlock):
        return block.judgments_wanted
    if isinstance(block, PairBlock | ArrangementBlock):
        return comb(n_actions, 2) * block.judgments_per_cell
    n_dimensions = len(block.dimensions or definition.dimensions)
    return n_actions * n_dimensions * block.judgments_per_cell


def _group_plan(group: Group, definition: StudyDefinition) -> GroupPlan:
    n_actions = len(definition.actions)
    blocks = [definition.block(key) for key in group.blocks]
    seconds = sum(
        block.trials_in_session(n_actions) * block.seconds_per_trial for block in blocks
    )
    return GroupPlan(
        name=group.name,
        trials_per_session=sum(block.trials_in_session(n_actions) for block in blocks),
        minutes=seconds / 60,
        sessions_needed=max(_sessions(block, group, definition) for block in blocks),
        quota=group.quota,
    )


def _sessions(block: Block, group: Group, definition: StudyDefinition) -> int:
    """Sessions of `group` that `block` needs, its work split by the groups' shares."""
    wanted = wanted_judgments(block, definition)
    if isinstance(block, QuestionsBlock) or wanted == 0:
        return 0
    shares = sum(
        other.share for other in definition.groups if block.key in other.blocks
    )
    if isinstance(block, ArrangementBlock):
        # Every pair of an arena is judged, so that few arenas go far.
        each = block.arenas_per_session * comb(block.actions_per_arena, 2)
        return ceil(wanted * group.share / shares / each - 1e-9)
    repeats = 0 if isinstance(block, TripletBlock) else block.repeats
    n_actions = len(definition.actions)
    each = block.trials_in_session(n_actions)
    if not isinstance(block, TripletBlock | PairBlock) and block.assign == "dimension":
        each -= repeats * block.dimensions_per_session
    else:
        each -= repeats
    return ceil(wanted * group.share / shares / each - 1e-9)


def valence_by_area(definition: StudyDefinition) -> dict[str, dict[str, int]]:
    counts = Counter(
        (action.attributes.get("area", ""), action.attributes.get("valence", ""))
        for action in definition.actions
        if action.attributes.get("valence")
    )
    areas = sorted({area for area, _ in counts})
    return {
        area: {valence: counts[area, valence] for valence in VALENCES} for area in areas
    }


def length_correlation(definition: StudyDefinition) -> float | None:
    score = {"good": 1.0, "neutral": 0.0, "harmful": -1.0}
    rated = [
        (float(len(action.text.split())), score[action.attributes["valence"]])
        for action in definition.actions
        if action.attributes.get("valence") in score
    ]
    return _pearson([words for words, _ in rated], [valence for _, valence in rated])


def _pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    if len(x) < 2:
        return None
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    dx, dy = [a - mean_x for a in x], [b - mean_y for b in y]
    norm = sqrt(sum(a * a for a in dx) * sum(b * b for b in dy))
    if norm == 0:
        return None
    return sum(a * b for a, b in zip(dx, dy, strict=True)) / norm


def minimal_pairs(definition: StudyDefinition) -> tuple[tuple[str, str], ...]:
    """Pairs of actions whose texts share at least 60 % of their words (Jaccard)."""
    words = [
        (
            action.action_id,
            {w.strip(".,;:!?\"'") for w in action.text.casefold().split()},
        )
        for action in definition.actions
    ]
    return tuple(
        (a, b)
        for (a, words_a), (b, words_b) in combinations(words, 2)
        if len(words_a & words_b) >= MINIMAL_PAIR_OVERLAP * len(words_a | words_b)
    )


def plan_text(plan: Plan) -> str:
    """The plan as `loadstudy --check` prints it."""
    lines = [
        f"{plan.n_actions} actions",
        "",
        f"{'group':<24}{'trials/session':>15}{'minutes':>9}{'sessions needed':>17}",
    ]
    lines += [
        f"{group.name:<24}{group.trials_per_session:>15}{group.minutes:>9.1f}"
        f"{group.sessions_needed:>17,}"
        for group in plan.groups
    ]
    lines += [f"{'all':<24}{'':>15}{'':>9}{plan.sessions_needed:>17,}", ""]
    lines += [
        f"block {key}: {wanted:,} judgments wanted"
        for key, wanted in plan.judgments.items()
    ]
    lines += _limits(plan)
    if plan.valence_by_area:
        lines += ["", f"{'area':<24}" + "".join(f"{v:>10}" for v in VALENCES)]
        lines += [
            f"{area or '(none)':<24}" + "".join(f"{row[v]:>10}" for v in VALENCES)
            for area, row in plan.valence_by_area.items()
        ]
    r = plan.length_correlation
    lines += [
        "",
        "number of words with valence: "
        + ("not defined" if r is None else f"r = {r:.3f} (wanted: |r| < .1)"),
        f"minimal pairs (most words shared): {len(plan.minimal_pairs)}",
    ]
    lines += [f"    {a} / {b}" for a, b in plan.minimal_pairs]
    return "\n".join(lines)


def _limits(plan: Plan) -> list[str]:
    """The quotas, when the study stops, and what cannot be reached; often nothing."""
    lines = [
        f"quota of {group.name}: {group.quota:,} people"
        for group in plan.groups
        if group.quota is not None
    ]
    if plan.quota is not None:
        lines.append(f"quota of the study: {plan.quota:,} people")
    if plan.stop_when_covered:
        lines.append(
            "newcomers are turned away from groups whose judgments are all there"
        )
    if lines:
        lines.insert(0, "")
    return lines + [f"    WARNING: {shortfall}" for shortfall in plan.shortfalls]
