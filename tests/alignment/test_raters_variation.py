"""`alignment.raters.variation`: what the wording, the order and the scale moved."""

from itertools import product
from math import isnan

import numpy as np
import pytest

from alignment.raters.base import Reply, Variation
from alignment.raters.variation import variation

PAIRS = [("a", "b"), ("a", "c"), ("b", "c"), ("b", "d")]


def replies(
    effect: dict[str, list[float]], *, noise: float = 0.0, lost: int = 0
) -> list[Reply]:
    """Scores that are an item's own plus each factor's effect, both orders of pairs."""
    rng = np.random.default_rng(2)
    sizes = [len(effect.get(f, [0.0])) for f in ("paraphrase", "order", "reversal")]
    found = []
    for k, (a, b) in enumerate(PAIRS):
        for p, o, r in product(*map(range, sizes)):
            score = 20.0 * k + noise * rng.standard_normal()
            for factor, level in (("paraphrase", p), ("order", o), ("reversal", r)):
                score += effect.get(factor, [0.0])[level]
            first, second = (b, a) if o else (a, b)
            found.append(
                Reply(
                    first,
                    second,
                    "",
                    None,
                    cached=False,
                    paraphrase=p,
                    order=o,
                    reversed=bool(r),
                    score=score,
                )
            )
    for k in range(lost):
        one = found[3 * k]
        found[3 * k] = Reply(
            one.first,
            one.second,
            "",
            None,
            cached=False,
            paraphrase=one.paraphrase,
            order=one.order,
            reversed=one.reversed,
            outcome="refused",
        )
    return found


def by_factor(asked: list[Reply]) -> dict[str, Variation]:
    return {row.factor: row for row in variation(asked)}


def test_each_factor_gets_its_own_variance_and_shift() -> None:
    rows = by_factor(
        replies({"paraphrase": [0, 6, -3], "order": [0, 4], "reversal": [0, -10]})
    )

    assert set(rows) == {"paraphrase", "order", "reversal"}
    assert rows["paraphrase"].variance == pytest.approx(np.var([0, 6, -3], ddof=1))
    assert rows["paraphrase"].shift == pytest.approx(1.5)
    assert rows["order"].variance == pytest.approx(np.var([0, 4], ddof=1))
    assert rows["order"].shift == pytest.approx(4)
    assert rows["reversal"].shift == pytest.approx(-10)
    assert rows["order"].between_items == pytest.approx(np.var([0, 20, 40, 60], ddof=1))
    assert (rows["paraphrase"].n, rows["order"].n) == (4 * 4, 4 * 6)


def test_lost_answers_cost_their_own_comparisons_and_bend_no_others() -> None:
    whole = by_factor(replies({"paraphrase": [0, 6, -3], "order": [0, 4]}))
    holed = by_factor(replies({"paraphrase": [0, 6, -3], "order": [0, 4]}, lost=2))

    assert holed["order"].variance == pytest.approx(whole["order"].variance)
    assert holed["order"].shift == pytest.approx(whole["order"].shift)
    assert holed["order"].n == whole["order"].n - 2


def test_what_was_not_varied_is_not_reported() -> None:
    assert variation(replies({})) == ()
    assert variation([]) == ()


def test_a_factor_nobody_answered_twice_under_is_not_a_number() -> None:
    asked = replies({"order": [0, 4]})
    left = [r if not r.order else _refused(r) for r in asked]

    row = by_factor(left)["order"]

    assert isnan(row.variance)
    assert row.n == 0


def _refused(reply: Reply) -> Reply:
    return Reply(reply.first, reply.second, "", None, False, order=1, outcome="refused")


def test_dimensions_and_tasks_are_kept_apart() -> None:
    def value(dimension: str, repeat: int, score: float) -> Reply:
        return Reply(
            "a",
            "",
            "",
            None,
            False,
            task="value",
            dimension=dimension,
            repeat=repeat,
            score=score,
        )

    rows = variation(
        [
            *(value("morality", k, 10.0 * k) for k in range(2)),
            *(value("status", k, 50.0) for k in range(2)),
        ]
    )

    assert [(r.dimension, r.factor, r.variance) for r in rows] == [
        ("morality", "repeat", 50.0),
        ("status", "repeat", 0.0),
    ]


def test_choices_vary_by_the_share_that_differs() -> None:
    asked = [
        Reply("a", "b", "", None, False, "c", "triplet", order=k, odd=odd)
        for k, odd in enumerate(["a", "a", "b"])
    ]

    (row,) = variation(asked)

    assert row.variance == pytest.approx(2 / 3)  # two of the three comparisons
    assert isnan(row.shift)
