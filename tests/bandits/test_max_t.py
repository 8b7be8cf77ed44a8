import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from bandits.effects import CONSTANT, TOO_FEW, associate
from bandits.errors import BanditError
from bandits.max_t import NAIVE_MISLEADS, Question, ask_jointly, effective_number
from tests.witnesses import multiplicity as witness


def named(n: int) -> list[str]:
    return [f"model-{number}" for number in range(n)]


def asked(
    n: int, n_questions: int = 4, seed: int = 0, link: float = 0
) -> list[Question]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    common = rng.normal(size=n) + link * x
    return [
        Question((f"d{k}",), x, common + rng.normal(size=n)) for k in range(n_questions)
    ]


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_joint_p_is_that_of_every_order_tried_on_all_at_once(n: int) -> None:
    questions = asked(n)
    observed = [abs(spearmanr(q.alignment, q.outcome).statistic) for q in questions]
    null = np.array(
        [
            [
                abs(spearmanr(q.alignment, q.outcome[list(o)]).statistic)
                for q in questions
            ]
            for o in itertools.permutations(range(n))
        ]
    )

    found = ask_jointly(named(n), questions, seed=1)

    raw = [float(np.mean(null[:, k] >= observed[k] - 1e-9)) for k in range(4)]
    assert [row.p for row in found] == pytest.approx(raw)
    assert [row.holm for row in found] == pytest.approx(witness.holm(raw))
    # The witness adds the observed order; here it is among all orders already.
    rounded = np.round(null, 9)
    others = np.delete(rounded, 0, axis=0)
    expected = witness.max_t([float(v) for v in np.round(observed, 9)], others)
    assert [row.max_t for row in found] == pytest.approx(expected)


@pytest.mark.parametrize("n", [7, 8, 12])
def test_one_question_alone_is_the_plain_test(n: int) -> None:
    (question,) = asked(n, n_questions=1, link=2)

    (row,) = ask_jointly(named(n), [question], seed=1, n_permutations=1999)
    plain = associate(question.alignment, question.outcome, seed=1, n_permutations=1999)

    assert row.p == row.holm == row.max_t
    assert row.p == pytest.approx(plain.p, abs=0 if n <= 8 else 0.05)
    assert row.smallest_p == pytest.approx(plain.smallest_p)
    assert row.exact == plain.exact == (n <= 8)
    assert row.spearman == pytest.approx(plain.spearman, nan_ok=True)
    assert row.note == plain.note == (TOO_FEW if n < 8 else "")


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 1000), st.integers(9, 14))
def test_adjusting_never_lowers_a_p_and_keeps_the_order_of_sizes(
    seed: int, n: int
) -> None:
    found = ask_jointly(named(n), asked(n, seed=seed), seed=seed, n_permutations=199)

    for row in found:
        assert 1 / 200 <= row.p <= row.max_t <= 1
        assert row.p <= row.holm <= min(1, 4 * row.p) + 1e-12
    values = {row.label: abs(row.spearman) for row in found}
    by_size = sorted(found, key=lambda row: -values[row.label])
    assert [row.max_t for row in by_size] == sorted(row.max_t for row in found)


def test_the_same_question_many_times_costs_nothing_jointly() -> None:
    (question,) = asked(12, n_questions=1, link=1)
    copies = [
        Question((f"copy-{k}",), question.alignment, question.outcome) for k in range(9)
    ]

    rows = ask_jointly(named(12), copies, seed=1, n_permutations=199)

    assert {row.max_t for row in rows} == {rows[0].p}
    assert rows[0].holm == pytest.approx(min(1, 9 * rows[0].p))


def test_a_question_that_cannot_be_asked_burdens_no_other() -> None:
    questions = asked(9)
    gap = questions[0].outcome.copy()
    gap[2] = np.nan
    more = [
        *questions,
        Question(("gap",), questions[0].alignment, gap),
        Question(("flat",), questions[0].alignment, np.full(9, 0.1)),
    ]

    few = ask_jointly(named(9), questions, seed=1, n_permutations=99)
    *same, gapped, flat = ask_jointly(named(9), more, seed=1, n_permutations=99)

    assert [row.max_t for row in same] == [row.max_t for row in few]
    assert [row.holm for row in same] == [row.holm for row in few]
    assert gapped.note.startswith("undefined for model-2: leave these models out")
    assert flat.note == CONSTANT
    for row in (gapped, flat):
        assert math.isnan(row.p)
        assert math.isnan(row.max_t)
        assert row.smallest_p == 1


def test_variants_of_a_model_are_one_kernel() -> None:
    questions = asked(9)
    models = [f"{name}@{layer}" for name in named(9) for layer in "ab"]
    doubled = [
        Question(q.label, np.repeat(q.alignment, 2), np.repeat(q.outcome, 2))
        for q in questions
    ]

    once = ask_jointly(named(9), questions, seed=1, n_permutations=99)

    assert ask_jointly(models, doubled, seed=1, n_permutations=99) == once


def test_runs_make_the_naive_p_small_and_leave_the_kernels_alone() -> None:
    """Unrelated kernels, each with its own level: runs repeat it, and prove nothing."""
    rng = np.random.default_rng(2)
    x, level = rng.normal(size=12), rng.normal(size=12)
    runs = level[:, None] + 0.1 * rng.normal(size=(12, 2000))
    runs[0, :5] = np.nan
    question = Question(("a",), x, level, runs)

    (row,) = ask_jointly(named(12), [question], seed=1, n_permutations=999)

    assert row.n_runs == 12 * 2000 - 5
    assert row.naive_p < 1e-6 < 0.05 < row.p
    assert "pseudo-replication" in NAIVE_MISLEADS
    (without,) = ask_jointly(
        named(12), [Question(("a",), x, level)], seed=1, n_permutations=999
    )
    assert math.isnan(without.naive_p)
    assert without.max_t == row.max_t


def test_the_family_keeps_its_level() -> None:
    """Any of five correlated questions at 5 %, in 300 worlds without an effect."""
    rejected = sum(
        min(
            row.max_t
            for row in ask_jointly(
                named(10), asked(10, 5, seed), seed=seed, n_permutations=99
            )
        )
        <= 0.05
        for seed in range(300)
    )
    assert rejected / 300 < 0.05 + 4.5 * math.sqrt(0.05 * 0.95 / 300)
    assert rejected / 300 > 0.05 - 3.8 * math.sqrt(0.05 * 0.95 / 300)


def test_independent_dimensions_count_each_and_equal_ones_count_once() -> None:
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=4)))
    apart = effective_number(signs)
    # Rounding puts this largest eigenvalue just below 5, which would count as 2.
    column = np.random.default_rng(5).normal(size=(20, 1))
    same = effective_number(np.repeat(column, 5, axis=1))
    pairs = effective_number(np.repeat(signs, 2, axis=1))

    assert (apart.li_ji, apart.galwey) == pytest.approx((4, 4))
    assert (same.li_ji, same.galwey, same.n) == pytest.approx((1, 1, 5))
    assert (pairs.li_ji, pairs.galwey, pairs.n) == pytest.approx((4, 4, 8))


def test_two_dimensions_of_correlation_r_follow_the_printed_formulas() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(50, 2)) @ np.array([[1, 0.6], [0, 0.8]])
    r = float(np.corrcoef(table.T)[0, 1])

    found = effective_number(table)

    assert found.li_ji == pytest.approx(2), "1 + |r| and 1 - |r|"
    assert found.galwey == pytest.approx((math.sqrt(1 + r) + math.sqrt(1 - r)) ** 2 / 2)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(3, 30), st.integers(1, 6))
def test_the_effective_number_lies_between_one_and_all(
    seed: int, n_units: int, n: int
) -> None:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n_units, n)) + rng.normal(size=(n_units, 1))

    found = effective_number(table)

    assert 1 - 1e-6 <= found.galwey <= n + 1e-6
    assert 1 - 1e-6 <= found.li_ji <= n + 1e-6
    assert found.n == n


def test_gaps_and_constants_are_left_out_of_the_effective_number() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=(20, 3))
    more = np.column_stack([np.vstack([table, [np.nan, 1, 2]]), np.full(21, 0.1)])

    assert effective_number(more) == effective_number(table)
    assert effective_number(np.ones((4, 2))).n == 0
    with pytest.raises(
        BanditError, match="at least 3 units with every dimension, got 2"
    ):
        effective_number(table[:2])
    with pytest.raises(BanditError, match="units by dimensions"):
        effective_number(table[0])


def test_questions_that_do_not_fit_are_refused() -> None:
    x = np.arange(4.0)
    for questions, said in (
        ([], "at least one question"),
        (
            [Question(("a", "b"), x, x), Question(("a", "b"), x, x)],
            "a/b is asked twice",
        ),
        ([Question(("a",), x[:3], x)], "a needs one alignment, outcome"),
        ([Question(("a",), x, x, np.ones((3, 5)))], "each of 4 raters"),
    ):
        with pytest.raises(BanditError, match=said):
            ask_jointly(named(4), questions, seed=1)
