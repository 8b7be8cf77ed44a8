"""How far people agree with one another, and where their differences come from.

For pairs of actions and for each value dimension: Krippendorff's alpha and intraclass
correlations (`alignment.agreement`), and the shares of variance that everybody shares,
that are a rater's level, a rater's own view, and chance (`alignment.variance_shares`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

from alignment.agreement import agreement
from alignment.errors import TooFewRaters
from alignment.folders import write_records
from alignment.judgments import SimilarityJudgments, ValueJudgments
from alignment.ratings import Ratings, ratings_of_pairs, ratings_of_values
from alignment.variance_shares import variance_shares

PAIRS = "similarity"


@dataclass(frozen=True)
class AgreementRow:
    """People's agreement on one thing; NaN where it cannot be said, `note` says why.

    what: "similarity", or a value dimension.
    alpha, icc_1, icc_k: With 95 % intervals over the things rated.
    shared, level, unexplained: Shares of variance, adding to 1. own, noise: The parts of
        `unexplained`, known only where somebody rated a thing twice.
    n_repeated: Ratings of a thing by a rater who rated it more than once.
    """

    what: str
    alpha: float
    alpha_low: float
    alpha_high: float
    icc_1: float
    icc_1_low: float
    icc_1_high: float
    icc_k: float
    icc_k_low: float
    icc_k_high: float
    shared: float
    level: float
    unexplained: float
    own: float
    noise: float
    n_raters: int
    n_things: int
    n_repeated: int
    note: str


def agreement_rows(
    similarities: SimilarityJudgments,
    values: ValueJudgments,
    dimensions: Iterable[str],
    *,
    n_resamples: int,
    seed: int,
) -> tuple[AgreementRow, ...]:
    """A row for pairs, if people's single ratings are known, and for each dimension."""
    rated: list[Ratings] = []
    names: list[str] = []
    if len(similarities) and similarities.has_raters:
        rated.append(ratings_of_pairs(similarities)[0])
        names.append(PAIRS)
    for dimension in dimensions:
        if values.raters(dimension):
            rated.append(ratings_of_values(values, dimension))
            names.append(dimension)
    return tuple(
        _row(name, ratings, n_resamples, seed)
        for name, ratings in zip(names, rated, strict=True)
    )


def write_agreement(rows: Sequence[AgreementRow], path: Path) -> None:
    """The table as a CSV file; an empty field for NaN."""
    write_records(path, AgreementRow, rows)


def _row(what: str, ratings: Ratings, n_resamples: int, seed: int) -> AgreementRow:
    try:
        found = agreement(ratings, n_resamples=n_resamples, seed=seed)
        shares = variance_shares(ratings)
    except TooFewRaters as refusal:
        known = (nan,) * 14
        return AgreementRow(
            what, *known, ratings.n_raters, ratings.n_things, 0, str(refusal)
        )
    alpha, icc_1, icc_k = found.alpha, found.icc_1, found.icc_k
    return AgreementRow(
        what,
        *(alpha.value, alpha.low, alpha.high),
        *(icc_1.value, icc_1.low, icc_1.high),
        *(icc_k.value, icc_k.low, icc_k.high),
        *(shares.shared.value, shares.level.value, shares.unexplained.value),
        *(shares.own.value, shares.noise.value),
        found.n_raters,
        found.n_things,
        shares.n_repeated,
        "",
    )
