"""A small study on disk, for tests of what is made from a snapshot."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignment.snapshot_files import write_snapshot

MORALITY = {
    "name": "morality",
    "definition": "Whether doing this is right or wrong.",
    "perspective": "self",
    "question": "In your own view, how moral or immoral is it to do this?",
    "low": "immoral",
    "high": "moral",
    "midpoint": "neither",
    "polarity": "bipolar",
    "low_threshold": 50,
    "harm": True,
}
CHALLENGE = {
    **MORALITY,
    "name": "challenge",
    "definition": "How hard it is.",
    "midpoint": None,
    "polarity": "unipolar",
    "low": "easy",
    "high": "hard",
    "harm": False,
}
TEXTS = {
    "return-wallet": "I return a lost wallet.",
    "help-stranger": "I help a stranger who fell.",
    "cook-soup": "I cook soup for a sick neighbour.",
    "water-plants": "I water the plants at home.",
    "read-book": "I read a book in the park.",
    "lie-friend": "I lie to a friend about money.",
    "steal-bicycle": "I steal a bicycle.",
    "keep-wallet": "I keep a lost wallet.",
}
WORDING = {
    "pair": "How similar are these two actions? Use whatever seems important to you.",
    "pair_low": "not at all similar",
    "pair_high": "very similar",
    "triplet": "Which of these three actions is least like the other two?",
}
RATERS = ("p-ada", "p-bo", "p-cy", "p-dee")

WriteSnapshot = Callable[..., Path]


def write_small_snapshot(
    parent: Path,
    name: str = "snapshot",
    *,
    pairs: bool = True,
    triplets: bool = True,
    values: bool = True,
    unjudged: int = 0,
    **more: Any,
) -> Path:
    """A snapshot of eight actions; arguments leave tables out or change it.

    People see the actions along a line, with some noise of their own; p-ada alone
    rated every action on morality.
    """
    rng = np.random.default_rng(5)
    place = dict(zip(TEXTS, np.linspace(0, 1, len(TEXTS)), strict=True))
    rows: dict[str, list[Mapping[str, object]]] = {
        "value_rows": [],
        "similarity_rows": [],
        "triplet_rows": [],
    }
    for a, b in list(combinations(TEXTS, 2))[unjudged:]:
        for rater in RATERS:
            seen = 1 - abs(place[a] - place[b]) + rng.normal(0, 0.05)
            rows["similarity_rows"].append(
                {
                    "action_a": a,
                    "action_b": b,
                    "rater_id": rater,
                    "similarity": float(np.clip(seen, 0, 1)),
                }
            )
    for a, b, c in combinations(TEXTS, 3):
        gaps = {a: place[c] - place[b], c: place[b] - place[a]}
        rows["triplet_rows"].append(
            {
                "a": a,
                "b": b,
                "c": c,
                "odd": min(gaps, key=lambda each: gaps[each]),
                "rater_id": "p-eve",
                "sampler": "random",
                "propensity": 1 / 56,
            }
        )
    for action, at in place.items():
        for rater in ("p-ada", "p-bo"):
            if (rater, action) != ("p-bo", "read-book"):
                rows["value_rows"].append(
                    {
                        "action_id": action,
                        "dimension": "morality",
                        "rater_id": rater,
                        "value": 95 - 90 * at - 4 * (rater == "p-bo"),
                        "group": "values",
                    }
                )
    kept = {
        "value_rows": values,
        "similarity_rows": pairs,
        "triplet_rows": triplets,
    }
    folder = parent / name
    write_snapshot(
        folder,
        actions=[
            {"action_id": id_, "text": text, "area": "street"}
            for id_, text in TEXTS.items()
        ],
        **{
            "study": "small",
            "title": "A small study",
            "dimensions": [MORALITY, CHALLENGE],
            "wording": WORDING,
            "simulated": False,
            "started_at": datetime.now(UTC),
            **{table: rows[table] if kept[table] else [] for table in rows},
            **more,
        },
    )
    return folder


@pytest.fixture
def small_snapshot(tmp_path: Path) -> WriteSnapshot:
    """`write_small_snapshot` into the test's own folder."""
    return partial(write_small_snapshot, tmp_path)
