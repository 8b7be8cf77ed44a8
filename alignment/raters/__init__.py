"""Raters that are not people, by the name a command or a button knows them by.

To add one: write an adapter in this folder and give it a row here.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from alignment.errors import AlignmentError
from alignment.raters.base import Rater
from alignment.raters.baselines import BagOfWords, TextLength
from alignment.raters.chat import ChatRater, ChatSettings
from alignment.raters.embeddings import minilm, wordllama
from alignment.raters.local_server import SMOLLM2, smollm2_server
from alignment.raters.reply_cache import ReplyCache


@dataclass(frozen=True)
class RaterOptions:
    """What the built-in raters can be told.

    chat_pairs: Pairs a chat model is asked; None asks them all, 0 leaves it out.
    seed: Decides which pairs those are.
    cache: Folder of chat replies; None keeps nothing.
    """

    chat_pairs: int | None = 100
    seed: int = 0
    cache: Path | None = None


def _smollm2(options: RaterOptions) -> Rater:
    # Left alone, this model never writes a number: it needs the schema. It runs on a
    # processor, so it is asked each question once.
    settings = ChatSettings(
        model=SMOLLM2, n_pairs=options.chat_pairs, seed=options.seed, reply_as="integer"
    )
    cache = ReplyCache(options.cache)
    return ChatRater("smollm2", "SmolLM2", smollm2_server, settings, cache)


RATERS: dict[str, Callable[[RaterOptions], Rater]] = {
    "minilm": lambda _: minilm(),
    "wordllama": lambda _: wordllama(),
    "smollm2": _smollm2,
    "length": lambda _: TextLength(),
    "words": lambda _: BagOfWords(),
}

# Those that are asked in words, one pair at a time, and so take long.
CHAT_RATERS = ("smollm2",)


def make_raters(names: Iterable[str], options: RaterOptions) -> list[Rater]:
    """Built-in raters by name; nothing is loaded before they judge.

    Raises:
        AlignmentError: A name is not in `RATERS`, or stands twice.
    """
    names = list(names)
    for name in names:
        if name not in RATERS:
            raise AlignmentError(
                f"there is no rater {name}; the built-in ones are {', '.join(RATERS)}"
            )
        if names.count(name) > 1:
            raise AlignmentError(f"each rater is asked once; {name} stands twice")
    return [
        RATERS[name](options)
        for name in names
        if options.chat_pairs != 0 or name not in CHAT_RATERS
    ]
