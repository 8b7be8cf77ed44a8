"""Studies of pairs with planted truth, in which raters judge all pairs or a part."""

from dataclasses import replace

import numpy as np

from alignment.judgments import AGGREGATE, SimilarityJudgments
from alignment.matrices import SimilarityMatrix


def ids(n_actions: int) -> tuple[str, ...]:
    return tuple(f"a{i:02d}" for i in range(n_actions))


def seen(features: np.ndarray, rater: str) -> SimilarityMatrix:
    """How alike actions with these features are, between .2 and .8."""
    apart = ((features[:, None] - features[None]) ** 2).sum(axis=2)
    values = 0.2 + 0.6 * np.exp(-apart / 6)
    np.fill_diagonal(values, 1)
    return SimilarityMatrix(values, ids(len(features)), rater)


def similarities(
    actions: tuple[str, ...],
    pairs: np.ndarray,
    raters: np.ndarray,
    values: np.ndarray,
    weight: np.ndarray | None = None,
) -> SimilarityJudgments:
    """Judgments of pairs (n, 2) by numbered raters."""
    return SimilarityJudgments(
        actions=actions,
        a=pairs[:, 0],
        b=pairs[:, 1],
        rater=np.array([f"r{who:03d}" for who in raters]),
        similarity=np.clip(values, 0, 1),
        weight=np.ones(len(values)) if weight is None else weight,
        group=np.full(len(values), ""),
    )


def rated(
    truth: SimilarityMatrix,
    *,
    seed: int,
    n_raters: int,
    per_pair: int,
    noise: float = 0.1,
    level: float = 0.05,
) -> SimilarityJudgments:
    """Each pair rated by some of the raters, who differ in level and scatter."""
    rng = np.random.default_rng(seed)
    rows = np.column_stack(np.triu_indices(len(truth), k=1))
    who = np.argsort(rng.random((len(rows), n_raters)), axis=1)[:, :per_pair]
    levels = rng.normal(0, level, n_raters)
    values = truth.pairs()[:, None] + levels[who] + rng.normal(0, noise, who.shape)
    return similarities(
        truth.actions, np.repeat(rows, per_pair, axis=0), who.ravel(), values.ravel()
    )


def published(judgments: SimilarityJudgments) -> SimilarityJudgments:
    """The same as means of nobody in particular."""
    return replace(judgments, rater=np.full(len(judgments), AGGREGATE))
