"""Statistics over the runs of a cell that a mean does not tell: tails, shares, medians.

Of the runs of one cell, and so of one kernel's luck: none of them says how far another
kernel would be from it (`bandits.effects` does).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

Array = NDArray[np.float64]
Z95 = 1.959963984540054
"""Half-width of a normal 95 % interval, in standard errors."""


def tail_mean(values: Array, share: float) -> tuple[float, float]:
    """Mean of the lowest share of the runs (CVaR), and its standard error.

    A run counts in part where the share is no whole number of runs. The error is that
    of the estimate's influence function, sd(min(value, quantile)) / (share sqrt(n)):
    Trindade et al., 2007, "Financial prediction with constrained tail risk".

    Args:
        values: (n_runs,), NaNs are left out.
        share: Above 0 and at most 1.

    Returns:
        NaN for both of no runs; for the error of one run, or where the tail is not one
        whole run.
    """
    seen = np.sort(values[~np.isnan(values)])
    n = len(seen)
    if not n:
        return math.nan, math.nan
    wanted = share * n
    # Rounding must not take a sliver of the next run.
    taken = np.clip(round(wanted, 9) - np.arange(n), 0, 1)
    mean = float((taken * seen).sum() / taken.sum())
    if n < 2 or wanted < 1:
        return mean, math.nan
    quantile = seen[math.ceil(round(wanted, 9)) - 1]
    spread = float(np.minimum(seen, quantile).std(ddof=1))
    return mean, spread / (share * math.sqrt(n))


def wilson(values: Array) -> tuple[float, float]:
    """Wilson's (1927) 95 % interval of the share of runs that have 1 rather than 0.

    Unlike mean plus or minus errors it has width where every run is the same, and never
    leaves 0 to 1.

    Args:
        values: (n_runs,) of 1 and 0; NaNs are left out.
    """
    seen = values[~np.isnan(values)]
    n = len(seen)
    if not n:
        return math.nan, math.nan
    return wilson_of(float(seen.mean()), n)


def wilson_of(share: float, n: float) -> tuple[float, float]:
    """The same of a share over so many observations, or what is worth so many."""
    centre = share + Z95**2 / (2 * n)
    half = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    scale = 1 + Z95**2 / n
    # A share of 0 or 1 is an end of its interval exactly, whatever rounding says.
    low = 0.0 if share == 0 else (centre - half) / scale
    high = 1.0 if share == 1 else (centre + half) / scale
    return low, high


def median_interval(values: Array, observed: NDArray[np.bool_]) -> tuple[float, float]:
    """At least 95 % for the median over runs, by the ranks of the runs alone.

    From the binomial law of how many runs lie below the median (Conover, 1999, section
    3.2); no assumption about the steps.

    Args:
        values: (n_runs,), a cut-off run's above every observed one's; NaNs are left out.
        observed: (n_runs,), whether the run was not cut off.

    Returns:
        NaN for an end that lies among the runs that were cut off, and for both of fewer
        than six runs.
    """
    seen = ~np.isnan(values)
    n = int(seen.sum())
    ordered = np.sort(values[seen])
    n_observed = int(observed[seen].sum())
    # The largest rank whose run lies above the median in at most 2.5 % of samples.
    rank = int(binom.ppf(0.025, n, 0.5)) if n else 0
    if rank < 1:
        return math.nan, math.nan
    low, high = rank - 1, n - rank
    return (
        float(ordered[low]) if low < n_observed else math.nan,
        float(ordered[high]) if high < n_observed else math.nan,
    )
