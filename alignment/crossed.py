"""Variance components of things judged by raters, in any unbalanced design.

A judgment of thing i by rater j is modelled as

    y = mu + u_i + v_j + c_ij + e,    variances s_u, s_v, s_c, s_e / weight:

what the thing is to everybody, the rater's own level, what this thing is to this rater,
and chance. c and e come apart only where raters repeat themselves. The components are
estimated by restricted maximum likelihood (Patterson & Thompson, 1971), which for
balanced designs gives the textbook analysis of variance wherever that is not negative;
the effects of things and raters are the best linear unbiased predictions (Henderson,
1975): means drawn towards mu, the more so the fewer judgments stand behind them.

With N = sum over judgments of 1/variance for each thing and rater, the likelihood needs
one Cholesky factor the size of the smaller side, not of the judgments: the other side's
block is diagonal (Bates et al., 2015, section 3). s_e is profiled out, and the standard
deviations over it are searched on [0, 1000), so a component of 0 is found as 0.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.sparse import csr_array

from alignment.errors import AlignmentError, TooFewRaters
from alignment.matrices import FloatArray, IntArray

# A ratio of standard deviations below this is 0, and none goes above the last.
SMALLEST, LARGEST = 1e-3, 1e3
# Up to this many entries a dense table of things and raters is faster than a sparse one.
DENSE = 100_000
# Scatter below this share of the values' own is rounding.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class CrossedFit:
    """Variance components and predictions, in the units of the values.

    mean: mu. things: (n_things,) and raters: (n_raters,) predicted effects, 0 for who
    was never in a judgment. var_things, var_raters: s_u, s_v. var_cells: s_c, NaN where
    nobody repeated anything. var_noise: s_e; without repeats s_c + s_e together.
    """

    mean: float
    things: FloatArray
    raters: FloatArray
    var_things: float
    var_raters: float
    var_cells: float
    var_noise: float


def fit_crossed(
    thing: IntArray,
    rater: IntArray,
    value: FloatArray,
    *,
    weight: FloatArray | None = None,
    n_things: int,
    n_raters: int,
    cells: bool = True,
) -> CrossedFit:
    """Restricted maximum likelihood of the model above.

    Values that never vary have components 0. Where no rater judged two things, a
    rater's level cannot be told from chance and counts as chance (var_raters 0). Where
    repeats are always identical, chance is 0 and all that is left is the cells'.

    Args:
        thing, rater, value: (n_judgments,).
        weight: (n_judgments,) above 0; 1 each if left out.
        cells: Whether to look for c; without, repeats count as chance alone.

    Raises:
        AlignmentError: Columns that do not fit together or are not finite.
        TooFewRaters: Fewer than 2 things or raters, or no thing that two raters judged.
    """
    weight = np.ones(len(value)) if weight is None else weight
    if not len(thing) == len(rater) == len(value) == len(weight):
        raise AlignmentError(
            f"variance components: needs as many entries in every column, got "
            f"{len(thing)}, {len(rater)}, {len(value)} and {len(weight)}"
        )
    if not (np.isfinite(value).all() and np.all(weight > 0)):
        raise AlignmentError(
            "variance components: values must be finite and weights above 0"
        )
    table = _Cells.of(thing, rater, value, weight, n_things, n_raters)
    n_seen_things, n_seen_raters = table.seen
    if n_seen_things < 2 or n_seen_raters < 2 or not table.crossed:
        raise TooFewRaters(
            "variance components: needs at least 2 things judged, by at least 2 raters, "
            f"and one thing that two of them judged; got {n_seen_things} things and "
            f"{n_seen_raters} raters"
        )
    return table.fit(cells=cells)


@dataclass(frozen=True, eq=False)
class _Cells:
    """Judgments by thing and rater: means, summed weights, and scatter within.

    thing, rater, mean, weight: (n_cells,). n_repeats: judgments beyond one a cell;
    within: their weighted sum of squares about the cells' means.
    """

    thing: IntArray
    rater: IntArray
    mean: FloatArray
    weight: FloatArray
    n_things: int
    n_raters: int
    n_repeats: int
    within: float

    @classmethod
    def of(
        cls,
        thing: IntArray,
        rater: IntArray,
        value: FloatArray,
        weight: FloatArray,
        n_things: int,
        n_raters: int,
    ) -> "_Cells":
        codes, cell = np.unique(thing * n_raters + rater, return_inverse=True)
        total = np.bincount(cell, weight)
        mean = np.bincount(cell, weight * value) / total
        return cls(
            thing=(codes // n_raters).astype(np.int64),
            rater=(codes % n_raters).astype(np.int64),
            mean=mean,
            weight=total.astype(np.float64),
            n_things=n_things,
            n_raters=n_raters,
            n_repeats=len(value) - len(codes),
            within=float((weight * (value - mean[cell]) ** 2).sum()),
        )

    @property
    def seen(self) -> tuple[int, int]:
        """How many things and raters are in any judgment."""
        return len(np.unique(self.thing)), len(np.unique(self.rater))

    @property
    def crossed(self) -> bool:
        """Whether two raters judged one thing."""
        return len(np.unique(self.thing)) < len(self.thing)

    @property
    def linked(self) -> bool:
        """Whether a rater judged two things."""
        return len(np.unique(self.rater)) < len(self.rater)

    def fit(self, *, cells: bool) -> CrossedFit:
        spread = float(((self.mean - self.mean.mean()) ** 2).sum()) + self.within
        no_cells = 0.0 if cells and self.n_repeats else float("nan")
        if spread <= ROUNDING * max(1.0, float((self.mean**2).sum())):
            zero = np.zeros(self.n_things), np.zeros(self.n_raters)
            return CrossedFit(float(self.mean.mean()), *zero, 0.0, 0.0, no_cells, 0.0)
        if cells and self.n_repeats and self.within <= ROUNDING * spread:
            # Repeats that are always identical say that chance is nothing.
            once = _Cells(
                self.thing,
                self.rater,
                self.mean,
                np.ones(len(self.mean)),
                self.n_things,
                self.n_raters,
                0,
                0.0,
            ).fit(cells=False)
            return CrossedFit(
                once.mean,
                once.things,
                once.raters,
                once.var_things,
                once.var_raters,
                var_cells=once.var_noise,
                var_noise=0.0,
            )
        free = [True, self.linked, cells and self.n_repeats > 0]
        ratios = self._search(np.flatnonzero(free))
        return self._fitted(ratios, has_cells=free[2])

    def _search(self, free: IntArray) -> FloatArray:
        """(3,) standard deviations of things, raters and cells over that of chance."""

        def full(some: FloatArray) -> FloatArray:
            ratios = np.zeros(3)
            ratios[free] = some
            return ratios

        start = np.ones(len(free))
        simplex = np.vstack([start, start + np.eye(len(free))])
        found = minimize(
            lambda some: self._solve(full(some)).deviance,
            start,
            method="Nelder-Mead",
            bounds=[(0.0, LARGEST)] * len(free),
            options={
                "initial_simplex": simplex,
                "xatol": 1e-4,
                "fatol": 1e-7,
                "maxiter": 2000,
            },
        )
        best = full(np.asarray(found.x, dtype=np.float64))
        return np.where(best < SMALLEST, 0.0, best)

    def _fitted(self, ratios: FloatArray, *, has_cells: bool) -> CrossedFit:
        solved = self._solve(ratios)
        things, raters, cell = (ratios**2 * solved.noise).tolist()
        return CrossedFit(
            mean=solved.mean,
            things=solved.things,
            raters=solved.raters,
            var_things=things,
            var_raters=raters,
            var_cells=cell if has_cells else float("nan"),
            var_noise=solved.noise,
        )

    @cached_property
    def _swap(self) -> bool:
        """Whether raters are the larger side, whose diagonal block is eliminated."""
        return self.n_raters > self.n_things

    def _solve(self, ratios: FloatArray) -> "_Solved":
        """Mean, predictions and -2 log restricted likelihood, up to a constant."""
        precision = 1.0 / (ratios[2] ** 2 + 1.0 / self.weight)
        big, small = (
            (self.rater, self.thing) if self._swap else (self.thing, self.rater)
        )
        n_big, n_small = (
            (self.n_raters, self.n_things)
            if self._swap
            else (self.n_things, self.n_raters)
        )
        sd_big, sd_small = (
            (ratios[1], ratios[0]) if self._swap else (ratios[0], ratios[1])
        )
        block = 1.0 + sd_big**2 * np.bincount(big, precision, n_big)
        table = (precision, (big, small))
        link = sd_big * sd_small * csr_array(table, shape=(n_big, n_small))
        if n_big * n_small <= DENSE:
            link = link.toarray()
            crossed = link.T @ (link / block[:, None])
        else:
            crossed = (link.T @ (link / block[:, None])).toarray()
        schur = np.diag(1.0 + sd_small**2 * np.bincount(small, precision, n_small))
        schur -= crossed
        factor = cho_factor(schur, lower=True)

        def apart(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
            """P x, and what M^-1 makes of both sides' scaled sums of it."""
            px = precision * x
            at_big = sd_big * np.bincount(big, px, n_big)
            at_small = sd_small * np.bincount(small, px, n_small)
            z_small = cho_solve(factor, at_small - link.T @ (at_big / block))
            z_big = (at_big - link @ z_small) / block
            # V^-1 x = P x - P Z G^(1/2) M^-1 G^(1/2) Z' P x
            inverse = px - precision * (sd_big * z_big[big] + sd_small * z_small[small])
            return inverse, sd_big * z_big, sd_small * z_small

        ones, _, _ = apart(np.ones(len(self.mean)))
        information = float(ones.sum())
        mean = float(ones @ self.mean) / information
        rest = self.mean - mean
        inverse, u_big, u_small = apart(rest)
        n = len(self.mean) + self.n_repeats
        noise = (float(rest @ inverse) + self.within) / (n - 1)
        log_det = (
            -np.log(precision).sum()
            + np.log(block).sum()
            + 2 * np.log(np.diag(factor[0])).sum()
        )
        deviance = (
            (n - 1) * np.log(max(noise, np.finfo(float).tiny))
            + log_det
            + np.log(information)
        )
        things, raters = (u_small, u_big) if self._swap else (u_big, u_small)
        return _Solved(mean, things, raters, noise, float(deviance))


@dataclass(frozen=True, eq=False)
class _Solved:
    """What one set of ratios gives: predictions, s_e and the deviance."""

    mean: float
    things: FloatArray
    raters: FloatArray
    noise: float
    deviance: float
