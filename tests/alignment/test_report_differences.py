"""`alignment.report_differences`: what a model sees differently, in words."""

from pathlib import Path

import numpy as np

from alignment.folders import read_rows
from alignment.judgments import Actions, SimilarityJudgments
from alignment.matrices import SimilarityMatrix
from alignment.report_differences import differences, rank_noise, write_differences

TEXTS = (
    "I keep a lost wallet.",
    "I return a lost wallet.",
    "I steal a bicycle.",
    "I cook soup for a neighbour.",
    "I water the plants.",
    "I read a book.",
)
N = len(TEXTS)
IDS = tuple(f"a{i}" for i in range(N))
ACTIONS = Actions(ids=IDS, texts=TEXTS, attributes=({},) * N)


def matrix(pairs: np.ndarray, rater: str) -> SimilarityMatrix:
    values = np.eye(N)
    values[np.triu_indices(N, k=1)] = pairs
    return SimilarityMatrix(np.maximum(values, values.T), IDS, rater)


PEOPLE = np.linspace(0.05, 0.95, N * (N - 1) // 2)


def judgments(n_raters: np.ndarray, noise: float) -> SimilarityJudgments:
    """Pair k judged by n_raters[k] people."""
    rng = np.random.default_rng(3)
    a, b = (np.repeat(each, n_raters) for each in np.triu_indices(N, k=1))
    seen = np.repeat(PEOPLE, n_raters) + rng.normal(0, noise, n_raters.sum())
    return SimilarityJudgments(
        actions=IDS,
        a=a,
        b=b,
        rater=np.concatenate([[f"p{i}" for i in range(n)] for n in n_raters]),
        similarity=np.clip(seen, 0, 1),
        weight=np.ones(len(a)),
        group=np.full(len(a), ""),
    )


def test_the_pair_seen_most_differently_leads_and_is_named_in_words() -> None:
    moved = PEOPLE.copy()
    moved[0] = 0.99  # keep and return a wallet: the least alike for people
    noise = np.full(len(PEOPLE), 0.02)

    found = differences(
        matrix(PEOPLE, "human"), {"minilm": matrix(moved, "minilm")}, ACTIONS, noise
    )

    first = found.pairs[0]
    assert (first.action_a, first.action_b, first.place) == ("a0", "a1", 1)
    assert (first.people, first.model) == (PEOPLE[0], 0.99)
    assert first.excess > 0
    assert first.sentence == (
        "minilm puts “I keep a lost wallet” and “I return a lost wallet” far closer "
        "together (more alike than 97% of pairs) than people do (3%)."
    )
    assert {row.action for row in found.actions[:2]} == {"a0", "a1"}
    assert found.actions[0].sentence.startswith("minilm puts “I keep a lost wallet”")


def test_a_difference_that_noise_could_make_does_not_lead() -> None:
    moved = PEOPLE.copy()
    moved[[0, 14]] = moved[[14, 0]]  # the largest, and people are unsure of both
    moved[[3, 11]] = moved[[11, 3]]  # smaller, and they are sure
    noise = np.full(len(PEOPLE), 0.01)
    noise[[0, 14]] = 0.4
    people, model = matrix(PEOPLE, "human"), matrix(moved, "model")

    careful = differences(people, {"model": model}, ACTIONS, noise)
    careless = differences(people, {"model": model}, ACTIONS, None)

    assert {each.people for each in careful.pairs[:2]} == set(PEOPLE[[3, 11]])
    assert {each.people for each in careless.pairs[:2]} == set(PEOPLE[[0, 14]])
    unsure = next(each for each in careful.pairs if each.people == PEOPLE[0])
    assert unsure.sentence.endswith("(within people's noise).")
    assert np.isnan(careless.pairs[0].noise)


def test_people_themselves_with_other_noise_hardly_ever_stand_out() -> None:
    n_raters = np.full(len(PEOPLE), 4)
    asked = judgments(n_raters, 0.1)
    noise = rank_noise(asked, seed=1)
    rng = np.random.default_rng(0)
    others = {
        f"world {i}": matrix(np.clip(PEOPLE + rng.normal(0, 0.02, 15), 0, 1), "w")
        for i in range(20)
    }

    found = differences(asked.mean(), others, ACTIONS, noise)

    standing_out = {each.rater for each in found.pairs if each.excess > 0}
    assert len(standing_out) <= 3


def test_ranks_are_less_sure_where_fewer_people_judged() -> None:
    n_raters = np.full(len(PEOPLE), 30)
    n_raters[7] = 1

    noise = rank_noise(judgments(n_raters, 0.1), seed=1)

    assert noise is not None
    assert noise[7] > 2 * np.delete(noise, 7).max()


def test_without_scatter_between_raters_the_noise_is_unknown() -> None:
    once = judgments(np.ones(len(PEOPLE), dtype=int), 0.1)

    assert rank_noise(once, seed=1) is None


def test_a_rater_without_an_order_of_its_own_has_no_differences() -> None:
    flat = matrix(np.full(len(PEOPLE), 0.5), "flat")

    found = differences(matrix(PEOPLE, "human"), {"flat": flat}, ACTIONS, None)

    assert (found.pairs, found.actions) == ((), ())


def test_the_tables_name_actions_and_leave_unknown_noise_empty(tmp_path: Path) -> None:
    model = matrix(PEOPLE[::-1].copy(), "model")

    write_differences(
        differences(matrix(PEOPLE, "human"), {"model": model}, ACTIONS, None), tmp_path
    )

    row = read_rows(tmp_path / "differences.csv")[0]
    assert (row["rater"], row["noise"]) == ("model", "")
    assert "than people do" in row["sentence"]
    assert len(read_rows(tmp_path / "different_actions.csv")) == N
