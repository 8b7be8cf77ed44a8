"""How far the mean of the raters asked lies from the mean of all there could be.

Write the mean over raters as x = mu + e: mu what infinitely many raters would say of
each pair on average, e the error of these raters. With Q leaving out the mean over
pairs and the direction of mu, which change no correlation,

    1 - corr(x, mu)^2 = |Q e|^2 / |x - mean(x)|^2        exactly.

The right side's denominator is observed. The numerator is what these very raters got
wrong; v, the sum over pairs of the variance of their mean, each found from the spread
of the raters within a pair, estimates it without bias, and errs by

    |Q e|^2 - v = sum over pairs of raters s != t of (e_s Q e_t),

a sum of products of different raters, whose variance the same products give. So the
ratio |Q e|^2 / v is F-distributed with D and D (k - 1) degrees of freedom, k raters a
pair, D the number of pairs as far as errors are independent between pairs, and fewer
where a rater errs alike on many of them (a lasting view of an action, a use of the
scale). The classical F interval of an intraclass correlation is the case of D = m - 1
and of a mean of *other* raters; here the pairs and the raters are those of the study.

`tests/benchmarks/coverage.py` shows how often the interval holds the true correlation.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import f as f_distribution
from scipy.stats import norm

from alignment.matrices import FloatArray

# With fewer raters of a pair than these, products of their errors tell nothing: they
# add up to nought by construction, and errors are taken to be independent over pairs.
CROWD = 4


@dataclass(frozen=True, eq=False)
class MeanError:
    """The mean of some raters over pairs, and what it errs by.

    Pairs that only one rater judged are given the mean variance of single judgments.

    mean: (n_pairs,) weighted mean of the raters who judged each pair.
    variance: (n_pairs,) estimated error variance of each entry.
    per_pair: k, the harmonic mean of the raters of a pair (in effect, with unequal
        weights), over pairs with at least 2.
    signal: |x - mean(x)|^2 - v, the estimated sum of squares of mu; may be negative.
    error: v, the estimated sum of squares of Q e.
    along: Estimated variance of e along mu: what `signal` is uncertain by.
    dof: D, in [1, n_pairs - 2].
    """

    mean: FloatArray
    variance: FloatArray
    per_pair: float
    signal: float
    error: float
    along: float
    dof: float

    @classmethod
    def of(cls, summed: FloatArray, weight: FloatArray) -> Self | None:
        """From what each rater said; None where that gives no error or no signal.

        O(judgments * raters a pair + raters^2).

        Args:
            summed: (n_raters, n_pairs) weighted sums of what each said of each pair.
            weight: (n_raters, n_pairs) the weights, 0 where a rater said nothing;
                every pair was judged by somebody.

        Returns:
            None with fewer than 3 pairs, with no pair that two raters judged, or where
            the mean is the same for all pairs.
        """
        n_pairs = weight.shape[1]
        s, p = np.nonzero(weight > 0)
        share = weight[s, p] / weight.sum(axis=0)[p]
        said = summed[s, p] / weight[s, p]
        mean = np.bincount(p, share * said, n_pairs).astype(np.float64)
        centred = mean - mean.mean()
        total = float(centred @ centred)
        squares, cubes = (np.bincount(p, share**power, n_pairs) for power in (2, 3))
        # The expected sum of squared weighted residuals for an error variance of 1.
        left = squares - 2 * cubes + squares**2
        several = left > 1e-12
        if n_pairs < 3 or not several.any() or np.ptp(mean) == 0:
            return None
        factor = np.zeros(n_pairs)
        factor[several] = np.sqrt(squares[several] / left[several])
        error = factor[p] * share * (said - mean[p])
        per_pair = 1 / squares
        variance = np.bincount(p, error**2, n_pairs).astype(np.float64)
        single = (variance * per_pair)[several].mean()
        variance = np.where(several, variance, single * squares)
        along = centred / np.sqrt(total)
        n_raters = len(weight)
        level = np.bincount(s, error, n_raters) / np.sqrt(n_pairs)
        slope = np.bincount(s, error * along[p], n_raters)
        v = float(variance.sum() - level @ level - slope @ slope)
        products = _squared_products(s, p, error, per_pair, along, n_raters)
        few = per_pair < CROWD - 1e-9
        kept = v / variance.sum() if v > 0 else 0.0
        alone = (variance[few] * kept) ** 2 * per_pair[few] / (per_pair[few] + 1)
        spread = products + float(alone.sum())
        k = float(1 / squares[several].mean())
        dof = k / (k - 1) * v**2 / spread if spread > 0 else np.inf
        return cls(
            mean=mean,
            variance=variance,
            per_pair=k,
            signal=total - v,
            error=v,
            along=float(slope @ slope),
            dof=float(np.clip(dof, 1.0, n_pairs - 2)),
        )

    @property
    def share(self) -> float:
        """1 - r^2 of the mean with mu, as estimated; above 1 where no signal is left."""
        return self.error / (self.signal + self.error)

    def interval(self, times: float = 1.0, spread: float = 1.0) -> tuple[float, float]:
        """95 % interval of 1 - r^2 of this mean with mu, from 0 up.

        Args:
            times: What to multiply `share` by, for another correlation than Pearson's.
            spread: How much larger the variance of that one's logarithm is.
        """
        dof = self.dof / spread
        low, high = f_distribution.ppf([0.025, 0.975], dof, dof * (self.per_pair - 1))
        here = times * self.share
        return float(here * low), float(here * high)

    def share_of(self, n_raters: float) -> tuple[float, float, float]:
        """1 - r^2 of the mean of so many *other* raters with mu; and its 95 % interval.

        Raters are taken for alike: the same variance of error, the same use of the
        scale. The interval is normal in the logarithm of error over signal.
        Call it only where `signal` is above 0.
        """
        noise = self.error * self.per_pair / n_raters / self.signal
        of_error = 2 / (self.dof * (self.per_pair - 1))
        ratio = self.error / self.signal
        of_signal = 4 * self.along / self.signal + ratio**2 * (2 / self.dof + of_error)
        width = float(norm.ppf(0.975) * np.sqrt(of_signal + of_error * (1 + 2 * ratio)))
        odds = noise * np.exp([0.0, -width, width])
        value, low, high = odds / (1 + odds)
        return float(value), float(low), float(high)


def _squared_products(
    s: np.ndarray,
    p: np.ndarray,
    error: FloatArray,
    per_pair: FloatArray,
    along: FloatArray,
    n_raters: int,
) -> float:
    """Sum over raters s != t of E (e_s Q e_t)^2, over pairs with a crowd.

    Residuals of one pair sum to nought, so their products are shifted downwards. Taking
    out their row means (U-centring: Szekely & Rizzo, 2014), pair by pair, takes that
    shift away; with everybody on all pairs the result is the unbiased estimator of
    tr(Sigma^2) of Chen, Zhang & Zhong (2010).
    """
    crowd = per_pair[p] >= CROWD - 1e-9
    if not crowd.any():
        return 0.0
    s, p, error, k = s[crowd], p[crowd], error[crowd], per_pair[p[crowd]]
    n_pairs = len(per_pair)
    shape = (n_raters, n_pairs)
    squared = np.bincount(p, error**2, n_pairs)[p]
    rescaled = np.sqrt((k - 1) / (k - 3))
    shift = rescaled * (error**2 - squared / (2 * (k - 1))) / (k - 2)
    here, shifts, judged = (
        csr_array((entries, (s, p)), shape=shape)
        for entries in (np.sqrt(rescaled) * error, shift, np.ones(len(s)))
    )
    products: FloatArray = (here @ here.T).toarray()
    shifted: FloatArray = (shifts @ judged.T).toarray()
    products += shifted + shifted.T
    # What Q leaves out, with the same shift, as far as two raters judged the same.
    common: FloatArray = (judged @ judged.T).toarray()
    size = np.maximum(np.diag(common), 1)
    common /= np.sqrt(size[:, None] * size)
    k = float(1 / np.mean(1 / k))
    flat = np.full(n_pairs, 1 / np.sqrt(n_pairs))
    for direction in (flat, along):
        part = np.bincount(s, error * direction[p], n_raters)
        square = part**2
        shifted = (square[:, None] + square) / (k - 2)
        shifted -= square.sum() / ((k - 1) * (k - 2))
        shifted *= common
        shifted += part[:, None] * part
        products -= np.sqrt((k - 1) / (k - 3)) * shifted
    np.fill_diagonal(products, 0.0)
    return float((products**2).sum())
