"""Canonical correlations of two representations, and the scores made of them.

The canonical correlations rho_1 >= rho_2 >= ... are the cosines between the spaces that
the centred units of the two sides span (Bjorck & Golub, 1973; Hotelling, 1936): the
singular values of Qx'Qy with orthonormal bases Qx and Qy, min(p, q) of them. Any
invertible linear map of a side leaves them as they are. Columns that others of the same
side make up add nothing, and p and q below are the ranks.

**How many actions.** With p + q >= n the two spaces must meet, whatever the data: p + q -
n + 1 correlations are exactly 1. All scores here refuse that. Below it, unrelated sides
still have rho^2 of max(p, q) / (n - 1) on average (exactly so over all orders of the
actions), so n has to be many times p + q.
"""

import numpy as np

from alignment.errors import MatrixError
from alignment.matrices import FloatArray
from alignment.measures.centring import basis, centred, unit_size, varies
from alignment.measures.kinds import FeatureMeasure, Invariance

# Of each side's variance, what SVCCA keeps (Raghu et al., 2017).
SHARE = 0.99


def canonical_correlations(
    x: FloatArray, y: FloatArray, name: str = "CCA"
) -> FloatArray:
    """(min of the ranks,) the canonical correlations, largest first, in [0, 1].

    Empty where a side is constant. O(n (p^2 + q^2)).

    Raises:
        MatrixError: As many dimensions on both sides together as actions, or more.
    """
    return _correlations(*bases(x, y, name))


def cca_mean(x: FloatArray, y: FloatArray) -> float:
    """Mean canonical correlation, in [0, 1]; NaN where a side is constant.

    Raises:
        MatrixError: As `canonical_correlations`.
    """
    return _mean(canonical_correlations(x, y, "cca_mean"))


def cca_mean_squared(x: FloatArray, y: FloatArray) -> float:
    """Mean squared canonical correlation, in [0, 1]; NaN where a side is constant.

    R^2_CCA of Kornblith et al. (2019). By chance max(p, q) / (n - 1).

    Raises:
        MatrixError: As `canonical_correlations`.
    """
    return _mean(canonical_correlations(x, y, "cca_mean_squared") ** 2)


def svcca(x: FloatArray, y: FloatArray, share: float = SHARE) -> float:
    """Mean canonical correlation of the leading principal components of both sides.

    Raghu et al. (2017): of each side the fewest components that hold `share` of its
    variance. In [0, 1]; NaN where a side is constant.

    Raises:
        MatrixError: The share is not in (0, 1], or the components kept are as many as
            the actions or more.
    """
    if not 0 < share <= 1:
        raise MatrixError(f"svcca: the share of variance lies in (0, 1], got {share}")
    parts = principal_part(x, share), principal_part(y, share)
    return _mean(canonical_correlations(*parts, "svcca"))


def pwcca(x: FloatArray, y: FloatArray) -> float:
    """Canonical correlations weighted by what they tell of X, in [0, 1]; not symmetric.

    Morcos et al. (2018): h_i are X's canonical variates, of length 1, and x_j its
    centred units; the weight of rho_i is sum_j |<h_i, x_j>|. The weights see X's own
    directions, so that rotating X changes the score and a linear map of Y does not.
    Where correlations tie exactly, their variates, and so their weights, are those that
    the singular value decomposition happens to name. NaN where a side is constant.

    Raises:
        MatrixError: As `canonical_correlations`.
    """
    q_x, q_y = bases(x, y, "pwcca")
    if not (q_x.size and q_y.size):
        return float("nan")
    u, rho, _ = np.linalg.svd(q_x.T @ q_y, full_matrices=False)
    weights = np.abs((q_x @ u).T @ unit_size(x)).sum(axis=1)
    return float(np.clip(weights @ rho / weights.sum(), 0.0, 1.0))


def bases(x: FloatArray, y: FloatArray, name: str) -> tuple[FloatArray, FloatArray]:
    """(n, rank) orthonormal bases of both sides, for the measure of this name.

    Raises:
        MatrixError: The ranks add up to the number of actions or more.
    """
    q_x, q_y = basis(x), basis(y)
    (n, p), q = q_x.shape, q_y.shape[1]
    if p and q and p + q >= n:
        raise MatrixError(
            f"{name}: needs more actions than both sides have dimensions together, and "
            f"better many times as many, got {n} actions and {p} and {q} dimensions, of "
            f"which {min(p + q - n + 1, p, q)} would agree perfectly whatever the data; "
            "use debiased CKA, or keep fewer dimensions"
        )
    return q_x, q_y


def principal_part(x: FloatArray, share: float) -> FloatArray:
    """(n, k) scores on the fewest leading components with `share` of the variance."""
    if not varies(x):
        return centred(x)
    u, sizes, _ = np.linalg.svd(unit_size(x), full_matrices=False)
    held = np.cumsum(sizes**2)  # 1 in all
    n_kept = int(np.searchsorted(held, share * (1 - 1e-12))) + 1
    return np.asarray(u[:, :n_kept] * sizes[:n_kept])


def _correlations(q_x: FloatArray, q_y: FloatArray) -> FloatArray:
    if not (q_x.size and q_y.size):
        return np.zeros(0)
    rho = np.linalg.svd(q_x.T @ q_y, compute_uv=False)
    return np.asarray(np.clip(rho, 0.0, 1.0))


def _mean(each: FloatArray) -> float:
    return float(each.mean()) if each.size else float("nan")


_INVERTIBLE: frozenset[Invariance] = frozenset(
    {
        "orthogonal map",
        "translation",
        "scale",
        "order of units",
        "scale of each unit",
        "invertible linear map",
    }
)

ROWS = (
    FeatureMeasure(
        name="cca_mean",
        label="mean CCA",
        use_when="what can be read from either side by any linear map is to be "
        "compared, and actions are many times the units",
        misleads_when="actions are not many times the units, or directions of hardly "
        "any variance matter less than others: all count alike",
        reference="Hotelling (1936); Raghu et al. (2017)",
        range=(0.0, 1.0),
        cost="O(n (p^2+q^2))",
        invariant_to=_INVERTIBLE,
        of_features=cca_mean,
    ),
    FeatureMeasure(
        name="cca_mean_squared",
        label="mean squared CCA",
        use_when="as for mean CCA, where what chance gives should be known: "
        "max(p, q) / (n - 1)",
        misleads_when="as for mean CCA",
        reference="Kornblith et al. (2019)",
        range=(0.0, 1.0),
        cost="O(n (p^2+q^2))",
        invariant_to=_INVERTIBLE,
        of_features=cca_mean_squared,
        chance=lambda n, p, q: max(p, q) / (n - 1),
    ),
    FeatureMeasure(
        name="svcca",
        label="SVCCA",
        use_when="most units are redundant: components with 99 % of the variance are "
        "few against the actions",
        misleads_when="the last components kept are noise: they count as much as the "
        "first",
        reference="Raghu et al. (2017)",
        range=(0.0, 1.0),
        cost="O(n (p^2+q^2))",
        invariant_to=frozenset(
            {"orthogonal map", "translation", "scale", "order of units"}
        ),
        of_features=svcca,
    ),
    FeatureMeasure(
        name="pwcca",
        label="PWCCA",
        use_when="directions that X uses much should count more, and X is the side in "
        "question",
        misleads_when="read as symmetric, or compared with figures of libraries that "
        "weigh otherwise",
        reference="Morcos et al. (2018)",
        range=(0.0, 1.0),
        cost="O(n (p^2+q^2))",
        symmetric=False,
        invariant_to=frozenset({"translation", "scale", "order of units"}),
        of_features=pwcca,
    ),
)
