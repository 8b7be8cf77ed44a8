"""Any sentence-transformers model as a rater: as its maker meant it, or layer by layer.

Left alone, a model embeds texts with the pooling and normalisation that it came with.
With a layer or a pooling named, the hidden states of that layer are pooled instead: how
a model sees actions changes on the way through it, and the layers of one model are one
family. Vectors are cached by weights, settings and texts; the first layer that is asked
for brings all others into the cache.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.matrices import FloatArray, from_embeddings
from alignment.progress import Progress
from alignment.raters.base import (
    BoolArray,
    MoreQuestions,
    Provenance,
    RaterKind,
    RaterResult,
)
from alignment.raters.embedding_cache import Embedded, EmbeddingCache
from alignment.raters.local_models import (
    DTYPES,
    Weights,
    choose_device,
    find_weights,
    libraries,
    no_loading_bar,
    package_folder,
    right_padded,
    shown,
)

Pooling = Literal["mean", "cls", "last"]
POOLINGS = ("mean", "cls", "last")
ALL_LAYERS_UP_TO = 512 * 2**20  # bytes; beyond, only the layer asked for is kept


@dataclass(frozen=True)
class EmbeddingSettings:
    """How texts become vectors.

    model: A folder or a hub name. revision: A hub commit, tag or branch; what is on
        this machine if left out.
    layer: Hidden states of this layer: 0 the token embeddings, 1 the first block, -1
        the last. None leaves the model as its maker meant it.
    pooling: Over the tokens of a text: their mean, the first ("cls") or the last one.
        None: the maker's, or the mean if a layer is named.
    prefix: Put before each text, as some models want it ("query: "). None leaves it to
        the model; "" puts nothing.
    dtype: Precision of the weights. device: "auto", "cpu", "cuda", "cuda:1", "mps".
    batch_size: Texts at once; decides memory and speed alone.
    """

    model: str
    revision: str | None = None
    layer: int | None = None
    pooling: Pooling | None = None
    prefix: str | None = None
    dtype: str = "float32"
    device: str = "auto"
    batch_size: int = 32

    def __post_init__(self) -> None:
        for name, known in (("pooling", POOLINGS), ("dtype", DTYPES)):
            value = getattr(self, name)
            if value not in known and not (name == "pooling" and value is None):
                raise AlignmentError(
                    f"embedding {self.model}: {name} must be one of "
                    f"{', '.join(known)}, got {value}"
                )
        if self.batch_size < 1:
            raise AlignmentError(
                f"embedding {self.model}: batch_size must be at least 1, "
                f"got {self.batch_size}"
            )

    @property
    def layered(self) -> bool:
        """Whether hidden states are pooled here, not as the model's maker meant."""
        return self.layer is not None or self.pooling is not None


@dataclass(frozen=True)
class SentenceModelRater:
    """Cosine similarity of a model's embeddings."""

    name: str
    family: str
    settings: EmbeddingSettings
    cache: EmbeddingCache = field(default_factory=EmbeddingCache)
    facts: Mapping[str, Any] = field(default_factory=dict)
    kind: RaterKind = "embedding"

    def judge(
        self,
        actions: Actions,
        wording: Mapping[str, str],
        *,
        preferred: BoolArray | None = None,
        more: MoreQuestions | None = None,
    ) -> RaterResult:
        """Embed each action's text; the wording plays no part.

        Raises:
            AlignmentError: The model cannot be had here, has no such layer, or its
                vectors are not usable.
        """
        told = self.settings
        weights = find_weights(told.model, told.revision, rater=self.name)
        made = None
        if weights.identity:
            made = self.cache.get(self._origin(weights, actions.texts))
        from_cache = made is not None
        if made is None:
            weights, made = self._embed(weights, actions.texts)
        matrix, cosine = from_embeddings(made.vectors, actions.ids, rater=self.name)
        how = f", layer {told.layer}" if told.layer is not None else ""
        how += f", {told.pooling} pooling" if told.pooling else ""
        how += f", after {told.prefix!r}" if told.prefix else ""
        return RaterResult(
            matrix,
            f"Cosine of {shown(told.model)} embeddings ({made.vectors.shape[1]} "
            f"dimensions{how}).",
            n_asked=len(actions),
            cosine=cosine,
            provenance=Provenance(
                shown(told.model),
                weights.identity,
                settings=asdict(told) | {"model": shown(told.model)},
                libraries=libraries(),
                facts=self.facts,
                counts={"from_cache": from_cache, **made.about},
            ),
        )

    def _origin(self, weights: Weights, texts: Sequence[str]) -> dict[str, Any]:
        """All that decides the vectors; the device and the batches are not of it."""
        told = self.settings
        return {
            "weights": weights.identity,
            "layer": told.layer,
            "pooling": told.pooling or ("mean" if told.layered else None),
            "prefix": told.prefix,
            "dtype": told.dtype,
            "libraries": libraries(),
            "texts": list(texts),
        }

    def _embed(
        self, weights: Weights, texts: Sequence[str]
    ) -> tuple[Weights, Embedded]:
        told = self.settings
        model, device = _load(weights, told, rater=self.name)
        if not weights.identity:  # it was fetched just now
            weights = find_weights(told.model, told.revision, rater=self.name)
        about = {"device": device, "truncated": _n_truncated(model, texts, told)}
        with Progress(f"embedding with {self.name}", len(texts)) as progress:
            if not told.layered:
                vectors = _as_made(model, texts, told, progress.advance)
                made = Embedded(vectors, about)
                self._keep(weights, texts, told.layer, made)
                return weights, made
            layers = _all_layers(model, texts, told, device, progress.advance)
        n_layers = len(layers)
        asked = -1 if told.layer is None else told.layer
        if not -n_layers <= asked < n_layers:
            raise AlignmentError(
                f"rater {self.name}: {told.model} has layers 0 to {n_layers - 1} (or "
                f"-{n_layers} to -1), got layer {asked}"
            )
        made = Embedded(layers[asked], about)
        self._keep(weights, texts, told.layer, made)
        if layers[0].nbytes * n_layers <= ALL_LAYERS_UP_TO:
            for layer, vectors in enumerate(layers):
                self._keep(weights, texts, layer, Embedded(vectors, about))
        return weights, made

    def _keep(
        self, weights: Weights, texts: Sequence[str], layer: int | None, made: Embedded
    ) -> None:
        if weights.identity:
            rater = replace(self, settings=replace(self.settings, layer=layer))
            self.cache.put(rater._origin(weights, texts), made)


def sentence_transformer(
    name: str, model: str, cache: EmbeddingCache | None = None
) -> SentenceModelRater:
    """Any sentence-transformers model, by its hub name or its folder.

    Args:
        name: What the report calls it.
        model: Such as "sentence-transformers/all-mpnet-base-v2"; needs a network the
            first time.
    """
    family = model.rstrip("/").rsplit("/", 1)[-1]
    settings = EmbeddingSettings(model)
    return SentenceModelRater(name, family, settings, cache or EmbeddingCache())


def _load(weights: Weights, told: EmbeddingSettings, *, rater: str) -> tuple[Any, str]:
    package_folder("sentence_transformers", rater=rater)
    import torch
    from sentence_transformers import SentenceTransformer

    device = choose_device(told.device, rater=rater)
    try:
        with no_loading_bar():
            model = SentenceTransformer(
                weights.name,
                revision=weights.revision,
                device=device,
                model_kwargs={"dtype": getattr(torch, told.dtype)},
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise AlignmentError(
            f"rater {rater}: sentence-transformers cannot load {told.model} "
            f"({error}); check the name, or the network it is fetched over"
        ) from error
    return model, device


def _n_truncated(model: Any, texts: Sequence[str], told: EmbeddingSettings) -> int:
    """Texts that the model reads only the beginning of."""
    longest = model.max_seq_length
    prefixed = [(told.prefix or "") + text for text in texts]
    lengths = map(len, model.tokenizer(prefixed, verbose=False)["input_ids"])
    return sum(length > longest for length in lengths) if longest else 0


def _as_made(
    model: Any,
    texts: Sequence[str],
    told: EmbeddingSettings,
    advance: Callable[[int], None],
) -> FloatArray:
    batches = []
    for start in range(0, len(texts), told.batch_size):
        batch = list(texts[start : start + told.batch_size])
        batches.append(
            model.encode(
                batch,
                prompt=told.prefix,
                batch_size=told.batch_size,
                convert_to_tensor=True,
                show_progress_bar=False,
            )
            .float()
            .cpu()
            .numpy()
        )
        advance(len(batch))
    vectors: FloatArray = np.concatenate(batches).astype(np.float64)
    return vectors


def _all_layers(
    model: Any,
    texts: Sequence[str],
    told: EmbeddingSettings,
    device: str,
    advance: Callable[[int], None],
) -> list[FloatArray]:
    """(n_texts, n_features) pooled hidden states of each layer, the embeddings first."""
    import torch

    tokenizer, inner = right_padded(model.tokenizer), model[0].auto_model
    longest = model.max_seq_length
    pooled: list[list[FloatArray]] = []
    for start in range(0, len(texts), told.batch_size):
        batch = [
            (told.prefix or "") + t for t in texts[start : start + told.batch_size]
        ]
        tokens = tokenizer(
            batch,
            padding=True,
            truncation=longest is not None,
            max_length=longest,
            return_tensors="pt",
        ).to(device)
        with torch.inference_mode():
            states = inner(**tokens, output_hidden_states=True).hidden_states
        mask = tokens["attention_mask"]
        for layer, state in enumerate(states):
            if layer == len(pooled):
                pooled.append([])
            vectors = _pool(state.float(), mask, told.pooling or "mean")
            pooled[layer].append(vectors.cpu().numpy().astype(np.float64))
        advance(len(batch))
    return [np.concatenate(each) for each in pooled]


def _pool(state: Any, mask: Any, pooling: Pooling) -> Any:
    """(n_texts, n_features) from (n_texts, n_tokens, n_features), padded at the end."""
    if pooling == "cls":
        return state[:, 0]
    if pooling == "last":
        last = mask.sum(dim=1) - 1
        return state[list(range(len(state))), last]
    weights = mask.unsqueeze(-1).to(state.dtype)
    return (state * weights).sum(dim=1) / weights.sum(dim=1)
