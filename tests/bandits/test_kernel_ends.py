"""The ends of the scale: kernels made from the values, their shuffles, the identity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.gaussian_process.kernels import RBF

from bandits.errors import BanditError
from bandits.kernel_ends import identity, shuffled, value_oracle
from bandits.value_alignment import kernel_target_alignment

VALUES = np.array([10.0, 35.0, 35.0, 80.0, 100.0])
ACTIONS = tuple("abcde")


def test_the_gaussian_form_is_a_kernel_of_the_values_as_it_stands() -> None:
    found = value_oracle(VALUES, ACTIONS, length=20.0)

    np.testing.assert_allclose(found.values, RBF(20.0)(VALUES[:, None]))
    assert found.repaired_share == 0


def test_the_linear_form_falls_with_the_difference_and_needs_no_repair() -> None:
    found = value_oracle(VALUES, ACTIONS, form="linear")

    assert found.values[0, 1] == pytest.approx(0.75)
    assert found.values[1, 2] == pytest.approx(1.0)
    assert found.values[0, 4] == pytest.approx(0.1)
    assert found.repaired_share < 1e-9


def test_constant_values_make_all_actions_alike() -> None:
    found = value_oracle(np.full(5, 40.0), ACTIONS)

    np.testing.assert_array_equal(found.values, 1)


def test_a_shuffle_keeps_the_spectrum_and_loses_the_values() -> None:
    values = np.linspace(0, 100, 30)
    oracle = value_oracle(values, tuple(map(str, range(30))))

    draws = [shuffled(oracle, draw, seed=4) for draw in range(1, 41)]

    for draw in draws[:5]:
        np.testing.assert_allclose(
            np.linalg.eigvalsh(draw.values),
            np.linalg.eigvalsh(oracle.values),
            atol=1e-10,
        )
        assert draw.effective_rank == oracle.effective_rank
    fit = [kernel_target_alignment(draw.values, values) for draw in draws]
    assert max(fit) < kernel_target_alignment(oracle.values, values) / 2


def test_a_shuffle_is_the_same_whatever_the_others_and_follows_the_seed() -> None:
    oracle = value_oracle(VALUES, ACTIONS)

    third, again, other, elsewhere = (
        shuffled(oracle, draw, seed=seed).values
        for draw, seed in ((3, 4), (3, 4), (2, 4), (3, 5))
    )

    np.testing.assert_array_equal(third, again)
    assert not np.array_equal(third, other)
    assert not np.array_equal(third, elsewhere)


def test_the_identity_has_nothing_in_common() -> None:
    np.testing.assert_array_equal(identity(ACTIONS).values, np.eye(5))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"values": [1.0, np.nan, 2.0, 3.0, np.nan]},
            "value oracle: needs a value for every action, got 2 of 5 without one",
        ),
        (
            {"length": 0.0},
            "value oracle: length needs to be a number of points above 0, got 0.0",
        ),
        (
            {"form": "cubic"},
            "value oracle: form needs to be one of gaussian, linear, got 'cubic'",
        ),
    ],
)
def test_an_oracle_that_cannot_be_made_is_refused(
    changed: dict[str, Any], sentence: str
) -> None:
    given: dict[str, Any] = {"values": VALUES, "actions": ACTIONS}

    with pytest.raises(BanditError) as refusal:
        value_oracle(**(given | changed))

    assert str(refusal.value) == sentence
