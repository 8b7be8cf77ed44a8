"""How many raters a mean judgment still needs, for an interval of a given width.

The mean of k raters whose standard deviation about it is s has a 95 % interval of width
2 t s / sqrt(k), with t the 97.5 % point of Student's law with k - 1 degrees of freedom
(Snedecor & Cochran, 1989, section 4.6). The smallest k that is narrow enough is sought;
s is known from a sample too, so it comes with the k of both ends of its own interval.
No numpy: the web process counts for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist
from typing import Any, Final

from collection.live import thing_in_words

Z: Final = NormalDist().inv_cdf(0.975)
LEAST: Final = 2
MOST: Final = 100_000
USUAL_WIDTH: Final = 20.0
NARROWEST: Final = 1.0
WIDEST: Final = 100.0


@dataclass(frozen=True)
class Needed:
    """Raters in all that a mean needs, and how many more than it has.

    low, high: For both ends of the interval of the spread.
    has: Median raters of a thing now.
    """

    what: str
    raters: int
    low: int
    high: int
    has: float

    @property
    def still(self) -> int:
        """How many more; 0 where there are enough."""
        return max(0, ceil(self.raters - self.has))

    @property
    def is_beyond(self) -> bool:
        """Whether no number of raters that anybody has would do."""
        return self.raters >= MOST


def raters_for(width: float, spread: float) -> int:
    """The smallest number of raters whose mean has an interval of at most `width`.

    Args:
        width, spread: Both in points of the same scale, above 0 and at least 0.

    Returns:
        From ``LEAST`` to ``MOST``, where it is cut off.

    Raises:
        ValueError: `width` is not above 0.
    """
    if not width > 0:
        raise ValueError(f"the width of an interval must be above 0, got {width:g}")
    k = max(LEAST, ceil((2 * Z * spread / width) ** 2))
    # Student's t lies above the normal's point: a few more, never fewer.
    while k < MOST and 2 * student(k - 1) * spread / sqrt(k) > width:
        k += 1
    return min(k, MOST)


def student(freedom: int) -> float:
    """The 97.5 % point of Student's t with whole degrees of freedom.

    Exact for 1 and 2; beyond, Fisher and Cornish's series in 1 / freedom, which is
    within 0.5 % at 3 and within 0.01 % from 10 on.
    """
    if freedom == 1:
        return 12.706204736432095
    if freedom == 2:
        return 4.302652729911275
    z, n = Z, freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z)
        / (92160 * n**4)
    )


def needed(rows: Iterable[dict[str, Any]], width: float) -> list[Needed]:
    """For each row of a measurement whose spread is known (``live_agreement.Row``)."""
    found = []
    for row in rows:
        if row["spread"] is not None:
            raters, low, high = (raters_for(width, end) for end in row["spread"])
            has = row["raters_each"]
            what = thing_in_words(row["kind"], row["what"])
            found.append(Needed(what, raters, low, high, has))
    return found


def width_asked(text: str) -> float:
    """The width that a form sent, within sensible bounds; the usual one if unreadable."""
    try:
        width = float(text.replace(",", "."))
    except ValueError:
        return USUAL_WIDTH
    if not NARROWEST <= width <= WIDEST:  # NaN too
        return USUAL_WIDTH
    return width
