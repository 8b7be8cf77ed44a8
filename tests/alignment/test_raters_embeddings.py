"""`alignment.raters.embeddings`: real models that lie inside packages."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from alignment.errors import MatrixError
from alignment.judgments import Actions
from alignment.raters.embeddings import (
    EmbeddingRater,
    minilm,
    wordllama,
)

TEXTS = (
    "I return a lost wallet to its owner.",
    "I give back a purse that somebody lost.",
    "I read a book about whales.",
)
ACTIONS = Actions(("return", "give-back", "read"), TEXTS, ({}, {}, {}))


@pytest.mark.parametrize(("make", "n_features"), [(minilm, 384), (wordllama, 256)])
def test_a_real_model_puts_paraphrases_closest(
    make: Callable[[], EmbeddingRater], n_features: int
) -> None:
    encode = make().load()

    result = replace(make(), load=lambda: encode).judge(ACTIONS, {})

    same, other, third = result.matrix.pairs()
    assert same > max(other, third)
    assert result.matrix.complete
    assert result.cosine is not None
    np.testing.assert_allclose(result.matrix.values, (1 + result.cosine) / 2, atol=1e-9)
    assert np.shape(encode(TEXTS)) == (3, n_features)


def test_loading_a_model_leaves_logging_alone() -> None:
    before = list(logging.getLogger().handlers)

    wordllama().judge(ACTIONS, {})

    assert logging.getLogger().handlers == before


def test_texts_are_embedded_as_they_stand() -> None:
    seen: list[str] = []

    def load() -> object:
        def encode(texts: Sequence[str]) -> npt.ArrayLike:
            seen.extend(texts)
            return np.eye(3)

        return encode

    result = EmbeddingRater("own", "own", load, "Own.").judge(  # type: ignore[arg-type]
        ACTIONS, {}
    )

    assert tuple(seen) == TEXTS
    assert result.matrix.pairs().tolist() == [0.5, 0.5, 0.5]


def test_vectors_of_the_wrong_number_are_refused_by_name() -> None:
    rater = EmbeddingRater("own", "own", lambda: lambda texts: np.eye(2), "Own.")

    with pytest.raises(MatrixError, match="own: needs 3 rows for 3 actions"):
        rater.judge(ACTIONS, {})
