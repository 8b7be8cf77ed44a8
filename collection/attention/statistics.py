"""The little statistics that the rules need, without numpy."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import exp, log, sqrt
from statistics import NormalDist

_NORMAL = NormalDist()


def normal_scores(values: Sequence[float]) -> list[float]:
    """Each value by its rank, as a quantile of the normal law; mean 0, variance 1.

    Ties share their mean rank. All zero where nothing varies. Ranks make people
    comparable who use a scale narrowly or widely.
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    scores = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        score = _NORMAL.inv_cdf((start + end) / (2 * len(values)))
        for place in order[start:end]:
            scores[place] = score
        start = end
    size = sqrt(sum(score * score for score in scores) / max(1, len(scores)))
    return [score / size for score in scores] if size > 0 else scores


def correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Pearson's r; None for fewer than three pairs, or where one does not vary."""
    if len(x) < 3:
        return None
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    dx, dy = [a - mean_x for a in x], [b - mean_y for b in y]
    size = sqrt(sum(a * a for a in dx) * sum(b * b for b in dy))
    if size <= 0:
        return None
    return sum(a * b for a, b in zip(dx, dy, strict=True)) / size


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, linearly between."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def log_mean_exp(values: Sequence[float]) -> float:
    """log of the mean of exp(values): how evidence averages over what is not known."""
    top = max(values)
    return top + log(sum(exp(value - top) for value in values) / len(values))


def pair_evidence(x: float, y: float, r: float) -> float:
    """log p(x | y) / p(x) of two standard normal numbers correlated by r, -1 < r < 1.

    How much more likely x is if it was guided by y than if it was not.
    """
    rest = 1 - r * r
    return -0.5 * log(rest) - (x - r * y) ** 2 / (2 * rest) + x * x / 2


def share_evidence(hit: bool, careless: float, attentive: float) -> float:
    """log of how much likelier a hit (or a miss) is of careless than attentive people."""
    if hit:
        return log(careless / attentive)
    return log((1 - careless) / (1 - attentive))


def sums_before(items: Sequence[float]) -> list[float]:
    """(n + 1,) sum of the items before each place, the sum of all in the end."""
    return [0.0, *accumulate(items)]


def from_a_change_on(items: Sequence[float], starts: Sequence[int]) -> float:
    """Evidence that from one of `starts` on something holds; each start equally likely.

    Args:
        items: Evidence of each answer.
    """
    before = sums_before(items)
    return log_mean_exp([before[-1] - before[start] for start in starts])


def likeliest_start(items: Sequence[float], starts: Sequence[int]) -> int:
    """The start from which the items sum to the most."""
    before = sums_before(items)
    return min(starts, key=before.__getitem__)
