"""`alignment.raters.baselines`: what anyone sees without understanding."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from alignment.errors import MatrixError
from alignment.judgments import Actions
from alignment.raters.baselines import BagOfWords, TextLength


def actions(*texts: str) -> Actions:
    return Actions(
        tuple(f"action-{i}" for i in range(len(texts))), texts, ({},) * len(texts)
    )


def test_texts_are_as_alike_as_they_are_long() -> None:
    result = TextLength().judge(actions("ab", "abcd", "abcdefghij"), {})

    np.testing.assert_allclose(
        result.matrix.values, [[1, 0.75, 0], [0.75, 1, 0.25], [0, 0.25, 1]]
    )
    assert result.matrix.rater == "length"


def test_texts_of_one_length_are_all_alike() -> None:
    result = TextLength().judge(actions("ab", "cd", "ef"), {})

    assert result.matrix.values.tolist() == np.ones((3, 3)).tolist()


def test_bag_of_words_is_the_cosine_of_counts() -> None:
    texts = (
        "I help a friend, and a friend helps me.",
        "I HELP a stranger",
        "it rains",
        "I don't help my friend's friend",
    )

    result = BagOfWords().judge(actions(*texts), {})

    counts = CountVectorizer(token_pattern=r"\w+(?:'\w+)*").fit_transform(texts)
    cosine = cosine_similarity(counts)
    np.testing.assert_allclose(result.cosine, cosine, atol=1e-12)
    np.testing.assert_allclose(result.matrix.values, (1 + cosine) / 2, atol=1e-12)


def test_a_text_without_words_is_refused_by_name() -> None:
    with pytest.raises(MatrixError, match="embedding of words: action-1 is all zeros"):
        BagOfWords().judge(actions("help", "..."), {})
