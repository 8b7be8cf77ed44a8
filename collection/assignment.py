"""Which group a person joins, and which trial a session gets next.

What is random is drawn from the session's code and the trial's position, so that a
session can be explained afterwards. Who holds which cell is in `reservations.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from django.db.models import Q
from django.utils import timezone

from collection.arenas import fill_arena
from collection.comprehension import second_attempt
from collection.definition_parts import (
    ArrangementBlock,
    Block,
    PairBlock,
    QuestionsBlock,
    TripletBlock,
    ValueBlock,
)
from collection.definitions import StudyDefinition
from collection.least_judged import Candidates
from collection.models import Cell, Study, StudySession, Trial
from collection.models.trials import Kind
from collection.pace import lease
from collection.quotas import open_groups
from collection.reservations import (
    renew,
    reserve_dimensions,
    reserve_least_judged,
)
from collection.rows import IssuedTrial, issued_trials, shown_trial
from collection.triplet_trials import fill_triplet

# A repeat right after its first time would measure memory of a moment.
REPEAT_DISTANCE = 5


def choose_group(study: Study, *, simulated: bool) -> tuple[str, list[str]]:
    """The group and the block order that lag most behind their shares.

    Counted over people who consented or are just arriving, simulated and real apart.
    Full groups are left out. The caller holds the study's row, so that joins take turns.

    Raises:
        StudyFull: there is no group that may have one more.
    """
    groups = open_groups(study, simulated=simulated)
    recently = timezone.now() - lease(study.pk)
    joined = StudySession.objects.filter(study=study, simulated=simulated).filter(
        Q(status__in=["consented", "finished"])
        | Q(status="arrived", created_at__gte=recently)
    )
    counts = Counter(
        (group, ">".join(blocks))
        for group, blocks in joined.values_list("group", "blocks")
    )
    definition = study.definition_model()
    arms = [
        (group.share / len(orders), group.name, order)
        for group in groups
        for orders in [block_orders(group.blocks, definition)]
        for order in orders
    ]
    lag = [counts[name, ">".join(order)] / share for share, name, order in arms]
    least = [arm for arm, filled in zip(arms, lag, strict=True) if filled == min(lag)]
    # Ties are broken by how many have joined, so that a fixed order repeats for nobody.
    _, name, order = Random(f"{study.slug}:{sum(counts.values())}").choice(least)
    return name, order


def block_orders(keys: Sequence[str], definition: StudyDefinition) -> list[list[str]]:
    """The orders in which a group meets its blocks: one, or two if counterbalanced.

    The second order turns the judgment blocks round; questions stay where they are.
    """
    orders = [list(keys)]
    if definition.group_mode == "counterbalanced":
        judged = [
            key for key in keys if not isinstance(definition.block(key), QuestionsBlock)
        ]
        turned = iter(reversed(judged))
        orders.append([next(turned) if key in judged else key for key in keys])
    return orders


# How many trials a session has met, by (block, dimension, repeat).
Issued = Counter[tuple[str, str, bool]]


@dataclass(frozen=True)
class Whereabouts:
    """Where a session is.

    Attributes:
        trial: The trial it is at; None when all is done.
        n_answered: Trials answered so far.
        before: The trial before it; None at the start.
    """

    trial: Trial | None
    n_answered: int
    before: IssuedTrial | None


def open_or_next_trial(session: StudySession) -> Whereabouts:
    """The trial that was issued and not answered, or a new one.

    The place of an open trial is held again if it was lost. The caller holds the
    session's row, inside a transaction.
    """
    issued: Issued = Counter()
    before = None
    for row in issued_trials(session):
        if not row.answered:
            trial = shown_trial(row.pk, session)
            assert trial is not None
            if trial.reservation is not None:
                renew(trial.reservation, session.study_id)
            return Whereabouts(trial, _n_answered(session, issued), before)
        issued[row.block, row.dimension, row.repeat] += 1
        before = row
    n_answered = _n_answered(session, issued)
    return Whereabouts(_issue_next(session, issued), n_answered, before)


def n_second_attempts(issued: Issued, *blocks: Block) -> int:
    """How many trials of these blocks asked a question again: no further questions."""
    asking = {block.key for block in blocks if isinstance(block, QuestionsBlock)}
    return sum(n for (of, _, repeat), n in issued.items() if repeat and of in asking)


def _n_answered(session: StudySession, answered: Issued) -> int:
    definition = session.study.definition_model()
    blocks = [definition.block(key) for key in session.blocks]
    return answered.total() - n_second_attempts(answered, *blocks)


def _issue_next(session: StudySession, issued: Issued) -> Trial | None:
    definition = session.study.definition_model()
    again = second_attempt(session, position=sum(issued.values()))
    if again is not None:
        again.save(force_insert=True)
        return again
    for key in session.blocks:
        block = definition.block(key)
        n_issued = sum(n for (of, _, _), n in issued.items() if of == key)
        n_issued -= n_second_attempts(issued, block)
        if n_issued >= block.trials_in_session(len(definition.actions)):
            continue
        trial = _next_of_block(session, definition, block, issued)
        if trial is not None:
            trial.save(force_insert=True)
            return trial
    return None


def _next_of_block(
    session: StudySession,
    definition: StudyDefinition,
    block: Block,
    issued: Issued,
) -> Trial | None:
    position = sum(issued.values())
    n_first = sum(
        n for (of, _, repeat), n in issued.items() if of == block.key and not repeat
    )
    trial = Trial(
        session=session,
        block=block.key,
        position=position,
        reserved_until=timezone.now() + lease(session.study_id),
    )
    if isinstance(block, QuestionsBlock):
        trial.kind = Kind.QUESTION
        trial.question = block.questions[n_first]
        return trial
    rng = Random(f"{session.code}:{position}")
    if isinstance(block, TripletBlock):
        return fill_triplet(trial, block, definition, rng)
    if isinstance(block, ArrangementBlock):
        return fill_arena(trial, definition, block, rng)
    if isinstance(block, ValueBlock) and block.trials_per_session is None:
        return _fill_whole_dimension(trial, definition, block, issued, rng)
    if n_first >= (block.trials_per_session or 0):
        return _fill_repeat(trial, rng)
    if isinstance(block, PairBlock):
        return _fill_pair(trial, rng)
    return _fill_scattered_value(trial, definition, block, rng)


def _fill_pair(trial: Trial, rng: Random) -> Trial | None:
    """A pair this person has not seen, among those with the fewest judgments."""
    session = trial.session
    pairs = Candidates(session.study_id, Kind.PAIR, session.participant_id)
    taken = reserve_least_judged(pairs, session, trial.block, rng)
    if taken is None:
        return None
    trial.reservation_id, cell = taken
    assert cell.action_b is not None
    trial.kind = Kind.PAIR
    trial.sampler = "least-judged"
    trial.actions = [cell.action_a, cell.action_b]
    # Sides alternate from one person to the next, from a random first side.
    if (cell.load + (cell.shuffle < 0.5)) % 2:
        trial.actions.reverse()
    return trial


def _fill_scattered_value(
    trial: Trial, definition: StudyDefinition, block: ValueBlock, rng: Random
) -> Trial | None:
    """One action on one dimension, among those with the fewest judgments."""
    session = trial.session
    dimensions = dimensions_of(block, definition)
    cells = Candidates(session.study_id, Kind.VALUE, session.participant_id, dimensions)
    taken = reserve_least_judged(cells, session, trial.block, rng)
    if taken is None:
        return None
    trial.reservation_id, cell = taken
    trial.kind = Kind.VALUE
    trial.sampler = "least-judged"
    trial.actions = [cell.action_a]
    trial.dimension = cell.dimension
    trial.polarity = _polarity(trial.session, block)
    return trial


def _fill_whole_dimension(
    trial: Trial,
    definition: StudyDefinition,
    block: ValueBlock,
    issued: Issued,
    rng: Random,
) -> Trial | None:
    """The next action on the session's dimensions, each of them rated whole."""
    session = trial.session
    held = list(
        session.reservations.filter(block=block.key)
        .select_related("cell")
        .order_by("pk")
    )
    if not held:
        cells = Cell.objects.filter(
            study=session.study,
            kind=Kind.VALUE,
            dimension__in=dimensions_of(block, definition),
            action_a__isnull=True,
        )
        held = reserve_dimensions(
            cells, session, block.key, rng, block.dimensions_per_session
        )
        session.dimensions = [*session.dimensions, *(h.cell.dimension for h in held)]
        session.save(update_fields=["dimensions"])
    for reservation in held:
        dimension = reservation.cell.dimension
        first, again = shuffled_actions(session, block, dimension, definition)
        n_first = issued[block.key, dimension, False]
        n_again = issued[block.key, dimension, True]
        if n_first < len(first):
            trial.actions = [first[n_first]]
        elif n_again < len(again):
            trial.actions = [again[n_again]]
            trial.repeat = True
        else:
            continue
        renew(reservation, session.study_id)
        trial.kind = Kind.VALUE
        trial.reservation = reservation
        trial.sampler = "whole-dimension"
        trial.dimension = dimension
        trial.polarity = _polarity(session, block)
        return trial
    return None


def shuffled_actions(
    session: StudySession,
    block: ValueBlock,
    dimension: str,
    definition: StudyDefinition,
) -> tuple[list[str], list[str]]:
    """The session's order of all actions on a dimension, and those asked again."""
    rng = Random(f"{session.code}:{block.key}:{dimension}")
    first = list(definition.action_ids)
    rng.shuffle(first)
    early = first[: max(block.repeats, len(first) - REPEAT_DISTANCE)]
    return first, rng.sample(early, block.repeats)


def _fill_repeat(trial: Trial, rng: Random) -> Trial | None:
    """An earlier trial of the block once more, with a pair's sides changed."""
    issued = list(trial.session.trials.filter(block=trial.block).order_by("position"))
    repeated = [t for t in issued if t.repeat]
    asked_again = {(frozenset(t.actions), t.dimension) for t in repeated}
    candidates = [
        t
        for t in issued
        if not t.repeat and (frozenset(t.actions), t.dimension) not in asked_again
    ]
    distant = [t for t in candidates if trial.position - t.position > REPEAT_DISTANCE]
    if not candidates:
        return None
    again = rng.choice(distant or candidates)
    trial.kind = again.kind
    trial.actions = list(reversed(again.actions))
    trial.dimension = again.dimension
    trial.polarity = again.polarity
    trial.sampler = "repeat"
    trial.repeat = True
    return trial


def dimensions_of(block: ValueBlock, definition: StudyDefinition) -> list[str]:
    """The dimensions a value block asks about: its own list, or all."""
    return list(block.dimensions) or [d.name for d in definition.dimensions]


def _polarity(session: StudySession, block: ValueBlock) -> str:
    """One way round for all of a person's scales in a block."""
    turned = block.polarity == "randomised" and (
        Random(f"{session.code}:{block.key}:polarity").random() < 0.5
    )
    return Trial.Polarity.REVERSED if turned else Trial.Polarity.NORMAL
