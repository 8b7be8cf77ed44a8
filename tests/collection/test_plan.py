"""The plan of a study, against counts made by hand and by scipy."""

from __future__ import annotations

import pytest
from scipy.stats import pearsonr

from collection.definitions import StudyDefinition
from collection.plan import Plan, plan_text
from tests import factories

TEXTS = [
    ("return-wallet", "I return a lost wallet with the money inside", "money", "good"),
    ("keep-wallet", "I keep a lost wallet with the money inside", "money", "harmful"),
    ("buy-bread", "I buy bread", "home", "neutral"),
    ("tease-friend", "I tease a sad friend", "friends", "harmful"),
]


def plan_of(**changes: object) -> Plan:
    return StudyDefinition.model_validate(factories.document(**changes)).plan()


def worded() -> Plan:
    return plan_of(
        actions=[
            {"action_id": i, "text": t, "attributes": {"area": a, "valence": v}}
            for i, t, a, v in TEXTS
        ],
        **factories.only("pair", trials_per_session=3),
    )


def test_a_group_counts_its_trials_minutes_and_sessions() -> None:
    (group,) = plan_of().groups

    # 5 pairs of 6 s, 3 triplets of 7 s, 6 values of 5 s, 3 questions of 10 s
    assert group.trials_per_session == 5 + 3 + 6 + 3
    assert group.minutes == pytest.approx((30 + 21 + 30 + 30) / 60)
    # pairs: 15 x 2 / 5 = 6; triplets: 20 / 3 -> 7; values: 2 dimensions x 2 / 1 = 4
    assert group.sessions_needed == 7


def test_groups_with_one_block_in_common_split_its_work_by_their_shares() -> None:
    groups = [
        {"name": "few", "blocks": ["pairs"], "share": 1},
        {"name": "many", "blocks": ["pairs"], "share": 2},
    ]
    plan = plan_of(blocks=factories.only("pair")["blocks"], groups=groups)

    assert [group.sessions_needed for group in plan.groups] == [2, 4]
    assert plan.sessions_needed == 6


def test_repeats_cost_time_and_fill_no_cell() -> None:
    plain = plan_of(**factories.only("value"))
    repeated = plan_of(**factories.only("value", repeats=3))

    assert plain.groups[0].trials_per_session + 3 == (
        repeated.groups[0].trials_per_session
    )
    assert repeated.groups[0].sessions_needed == plain.groups[0].sessions_needed == 4


def test_judgments_count_every_rating_of_a_vector() -> None:
    assert plan_of().judgments == {"pairs": 30, "triplets": 20, "values": 24}


def test_valence_stands_by_area() -> None:
    assert worded().valence_by_area == {
        "friends": {"good": 0, "neutral": 0, "harmful": 1},
        "home": {"good": 0, "neutral": 1, "harmful": 0},
        "money": {"good": 1, "neutral": 0, "harmful": 1},
    }


def test_length_correlates_with_valence_as_scipy_says() -> None:
    expected = pearsonr([9, 9, 3, 5], [1, -1, 0, -1]).statistic

    assert worded().length_correlation == pytest.approx(expected)
    assert plan_of().length_correlation is None


def test_texts_that_share_most_words_are_minimal_pairs() -> None:
    assert worded().minimal_pairs == (("return-wallet", "keep-wallet"),)


def test_the_printed_plan_names_groups_areas_and_pairs() -> None:
    text = plan_text(worded())

    assert "4 actions" in text
    assert "all" in text
    assert "return-wallet / keep-wallet" in text
    assert "money" in text


def test_an_arena_judges_all_its_pairs_at_once() -> None:
    plan = plan_of(**factories.arranging())

    (group,) = plan.groups
    assert group.trials_per_session == 2
    assert group.minutes == pytest.approx(2 * 90 / 60)
    # 15 pairs, 3 arenas each; a session gives 2 arenas of 6 pairs
    assert plan.judgments == {"arenas": 45}
    assert group.sessions_needed == 4


def test_a_plan_without_quotas_says_nothing_of_them() -> None:
    text = plan_text(plan_of())

    assert "quota" not in text
    assert "WARNING" not in text


def test_the_printed_plan_warns_of_quotas_that_cannot_reach_what_is_wanted() -> None:
    groups = [
        {"name": "few", "blocks": ["pairs"], "quota": 1},
        {"name": "many", "blocks": ["pairs"], "share": 2, "quota": 4},
    ]
    plan = plan_of(
        blocks=factories.only("pair")["blocks"],
        groups=groups,
        quota=5,
        stop_when_covered=True,
    )

    text = plan_text(plan)

    # 2 and 4 sessions are needed, 6 in all: see the shares above.
    assert "quota of few: 1 people" in text
    assert "quota of the study: 5 people" in text
    assert "newcomers are turned away" in text
    assert plan.shortfalls == [
        "group few: a quota of 1 people, and its share of the judgments wanted takes 2",
        "study: a quota of 5 people, and the judgments wanted take 6",
    ]
    assert all(f"WARNING: {shortfall}" in text for shortfall in plan.shortfalls)
    assert plan.most_people == 5


def test_one_group_without_a_quota_leaves_the_study_open() -> None:
    groups = [
        {"name": "few", "blocks": ["pairs"], "quota": 1},
        {"name": "many", "blocks": ["pairs"]},
    ]

    plan = plan_of(blocks=factories.only("pair")["blocks"], groups=groups)

    assert plan.most_people is None
