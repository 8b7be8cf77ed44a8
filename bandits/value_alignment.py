"""Task alignment: how well a kernel fits the values themselves, whoever it came from.

The rival explanation of any effect of alignment with people (`science.md`, rule 17): a
kernel may help because it happens to group actions of equal value. Two numbers say how
much it does so on one dimension. Centred kernel-target alignment asks whether pairs
called alike have like values; the log marginal likelihood how probable the values are
to an agent that believes the kernel.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from bandits.errors import BanditError

Floats = NDArray[np.float64]
# A centred norm below this share of the matrix's own is rounding, not structure.
ROUNDING = 1e-12


class ValueAlignment(NamedTuple):
    """How well a kernel fits the values of one dimension; NaN where undefined.

    kta: Centred kernel-target alignment, in [-1, 1]; for a kernel in [0, 1].
    lml: Log marginal likelihood of the values, in nats per action.
    """

    kta: float
    lml: float


def value_alignment(
    kernel: Floats,
    values: Floats,
    *,
    prior_mean: float,
    prior_sd: float,
    reward_sd: float,
) -> ValueAlignment:
    """Both numbers, over the actions that have a value.

    Args:
        kernel: (n_actions, n_actions), positive semi-definite.
        values: (n_actions,) on the 0-100 scale; NaN leaves an action out.

    Raises:
        BanditError: Another number of values than actions in the kernel.
    """
    kernel, values = np.asarray(kernel, np.float64), np.asarray(values, np.float64)
    if values.shape != kernel.shape[:1]:
        raise BanditError(
            f"kernel-value alignment: needs {len(kernel)} values for {len(kernel)} "
            f"actions, got shape {values.shape}"
        )
    known = np.isfinite(values)
    kernel, values = kernel[np.ix_(known, known)], values[known]
    return ValueAlignment(
        kernel_target_alignment(kernel, values),
        log_marginal_likelihood(
            kernel,
            values,
            prior_mean=prior_mean,
            prior_sd=prior_sd,
            reward_sd=reward_sd,
        ),
    )


def kernel_target_alignment(kernel: Floats, values: Floats) -> float:
    """Cosine between the centred kernel and the centred values' outer product.

    <HKH, Hvv'H> / (|HKH| |Hvv'H|) with H = I - 11'/n (Cortes, Mohri & Rostamizadeh,
    2012): 1 where similarity is the product of centred values, 0 where it has nothing
    to do with them. Any increase of all similarities, and any scale of the values,
    leaves it as it is.

    Returns:
        A number in [0, 1] for a positive semi-definite kernel; NaN where the values
        are constant, the kernel is, or fewer than 2 actions have a value.
    """
    if len(values) < 2:
        return math.nan
    centred = values - values.mean()
    size = float(centred @ centred)
    rows = kernel.mean(0)
    inner = kernel - rows[None, :] - rows[:, None] + rows.mean()
    norm = float(np.linalg.norm(inner))
    if size <= ROUNDING * float(values @ values) or norm <= ROUNDING * float(
        np.linalg.norm(kernel)
    ):
        return math.nan
    return float(centred @ inner @ centred) / (norm * size)


def log_marginal_likelihood(
    kernel: Floats,
    values: Floats,
    *,
    prior_mean: float,
    prior_sd: float,
    reward_sd: float,
) -> float:
    """ln N(values; prior_mean, prior_sd**2 K + reward_sd**2 I), per action, in nats.

    What the agent that believes this kernel would have given for the values, one noisy
    look at each (Rasmussen & Williams, 2006, eq. 2.30). By eigenvalues, so that a
    singular kernel needs no jitter. NaN without values.
    """
    n = len(values)
    if n == 0:
        return math.nan
    eigenvalues, vectors = eigh(kernel)
    variances = prior_sd**2 * np.clip(eigenvalues, 0, None) + reward_sd**2
    away = vectors.T @ (values - prior_mean)
    total = (away**2 / variances).sum() + np.log(2 * math.pi * variances).sum()
    return -0.5 * float(total) / n
