"""The table of measures. A new one is a function and a row here.

All compare two similarity matrices of the same actions in the same order, are symmetric
in them, and are NaN where either is constant.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from alignment.errors import MatrixError
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix
from alignment.measures import cka, neighbours, rdm

Draws = Callable[[SimilarityMatrix, SimilarityMatrix, IntArray], FloatArray]


# (x (n_pairs,), y (n_draws, n_pairs)) -> (n_draws,) scores, all weights 1.
Rows = Callable[[FloatArray, FloatArray], FloatArray]


class PairMeasure(Protocol):
    """A measure on pairs with weights; see `alignment.measures.rdm`."""

    def __call__(
        self, x: FloatArray, y: FloatArray, weights: FloatArray, /
    ) -> FloatArray:
        """(n_draws,) scores."""


@dataclass(frozen=True)
class Measure:
    """One way to say how well two similarity matrices agree.

    name: As in tables, files and the command line.
    label: As on a figure.
    use_when, misleads_when, reference: For the person who has to choose.
    range: Smallest and largest value there can be.
    chance: What unrelated matrices give on average.
    needs_complete: Whether both matrices must have every pair judged. Otherwise the
        measure is taken over the pairs judged in both.
    resampled: (a, b, counts (n_draws, n_actions)) -> (n_draws,) scores when action i
        is drawn counts[:, i] times, pairs of copies of one action left out.
    permuted: (a, b, orders (n_draws, n_actions)) -> (n_draws,) scores of `a` with
        b's actions put in each order.
    """

    name: str
    label: str
    use_when: str
    misleads_when: str
    reference: str
    range: tuple[float, float]
    needs_complete: bool
    resampled: Draws
    permuted: Draws
    chance: Callable[[int], float] = lambda n_actions: 0.0

    def compute(self, a: SimilarityMatrix, b: SimilarityMatrix) -> float:
        """How well two matrices agree.

        Raises:
            MatrixError: Different actions or order; for some measures, pairs that were
                never judged or too few actions.
        """
        a.same_actions(b)
        return float(self.resampled(a, b, np.ones((1, len(a)), dtype=np.int64))[0])


def judged_in_both(a: SimilarityMatrix, b: SimilarityMatrix) -> IntArray:
    """(n, 2) row numbers of the pairs that both matrices have, first below second."""
    rows, columns = np.triu_indices(len(a), k=1)
    both = ~np.isnan(a.pairs()) & ~np.isnan(b.pairs())
    return np.column_stack([rows[both], columns[both]])


def _pairs_resampled(
    measure: PairMeasure, a: SimilarityMatrix, b: SimilarityMatrix, counts: IntArray
) -> FloatArray:
    i, j = judged_in_both(a, b).T
    if not len(i):
        return np.full(len(counts), np.nan)
    c = counts.astype(np.float64)
    return measure(a.values[i, j], b.values[i, j], c[:, i] * c[:, j])


def _pairs_permuted(
    rows: Rows,
    ranked: bool,
    a: SimilarityMatrix,
    b: SimilarityMatrix,
    orders: IntArray,
) -> FloatArray:
    """Scores of `a` with b in each order; `rows` wants mid-ranks where `ranked`."""
    if not b.complete and a.complete:
        # Ordering b by p is ordering a by the inverse of p: then what moves has no gaps.
        a, b, orders = b, a, np.argsort(orders, axis=1)
    i, j = judged_in_both(a, a).T
    if not len(i):
        return np.full(len(orders), np.nan)
    ranks = rankdata if ranked else np.asarray
    x, values = a.values[i, j], b.values
    if a.complete and b.complete:
        # The ranks of pairs put in another order are their ranks in another order.
        values = squareform(ranks(b.pairs()))
        return rows(ranks(x), values[orders[:, i], orders[:, j]])
    y = values[orders[:, i], orders[:, j]]
    if b.complete:
        return rows(ranks(x), rankdata(y, axis=1) if ranked else y)
    # Gaps on both sides: which pairs both have depends on the order.
    made = [
        rows(ranks(x[judged]), ranks(row[judged])[None])[0] if judged.any() else np.nan
        for row, judged in zip(y, ~np.isnan(y), strict=True)
    ]
    return np.array(made)


def _pair_measure(
    name: str,
    label: str,
    weighted: PairMeasure,
    rows: Rows,
    *,
    ranked: bool,
    use_when: str,
    misleads_when: str,
    reference: str,
) -> Measure:
    return Measure(
        name=name,
        label=label,
        use_when=use_when,
        misleads_when=misleads_when,
        reference=reference,
        range=(-1.0, 1.0),
        needs_complete=False,
        resampled=partial(_pairs_resampled, weighted),
        permuted=partial(_pairs_permuted, rows, ranked),
    )


MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        _pair_measure(
            "spearman",
            "Spearman",
            rdm.spearman,
            rdm.pearson_rows,
            ranked=True,
            use_when="only the order of pairs should count, and few of them tie",
            misleads_when="a rater uses few levels: ties raise its score above that of "
            "a rater who orders as well in finer steps",
            reference="Spearman (1904); Kriegeskorte et al. (2008)",
        ),
        _pair_measure(
            "pearson",
            "Pearson",
            rdm.pearson,
            rdm.pearson_rows,
            ranked=False,
            use_when="the spacing of similarities is comparable between raters",
            misleads_when="one rater uses the scale in a bent way, or a few pairs lie "
            "far out and decide alone",
            reference="Kriegeskorte et al. (2008)",
        ),
        _pair_measure(
            "rho_a",
            "rho-a",
            rdm.rho_a,
            rdm.rho_a_rows,
            ranked=True,
            use_when="only the order should count and raters tie",
            misleads_when="read against 1: with ties 1 is out of reach, so compare "
            "raters with each other and with the ceiling",
            reference="Schuett et al. (2023), eLife 82566",
        ),
        _pair_measure(
            "tau_a",
            "tau-a",
            rdm.tau_a,
            rdm.tau_a_rows,
            ranked=False,
            use_when="only the order should count, raters tie, and a chance reading is "
            "wanted: how much more often two pairs are ordered alike than not",
            misleads_when="read as a correlation: it is lower than Spearman for the "
            "same agreement, and with ties 1 is out of reach",
            reference="Kendall (1938); Nili et al. (2014)",
        ),
        Measure(
            name="cka",
            label="debiased CKA",
            use_when="what matters is structure beyond how alike each action is to all "
            "others on average",
            misleads_when="raters agree mostly on which actions are unlike everything "
            "else: those levels are taken out",
            reference="Kornblith et al. (2019); Song et al. (2012)",
            range=(-1.0, 1.0),
            needs_complete=True,
            resampled=cka.cka_resampled,
            permuted=cka.cka_permuted,
        ),
        Measure(
            name="mutual_knn",
            label="mutual k-NN",
            use_when="only close neighbours should count, as for an agent that "
            "generalizes from the most similar action",
            misleads_when="compared between studies with different numbers of actions: "
            "chance is k / (n - 1)",
            reference="Huh et al. (2024), arXiv 2405.07987",
            range=(0.0, 1.0),
            needs_complete=True,
            resampled=neighbours.knn_resampled,
            permuted=neighbours.knn_permuted,
            chance=lambda n: neighbours.neighbourhood_size(n) / (n - 1),
        ),
    )
}


def measure_named(name: str) -> Measure:
    """The row of `MEASURES` with this name.

    Raises:
        MatrixError: There is none.
    """
    try:
        return MEASURES[name]
    except KeyError:
        raise MatrixError(
            f"measure {name}: there is none of that name; "
            f"the measures are {', '.join(MEASURES)}"
        ) from None
