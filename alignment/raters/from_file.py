"""The raters of a raters.toml, ready to judge; nothing is loaded before they do."""

from collections.abc import Collection
from pathlib import Path

from alignment.errors import AlignmentError
from alignment.raters import RATERS, RaterOptions
from alignment.raters.base import Rater
from alignment.raters.causal import CausalRater, CausalSettings
from alignment.raters.chat import ChatRater, ChatSettings, at
from alignment.raters.embedding_cache import EmbeddingCache
from alignment.raters.forecast import Prices
from alignment.raters.questions import Design
from alignment.raters.raters_file import (
    BuiltInEntry,
    CausalEntry,
    ChatEntry,
    EmbeddingEntry,
    RatersFile,
    RecordedEntry,
    names_of,
    read_raters_file,
)
from alignment.raters.recorded import RecordedRater
from alignment.raters.reply_cache import ReplyCache
from alignment.raters.sentence_models import EmbeddingSettings, SentenceModelRater


def raters_from(
    path: Path, *, cache: Path | None = None, only: Collection[str] = ()
) -> list[Rater]:
    """The raters of a file, in its order.

    Args:
        cache: Folder of replies and vectors; None keeps nothing.
        only: Names of raters or of entries; all, if empty.

    Raises:
        RatersFileError: The file has faults.
        AlignmentError: `only` names a rater that the file does not have.
    """
    file = read_raters_file(path)
    known = {name for entry in file.rater for name in (entry.name, *names_of(entry))}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise AlignmentError(
            f"{path}: has no rater {', '.join(unknown)}; it has "
            f"{', '.join(entry.name for entry in file.rater)}"
        )
    made = [
        (entry.name, rater)
        for entry in file.rater
        for rater in _made(entry, file, Path(path).parent, cache)
    ]
    return [r for name, r in made if not only or name in only or r.name in only]


def _made(
    entry: EmbeddingEntry | CausalEntry | ChatEntry | RecordedEntry | BuiltInEntry,
    file: RatersFile,
    here: Path,
    cache: Path | None,
) -> list[Rater]:
    match entry:
        case EmbeddingEntry():
            return [*_embeddings(entry, EmbeddingCache(cache))]
        case CausalEntry():
            return [_causal(entry, file, ReplyCache(cache))]
        case ChatEntry():
            return [_chat(entry, file, ReplyCache(cache))]
        case RecordedEntry():
            first, *others = (here / path for path in entry.files)
            facts = entry.model_dump(
                include={"parameters", "training", "licence", "note"}
            )
            return [
                RecordedRater(entry.name, first, entry.family, tuple(others), facts)
            ]
    options = RaterOptions(file.asking.n_pairs, file.asking.seed, cache)
    return [RATERS[entry.name](options)]


def _embeddings(
    entry: EmbeddingEntry, cache: EmbeddingCache
) -> list[SentenceModelRater]:
    return [
        SentenceModelRater(
            name,
            entry.family,
            EmbeddingSettings(
                model=entry.model,
                revision=entry.revision,
                layer=layer,
                pooling=entry.pooling,
                prefix=entry.prefix,
                dtype=entry.dtype,
                device=entry.device,
                batch_size=entry.batch_size,
            ),
            cache,
            entry.facts(),
        )
        for name, layer in zip(names_of(entry), entry.layers or (None,), strict=True)
    ]


def _causal(entry: CausalEntry, file: RatersFile, cache: ReplyCache) -> CausalRater:
    asking = file.asking
    settings = CausalSettings(
        model=entry.model,
        revision=entry.revision,
        gguf_file=entry.gguf_file,
        template=entry.template,
        dtype=entry.dtype,
        device=entry.device,
        n_pairs=_or(entry.n_pairs, asking.n_pairs),
        n_triplets=_or(entry.n_triplets, asking.n_triplets),
        values=asking.values if entry.values is None else entry.values,
        seed=asking.seed,
        # Nothing is drawn from a causal model: a repeat would be the same again.
        design=_design(file, 1),
    )
    prices = Prices(seconds_per_request=entry.seconds_per_request)
    return CausalRater(entry.name, entry.family, settings, cache, prices, entry.facts())


def _chat(entry: ChatEntry, file: RatersFile, cache: ReplyCache) -> ChatRater:
    asking = file.asking
    settings = ChatSettings(
        model=entry.model,
        n_pairs=_or(entry.n_pairs, asking.n_pairs),
        seed=asking.seed,
        temperature=entry.temperature,
        max_tokens=entry.max_tokens,
        reply_as=entry.reply_as,
        design=_design(file, entry.repeats or asking.repeats),
        n_triplets=_or(entry.n_triplets, asking.n_triplets),
        values=asking.values if entry.values is None else entry.values,
        logprobs=entry.logprobs,
        send_seed=entry.send_seed,
        served_by=entry.served_by or entry.endpoint,
        parallel=entry.parallel,
        attempts=entry.attempts,
        timeout_s=entry.timeout_s,
        api_key_env=entry.api_key_env,
    )
    prices = Prices(
        entry.price_in, entry.price_out, entry.currency, entry.seconds_per_request
    )
    server = at(entry.endpoint)
    return ChatRater(
        entry.name, entry.family, server, settings, cache, prices, entry.facts()
    )


def _design(file: RatersFile, repeats: int) -> Design:
    asking = file.asking
    return Design(
        paraphrases=asking.paraphrases,
        both_orders=asking.both_orders,
        reversed_scale=asking.reversed_scale,
        repeats=repeats,
        rewordings={each.of: each.sentences for each in file.rewording},
    )


def _or(own: int | None, usual: int | None) -> int | None:
    return usual if own is None else own
