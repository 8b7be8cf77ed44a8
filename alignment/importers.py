"""People's data from elsewhere, brought into a snapshot folder.

Two tables come in: how alike two actions are (means over people), and ratings of
actions by single raters. What is done to the numbers is named in the manifest:
distances become similarities by a rule, ratings are mapped to 0-100 by a stated range.
Everything that does not fit is refused with its file and line; nothing is repaired.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import exp, inf
from pathlib import Path
from statistics import median
from typing import Any, Literal, get_args

from alignment.errors import AlignmentError
from alignment.folders import sha256_of
from alignment.snapshot_files import write_snapshot
from alignment.tables import Line, read_lines

SimilarityFrom = Literal["distance-linear", "distance-exp", "similarity"]
Row = dict[str, object]

# What model raters are asked where the people arranged things instead of answering.
PAIR_WORDING: Mapping[str, str] = {
    "pair": "How similar are these two actions? Use whatever seems important to you.",
    "pair_low": "not at all similar",
    "pair_high": "very similar",
}

EVALUATION: Mapping[str, object] = {
    "name": "evaluation",
    "definition": (
        "How good or bad it feels that someone does this to someone: affective "
        "good-bad, not morality."
    ),
    "perspective": "self",
    "question": "How good or bad is it when someone does this to someone?",
    "low": "bad",
    "high": "good",
    "midpoint": "neutral",
    "polarity": "bipolar",
    "low_threshold": 50,
    "harm": True,
}


def plain_dimension(name: str) -> dict[str, object]:
    """A value dimension of which nothing is known but its name and its scale."""
    return {
        "name": name,
        "definition": f"The ratings called {name} where they were published.",
        "perspective": "self",
        "question": f"How much {name} does this have?",
        "low": "low",
        "high": "high",
        "midpoint": None,
        "polarity": "unipolar",
        "low_threshold": 50,
        "harm": False,
    }


@dataclass(frozen=True)
class Columns:
    """How the columns of the two files are called.

    first, second, value: In the file of pairs.
    action, rater: In the file of ratings. sample: Which group of people a rater is
    of; None if there is one group.
    """

    first: str = "verb_a"
    second: str = "verb_b"
    value: str = "distance"
    action: str = "verb"
    rater: str = "rater"
    sample: str | None = "sample"


@dataclass(frozen=True)
class ImportSettings:
    """What is done to the numbers.

    similarity_from: "distance-linear" is 1 - d / largest d, "distance-exp" is
        exp(-d / median d), "similarity" takes values in [0, 1] as they are.
    dimensions: Rating column -> value dimension, with the keys that a snapshot's
        dimension has.
    value_range: The ratings that become 0 and 100.
    samples: Which samples to take; all of them if empty.
    pool_groups_equally: An action's group mean is the mean of its samples' means, so
        that a larger sample counts no more than a smaller one.
    wording: The pair question that model raters are asked.
    source: Where the data come from, for the manifest.
    """

    similarity_from: SimilarityFrom = "distance-linear"
    dimensions: Mapping[str, Mapping[str, object]] = field(
        default_factory=lambda: {"E": EVALUATION}
    )
    value_range: tuple[float, float] = (-4.3, 4.3)
    samples: tuple[str, ...] = ()
    pool_groups_equally: bool = True
    columns: Columns = field(default_factory=Columns)
    wording: Mapping[str, str] = field(default_factory=lambda: dict(PAIR_WORDING))
    source: str = ""

    def __post_init__(self) -> None:
        if self.similarity_from not in get_args(SimilarityFrom):
            raise AlignmentError(
                "import: similarity_from must be one of "
                f"{', '.join(get_args(SimilarityFrom))}; got {self.similarity_from}"
            )
        low, high = self.value_range
        if not low < high:
            raise AlignmentError(
                f"import: value_range must rise, got {low:g} to {high:g}"
            )


def import_study(
    pairs_csv: Path,
    ratings_csv: Path | None,
    out: Path,
    *,
    name: str,
    title: str = "",
    settings: ImportSettings | None = None,
) -> dict[str, Any]:
    """Write a snapshot folder from a file of pairs and a file of ratings.

    The actions are those of the pairs, in alphabetical order; the text of an action is
    what the file calls it. Ratings of other actions are left out and counted. A rater
    is called "<sample>:<rater>", and `group` holds the sample.

    Args:
        ratings_csv: None for similarities alone.
        name: Slug of the study.

    Returns:
        The manifest.

    Raises:
        AlignmentError: A file, a column or a line is not as it must be; the message
            names it.
        FolderError: The folder holds a snapshot already.
    """
    started_at = datetime.now(UTC)
    settings = settings or ImportSettings()
    pairs, lines = _read_pairs(Path(pairs_csv), settings)
    ids = _action_ids(lines)
    similarity, rule = _similarities(pairs, settings.similarity_from)
    values, parameters = _read_ratings(ratings_csv, ids, settings)
    _check_all_rated(lines, values, ids, ratings_csv, settings)
    inputs = {"pairs": sha256_of(Path(pairs_csv))}
    if ratings_csv is not None:
        inputs["ratings"] = sha256_of(Path(ratings_csv))
    return write_snapshot(
        Path(out),
        actions=[{"action_id": ids[text], "text": text} for text in sorted(ids)],
        value_rows=values,
        similarity_rows=[
            {
                "action_a": ids[first],
                "action_b": ids[second],
                "rater_id": "aggregate",
                "similarity": similarity[first, second],
            }
            for first, second in pairs
        ],
        triplet_rows=[],
        study=name,
        title=title or name,
        dimensions=list(settings.dimensions.values()) if ratings_csv else [],
        wording=settings.wording,
        simulated=False,
        started_at=started_at,
        means_only=True,
        similarity_rule=rule,
        parameters=parameters,
        inputs=inputs,
    )


def _read_pairs(
    path: Path, settings: ImportSettings
) -> tuple[dict[tuple[str, str], float], dict[str, Line]]:
    """The number of each pair, and the first line that names each action."""
    columns = settings.columns
    top = 1.0 if settings.similarity_from == "similarity" else inf
    pairs: dict[tuple[str, str], float] = {}
    seen: dict[frozenset[str], int] = {}
    lines: dict[str, Line] = {}
    for line in read_lines(path, (columns.first, columns.second, columns.value)):
        first, second = line[columns.first].strip(), line[columns.second].strip()
        if not first or not second or first == second:
            raise line.fault(
                f"a pair needs two different actions, got {first!r} and {second!r}"
            )
        pair = frozenset((first, second))
        if pair in seen:
            raise line.fault(
                f"each pair stands once; {first} with {second} stands in line "
                f"{seen[pair]} already"
            )
        number = line.number_in(columns.value, 0.0, top)
        if number is None or number == inf:
            raise line.fault(
                f"{first} with {second} needs a finite number in {columns.value}; "
                "leave out the line of a pair that was not judged"
            )
        seen[pair] = line.number
        pairs[first, second] = number
        for action in (first, second):
            lines.setdefault(action, line)
    return pairs, lines


def _action_ids(lines: Mapping[str, Line]) -> dict[str, str]:
    """Text -> action_id, a slug of the text."""
    ids: dict[str, str] = {}
    for text, line in lines.items():
        slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
        if not slug:
            raise line.fault(f"cannot make an action_id of {text!r}")
        other = next((t for t, s in ids.items() if s == slug), None)
        if other is not None:
            raise line.fault(
                f"{text!r} and {other!r} would both be the action {slug}; "
                "write them the same way, or more differently"
            )
        ids[text] = slug
    return ids


def _similarities(
    pairs: Mapping[tuple[str, str], float], rule: SimilarityFrom
) -> tuple[dict[tuple[str, str], float], str]:
    """The pairs as similarities in [0, 1], and the rule in words."""
    if rule == "similarity":
        return dict(pairs), "as given, in [0, 1]"
    largest, middle = max(pairs.values()), median(pairs.values())
    if rule == "distance-linear" and largest > 0:
        return (
            {pair: 1 - d / largest for pair, d in pairs.items()},
            f"1 - distance / {largest!r} (the largest distance)",
        )
    if rule == "distance-exp" and middle > 0:
        return (
            {pair: exp(-d / middle) for pair, d in pairs.items()},
            f"exp(-distance / {middle!r}) (the median distance)",
        )
    raise AlignmentError(
        f"import: {rule} needs distances above 0 to set its scale by; "
        f"the largest is {largest:g}, the median {middle:g}"
    )


def _read_ratings(
    path: Path | None, ids: Mapping[str, str], settings: ImportSettings
) -> tuple[list[Row], dict[str, object]]:
    """The rows of values, and what was done to get them, for the manifest."""
    columns = settings.columns
    low, high = settings.value_range
    rows: list[Row] = []
    seen: dict[tuple[str, str, str], int] = {}
    left_out: set[str] = set()
    n_left_out = n_blank = 0
    needed = [columns.action, columns.rater, *settings.dimensions]
    if columns.sample is not None:
        needed.append(columns.sample)
    for line in read_lines(path, needed) if path is not None else ():
        sample = line[columns.sample].strip() if columns.sample is not None else ""
        action, rater = line[columns.action].strip(), line[columns.rater].strip()
        if not action or not rater:
            raise line.fault(f"needs {columns.action} and {columns.rater}")
        key = (sample, rater, action)
        if key in seen:
            raise line.fault(
                f"rater {rater} rated {action} in line {seen[key]} already"
            )
        seen[key] = line.number
        ratings = {
            column: line.number_in(column, low, high) for column in settings.dimensions
        }
        if settings.samples and sample not in settings.samples:
            continue
        if action not in ids:
            left_out.add(action)
            n_left_out += 1
            continue
        for column, rating in ratings.items():
            if rating is None:
                n_blank += 1
                continue
            rows.append(
                {
                    "action_id": ids[action],
                    "dimension": settings.dimensions[column]["name"],
                    "rater_id": f"{sample}:{rater}" if sample else rater,
                    "value": (rating - low) / (high - low) * 100,
                    "group": sample,
                }
            )
    samples = {str(row["group"]) for row in rows}
    unknown = [sample for sample in settings.samples if sample not in samples]
    if unknown:
        raise AlignmentError(f"{path}: holds no rating of sample {', '.join(unknown)}")
    return rows, {
        "similarity_from": settings.similarity_from,
        "value_range": [low, high],
        "rating_columns": {
            column: dimension["name"]
            for column, dimension in settings.dimensions.items()
        },
        "samples": sorted(samples),
        "pool_groups_equally": settings.pool_groups_equally,
        "blank_ratings": n_blank,
        "ratings_of_other_actions": n_left_out,
        "other_actions": len(left_out),
        "action_text": "the action as the file of pairs calls it",
        "wording_asked_of": "model raters only; people were not asked in these words",
        "source": settings.source,
    }


def _check_all_rated(
    lines: Mapping[str, Line],
    rows: Sequence[Row],
    ids: Mapping[str, str],
    ratings_csv: Path | None,
    settings: ImportSettings,
) -> None:
    """Refuse an action of the pairs that the file of ratings does not know."""
    if ratings_csv is None:
        return
    for dimension in settings.dimensions.values():
        name = dimension["name"]
        rated = {row["action_id"] for row in rows if row["dimension"] == name}
        for text, line in lines.items():
            if ids[text] not in rated:
                raise line.fault(
                    f"{text} has no rating on {name} in {ratings_csv}; every action "
                    "of the pairs needs one"
                )


BRIDGE_VERBS_SOURCE = (
    "Similarity: SpA-Verb (Majewska et al., 2020, LREC; CC BY). Ratings: actdata "
    "(Combs, doi 10.5281/zenodo.14652399; Smith-Lovin et al., 2016, 2019; CC0)."
)


def import_bridge_verbs(
    data: Path,
    verb_class: int,
    out: Path,
    *,
    similarity_from: SimilarityFrom = "distance-linear",
) -> dict[str, Any]:
    """Import one class of the bridge-verbs data: everyday interpersonal verbs.

    Args:
        data: The folder that holds `bridge-verbs`; see `data_folder`.
        verb_class: 2 (43 verbs) or 6 (32 verbs).
    """
    folder = Path(data) / "bridge-verbs"
    return import_study(
        folder / f"pairs_class{verb_class}.csv",
        folder / "values_by_rater.csv",
        out,
        name=f"bridge-verbs-class{verb_class}",
        title=f"Bridge verbs, class {verb_class}",
        settings=ImportSettings(
            similarity_from=similarity_from, source=BRIDGE_VERBS_SOURCE
        ),
    )


def data_folder() -> Path | None:
    """Where the real people's data lie, or None if they are not on this machine.

    The environment variable ATTUNE_DATA, else `../shared/data` beside the project.
    """
    named = os.environ.get("ATTUNE_DATA")
    folder = (
        Path(named)
        if named
        else Path(__file__).resolve().parents[2] / "shared" / "data"
    )
    return folder if folder.is_dir() else None
