"""What every rater that is not a person looks like to the report."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.matrices import FloatArray, IntArray, SimilarityMatrix

BoolArray = npt.NDArray[np.bool_]
RaterKind = Literal["embedding", "chat", "causal", "baseline", "recorded"]
Task = Literal["pair", "value", "triplet"]
Outcome = Literal["used", "refused", "unparsable"]
Factor = Literal["paraphrase", "order", "reversal", "repeat"]


@dataclass(frozen=True)
class ValueQuestion:
    """What people were asked on one value dimension, word for word.

    low, high, midpoint: The labels at 0, at 100 and at 50 ("" where there is none).
    definition: The sentence that stood beside the question; "" where none did.
    """

    name: str
    question: str
    low: str
    high: str
    midpoint: str = ""
    definition: str = ""


def _no_triplets() -> IntArray:
    return np.empty((0, 3), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class MoreQuestions:
    """What people were asked besides pairs; for raters that are asked in words.

    dimensions: Value questions, each put about every action.
    triplets: (n_triplets, 3) rows of the actions that people chose the odd one of.
    """

    dimensions: tuple[ValueQuestion, ...] = ()
    triplets: IntArray = field(default_factory=_no_triplets)

    def __post_init__(self) -> None:
        triplets = np.array(self.triplets, dtype=np.int64)
        if triplets.ndim != 2 or triplets.shape[1] != 3:
            raise AlignmentError(
                f"triplets to ask: need shape (n, 3), got {triplets.shape}"
            )
        ordered = np.sort(triplets, axis=1)
        if np.any(ordered[:, 1:] == ordered[:, :-1]):
            raise AlignmentError("triplets to ask: each holds three different actions")
        triplets.flags.writeable = False
        object.__setattr__(self, "triplets", triplets)


@dataclass(frozen=True)
class Reply:
    """What a model that is asked in words answered to one question.

    first, second, third: Action ids in the order in which they stood; "" where the
        question had fewer.
    text: The reply, untouched; for a model whose probabilities were read, the answer
        it holds most likely.
    rating: The whole number it wrote, 0 to 100, on the scale as shown; None where the
        reply was not one such number, and for triplets.
    cached: Whether it was read from the cache instead of asked now.
    task, dimension: What was asked; `dimension` only of values.
    paraphrase, order, reversed, repeat: Under which condition; paraphrase 0 is the
        study's own wording, order 0 the drawn one.
    outcome: Whether it counts, and if not, why.
    score: 0 to 100 with the scale turned back, from probabilities where they were
        given, else from `rating`; NaN where the reply does not count or chose.
    odd: The action id chosen of three; "" where none was.
    off_scale: Probability that was on no answer of the scale; NaN where unknown.
    """

    first: str
    second: str
    text: str
    rating: int | None
    cached: bool
    third: str = ""
    task: Task = "pair"
    dimension: str = ""
    paraphrase: int = 0
    order: int = 0
    reversed: bool = False
    repeat: int = 0
    outcome: Outcome = "used"
    score: float = float("nan")
    odd: str = ""
    off_scale: float = float("nan")


@dataclass(frozen=True, eq=False)
class ValueRatings:
    """A model's own ratings on one dimension, 0 to 100, 100 the high end.

    values: (n_actions,) mean of the usable answers; NaN where there was none.
    n_usable, n_asked: (n_actions,) answers behind each.
    """

    dimension: str
    values: FloatArray
    n_usable: IntArray
    n_asked: IntArray


@dataclass(frozen=True, eq=False)
class TripletChoices:
    """Which of three actions a model named the odd one out.

    triplets: (n_triplets, 3) rows of the actions.
    shares: (n_triplets, 3) share of the usable answers that named each; a row of NaN
        where there was none.
    n_usable, n_asked: (n_triplets,) answers behind each row.
    """

    triplets: IntArray
    shares: FloatArray
    n_usable: IntArray
    n_asked: IntArray

    @property
    def odd(self) -> IntArray:
        """(n_triplets,) row of the action named most often; -1 for none, or a tie."""
        best = np.nan_to_num(self.shares, nan=0.0)
        top = best.max(axis=1, initial=0.0)
        clear = (best == top[:, None]).sum(axis=1) == 1
        chosen = self.triplets[np.arange(len(best)), best.argmax(axis=1)]
        return np.where(clear & (top > 0), chosen, -1).astype(np.int64)


@dataclass(frozen=True)
class Variation:
    """How far one thing that should not matter moved a rater's answers.

    Answers to one item are compared that differ in this factor alone.

    task, dimension: Of which answers. factor: What differed.
    variance: Mean over those comparisons of the sample variance of scores (0 to 100),
        so in squared points of the scale; for triplets the share of compared answers
        that named different actions, 0 to 1. NaN where nothing could be compared.
    shift: Mean change from the first level to the others, in points: for "reversal"
        what is gained when the numbers run the other way. NaN for triplets.
    between_items: Variance of the items' means, to hold `variance` against.
    n: Comparisons.
    """

    task: Task
    dimension: str
    factor: Factor
    variance: float
    shift: float
    between_items: float
    n: int


@dataclass(frozen=True)
class Provenance:
    """Where a rater's judgments come from; goes to the manifest and holds no secret.

    model: As its maker calls it. identity: What exactly answered: a hash of the
        weights, a commit, a file's hash; "" where that cannot be known (an endpoint).
    settings: Everything that can change an answer. libraries: Name and version.
    facts: What is known of the model: size, training, licence.
    counts: Questions put, answered from the cache, refused, unparsable, tokens.
    """

    model: str
    identity: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)

    def manifest(self) -> dict[str, Any]:
        """As the manifest holds it: plain values only."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class RaterResult:
    """One rater's view of all actions, and how it came about.

    matrix: NaN where the rater was not asked, or gave no rating.
    description: One sentence for a reader of the report.
    n_asked: Texts or pairs that were put to the rater.
    n_refused: How many of those it gave no usable answer to.
    cosine: (n_actions, n_actions) raw cosines of an embedding, before (1 + c) / 2.
    replies: What a model asked in words answered, in the order in which it was asked.
    asked: (n_actions, n_actions) pairs that were put to the rater; None: all of them.
    values: Its own value ratings, by dimension. triplets: Its choices among three.
    variation: What its answers owe to paraphrase, order, reversal and repeat.
    provenance: Where all this comes from.
    """

    matrix: SimilarityMatrix
    description: str
    n_asked: int
    n_refused: int = 0
    cosine: FloatArray | None = None
    replies: tuple[Reply, ...] = field(default=())
    asked: BoolArray | None = None
    values: Mapping[str, ValueRatings] = field(default_factory=dict)
    triplets: TripletChoices | None = None
    variation: tuple[Variation, ...] = ()
    provenance: Provenance | None = None


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
        more: MoreQuestions | None = None,
    ) -> RaterResult:
        """Judge the actions.

        Args:
            actions: The study's actions; the matrix keeps their order.
            wording: The study's questions as people read them; only raters that are
                asked in words need it.
            preferred: (n_actions, n_actions), symmetric: the pairs that people judged.
                A rater that is asked only some pairs is asked these first; others
                leave it aside.
            more: What people were asked besides pairs; only raters that are asked in
                words, and recorded ones, answer it.

        Raises:
            AlignmentError: The rater cannot be had here, or cannot judge these
                actions; the message says what to do.
        """
        ...
