"""`alignment.ordinal_losses`: formulas term by term, gradients, and planted points."""

from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.spatial import procrustes

from alignment.errors import JudgmentsError
from alignment.judgments import TripletJudgments
from alignment.matrices import FloatArray, IntArray
from alignment.ordinal_losses import (
    LOSSES,
    LossName,
    comparisons_of,
    embed,
    loss_and_gradient,
)

every = pytest.mark.parametrize("loss", list(LOSSES))
seeds = st.integers(0, 2**32 - 1)


def term(loss: str, near: float, far: float, n_dimensions: int) -> float:
    """One comparison's loss as the papers print it, from squared distances."""
    if loss == "ste":
        return -log(exp(-near) / (exp(-near) + exp(-far)))
    if loss == "tste":
        a = max(n_dimensions - 1, 1)
        s, t = ((1 + d / a) ** (-(a + 1) / 2) for d in (near, far))
        return -log(s / (s + t))
    if loss == "ckl":
        return -log((0.05 + far) / (2 * 0.05 + near + far))
    return max(0.0, sqrt(near) + 0.1 - sqrt(far)) ** 2


def told(points: FloatArray, n: int, seed: int) -> IntArray:
    """Comparisons that the points' distances all agree with."""
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.permutation(len(points))[:3] for _ in range(n)])
    i, j, k = rows.T
    nearer = np.linalg.norm(points[i] - points[j], axis=1) < np.linalg.norm(
        points[i] - points[k], axis=1
    )
    return np.where(nearer[:, None], rows, rows[:, [0, 2, 1]])


@every
@given(seed=seeds, n_dimensions=st.integers(1, 3))
@settings(max_examples=25)
def test_a_loss_is_the_papers_and_its_gradient_is_its_own(
    loss: LossName, seed: int, n_dimensions: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(6, n_dimensions))
    rows = np.stack([rng.permutation(6)[:3] for _ in range(10)])

    value, _ = loss_and_gradient(points, rows, loss)

    expected = [
        term(
            loss,
            float(((points[i] - points[j]) ** 2).sum()),
            float(((points[i] - points[k]) ** 2).sum()),
            n_dimensions,
        )
        for i, j, k in rows
    ]
    assert value == pytest.approx(np.mean(expected), abs=1e-9)
    off = check_grad(
        lambda flat: loss_and_gradient(flat.reshape(6, -1), rows, loss)[0],
        lambda flat: loss_and_gradient(flat.reshape(6, -1), rows, loss)[1].ravel(),
        points.ravel(),
    )
    assert off < 1e-4


@every
def test_a_loss_sees_distances_only(loss: LossName) -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(6, 2))
    rows = told(rng.normal(size=(6, 2)), 20, seed=1)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])

    moved = points @ turn + 5.0

    value = loss_and_gradient(points, rows, loss)[0]
    assert loss_and_gradient(moved, rows, loss)[0] == pytest.approx(value, abs=1e-9)


@every
def test_planted_points_are_found_again(loss: LossName) -> None:
    planted = np.random.default_rng(0).uniform(-1, 1, (12, 2))

    found = embed(told(planted, 1500, seed=1), 12, 2, loss=loss, n_starts=4, seed=2)

    assert found.satisfied > 0.9
    assert procrustes(planted, found.points)[2] < 0.1
    assert np.abs(found.points.mean(axis=0)).max() < 1e-9


def test_an_odd_one_out_says_two_comparisons() -> None:
    judgments = TripletJudgments(
        actions=("a", "b", "c", "d"),
        triplets=np.array([[0, 1, 3], [1, 2, 3]]),
        odd=np.array([1, 3]),
        rater=np.array(["p", "q"]),
        sampler=np.array(["random"] * 2),
        propensity=np.full(2, np.nan),
        group=np.array(["g"] * 2),
    )

    rows = {tuple(row) for row in comparisons_of(judgments).tolist()}

    assert rows == {(0, 3, 1), (3, 0, 1), (1, 2, 3), (2, 1, 3)}


@pytest.mark.parametrize(
    ("rows", "n_dimensions", "loss", "n_starts", "sentence"),
    [
        ([], 1, "ste", 1, "needs at least one comparison"),
        ([[0, 1, 9]], 1, "ste", 1, "run from 0 to 4, got 0 to 9"),
        ([[0, 1, 1]], 1, "ste", 1, r"three different actions, got \[0, 1, 1\]"),
        ([[0, 1, 2]], 5, "ste", 1, "5 actions have 1 to 4 dimensions, got 5"),
        ([[0, 1, 2]], 1, "mds", 1, "there is no loss mds; there are ste, tste"),
        ([[0, 1, 2]], 1, "ste", 0, "needs at least 1 start, got 0"),
    ],
)
def test_what_cannot_be_embedded_is_refused(
    rows: list[list[int]],
    n_dimensions: int,
    loss: LossName,
    n_starts: int,
    sentence: str,
) -> None:
    with pytest.raises(JudgmentsError, match=sentence):
        embed(rows, 5, n_dimensions, loss=loss, n_starts=n_starts, seed=0)
