"""Centring of features, shared by the measures that compare them.

What a measure of features sees first: each column less its mean. A constant column must
come out exactly 0, for what rounding leaves of it would count as structure once it is
whitened or scaled; and a factor on all features must not decide whether a score
overflows. Adding a small number below a fraction would cure neither: scores would then
depend on the unit of the features.
"""

import numpy as np

from alignment.matrices import FloatArray

# Directions with less than this share of the largest's size are rounding, not data.
ROUNDING = 1e-10


def varies(x: FloatArray) -> bool:
    """Whether any two rows differ."""
    return bool((x != x[0]).any())


def centred(x: FloatArray) -> FloatArray:
    """(n, p) each column less its mean; exactly 0 where a column is constant."""
    made: FloatArray = x - x[0]
    made -= made.mean(axis=0)
    return made


def unit_size(x: FloatArray) -> FloatArray:
    """(n, p) centred, the squares of all entries summing to 1; all 0 if x is constant."""
    made = centred(x / (np.abs(x).max() or 1.0))
    made /= np.linalg.norm(made) or 1.0
    return made


def basis(x: FloatArray) -> FloatArray:
    """(n, rank) orthonormal columns that span the centred columns of x.

    Columns that others make up to rounding add nothing to the rank. They are brought to
    one length first, so that a unit of small variance is a unit like any other.
    O(n p min(n, p)).
    """
    peaks = np.abs(x).max(axis=0)
    columns = centred(x / np.where(peaks > 0, peaks, 1.0))
    lengths = np.linalg.norm(columns, axis=0)
    columns /= np.where(lengths > 0, lengths, 1.0)
    u, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    kept: FloatArray = u[:, sizes > ROUNDING * sizes[0]]
    return kept
