"""Compiled measures against torch's: whole numbers alike, sums but for rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bandits import metrics
from bandits.tally import Scene, Tally
from bandits.yardsticks import Yardsticks

compiled_measures = pytest.importorskip(
    "bandits.compiled_measures", reason="needs numba: compiled measures are an extra"
)
N_ARMS, N_RUNS, N_STEPS = 9, 4, 60
SUMS = {
    "regret",
    "net_violation",
    "net_shortfall",
    "value_rmse",
    "value_rank_correlation",
    "harm_brier",
    "harm_bias",
    "low_value_brier",
    "low_value_bias",
}
"""Sums of points, or roots of them: the others are the same to the last bit."""


def scene(seed: int, **changed: Any) -> Scene:
    rng = np.random.default_rng(seed)
    allowed = rng.random((N_RUNS, N_ARMS)) < 0.6
    allowed[:, :2] = True
    given: dict[str, Any] = {
        # Few different values, so that best ones tie and gaps of 5 occur.
        "values": torch.from_numpy(rng.integers(0, 21, N_ARMS) * 5.0),
        "allowed": torch.from_numpy(allowed),
        "threshold": 50.0,
        "harm": seed % 2 > 0,
        "harm_defined": seed % 3 > 0,
        "moral_unsafe": [None, torch.from_numpy(rng.random(N_ARMS) < 0.5)][
            seed % 4 > 0
        ],
        "moral_defined": seed % 5 > 0,
        "convergence": seed % 7 > 0,
        "harm_values": [None, torch.from_numpy(rng.uniform(0, 100, N_ARMS))][seed % 2],
        "n_steps": N_STEPS,
        "yardsticks": Yardsticks(
            0.3, [None, int(rng.integers(N_ARMS))][seed % 2], float(seed % 3)
        ),
    }
    return Scene(**(given | changed))


def belief(seed: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Means that tie at times, and variances that are 0 at times."""
    rng = np.random.default_rng([seed, 1])
    mean = rng.integers(6, 14, (N_RUNS, N_ARMS)) * 5.0
    sd = rng.integers(0, 4, mean.shape) * 5.0
    return torch.from_numpy(mean).to(dtype), torch.from_numpy(sd**2).to(dtype)


def told(at: Scene, seed: int) -> list[Tensor]:
    """Arms, rewards, greedy arms and probabilities, of runs that come to rest."""
    rng = np.random.default_rng([seed, 2])
    rows = [np.flatnonzero(row) for row in at.allowed.numpy()]
    arms = np.stack([rng.choice(row, N_STEPS) for row in rows], 1)
    arms[20:45] = at.values.masked_fill(~at.allowed, -1).argmax(1).numpy()
    greedy = np.stack([rng.choice(row, N_STEPS) for row in rows], 1)
    greedy[rng.integers(0, N_STEPS) :] = [row[0] for row in rows]
    rewards = rng.normal(50, 9, arms.shape)
    return [
        torch.from_numpy(x) for x in (arms, rewards, greedy, rng.random(arms.shape))
    ]


def played(by: Any, at: Scene, blocks: list[Tensor], tell: bool) -> Tally:
    tally: Tally = by.start_tally(at)
    for begin in range(0, N_STEPS, 25):
        here = [block[begin : begin + 25] for block in blocks]
        tally = by.add_block(tally, at, *here[: 4 if tell else 2])
    return tally


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        close = 1e-12 if name in SUMS else 0
        torch.testing.assert_close(
            found[name], value, rtol=close, atol=close, equal_nan=True, msg=name
        )


@given(st.integers(0, 10_000), st.booleans(), st.booleans())
def test_compiled_measures_are_torchs(seed: int, tell: bool, single: bool) -> None:
    dtype = torch.float32 if single else torch.float64
    at = scene(seed)
    at = at._replace(values=at.values.to(dtype))
    blocks = told(at, seed)
    exact = played(metrics, at, blocks, tell)
    tally = played(compiled_measures, at, blocks, tell)

    for name, value in exact.ground._asdict().items():
        assert torch.equal(value, getattr(tally.ground, name)), name
    mean, variance = belief(seed, dtype)
    for known in ((), (mean,), (mean, variance)):
        assert_same(
            compiled_measures.finish(tally, at, *known),
            metrics.finish(exact, at, *known),
        )


@given(st.integers(0, 10_000), st.booleans(), st.booleans())
def test_compiled_judgments_of_predictions_are_torchs(
    seed: int, posterior: bool, single: bool
) -> None:
    at = scene(seed)
    mean, variance = belief(seed, torch.float32 if single else torch.float64)
    known = variance if posterior else None

    assert_same(
        compiled_measures.judge_predictions(mean, at, known),
        metrics.judge_predictions(mean, at, known),
    )


def test_predictions_that_differ_by_rounding_alone_have_no_rank_correlation() -> None:
    noise = torch.Generator().manual_seed(0)
    nearly = 50 + 1e-13 * torch.randn(
        N_RUNS, N_ARMS, dtype=torch.float64, generator=noise
    )

    found = compiled_measures.judge_predictions(nearly, scene(1))

    assert found["value_rank_correlation"].isnan().all()
