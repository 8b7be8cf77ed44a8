"""What every rater that is not a person looks like to the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from alignment.judgments import Actions
from alignment.matrices import FloatArray, SimilarityMatrix

BoolArray = npt.NDArray[np.bool_]
RaterKind = Literal["embedding", "chat", "baseline", "recorded"]


@dataclass(frozen=True)
class Reply:
    """What a chat model wrote about one pair.

    first, second: Action ids in the order in which they stood in the question.
    text: The reply, untouched.
    rating: 0 to 100, or None where the reply was not one whole number in that range.
    cached: Whether it was read from the cache instead of asked now.
    """

    first: str
    second: str
    text: str
    rating: int | None
    cached: bool


@dataclass(frozen=True, eq=False)
class RaterResult:
    """One rater's view of all actions, and how it came about.

    matrix: NaN where the rater was not asked, or gave no rating.
    description: One sentence for a reader of the report.
    n_asked: Texts or pairs that were put to the rater.
    n_refused: How many of those it gave no usable answer to.
    cosine: (n_actions, n_actions) raw cosines of an embedding, before (1 + c) / 2.
    replies: A chat model's replies, in the order in which they were asked.
    """

    matrix: SimilarityMatrix
    description: str
    n_asked: int
    n_refused: int = 0
    cosine: FloatArray | None = None
    replies: tuple[Reply, ...] = field(default=())


class Rater(Protocol):
    """Something that judges how alike actions are.

    name: How files, figures and messages call it; unique in a report.
    family: Raters of one family are not independent of each other (layers, sizes or
        poolings of one model); figures and tests cluster by it.
    kind: How it judges.
    """

    @property
    def name(self) -> str: ...

    @property
    def family(self) -> str: ...

    @property
    def kind(self) -> RaterKind: ...

    def judge(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
    ) -> RaterResult:
        """Judge the actions.

        Args:
            actions: The study's actions; the matrix keeps their order.
            wording: The study's questions as people read them; only raters that are
                asked in words need it.
            preferred: (n_actions, n_actions), symmetric: the pairs that people judged.
                A rater that is asked only some pairs is asked these first; others
                leave it aside.

        Raises:
            AlignmentError: The rater cannot be had here, or cannot judge these
                actions; the message says what to do.
        """
        ...
