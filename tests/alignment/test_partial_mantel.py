"""`alignment.partial_mantel`: alignment beyond what a third thing explains."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata

from alignment.errors import MatrixError
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MATRIX_MEASURES
from alignment.partial_mantel import partial_mantel
from alignment.uncertainty import permutation_p
from tests.witnesses import partial_mantel as slow


def matrix(values: np.ndarray, rater: str) -> SimilarityMatrix:
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1.0)
    return SimilarityMatrix(values, tuple(f"a{i}" for i in range(len(values))), rater)


def three(seed: int, n: int) -> tuple[SimilarityMatrix, ...]:
    rng = np.random.default_rng(seed)
    return tuple(matrix(rng.random((n, n)), r) for r in ("human", "model", "length"))


def led_by_length(seed: int, n: int) -> tuple[SimilarityMatrix, ...]:
    """Two raters who agree in nothing but that both follow the texts' lengths."""
    rng = np.random.default_rng(seed)
    place = rng.normal(size=n)
    length = np.exp(-np.abs(place[:, None] - place))
    own = [np.exp(-np.abs(np.subtract.outer(x, x))) for x in rng.normal(size=(2, n))]
    raters = [matrix(0.6 * length + 0.4 * each, "r") for each in own]
    return raters[0], raters[1], matrix(length, "length")


def gappy(one: SimilarityMatrix, *pairs: tuple[int, int]) -> SimilarityMatrix:
    values = one.values.copy()
    for i, j in pairs:
        values[i, j] = values[j, i] = np.nan
    return replace(one, values=values)


@pytest.mark.parametrize("measure", ["spearman", "pearson"])
@pytest.mark.parametrize("n", [3, 4, 5])
def test_value_and_p_are_the_textbooks(measure: str, n: int) -> None:
    human, model, length = three(n, n)
    if n == 3:  # three pairs are no match for a constant and a control
        with pytest.raises(MatrixError, match="at least 4 pairs judged by both"):
            partial_mantel(human, model, [length], measure=measure, seed=0)
        return

    found = partial_mantel(human, model, [length], measure=measure, seed=0)

    ranks = rankdata if measure == "spearman" else np.asarray
    sides = [ranks(m.pairs()) for m in (human, model, length)]
    assert found.value == pytest.approx(slow.first_order(*sides), abs=1e-12)
    assert found.plain == pytest.approx(np.corrcoef(sides[0], sides[1])[0, 1])
    assert found.p == slow.exact_p(
        human.values, model.values, length.values, ranked=measure == "spearman"
    )
    assert found.n_permutations == {4: 24, 5: 120}[n]


def test_what_both_owe_to_length_fools_the_plain_test_and_not_the_partial_one() -> None:
    studies = [led_by_length(seed, 12) for seed in range(60)]

    plain = [
        permutation_p(
            MATRIX_MEASURES["pearson"], human, model, n_permutations=99, seed=0
        )
        for human, model, _ in studies
    ]
    partial = [
        partial_mantel(
            human, model, [length], measure="pearson", n_permutations=99, seed=0
        ).p
        for human, model, length in studies
    ]

    assert sum(p <= 0.05 for p in plain) >= 40
    # 3 expected of 60; more than 12 come once in 40,000.
    assert sum(p <= 0.05 for p in partial) <= 12


def test_planted_agreement_beyond_length_is_found() -> None:
    human, _, length = led_by_length(3, 15)

    found = partial_mantel(human, human, [length], n_permutations=99, seed=1)

    assert found.value == pytest.approx(1)
    assert found.p == 1 / 100


def test_controls_that_say_nothing_new_change_nothing() -> None:
    human, model, length = three(2, 9)
    flat = matrix(np.full((9, 9), 0.4), "flat")

    one = partial_mantel(human, model, [length], n_permutations=50, seed=1)
    more = partial_mantel(
        human, model, [length, flat, length], n_permutations=50, seed=1
    )

    assert more.value == pytest.approx(one.value, abs=1e-10)
    assert more.p == one.p


@pytest.mark.parametrize("side", ["a", "b", "both"])
def test_gaps_leave_the_pairs_that_both_judged(side: str) -> None:
    human, model, length = three(5, 10)
    kept = np.triu_indices(10, k=1)
    judged = ~((kept[0] == 0) & (kept[1] < 3))
    gaps = ((0, 1), (0, 2))
    human = gappy(human, *gaps) if side != "b" else human
    model = gappy(model, *gaps) if side != "a" else model

    found = partial_mantel(
        human, model, [length], measure="pearson", n_permutations=40, seed=0
    )

    sides = [m.pairs()[judged] for m in (human, model, length)]
    assert found.value == pytest.approx(slow.first_order(*sides), abs=1e-12)
    assert found.n_pairs == 43
    assert 0 < found.p <= 1


@pytest.mark.parametrize("which", ["constant", "explained"])
def test_a_side_with_nothing_left_has_no_partial_correlation(which: str) -> None:
    human, _, length = three(6, 8)
    nothing = {
        "constant": matrix(np.full((8, 8), 0.2), "flat"),
        "explained": matrix(0.5 * length.values + 0.2, "longer"),
    }[which]

    found = partial_mantel(
        human, nothing, [length], measure="pearson", n_permutations=20, seed=0
    )

    assert np.isnan(found.value)
    assert np.isnan(found.p)


def test_what_cannot_be_controlled_for_is_refused() -> None:
    human, model, length = three(7, 8)

    with pytest.raises(MatrixError, match="needs at least one matrix to control for"):
        partial_mantel(human, model, [], seed=0)
    with pytest.raises(MatrixError, match="must be spearman or pearson, got cka"):
        partial_mantel(human, model, [length], measure="cka", seed=0)  # type: ignore[arg-type]
    with pytest.raises(MatrixError, match="length lacks 1 of 28"):
        partial_mantel(human, model, [gappy(length, (0, 1))], seed=0)
    with pytest.raises(MatrixError, match="the order of its actions differs"):
        partial_mantel(human, model, [length.take(range(7, -1, -1))], seed=0)
