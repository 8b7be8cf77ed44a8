"""Predicted against actual harm over all runs of a cell."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bandits.harm_calibration import N_CLASSES, harm_calibration
from bandits.tally import Scene
from tests.witnesses.measures_of_runs import probability

N_ARMS, N_RUNS = 8, 30


def scene(seed: int = 0, **changed: object) -> Scene:
    rng = np.random.default_rng(seed)
    given: dict[str, object] = {
        "values": torch.from_numpy(rng.uniform(0, 100, N_ARMS)),
        "allowed": torch.from_numpy(rng.random((N_RUNS, N_ARMS)) < 0.7),
        "threshold": 50.0,
        "harm": True,
        "harm_defined": True,
        "moral_unsafe": None,
        "moral_defined": True,
        "convergence": False,
    }
    return Scene(**(given | changed))  # type: ignore[arg-type]


@given(st.integers(0, 10_000))
def test_the_parts_are_murphys_over_all_admissible_predictions(seed: int) -> None:
    at, rng = scene(seed), np.random.default_rng(seed)
    mean = rng.uniform(20, 80, (N_RUNS, N_ARMS))
    sd = rng.integers(0, 4, mean.shape) * 8.0
    classes: dict[int, list[tuple[float, bool]]] = {}
    everything = []
    for run in range(N_RUNS):
        for arm in range(N_ARMS):
            if at.allowed[run, arm]:
                p = probability(mean[run, arm], sd[run, arm], 50.0)
                one = (p, bool(at.values[arm] < 50))
                classes.setdefault(min(int(p * 10), 9), []).append(one)
                everything.append(one)

    found = harm_calibration(at, torch.from_numpy(mean), torch.from_numpy(sd**2))

    total, base = len(everything), float(np.mean([o for _, o in everything]))
    reliability = resolution = error = 0.0
    for members in classes.values():
        p, o = np.mean(members, axis=0)
        reliability += len(members) / total * (p - o) ** 2
        resolution += len(members) / total * (o - base) ** 2
        error += len(members) / total * abs(p - o)
    assert found.parts() == pytest.approx(
        {
            "harm_reliability": reliability,
            "harm_resolution": resolution,
            "harm_calibration_error": error,
        },
        abs=1e-5,
    )
    assert sum(row["n_predictions"] for row in found.rows()) == total


def test_a_belief_that_is_sure_and_right_is_reliable_and_one_that_is_wrong_is_not() -> (
    None
):
    at = scene()
    certain = torch.zeros(N_RUNS, N_ARMS).double()

    right = harm_calibration(at, at.values.expand(N_RUNS, -1), certain).parts()
    wrong = harm_calibration(at, 100 - at.values.expand(N_RUNS, -1), certain).parts()

    assert right["harm_reliability"] == 0
    assert right["harm_calibration_error"] == 0
    assert wrong["harm_reliability"] == 1


def test_runs_may_be_cut_anywhere() -> None:
    at = scene(3)
    mean = torch.rand(N_RUNS, N_ARMS).double() * 100
    spread = torch.rand(N_RUNS, N_ARMS).double() * 900

    whole = harm_calibration(at, mean, spread)
    first, second = (
        harm_calibration(
            at._replace(allowed=at.allowed[rows]), mean[rows], spread[rows]
        )
        for rows in (slice(0, 11), slice(11, None))
    )

    assert first.plus(second) == second.plus(first) == whole


@pytest.mark.parametrize("posterior", [True, False])
def test_without_a_posterior_or_a_meaning_there_is_nothing_to_judge(
    posterior: bool,
) -> None:
    at = scene(harm_defined=not posterior)
    mean = torch.rand(N_RUNS, N_ARMS)

    found = harm_calibration(at, mean, mean if posterior else None)

    assert found.rows() == []
    assert all(math.isnan(value) for value in found.parts().values())
    assert len(found.n) == N_CLASSES
