"""Who is asked what: groups, orders, sides, polarity, whole dimensions, repeats."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import comb

import pytest

from collection import participation
from collection.assignment import block_orders
from collection.definitions import StudyDefinition
from collection.models import Cell, StudySession, Trial
from tests import factories

pytestmark = pytest.mark.django_db


def trials_of(session: StudySession) -> list[Trial]:
    return list(session.trials.order_by("position"))


def test_a_session_meets_its_blocks_in_order_and_every_trial_of_them() -> None:
    ada = factories.ada(factories.open_study())

    trials = trials_of(ada)

    assert [t.position for t in trials] == list(range(17))
    assert [t.block for t in trials] == (
        ["pairs"] * 5 + ["triplets"] * 3 + ["values"] * 6 + ["about"] * 3
    )
    assert [t.question for t in trials[-3:]] == ["check", "age", "comment"]


def test_nobody_meets_a_pair_or_a_triplet_twice() -> None:
    study = factories.open_study(
        **factories.only("pair", trials_per_session=comb(6, 2))
    )
    triplets = factories.open_study(
        slug="triplets", **factories.only("triplet", trials_per_session=comb(6, 3))
    )

    pairs = trials_of(factories.ada(study))
    triples = trials_of(factories.ada(triplets))

    assert len({frozenset(t.actions) for t in pairs}) == comb(6, 2)
    assert len({frozenset(t.actions) for t in triples}) == comb(6, 3)


def test_a_pair_is_not_shown_again_however_much_it_lacks() -> None:
    session = factories.joined(factories.open_study(**factories.only("pair")))
    factories.answer(session, n_trials=1)
    (seen,) = trials_of(session)
    assert seen.reservation is not None
    Cell.objects.exclude(pk=seen.reservation.cell_id).update(completed=9)

    following = participation.current_trial(session)

    assert following is not None
    assert set(following.actions) != set(seen.actions)


def test_pairs_are_judged_equally_often_and_each_side_equally_often() -> None:
    study = factories.open_study(**factories.only("pair", trials_per_session=5))

    for _ in range(6):  # 6 x 5 trials over 15 pairs: twice each
        factories.finished(study)

    shown = Counter(tuple(t.actions) for t in Trial.objects.all())
    judged = Counter(frozenset(actions) for actions in shown.elements())
    assert set(judged.values()) == {2}
    assert set(shown.values()) == {1}, "each pair was shown once with each side first"
    assert set(Cell.objects.values_list("completed", "in_flight")) == {(2, 0)}


def test_a_triplets_propensity_is_one_over_those_not_yet_seen() -> None:
    study = factories.open_study(**factories.only("triplet", trials_per_session=4))

    trials = trials_of(factories.ada(study))

    assert {t.sampler for t in trials} == {"random"}
    assert [t.propensity for t in trials] == [
        pytest.approx(1 / (comb(6, 3) - n)) for n in range(4)
    ]


def test_a_value_session_rates_every_action_on_whole_dimensions() -> None:
    study = factories.open_study(**factories.only("value", dimensions_per_session=2))

    ada = factories.ada(study)

    trials = trials_of(ada)
    first, second = ada.dimensions
    assert [t.dimension for t in trials] == [first] * 6 + [second] * 6
    assert {first, second} == {"morality", "challenge"}
    orders = [[t.actions[0] for t in trials[at : at + 6]] for at in (0, 6)]
    assert [sorted(order) for order in orders] == [sorted(factories.ACTION_IDS)] * 2


def test_the_order_of_actions_differs_between_people() -> None:
    study = factories.open_study(**factories.only("value"))

    orders = {
        tuple(t.actions[0] for t in trials_of(factories.finished(study)))
        for _ in range(3)
    }

    assert len(orders) > 1  # 1 run in 500,000 draws one order three times


def test_a_dimension_counts_complete_vectors_only() -> None:
    study = factories.open_study(**factories.only("value"))
    session = factories.joined(study)

    factories.answer(session, n_trials=5)
    before = dict(Cell.objects.values_list("key", "completed"))
    factories.answer(session, n_trials=1)
    after = dict(Cell.objects.values_list("key", "completed"))

    (taken,) = session.dimensions
    assert set(before.values()) == {0}
    assert after == {**before, taken: 1}


def test_the_next_person_gets_the_dimension_with_the_fewest_vectors() -> None:
    study = factories.open_study(**factories.only("value"))
    first = factories.joined(study)
    participation.current_trial(first)

    second = factories.joined(study)
    participation.current_trial(second)

    assert set(first.dimensions) | set(second.dimensions) == {"morality", "challenge"}


def test_randomised_polarity_is_one_way_round_for_each_person() -> None:
    study = factories.open_study(**factories.only("value", polarity="randomised"))

    shown_to_ada = {t.polarity for t in trials_of(factories.ada(study))}
    first_shown = [
        participation.current_trial(factories.joined(study)) for _ in range(20)
    ]

    assert len(shown_to_ada) == 1
    # All one way round happens to one run in 500,000.
    assert {t.polarity for t in first_shown if t} == {"normal", "reversed"}


def test_fixed_polarity_never_turns_a_scale_round() -> None:
    study = factories.open_study(**factories.only("value"))

    for _ in range(10):
        participation.current_trial(factories.joined(study))

    assert set(Trial.objects.values_list("polarity", flat=True)) == {"normal"}


def test_scattered_values_spread_over_actions_and_dimensions() -> None:
    study = factories.open_study(
        **factories.only("value", assign="cells", trials_per_session=4)
    )

    for _ in range(3):
        factories.finished(study)

    assert Cell.objects.count() == 12
    assert set(Cell.objects.values_list("completed", flat=True)) == {1}


def test_repeated_pairs_come_at_the_end_with_their_sides_changed() -> None:
    study = factories.open_study(
        **factories.only("pair", trials_per_session=8, repeats=3)
    )

    trials = trials_of(factories.ada(study))

    repeats = [t for t in trials if t.repeat]
    assert [t.repeat for t in trials] == [False] * 8 + [True] * 3
    first_shown = [t.actions for t in trials[:8]]
    assert all(list(reversed(t.actions)) in first_shown for t in repeats)
    assert len({frozenset(t.actions) for t in repeats}) == 3
    assert sum(Cell.objects.values_list("completed", flat=True)) == 8


def test_repeated_values_come_at_the_end_of_their_dimension() -> None:
    study = factories.open_study(
        **factories.only("value", dimensions_per_session=2, repeats=2)
    )

    ada = factories.ada(study)

    trials = trials_of(ada)
    first, second = ada.dimensions
    assert [(t.dimension, t.repeat) for t in trials] == (
        [(first, False)] * 6
        + [(first, True)] * 2
        + [(second, False)] * 6
        + [(second, True)] * 2
    )
    assert participation.progress(ada) == (16, 16)
    assert set(Cell.objects.values_list("completed", flat=True)) == {1}


def test_counterbalanced_people_meet_the_judgment_blocks_in_both_orders() -> None:
    study = factories.open_study(group_mode="counterbalanced")

    orders = Counter(participation.enrol(study).block_order for _ in range(8))

    assert orders == {
        "pairs>triplets>values>about": 4,
        "values>triplets>pairs>about": 4,
    }


def test_questions_keep_their_place_when_the_order_is_turned() -> None:
    definition = StudyDefinition.model_validate(
        factories.document(
            group_mode="counterbalanced",
            groups=[
                {"name": "all", "blocks": ["about", "values", "pairs", "triplets"]}
            ],
        )
    )

    _, turned = block_orders(definition.groups[0].blocks, definition)

    assert turned == ["about", "triplets", "pairs", "values"]


def test_simulated_and_real_people_fill_the_groups_apart() -> None:
    study = factories.open_study(
        groups=[
            {"name": "left", "blocks": ["pairs", "triplets"]},
            {"name": "right", "blocks": ["values", "about"]},
        ]
    )

    simulated = [participation.enrol(study, simulated=True).group for _ in range(4)]
    real = [participation.enrol(study).group for _ in range(4)]

    assert Counter(simulated) == Counter(real) == {"left": 2, "right": 2}


def test_positions_follow_each_other_without_a_gap() -> None:
    bo = factories.bo(factories.open_study())

    positions = [t.position for t in trials_of(bo)]

    assert all(later - earlier == 1 for earlier, later in pairwise(positions))
