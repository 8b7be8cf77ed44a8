"""Slow twins: a fixed design's errors by brute force, one history at a time."""

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Kernel

Floats = NDArray[np.float64]


class Precomputed(Kernel):  # type: ignore[misc]
    """A kernel on action numbers, looked up in a matrix."""

    def __init__(self, matrix: Floats) -> None:
        self.matrix = matrix

    def __call__(
        self, x: Floats, y: Floats | None = None, eval_gradient: bool = False
    ) -> Floats:
        rows = x[:, 0].astype(int)
        columns = rows if y is None else y[:, 0].astype(int)
        found: Floats = self.matrix[np.ix_(rows, columns)]
        return found

    def diag(self, x: Floats) -> Floats:
        found: Floats = np.diag(self.matrix)[x[:, 0].astype(int)]
        return found

    def is_stationary(self) -> bool:
        return False


def squared_errors(
    kernel: Floats,
    values: Floats,
    pulled: list[int],
    unseen: list[int],
    *,
    prior_mean: float,
    prior_sd: float,
    reward_sd: float,
    histories: int,
    seed: int,
) -> Floats:
    """(histories,) mean squared error over unseen actions after noisy rewards."""
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(histories):
        rewards = values[pulled] + reward_sd * rng.normal(size=len(pulled))
        model = GaussianProcessRegressor(
            Precomputed(prior_sd**2 * kernel), alpha=reward_sd**2, optimizer=None
        )
        model.fit(np.array(pulled, dtype=float)[:, None], rewards - prior_mean)
        predicted = model.predict(np.array(unseen, dtype=float)[:, None]) + prior_mean
        errors.append(float(np.mean((predicted - values[unseen]) ** 2)))
    return np.array(errors)
