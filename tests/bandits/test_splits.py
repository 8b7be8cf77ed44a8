"""Splits: unsafe actions and life areas dealt evenly, or whole areas kept apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.judgments import Actions
from bandits.errors import BanditError
from bandits.splits import SPLIT_RULES, areas_of, split
from bandits.task import split_actions

AREAS = ("work",) * 8 + ("home",) * 4 + ("street",) * 4
UNSAFE = np.array([True, False] * 8)


def drawn(rule: Any, n_runs: int = 50, **changed: Any) -> Any:
    given: dict[str, Any] = {
        "unsafe": UNSAFE,
        "areas": AREAS,
        "replicates": range(n_runs),
        "seed": 3,
    }
    return split(rule, **(given | changed))


def test_the_random_rule_is_the_one_of_reports() -> None:
    np.testing.assert_array_equal(drawn("random"), split_actions(16, range(50), seed=3))


@pytest.mark.parametrize("rule", SPLIT_RULES)
def test_a_replicate_has_the_same_split_in_any_company(rule: str) -> None:
    together = drawn(rule, 20)

    alone = drawn(rule, replicates=[13])

    assert np.array_equal(together[13], alone[0])
    assert not np.array_equal(together, drawn(rule, 20, seed=4))


@pytest.mark.parametrize("rule", SPLIT_RULES)
def test_over_replicates_every_action_is_equally_often_in_each_phase(rule: str) -> None:
    areas = ("a",) * 4 + ("b",) * 4 + ("c",) * 4 + ("d",) * 4
    shares = drawn(rule, 4000, areas=areas).mean(0)

    # 16 binomial shares of 4,000 halves: sd 0.008, and 5 of them is far.
    assert np.abs(shares - 0.5).max() < 0.04


@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 40),
    st.floats(0.05, 0.95),
    st.data(),
)
def test_stratified_splits_deal_unsafe_actions_by_their_share(
    seed: int, n_actions: int, share: float, data: st.DataObject
) -> None:
    unsafe = np.array(data.draw(st.lists(st.booleans(), min_size=n_actions)))[
        :n_actions
    ]
    areas = data.draw(st.none() | st.lists(st.sampled_from("abc"), min_size=n_actions))
    areas = None if areas is None else areas[:n_actions]

    found = split("stratified", unsafe, areas, range(5), seed=seed, share=share)

    wanted = min(max(round(n_actions * share), 1), n_actions - 1)
    assert (found.sum(1) == wanted).all()
    exact = unsafe.sum() * wanted / n_actions
    assert (np.abs(found[:, unsafe].sum(1) - exact) < 1).all()


def test_areas_are_dealt_evenly_too_where_the_actions_have_them() -> None:
    areas = np.array(AREAS)

    found = drawn("stratified", 500)

    # Half of each area, safe and unsafe alike: all these blocks are even.
    for name in set(AREAS):
        for part in (UNSAFE, ~UNSAFE):
            block = (areas == name) & part
            assert (found[:, block].sum(1) == block.sum() / 2).all()


def test_counts_that_are_odd_favour_no_phase() -> None:
    unsafe = np.arange(16) < 5

    found = drawn("stratified", 4000, unsafe=unsafe)

    assert set(found[:, unsafe].sum(1).tolist()) == {2, 3}
    assert np.abs(found.mean(0) - 0.5).max() < 0.04  # as above: 5 times 0.008


def test_without_areas_they_are_not_dealt_evenly() -> None:
    work = np.array(AREAS) == "work"

    found = drawn("stratified", 500, areas=None)

    assert len(set(found[:, work].sum(1).tolist())) > 1
    assert (found[:, UNSAFE].sum(1) == 4).all()


def test_by_area_no_area_is_in_both_phases() -> None:
    areas = np.array(AREAS)

    found = drawn("area", 300)

    for name in set(AREAS):
        share = found[:, areas == name].mean(1)
        assert set(share.tolist()) == {0.0, 1.0}
    # Work is half of the actions: alone, or the other two.
    assert (found.sum(1) == 8).mean() > 0.5
    assert found.any(1).all()
    assert (~found).any(1).all()


@pytest.mark.parametrize(
    ("rule", "changed", "sentence"),
    [
        (
            "area",
            {"areas": None},
            "split by area: needs actions of at least 2 life areas (the column "
            '"area" of the actions), got actions without one; take the split '
            '"random" or "stratified"',
        ),
        (
            "area",
            {"areas": ["work"] * 16},
            "split by area: needs actions of at least 2 life areas (the column "
            '"area" of the actions), got only work; take the split "random" or '
            '"stratified"',
        ),
        (
            "alphabet",
            {},
            "split: the rule needs to be one of random, stratified, area, got "
            "'alphabet'",
        ),
        (
            "stratified",
            {"unsafe": [True], "areas": None},
            "split: needs at least 2 actions to have two phases, got 1",
        ),
        (
            "stratified",
            {"share": 1.5},
            "split: share needs to lie between 0 and 1, got 1.5",
        ),
        (
            "stratified",
            {"seed": -1},
            "seed: must lie in 0 .. 2**32 - 1, got -1",
        ),
    ],
)
def test_a_split_that_cannot_be_drawn_is_refused(
    rule: str, changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BanditError) as refusal:
        drawn(rule, **changed)

    assert str(refusal.value) == sentence


def test_areas_are_those_of_the_actions_if_every_action_names_one() -> None:
    ids = ("a", "b")

    def actions(*attributes: dict[str, str]) -> Actions:
        return Actions(ids, ids, attributes)

    assert areas_of(actions({"area": "home"}, {"area": "work"})) == ("home", "work")
    assert areas_of(actions({"area": "home"}, {"area": ""})) is None
    assert areas_of(actions({}, {})) is None
