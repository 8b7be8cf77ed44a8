"""Kernel-value alignment by its definitions, written out.

No code is shared with `bandits.value_alignment`: the centred kernel-target alignment
is a double sum over pairs, the marginal likelihood a density of scipy's.
"""

import math
from typing import Any

import numpy as np
from scipy.stats import multivariate_normal


def kernel_target_alignment(kernel: Any, values: Any) -> float:
    """Cortes, Mohri and Rostamizadeh (2012), definition 4."""
    n = len(values)
    centre = np.eye(n) - np.ones((n, n)) / n
    one = centre @ kernel @ centre
    other = centre @ np.outer(values, values) @ centre
    product = sum(one[i, j] * other[i, j] for i in range(n) for j in range(n))
    lengths = math.sqrt((one**2).sum()) * math.sqrt((other**2).sum())
    return float(product) / lengths


def log_marginal_likelihood(
    kernel: Any, values: Any, mean: float, sd: float, noise: float
) -> float:
    """Of all values together, in nats per action."""
    n = len(values)
    law = multivariate_normal(np.full(n, mean), sd**2 * kernel + noise**2 * np.eye(n))
    return float(law.logpdf(values)) / n
