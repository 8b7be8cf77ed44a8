import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata, spearmanr

from bandits.effects import TOO_FEW, associate
from bandits.errors import BanditError
from bandits.partial import CROWDED, EXPLAINED, Kind, partial_associations
from tests.witnesses import partial as witness

SETTINGS = {"n_resamples": 100, "n_permutations": 99}


def named(n: int) -> list[str]:
    return [f"model-{number}" for number in range(n)]


def drawn(n: int, seed: int = 0, columns: int = 4) -> np.ndarray:
    """(n, columns) of numbers with a common part, so that they correlate."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, columns)) + rng.normal(size=(n, 1))


def given_table(table: np.ndarray, kind: Kind = "spearman", **more: int):  # type: ignore[no-untyped-def]
    predictors = {f"x{k}": table[:, k] for k in range(1, table.shape[1])}
    return partial_associations(
        named(len(table)), table[:, 0], predictors, seed=1, kind=kind,
        **(SETTINGS | more),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["spearman", "pearson"])
@pytest.mark.parametrize("n", [8, 12, 40])
def test_each_predictor_given_the_others_is_the_textbooks(kind: Kind, n: int) -> None:
    table = drawn(n)
    seen = rankdata(table, axis=0) if kind == "spearman" else table

    found = given_table(table, kind)

    assert [row.predictor for row in found] == ["x1", "x2", "x3"]
    for place, row in enumerate(found, start=1):
        first = [0, place, *(k for k in (1, 2, 3) if k != place)]
        assert row.controls == tuple(f"x{k}" for k in first[2:])
        assert row.partial == pytest.approx(witness.by_precision(seen[:, first]))
        assert row.semi_partial == pytest.approx(witness.semi_by_shares(seen[:, first]))
        plain = spearmanr if kind == "spearman" else pearsonr
        assert row.plain == pytest.approx(plain(table[:, 0], table[:, place]).statistic)
        assert abs(row.semi_partial) <= abs(row.partial) + 1e-12


def test_pandas_agrees_with_tied_ranks() -> None:
    table = np.round(drawn(14))
    ranks = pd.DataFrame(table).rank().to_numpy()

    assert given_table(table)[0].partial == pytest.approx(witness.by_precision(ranks))


@pytest.mark.parametrize(("n", "seed"), [(5, 1), (5, 3), (6, 0)])
def test_the_p_is_that_of_refitting_under_every_order(n: int, seed: int) -> None:
    # Of so few ranks, many draws have the same p whether rests or raw sides are permuted;
    # these do not.
    table = drawn(n, seed=seed, columns=3)

    row = given_table(table)[0]

    assert row.all_orders
    assert row.p == pytest.approx(
        witness.freedman_lane(rankdata(table, axis=0)), abs=1e-12
    )
    assert 1 / math.factorial(n) <= row.smallest_p <= row.p


@pytest.mark.parametrize("n", [3, 7, 8, 12])
def test_without_rivals_the_p_is_the_plain_test(n: int) -> None:
    table = drawn(n, columns=2)

    row = given_table(table, n_permutations=1999)[0]
    plain = associate(table[:, 1], table[:, 0], seed=1, n_permutations=1999)

    assert row.controls == ()
    assert row.p == pytest.approx(plain.p, abs=0 if n < 9 else 0.05)
    assert row.smallest_p == pytest.approx(plain.smallest_p)
    assert row.partial == pytest.approx(plain.spearman, nan_ok=True)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7])
def test_below_eight_models_there_are_points_and_a_sentence(n: int) -> None:
    table = drawn(n, columns=3)

    for row in given_table(table):
        assert row.note == TOO_FEW
        assert row.n_models == len(row.points) == n
        assert [point.outcome for point in row.points] == list(table[:, 0])
        for claim in (row.plain, row.partial, row.semi_partial, row.low, row.semi_high):
            assert math.isnan(claim)
        assert math.isnan(row.p) == (n < 4), "with three models the rests are one line"


def test_the_rests_of_the_points_correlate_as_reported() -> None:
    row = given_table(drawn(9))[0]

    rests = np.array([(p.predictor_rest, p.outcome_rest) for p in row.points])

    assert np.corrcoef(rests.T)[0, 1] == pytest.approx(row.partial)


def test_a_rival_that_makes_both_leaves_nothing_to_alignment() -> None:
    rng = np.random.default_rng(3)
    rival = rng.normal(size=300)
    table = np.column_stack(
        [rival + rng.normal(size=300), rival + rng.normal(size=300), rival]
    )

    alignment, of_rival = given_table(table, "pearson", n_permutations=999)

    assert alignment.plain > 0.3
    assert alignment.low < 0 < alignment.high
    assert of_rival.low > 0.3
    assert of_rival.p == pytest.approx(1 / 1000)


def test_variants_of_a_model_are_averaged_into_one() -> None:
    table = drawn(9)
    doubled = np.repeat(table, 2, axis=0) + np.tile([[0.25], [-0.25]], (9, 1))
    models = [f"{name}@{layer}" for name in named(9) for layer in (1, 2)]
    predictors = {f"x{k}": doubled[:, k] for k in (1, 2, 3)}

    once = given_table(table)
    twice = partial_associations(models, doubled[:, 0], predictors, seed=1, **SETTINGS)

    assert [row.n_models for row in twice] == [9, 9, 9]
    assert [row.partial for row in twice] == pytest.approx([r.partial for r in once])


def test_a_model_without_one_predictor_enters_none_of_the_rows() -> None:
    table = drawn(10)
    table[3, 2] = np.nan

    whole = given_table(np.delete(table, 3, axis=0))

    for row, other in zip(given_table(table), whole, strict=True):
        assert row.n_models == 9
        assert "model-3" not in {point.model for point in row.points}
        assert row.partial == pytest.approx(other.partial)


@pytest.mark.parametrize("constant", [0.0, 0.1, 1e9])
def test_a_constant_or_repeated_control_changes_nothing(constant: float) -> None:
    table = drawn(9, columns=3)
    with_more = np.column_stack([table, np.full(9, constant), 3 * table[:, 2] - 1])

    for kind in ("spearman", "pearson"):
        found, more = given_table(table, kind)[0], given_table(with_more, kind)[0]
        assert more.partial == pytest.approx(found.partial)
        assert more.p == pytest.approx(found.p, abs=0.2)


@pytest.mark.parametrize("kind", ["spearman", "pearson"])
def test_a_predictor_that_its_rivals_explain_claims_nothing(kind: Kind) -> None:
    table = drawn(9, columns=3)
    table = np.column_stack([table, table[:, 1] * 2 + 1])

    first, second, last = given_table(table, kind)

    for row in (first, last):
        assert row.note == EXPLAINED
        assert math.isnan(row.partial)
        assert math.isnan(row.p)
    assert second.note == ""


@pytest.mark.parametrize("value", [0.1, 7.0])
def test_a_constant_outcome_claims_nothing(value: float) -> None:
    table = drawn(9)
    table[:, 0] = value

    for row in given_table(table, "pearson"):
        assert row.note == EXPLAINED
        assert math.isnan(row.semi_partial)


def test_as_many_controls_as_models_leave_nothing() -> None:
    assert {row.note for row in given_table(drawn(8, columns=8))} == {CROWDED}
    assert {row.note for row in given_table(drawn(8, columns=7))} == {""}


@settings(deadline=None, max_examples=10)
@given(
    st.integers(0, 1000),
    st.sampled_from([9, 15]),
    st.floats(0.01, 100),
    st.floats(-50, 50),
)
def test_units_and_order_of_models_do_not_matter(
    seed: int, n: int, scale: float, shift: float
) -> None:
    table = drawn(n, seed)
    order = np.random.default_rng(seed).permutation(n)

    for kind in ("spearman", "pearson"):
        found = given_table(table, kind, n_resamples=10)
        moved = given_table(table[order] * scale + shift, kind, n_resamples=10)
        for row, other in zip(found, moved, strict=True):
            assert -1 <= row.partial <= 1
            assert other.partial == pytest.approx(row.partial, abs=1e-6)
            assert other.semi_partial == pytest.approx(row.semi_partial, abs=1e-6)
            if row.all_orders:
                assert other.p == pytest.approx(row.p, abs=1e-3)


def test_the_test_keeps_its_level_when_rivals_explain_the_outcome() -> None:
    """p <= .05 in at most what 200 null studies of 12 models could give by luck."""
    rng = np.random.default_rng(11)
    rejected = 0
    for _ in range(200):
        rival = rng.normal(size=12)
        x, y = (rival + rng.normal(size=12) for _ in range(2))
        row = partial_associations(
            named(12), y, {"x": x, "rival": rival}, seed=1, kind="pearson",
            n_resamples=2, n_permutations=99,
        )[0]  # fmt: skip
        rejected += row.p <= 0.05
    assert abs(rejected / 200 - 0.05) < 4.5 * math.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outcome": np.ones(3)}, "the outcome needs one number for each of 4 raters"),
        ({"predictors": {}}, "at least one predictor"),
        ({"predictors": {"cka": [1, 2, 3]}}, "cka needs one number"),
        ({"predictors": {"cka": [1, 2, np.inf, 3]}}, "cka is infinite for model-2"),
        ({"kind": "kendall"}, "kind must be spearman or pearson, got kendall"),
    ],
)
def test_what_cannot_be_correlated_is_refused(
    change: dict[str, object], said: str
) -> None:
    arguments = {
        "models": named(4), "outcome": np.arange(4.0),
        "predictors": {"cka": np.arange(4.0)}, "seed": 1,
    }  # fmt: skip
    with pytest.raises(BanditError, match=said):
        partial_associations(**(arguments | change))  # type: ignore[arg-type]
