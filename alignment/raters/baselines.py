"""Two honest baselines: what anyone could see without understanding the actions.

A model that agrees with people no better than these has learned nothing about
actions that the length or the spelling of their texts does not give away.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alignment.judgments import Actions
from alignment.matrices import SimilarityMatrix, from_embeddings
from alignment.raters.base import (
    BoolArray,
    MoreQuestions,
    RaterKind,
    RaterResult,
)

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


@dataclass(frozen=True)
class TextLength:
    """Two actions are alike as their texts are equally long (in characters).

    s = 1 - |length difference| / largest difference; 1 everywhere if all texts are
    equally long.
    """

    name: str = "length"
    family: str = "text length"
    kind: RaterKind = "baseline"

    def judge(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
        more: MoreQuestions | None = None,
    ) -> RaterResult:
        """Compare lengths; the wording plays no part."""
        lengths = np.array([len(text) for text in actions.texts], dtype=np.float64)
        gap = np.abs(lengths[:, None] - lengths[None, :])
        widest = gap.max()
        values = 1 - gap / widest if widest else np.ones_like(gap)
        return RaterResult(
            SimilarityMatrix(values, actions.ids, self.name),
            "Baseline: how equally long two texts are, in characters.",
            n_asked=len(actions.ids),
        )


@dataclass(frozen=True)
class BagOfWords:
    """Two actions are alike as their texts share words.

    Cosine of word counts (lower case, no stop list), moved to [0, 1] like every
    cosine here.
    """

    name: str = "words"
    family: str = "bag of words"
    kind: RaterKind = "baseline"

    def judge(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
        more: MoreQuestions | None = None,
    ) -> RaterResult:
        """Compare word counts; the wording plays no part.

        Raises:
            MatrixError: A text has no word at all.
        """
        texts = [WORD.findall(text.lower()) for text in actions.texts]
        column = {
            word: j for j, word in enumerate(sorted({w for t in texts for w in t}))
        }
        counts = np.zeros((len(texts), max(len(column), 1)))
        for row, words in enumerate(texts):
            for word in words:
                counts[row, column[word]] += 1
        matrix, cosine = from_embeddings(counts, actions.ids, rater=self.name)
        return RaterResult(
            matrix,
            "Baseline: cosine of the word counts of two texts.",
            n_asked=len(actions.ids),
            cosine=cosine,
        )
