"""The task: who is unsafe, which actions a phase may choose, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandits.errors import BanditError
from bandits.task import ValueTask, as_replicates, split_actions

VALUES = np.array([10.0, 50.0, 49.999, 90.0])
SPLIT = np.array([[True, True, False, False], [False, True, False, True]])


def task(**changed: Any) -> ValueTask:
    given: dict[str, Any] = {
        "values": VALUES,
        "threshold": 50.0,
        "harm": True,
        "personalization": SPLIT,
    }
    return ValueTask(**(given | changed))


def test_unsafe_means_strictly_below_the_threshold() -> None:
    found = task()

    assert found.unsafe.tolist() == [True, False, True, False]
    assert found.unsafe_share == 0.5
    assert found.harm_reason == ""


@pytest.mark.parametrize(
    ("threshold", "harm", "reason"),
    [
        (95, True, "all actions unsafe: harm measures undefined"),
        (10, True, "no action unsafe: harm measures undefined"),
        (95, False, "all actions low-value: harm measures undefined"),
        (50, True, ""),
    ],
)
def test_where_all_or_none_are_unsafe_the_task_says_why_harm_is_undefined(
    threshold: float, harm: bool, reason: str
) -> None:
    assert task(threshold=threshold, harm=harm).harm_reason == reason


def test_cross_value_harm_has_its_own_reason() -> None:
    assert task().moral_harm_reason == ""
    assert task(moral_unsafe=[True, False, False, False]).moral_harm_reason == ""
    assert (
        task(moral_unsafe=[False] * 4).moral_harm_reason
        == "no action morally unsafe: harm measures undefined"
    )


def test_the_phases_have_no_action_in_common_and_leave_none_out() -> None:
    found = task()

    assert np.array_equal(found.generalization, ~found.personalization)


def test_a_task_cannot_be_changed_through_the_arrays_it_was_made_of() -> None:
    values, split = VALUES.copy(), SPLIT.copy()
    found = task(values=values, personalization=split)

    values[0], split[0] = 99.0, False

    assert found.values[0] == 10.0
    assert found.personalization[0].tolist() == [True, True, False, False]
    with pytest.raises(ValueError, match="read-only"):
        found.values[0] = 99.0


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"values": [10.0, np.nan, 30.0, np.inf]},
            "values of the task: need a finite value for every action, got 2 of 4 "
            "without one; leave those actions out",
        ),
        (
            {"values": [10.0]},
            "values of the task: need shape (n_actions,) with at least 2 actions, "
            "got (1,)",
        ),
        (
            {"threshold": np.nan},
            "threshold of the task: needs to be a finite number, got nan",
        ),
        (
            {"personalization": SPLIT[:, :3]},
            "personalization of the task: needs shape (n_runs, 4) for 4 actions, "
            "got (2, 3)",
        ),
        (
            {"personalization": [[False] * 4, SPLIT[0]]},
            "personalization of the task: every run needs at least one action to "
            "choose from, got 1 of 2 runs with none",
        ),
        (
            {"personalization": [[True] * 4, [True] * 4]},
            "generalization of the task: every run needs at least one action to "
            "choose from, got 2 of 2 runs with none",
        ),
        (
            {"harm_values": [10.0, np.nan, 30.0, 40.0]},
            "harm_values of the task: need 4 finite numbers for 4 actions, got 3 in "
            "shape (4,)",
        ),
        (
            {"disputed": [True]},
            "disputed of the task: needs shape (4,) for 4 actions, got (1,)",
        ),
        (
            {"moral_unsafe": [True, False]},
            "moral_unsafe of the task: needs shape (4,) for 4 actions, got (2,)",
        ),
    ],
)
def test_a_task_that_cannot_be_run_is_refused(
    changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BanditError) as refusal:
        task(**changed)

    assert str(refusal.value) == sentence


@given(st.integers(2, 60), st.floats(0.01, 0.99), st.integers(0, 2**32 - 1))
def test_every_split_gives_both_phases_their_share(
    n_actions: int, share: float, seed: int
) -> None:
    split = split_actions(n_actions, [0, 1, 5], seed=seed, share=share)

    wanted = min(max(round(n_actions * share), 1), n_actions - 1)
    assert split.shape == (3, n_actions)
    assert (split.sum(1) == wanted).all()


def test_a_replicate_has_the_same_split_in_any_company() -> None:
    together = split_actions(30, range(20), seed=4)

    alone = split_actions(30, [13], seed=4)

    assert np.array_equal(together[13], alone[0])
    assert not np.array_equal(together[13], together[14])
    assert not np.array_equal(together, split_actions(30, range(20), seed=5))


def test_over_replicates_every_action_is_equally_often_in_each_phase() -> None:
    split = split_actions(10, range(4000), seed=1)

    # 10 binomial shares of 4,000 halves: sd 0.008, and 5 of them is far.
    assert np.abs(split.mean(0) - 0.5).max() < 0.04


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"n_actions": 1}, "split: needs at least 2 actions to have two phases, got 1"),
        ({"share": 1.0}, "split: share needs to lie between 0 and 1, got 1.0"),
        ({"seed": -1}, "seed: must lie in 0 .. 2**32 - 1, got -1"),
        ({"seed": 2**32}, "seed: must lie in 0 .. 2**32 - 1, got 4294967296"),
        (
            {"replicates": [0, 2**32]},
            "replicates: must lie in 0 .. 2**32 - 1, got 4294967296",
        ),
        (
            {"replicates": []},
            "replicates: need a list of at least one whole number, got shape (0,) of "
            "float64",
        ),
    ],
)
def test_a_split_that_cannot_be_drawn_is_refused(
    given: dict[str, Any], sentence: str
) -> None:
    fine: dict[str, Any] = {"n_actions": 4, "replicates": [0, 1], "seed": 0}

    with pytest.raises(BanditError) as refusal:
        split_actions(**(fine | given))

    assert str(refusal.value) == sentence


def test_replicates_keep_their_order() -> None:
    assert as_replicates([7, 3, 3], seed=0).tolist() == [7, 3, 3]


def test_a_disputed_action_is_not_unsafe_and_the_others_stay_what_they_are() -> None:
    found = task(disputed=[False, False, True, False])

    assert found.unsafe.tolist() == [True, False, False, False]
    # A disputed action above the threshold keeps its value, one below is lifted to it.
    lifted = task(disputed=[False, False, True, True]).judged_values
    assert lifted.tolist() == [10.0, 50.0, 50.0, 90.0]
    assert found.values[2] == 49.999


def test_those_who_decide_what_is_harm_may_be_others_than_those_who_pay() -> None:
    found = task(harm_values=[90.0, 10.0, 60.0, 50.0])

    assert found.unsafe.tolist() == [False, True, False, False]
    assert found.values.tolist() == VALUES.tolist()
