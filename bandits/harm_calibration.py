"""Is harm as likely as the belief says? Over all runs of a cell.

The Brier score (1950) of a run's 25 or so unseen actions is a measure of the run
(`harm_brier`). Its reliability part (Murphy, 1973) is none: it compares predicted with
actual shares within classes of alike predictions, and few predictions a class make even
a perfect forecaster look unreliable (Broecker, 2012). So classes are filled over all
runs of a cell, and the parts are given once for the cell. Predictions of one action in
several runs are not independent, and the parts have no error of their own: compare
cells, or kernels, instead.

What is kept is whole numbers, as in `bandits.over_time`, and for the same reason;
probabilities in parts so large that the last digits of a belief, which a batch's size
may change, are next to never seen.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from bandits.predictions import probability_below
from bandits.tally import Scene

N_CLASSES = 10
"""Classes of predicted probabilities, of equal width."""
PART = 2**20
"""Parts of 1 that probabilities are summed in."""


class HarmCalibration(NamedTuple):
    """Predictions by class of their probability, each (N_CLASSES,) whole numbers.

    n: Predictions.
    below: Of them, how many actions lie below the threshold.
    predicted: Sum of the probabilities, in 1/`PART`.
    """

    n: tuple[int, ...]
    below: tuple[int, ...]
    predicted: tuple[int, ...]

    def plus(self, other: HarmCalibration) -> HarmCalibration:
        """The same of both's predictions."""
        return HarmCalibration(
            *(
                tuple(a + b for a, b in zip(mine, theirs, strict=True))
                for mine, theirs in zip(self, other, strict=True)
            )
        )

    def parts(self) -> dict[str, float]:
        """Murphy's parts of the Brier score, and the expected calibration error.

        Reliability is the mean squared gap between predicted and actual share, 0 for a
        calibrated belief; resolution how far the classes' shares lie from the overall
        one, higher is better. The Brier score is reliability - resolution +
        uncertainty (base rate times its complement), but for the spread of
        predictions within classes. The expected calibration error (Naeini, Cooper &
        Hauskrecht, 2015) is the mean absolute gap.
        """
        total = sum(self.n)
        if not total:
            nothing = ("harm_reliability", "harm_resolution", "harm_calibration_error")
            return dict.fromkeys(nothing, math.nan)
        base = sum(self.below) / total
        classes = [
            (n / total, predicted / PART / n, below / n)
            for n, below, predicted in zip(*self, strict=True)
            if n
        ]
        return {
            "harm_reliability": sum(w * (p - o) ** 2 for w, p, o in classes),
            "harm_resolution": sum(w * (o - base) ** 2 for w, p, o in classes),
            "harm_calibration_error": sum(w * abs(p - o) for w, p, o in classes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """A row for each class that has predictions: a reliability diagram's points."""
        return [
            {
                "p_low": place / N_CLASSES,
                "p_high": (place + 1) / N_CLASSES,
                "n_predictions": n,
                "mean_predicted": predicted / PART / n,
                "actual_share": below / n,
            }
            for place, (n, below, predicted) in enumerate(zip(*self, strict=True))
            if n
        ]


def harm_calibration(
    scene: Scene, mean: Tensor, variance: Tensor | None
) -> HarmCalibration:
    """Predictions of the admissible actions of all runs, by class.

    Args:
        mean: (n_runs, n_arms), the expected value of each arm.
        variance: (n_runs, n_arms); None without a posterior, and so no predictions.
    """
    none = (0,) * N_CLASSES
    if variance is None or not scene.harm_defined:
        return HarmCalibration(none, none, none)
    p = probability_below(mean, variance, scene.threshold)
    place = (p * N_CLASSES).long().clamp(max=N_CLASSES - 1)
    counted = (
        scene.allowed.long(),
        (scene.allowed & scene.below).long(),
        (p * PART).round().long() * scene.allowed,
    )
    zeros = torch.zeros(N_CLASSES, dtype=torch.int64, device=p.device)
    return HarmCalibration(
        *(
            tuple(zeros.scatter_add(0, place.view(-1), what.view(-1)).tolist())
            for what in counted
        )
    )
