"""The probability of each number that a causal model may write next.

A number may be one token ("70") or several ("7", "0"), with a space before it or not.
All spellings form a tree of tokens; the model is run along its branches, so that the
probability of each number is exact: that of its tokens, times that of no further digit.
Branches less likely than a floor are not followed, and said to end where they stand.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Path = tuple[int, ...]
ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class NumberTree:
    """How a tokenizer spells the numbers asked for.

    ends: Tokens of a spelling -> its number. digits: Tokens that go on with a digit.
    """

    ends: Mapping[Path, int]
    digits: frozenset[int]

    @cached_property
    def children(self) -> dict[Path, list[int]]:
        """Beginning of a spelling -> the tokens that may follow, in order."""
        found: dict[Path, set[int]] = {}
        for spelling in self.ends:
            for k, token in enumerate(spelling):
                found.setdefault(spelling[:k], set()).add(token)
        return {path: sorted(tokens) for path, tokens in found.items()}


def spell(tokenizer: Any, numbers: Sequence[int], *, after: str) -> NumberTree:
    """All spellings of these numbers after a text that ends in `after`.

    Tokenizers may treat the beginning of a text in their own way, so a spelling is what
    a number adds to `after`, not what it is alone.
    """

    def ids(text: str) -> Path:
        return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])

    start = ids(after)
    ends: dict[Path, int] = {}
    for number in numbers:
        for text in (str(number), f" {number}"):
            whole = ids(after + text)
            grown = whole[: len(start)] == start and len(whole) > len(start)
            ends[whole[len(start) :] if grown else ids(text)] = number
    vocabulary: Mapping[str, int] = tokenizer.get_vocab()
    digits = frozenset(k for word, k in vocabulary.items() if word[:1].isdigit())
    return NumberTree(ends, digits)


def number_probabilities(
    model: Any, prompt: Sequence[int], tree: NumberTree, *, floor: float
) -> dict[int, float]:
    """Probability of each number as all that is written next (besides words after it).

    Args:
        model: A causal model of transformers, in evaluation mode.
        prompt: The tokens before the number.
        floor: Branches below this probability are not followed.

    Returns:
        Number -> probability; what is missing to 1 is on no number of the tree.
    """
    run = _Branches(model, list(prompt))
    mass = dict.fromkeys(tree.ends.values(), 0.0)
    open_: dict[Path, tuple[float, Any]] = {(): (1.0, run.first)}
    while open_:
        reached = {
            (*path, token): chance * float(next_[token])
            for path, (chance, next_) in open_.items()
            for token in tree.children[path]
        }
        followed = [path for path, chance in reached.items() if chance >= floor]
        seen = dict(zip(followed, run.after(followed), strict=True))
        for path, chance in reached.items():
            if path in tree.ends:
                goes_on = 0.0
                if path in seen:
                    goes_on = float(seen[path][sorted(tree.digits)].sum())
                mass[tree.ends[path]] += chance * max(0.0, 1.0 - goes_on)
        open_ = {
            path: (reached[path], next_)
            for path, next_ in seen.items()
            if path in tree.children
        }
    return mass


class _Branches:
    """Next-token probabilities after a prompt and after branches of one length.

    The prompt is read once where the model's memory of it can be copied.
    """

    def __init__(self, model: Any, prompt: list[int]) -> None:
        self._model = model
        self._prompt = prompt
        said = self._run([prompt], None)
        self.first = _probabilities(said)[0]
        past = getattr(said, "past_key_values", None)
        # Only this kind of memory is known to repeat itself for many branches.
        self._past = past if type(past).__name__ == "DynamicCache" else None

    def after(self, paths: Sequence[Path]) -> list[Any]:
        found: list[Any] = []
        for start in range(0, len(paths), ROWS_AT_ONCE):
            rows = [list(path) for path in paths[start : start + ROWS_AT_ONCE]]
            if self._past is None:
                said = self._run([self._prompt + row for row in rows], None)
            else:
                past = copy.deepcopy(self._past)
                past.batch_repeat_interleave(len(rows))
                said = self._run(rows, past)
            found += list(_probabilities(said))
        return found

    def _run(self, rows: list[list[int]], past: Any) -> Any:
        import torch

        with torch.inference_mode():
            return self._model(
                input_ids=torch.tensor(rows, device=self._model.device),
                past_key_values=past,
                use_cache=True,
            )


def _probabilities(said: Any) -> Any:
    """(n_rows, n_tokens) probabilities of the next token, in double precision."""
    return said.logits[:, -1].double().softmax(dim=-1).cpu()
