"""`alignment.matrices`: what a similarity matrix may be, and how each is made."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics.pairwise import cosine_similarity

from alignment.errors import MatrixError
from alignment.matrices import (
    SimilarityMatrix,
    from_distances,
    from_embeddings,
    from_features,
    from_pair_means,
    from_triplets,
)

seeds = st.integers(0, 2**32 - 1)


def ids(n: int) -> tuple[str, ...]:
    return tuple(f"action-{i}" for i in range(n))


def random_matrix(seed: int, n: int = 6, rater: str = "human") -> SimilarityMatrix:
    values = np.random.default_rng(seed).uniform(size=(n, n))
    values = (values + values.T) / 2
    np.fill_diagonal(values, 1)
    return SimilarityMatrix(values, ids(n), rater)


def test_a_matrix_of_the_wrong_size_is_refused_in_whose_name() -> None:
    sentence = (
        r"similarity of llm/large: needs shape \(50, 50\) for 50 actions, "
        r"got \(50, 49\)"
    )

    with pytest.raises(MatrixError, match=sentence):
        SimilarityMatrix(np.ones((50, 49)), ids(50), "llm/large")


def broken(i: int, j: int, value: float) -> np.ndarray:
    values = np.full((3, 3), 0.5)
    np.fill_diagonal(values, 1)
    values[i, j] = value
    return values


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            broken(0, 1, 0.7),
            r"must be symmetric; action-0 with action-1 is 0\.7 and the "
            r"other way round 0\.5",
        ),
        (broken(0, 1, np.nan), "must be symmetric"),
        (broken(2, 2, 0.5), r"the diagonal must be 1; got 0\.5 for action-2"),
        (broken(2, 2, np.nan), "the diagonal must be 1; got nan for action-2"),
        (
            np.array([[1, -0.2], [-0.2, 1]]),
            r"must lie in \[0, 1\], got -0\.2 for action-0 with action-1",
        ),
        (np.array([[1, 3.0], [3.0, 1]]), r"must lie in \[0, 1\], got 3"),
        (np.array([[1, np.inf], [np.inf, 1]]), r"must"),
    ],
)
def test_a_matrix_that_is_no_similarity_is_refused(
    values: np.ndarray, sentence: str
) -> None:
    with pytest.raises(MatrixError, match=f"similarity of human: .*{sentence}"):
        SimilarityMatrix(values, ids(len(values)), "human")


def test_an_action_that_stands_twice_is_refused() -> None:
    with pytest.raises(MatrixError, match="each action stands once; x stands twice"):
        SimilarityMatrix(np.ones((3, 3)), ("x", "y", "x"), "human")


def test_a_single_action_is_no_matrix() -> None:
    with pytest.raises(MatrixError, match="needs at least 2 actions, got 1"):
        SimilarityMatrix(np.ones((1, 1)), ids(1), "human")


def test_rounding_is_forgiven_and_taken_out() -> None:
    values = np.array([[1 + 1e-12, 1 + 1e-12], [1 - 1e-12, 1]])

    made = SimilarityMatrix(values, ids(2), "human").values

    assert made.max() <= 1
    np.testing.assert_array_equal(made, made.T)


def test_a_matrix_keeps_its_own_copy_that_cannot_be_written_to() -> None:
    values = np.eye(3)
    matrix = SimilarityMatrix(values, ids(3), "human")

    values[0, 1] = values[1, 0] = 0.9

    assert matrix.values[0, 1] == 0
    with pytest.raises(ValueError, match="read-only"):
        matrix.values[0, 1] = 1


def test_pairs_never_judged_are_counted_once() -> None:
    values = np.eye(4)
    values[0, 3] = values[3, 0] = values[1, 2] = values[2, 1] = np.nan

    matrix = SimilarityMatrix(values, ids(4), "human")

    assert (matrix.n_pairs, matrix.n_missing, matrix.complete) == (6, 2, False)
    np.testing.assert_array_equal(matrix.pairs(), [0, 0, np.nan, np.nan, 0, 0])


@given(seeds, st.permutations(range(6)))
def test_taking_another_order_moves_rows_columns_and_names_together(
    seed: int, order: list[int]
) -> None:
    matrix = random_matrix(seed)

    taken = matrix.take(order)

    for i, old_i in enumerate(order):
        assert taken.actions[i] == matrix.actions[old_i]
        for j, old_j in enumerate(order):
            assert taken.values[i, j] == matrix.values[old_i, old_j]


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        (
            range(5),
            r"similarity of minilm: needs shape \(6, 6\) for the 6 actions of "
            r"human, got \(5, 5\)",
        ),
        (
            [0, 2, 1, 3, 4, 5],
            "the order of its actions differs from that of human; row 1 must be "
            "action-1, got action-2",
        ),
    ],
)
def test_matrices_of_other_actions_are_not_compared(
    order: list[int], sentence: str
) -> None:
    human, model = random_matrix(1), random_matrix(2, rater="minilm").take(order)

    with pytest.raises(MatrixError, match=sentence):
        human.same_actions(model)


def test_matrices_of_unknown_actions_are_not_compared() -> None:
    other = SimilarityMatrix(np.eye(2), ("x", "action-1"), "minilm")

    with pytest.raises(MatrixError, match="its actions are not those of human; row 0"):
        SimilarityMatrix(np.eye(2), ids(2), "human").same_actions(other)


@given(seeds)
def test_pair_means_equal_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, 12)
    b = (a + rng.integers(1, 4, 12)) % 4
    similarity, weight = rng.uniform(size=12), rng.uniform(0.1, 2, 12)

    made = from_pair_means(ids(4), a, b, similarity, rater="human", weight=weight)

    for i in range(4):
        for j in range(i + 1, 4):
            rows = [k for k in range(12) if {int(a[k]), int(b[k])} == {i, j}]
            expected = (
                sum(weight[k] * similarity[k] for k in rows)
                / sum(weight[k] for k in rows)
                if rows
                else np.nan
            )
            np.testing.assert_allclose(made.values[i, j], expected)


@given(seeds)
def test_triplet_frequencies_equal_a_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    triplets = np.array([np.sort(rng.permutation(5)[:3]) for _ in range(15)])
    odd = np.array([rng.choice(three) for three in triplets])

    made, counts = from_triplets(ids(5), triplets, odd, rater="triplets")

    for i in range(5):
        for j in range(5):
            if i == j:
                assert counts[i, j] == 0
                continue
            rows = [t for t in range(15) if {i, j} <= set(triplets[t])]
            assert counts[i, j] == len(rows)
            kept = sum(odd[t] not in (i, j) for t in rows)
            expected = kept / len(rows) if rows else np.nan
            np.testing.assert_allclose(made.values[i, j], expected)


def test_embeddings_give_cosines_moved_to_the_unit_interval() -> None:
    vectors = np.random.default_rng(0).normal(size=(7, 20))

    matrix, cosine = from_embeddings(vectors, ids(7), rater="minilm")

    np.testing.assert_allclose(cosine, cosine_similarity(vectors), atol=1e-12)
    np.testing.assert_allclose(matrix.values, (1 + cosine) / 2, atol=1e-12)


def test_opposite_embeddings_are_not_alike_at_all() -> None:
    matrix, cosine = from_embeddings([[3.0, 0.0], [-0.1, 0.0]], ids(2), rater="x")

    assert cosine[0, 1] == -1
    assert matrix.values[0, 1] == 0


@pytest.mark.parametrize(
    ("vectors", "sentence"),
    [
        (np.ones((2, 4)), r"features of m: needs 3 rows for 3 actions, got shape"),
        ([[1, 2], [0, 0], [1, 1]], "embedding of m: action-1 is all zeros"),
        ([[1, 2], [3, 4], [np.nan, 1]], "features of m: action-2 is not finite"),
    ],
)
def test_broken_embeddings_are_refused(vectors: np.ndarray, sentence: str) -> None:
    with pytest.raises(MatrixError, match=sentence):
        from_embeddings(vectors, ids(3), rater="m")


DISTANCES = np.array([[0, 1, 4.0], [1, 0, np.nan], [4, np.nan, 0]])


def test_linear_distances_fall_to_zero_at_the_largest() -> None:
    made = from_distances(DISTANCES, ids(3), rater="human")

    np.testing.assert_array_equal(
        made.values, [[1, 0.75, 0], [0.75, 1, np.nan], [0, np.nan, 1]]
    )


def test_exponential_distances_fall_by_their_median() -> None:
    made = from_distances(DISTANCES, ids(3), rater="human", rule="exp")

    np.testing.assert_allclose(
        made.pairs(), [np.exp(-1 / 2.5), np.exp(-4 / 2.5), np.nan]
    )


@pytest.mark.parametrize(
    ("distances", "rule", "sentence"),
    [
        (np.zeros((2, 3)), "linear", r"needs shape \(2, 2\) for 2 actions"),
        ([[0, -1], [-1, 0]], "linear", "must be finite and at least 0"),
        ([[0, np.inf], [np.inf, 0]], "linear", "must be finite and at least 0"),
        ([[1, 1], [1, 0]], "linear", "the diagonal must be 0"),
        ([[0, 1], [1, 0]], "square", "the rule must be linear or exp, got square"),
        ([[0, 0], [0, 0]], "linear", "no pair lies apart"),
        ([[0, np.nan], [np.nan, 0]], "exp", "no pair lies apart"),
        ([[0, 1], [2, 0]], "linear", "must be symmetric"),
    ],
)
def test_broken_distances_are_refused(
    distances: np.ndarray, rule: str, sentence: str
) -> None:
    with pytest.raises(MatrixError, match=sentence):
        from_distances(distances, ids(2), rater="human", rule=rule)  # type: ignore[arg-type]


def test_features_are_compared_by_euclidean_distance() -> None:
    features = np.random.default_rng(1).normal(size=(5, 3))

    made = from_features(features, ids(5), rater="length")

    apart = cdist(features, features)
    np.testing.assert_allclose(made.values, 1 - apart / apart.max(), atol=1e-12)
