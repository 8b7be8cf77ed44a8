"""The error that a kernel leads to: against one split at a time, and by simulation."""

import numpy as np
import pytest

from bandits.errors import BanditError
from bandits.expected_error import expected_errors
from bandits.paper.fixed_design import Design, expected_squared_error
from bandits.task import split_actions

N = 9
KNOWN = {"prior_mean": 45.0, "prior_sd": 20.0, "reward_sd": 7.0}


def kernel(seed: int) -> np.ndarray:
    where = np.random.default_rng(seed).normal(size=(N, 2))
    gaps = ((where[:, None] - where[None]) ** 2).sum(2)
    return np.asarray(np.exp(-gaps / 2))


def test_many_values_at_once_are_each_by_itself() -> None:
    values = np.random.default_rng(1).uniform(0, 100, (N, 4))
    splits = split_actions(N, range(3), seed=2, share=0.5)
    kernels = [kernel(1), kernel(2)]
    found = expected_errors(kernels, values, splits, **KNOWN)
    for k, one in enumerate(kernels):
        for v in range(4):
            each = [
                expected_squared_error(
                    Design(one, values[:, v], seen.astype(float), seen, *KNOWN.values())
                )
                for seen in splits
            ]
            assert found[k, v] == pytest.approx(np.mean(each), rel=1e-12)


def test_it_is_what_a_thousand_histories_of_rewards_give() -> None:
    values = np.random.default_rng(3).uniform(0, 100, N)
    seen = split_actions(N, range(1), seed=4, share=0.5)[0]
    one, rng = kernel(5), np.random.default_rng(6)
    rewards = values[seen] + 7 * rng.normal(size=(20_000, int(seen.sum())))
    inner = one[np.ix_(seen, seen)] + (7 / 20) ** 2 * np.eye(int(seen.sum()))
    made = 45 + (rewards - 45) @ np.linalg.inv(inner) @ one[np.ix_(seen, ~seen)]
    wrong = ((made - values[~seen]) ** 2).mean()
    found = expected_errors([one], values[:, None], seen[None], **KNOWN)
    assert found[0, 0] == pytest.approx(wrong, rel=0.02)


def test_a_kernel_that_ties_nothing_together_predicts_the_prior_mean() -> None:
    values = np.random.default_rng(7).uniform(0, 100, (N, 2))
    splits = split_actions(N, range(2), seed=8, share=0.5)
    found = expected_errors([np.eye(N)], values, splits, **KNOWN)
    away = np.mean([((values[~seen] - 45) ** 2).mean(0) for seen in splits], axis=0)
    np.testing.assert_allclose(found[0], away)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"values": np.zeros(N)}, r"needs values \(n_actions, n_values\)"),
        ({"splits": np.ones((2, N + 1), bool)}, r"splits \(n_splits, n_actions\)"),
        ({"kernels": [np.eye(N), np.eye(3)]}, r"kernel 1 needs shape \(9, 9\)"),
        ({"reward_sd": 0.0}, "sd need to be above 0, got 20 and 0"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, object], told: str) -> None:
    given: dict[str, object] = {
        "kernels": [np.eye(N)],
        "values": np.zeros((N, 1)),
        "splits": np.arange(N)[None] < 4,
    }
    with pytest.raises(BanditError, match=told):
        expected_errors(**(given | KNOWN | changed))  # type: ignore[arg-type]
