"""`alignment.calibration`: scores against what mixed-up actions give."""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest

from alignment.calibration import calibrate, calibrate_search
from alignment.errors import AlignmentError, MatrixError
from alignment.matrices import SimilarityMatrix
from alignment.measures.kinds import FeatureMeasure, Measure
from alignment.measures.table import FEATURE_MEASURES, MATRIX_MEASURES
from alignment.uncertainty import draw_orders, permutation_p


def explained(x: np.ndarray, y: np.ndarray) -> float:
    """The share of y's variance that an in-sample linear fit on x takes up."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    if not y.any():
        return float("nan")
    rest = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(1 - (rest**2).sum() / (y**2).sum())


FIT = FeatureMeasure(
    name="in-sample fit",
    label="fit",
    use_when="never",
    misleads_when="there are more units than actions",
    reference="",
    range=(0.0, 1.0),
    cost="",
    of_features=explained,
)
LINE = replace(
    FIT, of_features=lambda x, y: float(np.corrcoef(x[:, 0], y[:, 0])[0, 1] ** 2)
)
UNEXPLAINED = replace(
    FIT, is_distance=True, of_features=lambda x, y: 1 - explained(x, y)
)


def matrix(seed: int, n: int = 10) -> SimilarityMatrix:
    values = np.random.default_rng(seed).random((n, n))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1.0)
    return SimilarityMatrix(values, tuple(f"a{i}" for i in range(n)), f"r{seed}")


def features(seed: int, n: int = 12, units: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, units))


def best_of(measure: Measure) -> float | None:
    """What a measure without a bound gives a side against itself: 1."""
    unbounded = np.isinf(measure.range[1]) and not measure.is_distance
    return 1.0 if unbounded else None


@pytest.mark.parametrize("name", MATRIX_MEASURES)
@pytest.mark.parametrize("n", [6, 10])
def test_p_is_that_of_the_permutation_test(name: str, n: int) -> None:
    measure, a, b = MATRIX_MEASURES[name], matrix(1, n), matrix(2, n)

    found = calibrate(measure, a, b, n_permutations=60, seed=4, best=best_of(measure))

    assert found.value == measure.compute(a, b)
    assert found.p == permutation_p(measure, a, b, n_permutations=60, seed=4)


@pytest.mark.parametrize("n", [5, 12])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_threshold_is_the_order_statistic_of_the_definition(
    n: int, alpha: float
) -> None:
    x, y = features(1, n, 2), features(2, n, 2)

    found = calibrate(FIT, x, y, n_permutations=39, alpha=alpha, seed=4)

    orders = draw_orders(n, 39, 4)
    null = [explained(x, y[order]) for order in orders.rows]
    every = sorted(null if orders.exact else [*null, explained(x, y)])
    tau = every[ceil((1 - alpha) * len(every) - 1e-9) - 1]
    assert found.threshold == pytest.approx(tau, abs=1e-12)
    score = np.clip((explained(x, y) - tau) / (1 - tau), 0, 1)
    assert found.score == pytest.approx(score, abs=1e-9)


def test_a_high_score_of_unrelated_sides_is_calibrated_away() -> None:
    scores = [
        calibrate(
            FIT,
            features(s, units=9),
            features(s + 99, units=9),
            n_permutations=39,
            seed=s,
        )
        for s in range(20)
    ]

    assert np.mean([each.value for each in scores]) > 0.7
    # One in 20 is expected above the threshold; more than 6, once in 10,000.
    assert sum(each.score > 0 for each in scores) <= 6


def test_full_agreement_scores_one() -> None:
    x = features(3)

    found = calibrate(FIT, x, x, n_permutations=39, seed=0)

    assert found.score == pytest.approx(1)
    assert found.p == 1 / 40


def test_a_distance_is_turned_round() -> None:
    x, y = features(1), features(1) + 0.3 * features(2)

    near, far = (
        calibrate(measure, x, y, n_permutations=39, seed=4)
        for measure in (FIT, UNEXPLAINED)
    )

    assert far.threshold == pytest.approx(1 - near.threshold)
    assert (far.score, far.p) == (pytest.approx(near.score), near.p)


def test_no_room_above_the_threshold_is_no_score() -> None:
    # As many units as actions: every order is fitted whole.
    found = calibrate(
        FIT, features(1, units=12), features(2), n_permutations=19, seed=0
    )

    assert (found.score, found.p) == (0.0, 1.0)


def test_a_search_of_layers_pays_for_searching() -> None:
    studies = 50
    best, alone = [], []
    for seed in range(studies):
        layers = {f"layer {k}": features(1000 * seed + k, units=1) for k in range(6)}
        human = {"human": features(seed, units=1)}
        found = calibrate_search(LINE, human, layers, n_permutations=19, seed=seed)
        best.append(found.found.p)
        chosen = layers[found.best[1]]
        alone.append(
            calibrate(LINE, human["human"], chosen, n_permutations=19, seed=seed).p
        )

    # 5 expected at .1; more than 14 come once in 10,000. The picked layer alone lies.
    assert sum(p <= 0.1 for p in best) <= 14
    assert sum(p <= 0.1 for p in alone) > 14


def test_every_layer_is_put_in_the_same_order() -> None:
    x, y = features(1), features(2)

    alone = calibrate(FIT, x, y, n_permutations=39, seed=5)
    twins = calibrate_search(
        FIT, {"x": x}, {"y": y, "same": y.copy()}, n_permutations=39, seed=5
    )

    assert twins.found == alone
    assert set(twins.p_by_layer.values()) == {alone.p}


def test_a_layer_without_a_score_is_left_out_of_the_search() -> None:
    x, y, flat = features(1), features(2), np.zeros((12, 2))

    found = calibrate_search(
        FIT, {"x": x}, {"y": y, "flat": flat}, n_permutations=19, seed=0
    )
    nothing = calibrate_search(FIT, {"x": x}, {"flat": flat}, seed=0)

    assert found.best == ("x", "y")
    assert np.isnan(found.p_by_layer["x", "flat"])
    assert found.found == calibrate(FIT, x, y, n_permutations=19, seed=0)
    assert nothing.best == ()
    assert np.isnan(nothing.found.p)


@pytest.mark.parametrize("name", FEATURE_MEASURES)
def test_any_measure_of_features_can_be_calibrated(name: str) -> None:
    measure = FEATURE_MEASURES[name]
    x = features(1, 16)  # enough for those that deal actions into folds

    found = calibrate(measure, x, x, n_permutations=9, seed=0, best=best_of(measure))

    assert 0 < found.p <= 1


def test_what_cannot_be_calibrated_is_refused() -> None:
    a, x = matrix(1), features(1)
    endless = replace(FIT, range=(0.0, np.inf))

    with pytest.raises(AlignmentError, match="alpha must lie in 0 to 1, got 1"):
        calibrate(FIT, x, x, alpha=1, seed=0)
    with pytest.raises(
        AlignmentError, match="has no best score to rescale by; give `best`"
    ):
        calibrate(endless, x, x, seed=0)
    with pytest.raises(AlignmentError, match="at least 1 permutation, got 0"):
        calibrate(FIT, x, x, n_permutations=0, seed=0)
    with pytest.raises(AlignmentError, match="at least one layer"):
        calibrate_search(FIT, {}, {"x": x}, seed=0)
    with pytest.raises(MatrixError, match="compares features, got the similarity"):
        calibrate(FIT, a, a, seed=0)
    with pytest.raises(MatrixError, match="compares similarity matrices, got features"):
        calibrate(MATRIX_MEASURES["cka"], x, x, seed=0)
    assert calibrate(endless, x, x, best=1.0, n_permutations=19, seed=0).score > 0.99
