"""What is true of simulated people: how alike actions are, and what each is worth.

Everything starts from attributes that a person coded by hand (area, valence, who is
affected, stakes; effort, thrill, who sees it), so that no model's view of the actions
leaks into the truth that models are later measured against.

* The similarity is an overlap of attributes: a weighted sum of one positive
  semi-definite kernel per attribute, plus a little that no attribute names, without
  which most pairs would tie and a rank correlation would mean less than it says.
* The values come from one of three worlds. *follows*: values are a smooth function of
  what makes actions alike, so that seeing actions as people do must help. *outside*:
  values follow attributes that similarity never looks at. *null*: the values of
  *follows*, dealt out again at random, so that only their link to similarity is gone.

Imports numpy, so nothing that the web process loads may import this module.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
World = Literal["follows", "outside", "null"]
WORLDS: tuple[World, ...] = get_args(World)

SIMILARITY_WEIGHTS = {"area": 0.35, "valence": 0.3, "affected": 0.15, "stakes": 0.1}
UNNAMED_WEIGHT = 0.1
"""Share of the similarity that comes from what no attribute names."""

OUTSIDE_WEIGHTS = {"effort": 0.4, "thrill": 0.4, "seen": 0.2}

ORDERED: dict[str, tuple[str, ...]] = {
    "valence": ("harmful", "neutral", "good"),
    "affected": ("self", "close", "group", "stranger"),
    "stakes": ("low", "medium", "high"),
    "effort": ("low", "medium", "high"),
    "thrill": ("low", "medium", "high"),
}
"""Attributes whose codes stand in an order; any other attribute is a category."""

OTHER_CATEGORY = 0.25
"""How alike two actions of different categories still are on that attribute."""

VALENCE_LOADINGS = {
    "morality": 0.95,
    "fairness": 0.9,
    "honesty": 0.8,
    "integrity": 0.9,
    "loyalty": 0.7,
    "compassion": 0.8,
    "social-status": 0.5,
    "popularity": 0.4,
    "enjoyability": 0.2,
    "challenge": 0.0,
}
"""How much of a dimension is the action's valence; the rest is a smooth draw."""
DEFAULT_LOADING = 0.5

SPREAD = 0.8
"""Standard deviation of the values before they are squeezed into 0-100."""


class TruthError(ValueError):
    """The attributes of a study cannot carry the truth that was asked for."""


@dataclass(frozen=True)
class Truth:
    """One simulated world.

    Attributes:
        world: Which of the three worlds this is.
        seed: The seed it was planted with.
        action_ids: The n_actions actions, in the order of every array here.
        similarity: (n_actions, n_actions), in [0, 1], unit diagonal, positive
            semi-definite.
        values: Per dimension (n_actions,), on 0-100.
        attributes: Per action, its hand-coded attributes.
    """

    world: World
    seed: int
    action_ids: tuple[str, ...]
    similarity: FloatArray
    values: Mapping[str, FloatArray]
    attributes: tuple[Mapping[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        """The truth as it is stored beside a snapshot (`<snapshot>.truth.json`)."""
        return {
            "world": self.world,
            "seed": self.seed,
            "action_ids": list(self.action_ids),
            "similarity": self.similarity.tolist(),
            "values": {name: v.tolist() for name, v in self.values.items()},
            "attributes": [dict(row) for row in self.attributes],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Truth:
        """Read back what `as_json` wrote."""
        return cls(
            world=cast(World, stored["world"]),
            seed=int(stored["seed"]),
            action_ids=tuple(stored["action_ids"]),
            similarity=np.array(stored["similarity"], dtype=np.float64),
            values={
                name: np.array(v, dtype=np.float64)
                for name, v in stored["values"].items()
            },
            attributes=tuple(stored["attributes"]),
        )


def plant(
    action_ids: Sequence[str],
    attributes: Sequence[Mapping[str, str]],
    dimensions: Sequence[str],
    *,
    world: World,
    seed: int,
) -> Truth:
    """Make the truth of one world.

    The similarity depends on the seed but not on the world, and a dimension's values
    do not depend on which other dimensions a study has.

    Args:
        action_ids: The n_actions actions.
        attributes: Per action, its hand-coded attributes.
        dimensions: Names of the value dimensions.
        world: "follows", "outside" or "null".
        seed: Any integer from 0 up.

    Raises:
        TruthError: an unknown world, no attribute to build the similarity from, or
            the world "outside" without an attribute outside the similarity.
    """
    if world not in WORLDS:
        raise TruthError(f"world: needs one of {', '.join(WORLDS)}, got {world!r}")
    similarity = similarity_of(attributes, seed=seed)
    values = {
        name: _squeezed(_raw_values(name, attributes, similarity, world, seed))
        for name in dimensions
    }
    return Truth(
        world=world,
        seed=seed,
        action_ids=tuple(action_ids),
        similarity=similarity,
        values=values,
        attributes=tuple(attributes),
    )


def similarity_of(attributes: Sequence[Mapping[str, str]], *, seed: int) -> FloatArray:
    """How alike actions are: (n_actions, n_actions), in [0, 1], unit diagonal, PSD."""
    named = _overlap(attributes, SIMILARITY_WEIGHTS, wanted_for="similarity")
    # Two places on a seeded map stand for all that the attributes leave unsaid.
    places = _rng(seed, "unnamed").normal(size=(len(attributes), 2))
    squared = ((places[:, None, :] - places[None, :, :]) ** 2).sum(axis=-1)
    mixed = (1 - UNNAMED_WEIGHT) * named + UNNAMED_WEIGHT * np.exp(-squared / 2)
    np.fill_diagonal(mixed, 1.0)
    symmetric: FloatArray = (mixed + mixed.T) / 2
    return symmetric


def _overlap(
    attributes: Sequence[Mapping[str, str]],
    weights: Mapping[str, float],
    *,
    wanted_for: str,
) -> FloatArray:
    """Weighted mean of one kernel per attribute the actions have, unit diagonal."""
    present = {
        name: weight
        for name, weight in weights.items()
        if all(row.get(name) for row in attributes)
    }
    if not present:
        raise TruthError(
            f"{wanted_for} of simulated people: every action needs at least one of the "
            f"attributes {', '.join(weights)}; add such a column to actions.csv"
        )
    total = sum(present.values())
    shape = (len(attributes), len(attributes))
    kernel = np.zeros(shape)
    for name, weight in present.items():
        kernel += weight / total * _attribute_kernel(name, attributes)
    return kernel


def _attribute_kernel(name: str, attributes: Sequence[Mapping[str, str]]) -> FloatArray:
    """One attribute's kernel: Gaussian over ordered codes, else same or not."""
    if name not in ORDERED:
        codes = np.array([row[name] for row in attributes])
        same = codes[:, None] == codes[None, :]
        return np.where(same, 1.0, OTHER_CATEGORY)
    steps = _codes(name, attributes)
    return np.exp(-((steps[:, None] - steps[None, :]) ** 2) / 2)


def _codes(name: str, attributes: Sequence[Mapping[str, str]]) -> FloatArray:
    """Places (n_actions,) of an ordered attribute's codes, counted from 0."""
    order = ORDERED[name]
    try:
        return np.array([order.index(row[name]) for row in attributes], dtype=float)
    except ValueError:
        found = sorted({row[name] for row in attributes} - set(order))
        raise TruthError(
            f"attribute {name}: codes must be {', '.join(order)}; "
            f"found {', '.join(found)}"
        ) from None


def _raw_values(
    dimension: str,
    attributes: Sequence[Mapping[str, str]],
    similarity: FloatArray,
    world: World,
    seed: int,
) -> FloatArray:
    """Values (n_actions,) of one dimension, mean 0 and sd 1."""
    rng = _rng(seed, f"values of {dimension}")
    if world == "outside":
        kernel = _overlap(attributes, OUTSIDE_WEIGHTS, wanted_for="world outside")
        return _standard(_apart_from_similarity(_draw(kernel, rng), attributes))
    raw = _standard(_draw(similarity, rng))
    if all("valence" in row for row in attributes):
        loading = VALENCE_LOADINGS.get(dimension, DEFAULT_LOADING)
        valence = _standard(_codes("valence", attributes))
        raw = _standard(loading * valence + np.sqrt(1 - loading**2) * raw)
    return rng.permutation(raw) if world == "null" else raw


def _draw(kernel: FloatArray, rng: np.random.Generator) -> FloatArray:
    """One function (n_actions,) from the Gaussian process with this kernel."""
    n_actions = len(kernel)
    root = np.linalg.cholesky(kernel + 1e-8 * np.eye(n_actions))
    draw: FloatArray = root @ rng.normal(size=n_actions)
    return draw


def _apart_from_similarity(
    raw: FloatArray, attributes: Sequence[Mapping[str, str]]
) -> FloatArray:
    """What is left of `raw` after a straight line in valence and stakes.

    Good actions tend to cost effort, so hand-coded attributes outside the similarity
    are not free of it by themselves.
    """
    columns = [np.ones(len(raw))]
    columns += [
        _codes(name, attributes)
        for name in ("valence", "stakes")
        if all(row.get(name) for row in attributes)
    ]
    design = np.stack(columns, axis=1)
    fitted = design @ np.linalg.lstsq(design, raw, rcond=None)[0]
    rest: FloatArray = raw - fitted
    return rest


def _standard(raw: FloatArray) -> FloatArray:
    """The same numbers with mean 0 and sd 1 (all 0 where they do not differ)."""
    spread = raw.std()
    centred = raw - raw.mean()
    return centred / spread if spread > 1e-12 else np.zeros_like(raw)


def _squeezed(raw: FloatArray) -> FloatArray:
    """Numbers around 0 onto 0-100, in order, so that none piles up at an end."""
    normal = NormalDist()
    return np.array([100 * normal.cdf(SPREAD * float(x)) for x in raw])


def _rng(seed: int, purpose: str) -> np.random.Generator:
    """Random numbers that depend on the seed and on what they are for."""
    return np.random.default_rng((seed, zlib.crc32(purpose.encode())))
