"""How well raters agree, on one value dimension or on pairs.

Krippendorff's alpha and the intraclass correlation of one rating say how much a single
rater's word is worth, ICC(k) how much the mean of those asked is. Both take designs in
which every thing was rated by others.

A rater's repeats of a thing count as one rating, their mean, in alpha and the ICCs:
agreement with oneself is not agreement between raters; see
`alignment.variance_shares` for what they are good for. Constant ratings leave all of
these undefined: NaN, not 1, for nothing shows that raters could tell things apart. None
of them is cut off at 0: raters who reverse the scale make alpha and ICC(1) negative.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from alignment.errors import AlignmentError, TooFewRaters
from alignment.matrices import FloatArray, IntArray
from alignment.ratings import Ratings
from alignment.uncertainty import Estimate, draw_actions, percentile_estimate

Level = Literal["nominal", "ordinal", "interval"]
# Draws worked on at once.
CHUNK = 64
# Draws x ratings held at once, 8 bytes each in about five tables: a million ratings go
# in chunks of fewer draws.
LARGEST_CHUNK = 8_000_000
NAN = float("nan")
# Means of things that differ by less than this share of the scatter do not differ.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Agreement:
    """Agreement between raters on one thing they all judged a part of.

    alpha: Krippendorff's, at the level asked. icc_1: of a single rating. icc_k: of the
    mean of those asked. All at most 1, each with a 95 % interval over the things rated.
    raters_per_thing: harmonic mean over the things with two raters or more.
    """

    alpha: Estimate
    icc_1: Estimate
    icc_k: Estimate
    n_raters: int
    n_things: int
    raters_per_thing: float


def krippendorff_alpha(ratings: Ratings, level: Level = "interval") -> float:
    """1 - observed / expected disagreement (Krippendorff, 2011), at most 1.

    Things that one rater alone rated say nothing and are left out. NaN where no thing
    has two raters, or all that remain rated alike. Disagreement of two ratings is 1
    unless equal (nominal), the squared difference (interval), or that of their mid-ranks
    among all pairable ratings (ordinal: ranks count the ratings between).

    Raises:
        AlignmentError: An unknown level.
    """
    return float(_alpha(_pairable(ratings), level, _ones(ratings))[0])


def icc(ratings: Ratings) -> tuple[float, float]:
    """ICC(1) and ICC(k) of a one-way design in which numbers of raters may differ.

    With MSB and MSW the mean squares between and within things and
    k0 = (N - sum k_i^2 / N) / (n - 1) (Searle, 1971): ICC(1) is (MSB - MSW) /
    (MSB + (k0 - 1) MSW) and lies in [-1 / (k0 - 1), 1]. ICC(k) is the reliability of a
    mean of k' raters, k' ICC(1) / (1 + (k' - 1) ICC(1)), k' the harmonic mean of the
    k_i: the error of the means is MSW times the mean of 1 / k_i. For equal k_i it is
    the textbook (MSB - MSW) / MSB, and it can be any number below 1; NaN where the
    things' means do not differ at all, which would make it minus infinity.

    A rater's level counts as error here, as it must where other raters rated other
    things. Things with one rater are left out. NaN where fewer than 2 things remain,
    or all ratings are alike.
    """
    kept = _pairable(ratings)
    single, mean = _icc(kept, _ones(ratings))
    return float(single[0]), float(mean[0])


def agreement(
    ratings: Ratings, level: Level = "interval", *, n_resamples: int = 1000, seed: int
) -> Agreement:
    """Alpha and both ICCs, with intervals over the things rated.

    Things are drawn with replacement, raters stay as they are: copies of a rater would
    agree with themselves. For raters as a sample see the variance components.

    Raises:
        TooFewRaters: No thing has two raters.
        AlignmentError: An unknown level, or fewer than one resample.
    """
    kept = _pairable(ratings)
    if not len(kept):
        raise TooFewRaters(
            f"agreement in {ratings.what}: needs something that two raters rated, got "
            f"{ratings.n_raters} raters who share nothing"
        )
    rated, thing = np.unique(kept.thing, return_inverse=True)
    counts = draw_actions(len(rated), n_resamples, seed)
    everything = np.zeros((len(counts), ratings.n_things), dtype=np.int64)
    everything[:, rated] = counts
    draws = {"alpha": [], "1": [], "k": []}  # type: dict[str, list[FloatArray]]
    step = max(1, min(CHUNK, LARGEST_CHUNK // len(kept)))
    for start in range(0, len(counts), step):
        some = everything[start : start + step]
        draws["alpha"].append(_alpha(kept, level, some))
        single, mean = _icc(kept, some)
        draws["1"].append(single)
        draws["k"].append(mean)
    icc_1, icc_k = icc(ratings)
    made = {
        name: percentile_estimate(value, np.concatenate(draws[name]))
        for name, value in (
            ("alpha", krippendorff_alpha(ratings, level)),
            ("1", icc_1),
            ("k", icc_k),
        )
    }
    per_thing = np.bincount(thing)
    return Agreement(
        alpha=made["alpha"],
        icc_1=made["1"],
        icc_k=made["k"],
        n_raters=len(np.unique(kept.rater)),
        n_things=len(rated),
        raters_per_thing=float(1 / (1 / per_thing).mean()),
    )


def _ones(ratings: Ratings) -> IntArray:
    return np.ones((1, ratings.n_things), dtype=np.int64)


def _pairable(ratings: Ratings) -> Ratings:
    """One rating a rater and thing, of the things with two raters or more."""
    once = ratings.once()
    lone = np.bincount(once.thing, minlength=once.n_things)[once.thing] < 2
    kept = ~lone
    return Ratings(
        once.thing[kept],
        once.rater[kept],
        once.value[kept],
        once.weight[kept],
        once.n_things,
        once.n_raters,
        once.what,
    )


def _alpha(kept: Ratings, level: Level, counts: IntArray) -> FloatArray:
    """(n_draws,) alpha with thing i drawn counts[:, i] times.

    With n = pairable ratings, m_u those of thing u, and d the disagreement,
    alpha = 1 - (n - 1) sum_u [sum over pairs in u of d / (m_u - 1)] / sum over pairs of
    d. For squared differences, the sum over ordered pairs of m values is
    2 m sum (x - mean)^2; for nominal ones, m^2 - sum of squared counts.
    """
    if level not in ("nominal", "ordinal", "interval"):
        raise AlignmentError(
            f"Krippendorff's alpha: the level must be nominal, ordinal or interval, "
            f"got {level}"
        )
    made: FloatArray = np.full(len(counts), NAN)
    if not len(kept):
        return made
    codes, code = np.unique(kept.value, return_inverse=True)
    drawn = counts[:, kept.thing].astype(np.float64)  # (n_draws, n_ratings)
    n = drawn.sum(axis=1)
    by_value = _sums(code, drawn, len(codes))
    size = np.bincount(kept.thing, minlength=kept.n_things)
    per_thing = np.maximum(size - 1, 1)[kept.thing]
    if level == "nominal":
        _, at = np.unique(kept.thing * len(codes) + code, return_inverse=True)
        same = np.bincount(at).astype(np.float64)
        # Each rating disagrees with m_u less those of its own value.
        unlike = (size[kept.thing] - same[at]) / per_thing
        observed = drawn @ unlike
        expected = n**2 - (by_value**2).sum(axis=1)
    else:
        x = np.broadcast_to(codes - kept.value.mean(), by_value.shape)
        if level == "ordinal":
            x = np.cumsum(by_value, axis=1) - by_value / 2
        each = x[:, code]  # (n_draws, n_ratings)
        mean = _sums(kept.thing, each, kept.n_things) / np.maximum(size, 1)
        off = (each - mean[:, kept.thing]) ** 2
        observed = (drawn * off * (2 * size[kept.thing] / per_thing)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            grand = (by_value * x).sum(axis=1) / n
        expected = 2 * n * (by_value * (x - grand[:, None]) ** 2).sum(axis=1)
    varied = (by_value > 0).sum(axis=1) > 1
    np.divide((n - 1) * observed, expected, out=made, where=varied)
    return 1 - made


def _icc(kept: Ratings, counts: IntArray) -> tuple[FloatArray, FloatArray]:
    if not len(kept):
        nothing: FloatArray = np.full(len(counts), NAN)
        return nothing, nothing
    rated, thing = np.unique(kept.thing, return_inverse=True)
    return one_way(thing, kept.value, counts[:, rated])


def one_way(
    thing: IntArray, value: FloatArray, counts: IntArray
) -> tuple[FloatArray, FloatArray]:
    """(n_draws,) ICC(1) and ICC(k), thing i drawn counts[:, i] times."""
    value = value - value.mean()
    size = np.bincount(thing).astype(np.float64)
    mean = np.bincount(thing, value) / size
    scatter = np.bincount(thing, (value - mean[thing]) ** 2)
    c = counts.astype(np.float64)
    n, total = c.sum(axis=1), c @ size
    with np.errstate(invalid="ignore", divide="ignore"):
        grand = (c @ (size * mean)) / total
        between = (c * size * (mean - grand[:, None]) ** 2).sum(axis=1) / (n - 1)
        within = (c @ scatter) / (total - n)
        k0 = (total - (c @ size**2) / total) / (n - 1)
        single = (between - within) / (between + (k0 - 1) * within)
        k = n / (c @ (1 / size))
        below = 1 + (k - 1) * single
        of_mean = np.where(below > ROUNDING, k * single / below, NAN)
    low = np.where(
        c > 0, np.minimum.reduceat(value[_by(thing)], _starts(thing)), np.inf
    )
    high = np.where(
        c > 0, np.maximum.reduceat(value[_by(thing)], _starts(thing)), -np.inf
    )
    defined = (n > 1) & (high.max(axis=1) > low.min(axis=1)) & ((c > 0).sum(axis=1) > 1)
    return np.where(defined, single, NAN), np.where(defined, of_mean, NAN)


def _by(codes: IntArray) -> IntArray:
    return np.argsort(codes, kind="stable").astype(np.int64)


def _starts(codes: IntArray) -> IntArray:
    ordered = np.sort(codes)
    return np.searchsorted(ordered, np.arange(ordered[-1] + 1)).astype(np.int64)


def _sums(codes: IntArray, rows: FloatArray, n: int) -> FloatArray:
    """(n_draws, n) each row's entries summed by code."""
    made: FloatArray = np.zeros((len(rows), n))
    present = np.unique(codes)
    made[:, present] = np.add.reduceat(
        rows[:, _by(codes)], _present_starts(codes), axis=1
    )
    return made


def _present_starts(codes: IntArray) -> IntArray:
    return np.unique(np.sort(codes), return_index=True)[1].astype(np.int64)
