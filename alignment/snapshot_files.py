"""The files of a snapshot folder: their columns, and how one is written.

Standard library only, because the web process freezes studies with it. What stands in
the files is checked here once, on the way in; `alignment.snapshots` reads them back.
Pairs and triplets are written with their ids in alphabetical order: they are sets, and
what stood on which side of the screen is the response's business.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from alignment.errors import FolderError, JudgmentsError
from alignment.folders import MANIFEST, locked, write_manifest, write_rows

ACTION_COLUMNS = ("action_id", "text")
VALUE_COLUMNS = (
    "action_id",
    "dimension",
    "rater_id",
    "value",
    "trial_id",
    "group",
    "block_order",
)
SIMILARITY_COLUMNS = (
    "action_a",
    "action_b",
    "rater_id",
    "similarity",
    "weight",
    "trial_id",
    "group",
    "block_order",
)
TRIPLET_COLUMNS = (
    "a",
    "b",
    "c",
    "odd",
    "rater_id",
    "sampler",
    "propensity",
    "trial_id",
    "group",
    "block_order",
)
ARRANGEMENT_COLUMNS = (
    "action_a",
    "action_b",
    "rater_id",
    "distance",
    "n_in_arena",
    "trial_id",
    "group",
    "block_order",
)
EXCLUSION_COLUMNS = ("kind", "trial_id", "rater_id", "rule", "reason")
SENSITIVITY_COLUMNS = ("exclusion", "rater_id", "rule", "reason")
EXCLUSION_SCHEMES = ("none", "default", "strict")
SET_ASIDE = "set_aside_similarity_judgments"
DIMENSION_KEYS = (
    "name",
    "definition",
    "perspective",
    "question",
    "low",
    "high",
    "midpoint",
    "polarity",
    "low_threshold",
    "harm",
)

ARRANGEMENTS_FILE = "arrangement_judgments.csv"

AGGREGATE = "aggregate"
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]*")

# What a row may leave out, and what then stands there.
DEFAULTS: Mapping[str, object] = {
    "weight": 1.0,
    "trial_id": "",
    "group": "",
    "block_order": "",
    "sampler": "",
    "propensity": None,
}
FAULTS_SHOWN = 5

Row = Mapping[str, object]


def write_snapshot(
    folder: Path,
    *,
    actions: Iterable[Row],
    value_rows: Iterable[Row],
    similarity_rows: Iterable[Row],
    triplet_rows: Iterable[Row],
    arrangement_rows: Iterable[Row] = (),
    exclusion_rows: Iterable[Row] = (),
    sensitivity_rows: Iterable[Row] = (),
    set_aside_rows: Iterable[Row] = (),
    study: str,
    title: str,
    dimensions: Sequence[Mapping[str, object]],
    wording: Mapping[str, str],
    simulated: bool,
    started_at: datetime,
    definition_sha256: str | None = None,
    world: str | None = None,
    means_only: bool = False,
    similarity_rule: str = "(rating - min) / (max - min)",
    consent_uses: Sequence[str] = (),
    parameters: Mapping[str, object] | None = None,
    inputs: Mapping[str, str] | None = None,
    seeds: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Check the rows of a snapshot and write its folder; the manifest comes last.

    Rows are checked as they are written, and none is held: they may be read from disk.

    Rows are mappings by the column names above. `weight` (1), `trial_id`, `group`,
    `block_order`, `sampler` (all empty) and `propensity` (unknown) may be left out.

    Args:
        actions: action_id, text and any attributes, the same for all, in the order
            that every matrix will have.
        arrangement_rows: Every pair of every arena: how far apart the two were put, as
            a share of the arena's diameter. `trial_id` names the arena. Without such
            rows the snapshot has no file of arrangements.
        exclusion_rows: What was left out: kind (value, pair, triplet, arrangement,
            session), whose, by which rule and why.
        sensitivity_rows: Who is left out under each of `EXCLUSION_SCHEMES`: exclusion
            (the scheme), rater_id, rule and reason, a row per scheme and rater.
        set_aside_rows: Similarities of the raters that the default leaves out and
            "none" does not: no judgments of this snapshot, kept to show what the
            exclusion does.
        dimensions: One mapping with `DIMENSION_KEYS` for each dimension.
        wording: The questions as they were put.
        simulated: Whether the judgments come from simulated participants.
        world: Which simulated world, for simulated participants only.
        means_only: Similarities are published means (rater_id ``aggregate``).
        similarity_rule: How what was measured became a similarity in [0, 1].
        consent_uses: The uses of the data that were asked for.

    Returns:
        The manifest.

    Raises:
        FolderError: The folder holds a snapshot already: a snapshot is never changed.
        FolderInUse: Somebody else is writing it.
        JudgmentsError: A row or a dimension is wrong; the first faults are listed.
    """
    folder = Path(folder)
    with locked(folder):
        if (folder / MANIFEST).exists():
            raise FolderError(
                f"{folder} holds a snapshot already, and a snapshot is never changed; "
                "freeze into a new folder"
            )
        action_rows = [dict(row) for row in actions]
        ids = _check_actions(action_rows)
        names = _check_dimensions(dimensions)
        if world is not None and not simulated:
            raise JudgmentsError(
                f"snapshot of {study}: only simulated participants live in a world, "
                f"got world {world} and simulated = false"
            )
        similarity = _similarity_row(ids, means_only)
        tables = (
            Written("value_judgments", VALUE_COLUMNS, _value_row(ids, names)),
            Written("similarity_judgments", SIMILARITY_COLUMNS, similarity),
            Written("triplet_judgments", TRIPLET_COLUMNS, _triplet_row(ids)),
            Written(
                "arrangement_judgments", ARRANGEMENT_COLUMNS, _arrangement_row(ids)
            ),
            Written(SET_ASIDE, SIMILARITY_COLUMNS, similarity),
            Written("exclusions", EXCLUSION_COLUMNS),
            Written("sensitivity", SENSITIVITY_COLUMNS),
        )
        given = (
            value_rows,
            similarity_rows,
            triplet_rows,
            arrangement_rows,
            set_aside_rows,
            exclusion_rows,
            sensitivity_rows,
        )
        try:
            for table, rows in zip(tables, given, strict=True):
                _write_table(folder, table, rows)
        except BaseException:
            for table in tables:
                (folder / f"{table.name}.csv").unlink(missing_ok=True)
            raise
        write_rows(folder / "actions.csv", tuple(action_rows[0]), action_rows)
        values, similarities, triplets, arrangements, _, exclusions, sensitivity = (
            tables
        )
        if not arrangements.n:
            (folder / ARRANGEMENTS_FILE).unlink()
        return write_manifest(
            folder,
            kind="snapshot",
            parameters=parameters or {},
            inputs=inputs or {},
            simulated=simulated,
            seeds=seeds or {},
            started_at=started_at,
            extra={
                "study": study,
                "title": title,
                "definition_sha256": definition_sha256,
                "dimensions": [dict(dimension) for dimension in dimensions],
                "wording": dict(wording),
                "world": world,
                "means_only": means_only,
                "similarity_rule": similarity_rule,
                "consent_uses": list(consent_uses),
                "counts": {
                    "actions": len(action_rows),
                    "raters": len(
                        {one for table in tables[:4] for one in table.raters[""]}
                        - {AGGREGATE}
                    ),
                    "value_judgments": values.n,
                    "similarity_judgments": similarities.n,
                    "triplet_judgments": triplets.n,
                    **(
                        {"arrangement_judgments": arrangements.n}
                        if arrangements.n
                        else {}
                    ),
                    "exclusions": exclusions.n,
                },
                "raters_excluded": {
                    scheme: len(sensitivity.raters[scheme] - {AGGREGATE})
                    for scheme in EXCLUSION_SCHEMES
                },
            },
        )


Check = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Written:
    """One table on its way into its file; the numbers grow as its rows pass by.

    check: What a row must be, and as what it is written; None takes it as it is.
    raters: Scheme of exclusion, or an empty text -> whoever stands in a row of it.
    """

    name: str
    columns: Sequence[str]
    check: Check | None = None
    n: int = 0
    raters: defaultdict[object, set[object]] = field(
        default_factory=lambda: defaultdict(set)
    )


def _write_table(folder: Path, table: Written, rows: Iterable[Row]) -> None:
    """Write a table row by row; of a faulty one there is no file."""

    def passing() -> Iterator[Row]:
        for row in rows if table.check is None else _checked(table, rows):
            table.n += 1
            table.raters[row.get("exclusion", "")].add(row.get("rater_id"))
            yield row

    write_rows(folder / f"{table.name}.csv", table.columns, passing())


def _checked(table: Written, rows: Iterable[Row]) -> Iterator[Row]:
    """Every row through `check`; all faults at once, the first few spelled out."""
    assert table.check is not None  # who calls has looked
    columns = table.columns
    defaults = {c: DEFAULTS[c] for c in columns if c in DEFAULTS}
    faults: list[str] = []
    n_faults = 0
    for number, row in enumerate(rows, start=1):
        full = {**defaults, **row}
        missing = [column for column in columns if column not in full]
        unknown = [column for column in full if column not in columns]
        try:
            if missing or unknown:
                raise JudgmentsError(
                    f"needs the columns {', '.join(columns)}; "
                    f"missing: {', '.join(missing) or 'none'}; "
                    f"unknown: {', '.join(unknown) or 'none'}"
                )
            good = table.check(full)
        except JudgmentsError as fault:
            n_faults += 1
            if n_faults <= FAULTS_SHOWN:
                faults.append(f"{table.name} row {number}: {fault}")
        else:
            yield good
    if n_faults:
        more = n_faults - FAULTS_SHOWN
        shown = "\n".join(faults)
        raise JudgmentsError(shown + (f"\nand {more} more" if more > 0 else ""))


def _value_row(ids: set[str], names: set[str]) -> Check:
    def check(row: dict[str, Any]) -> dict[str, Any]:
        _known(row["action_id"], ids)
        if row["dimension"] not in names:
            raise JudgmentsError(
                f"the dimensions are {', '.join(sorted(names))}; got {row['dimension']}"
            )
        _named(row["rater_id"])
        return row | {"value": _number(row, "value", 0, 100)}

    return check


def _similarity_row(ids: set[str], means_only: bool) -> Check:
    def check(row: dict[str, Any]) -> dict[str, Any]:
        pair = sorted(_known(row[column], ids) for column in ("action_a", "action_b"))
        if pair[0] == pair[1]:
            raise JudgmentsError(
                f"a pair is two different actions, got {pair[0]} twice"
            )
        if (_named(row["rater_id"]) == AGGREGATE) != means_only:
            raise JudgmentsError(
                f"rater {AGGREGATE} stands for published means, and only for them: "
                f"got rater {row['rater_id']} with means_only = {means_only}"
            )
        weight = _number(row, "weight", 0, float("inf"))
        if weight == 0:
            raise JudgmentsError("weight must be above 0")
        return row | {
            "action_a": pair[0],
            "action_b": pair[1],
            "similarity": _number(row, "similarity", 0, 1),
            "weight": weight,
        }

    return check


def _triplet_row(ids: set[str]) -> Check:
    def check(row: dict[str, Any]) -> dict[str, Any]:
        three = sorted(_known(row[column], ids) for column in ("a", "b", "c"))
        if len(set(three)) < 3:
            raise JudgmentsError(f"a triplet is three different actions, got {three}")
        if row["odd"] not in three:
            raise JudgmentsError(f"odd must be one of {three}, got {row['odd']}")
        _named(row["rater_id"])
        if row["propensity"] in (None, ""):
            row["propensity"] = None
        else:
            row["propensity"] = _number(row, "propensity", 0, 1)
        return row | dict(zip("abc", three, strict=True))

    return check


def _arrangement_row(ids: set[str]) -> Check:
    arenas: dict[object, str] = {}  # whose each arena is
    met: set[tuple[object, str, str]] = set()

    def check(row: dict[str, Any]) -> dict[str, Any]:
        a, b = sorted(_known(row[column], ids) for column in ("action_a", "action_b"))
        if a == b:
            raise JudgmentsError(f"a pair is two different actions, got {a} twice")
        rater = _named(row["rater_id"])
        arena = row["trial_id"]
        if not arena or arenas.setdefault(arena, rater) != rater:
            raise JudgmentsError(
                f"an arena has a trial_id of its own and one rater, got trial_id "
                f"{arena!r} for {rater}"
            )
        if (arena, a, b) in met:
            raise JudgmentsError(f"{a} and {b} stand twice in the arena {arena}")
        met.add((arena, a, b))
        return row | {
            "action_a": a,
            "action_b": b,
            "distance": _number(row, "distance", 0, float("inf")),
            "n_in_arena": int(_number(row, "n_in_arena", 2, len(ids))),
        }

    return check


def _check_actions(rows: Sequence[Mapping[str, Any]]) -> set[str]:
    if len(rows) < 2:
        raise JudgmentsError(f"actions: needs at least 2, got {len(rows)}")
    ids: set[str] = set()
    for number, row in enumerate(rows, start=1):
        where = f"actions row {number}"
        if tuple(row)[:2] != ACTION_COLUMNS or row.keys() != rows[0].keys():
            raise JudgmentsError(
                f"{where}: needs action_id, text and the same attributes as row 1, "
                f"got {', '.join(row)}"
            )
        action_id = row["action_id"]
        if not isinstance(action_id, str) or not SLUG.fullmatch(action_id):
            raise JudgmentsError(
                f"{where}: action_id must be a slug (small letters, digits, - and _), "
                f"got {action_id!r}"
            )
        if action_id in ids:
            raise JudgmentsError(f"{where}: {action_id} stands twice")
        if not str(row["text"]).strip():
            raise JudgmentsError(f"{where}: {action_id} has no text")
        ids.add(action_id)
    return ids


def _check_dimensions(dimensions: Sequence[Mapping[str, object]]) -> set[str]:
    names: set[str] = set()
    for number, dimension in enumerate(dimensions, start=1):
        missing = [key for key in DIMENSION_KEYS if key not in dimension]
        if missing:
            raise JudgmentsError(
                f"dimension {number}: needs {', '.join(DIMENSION_KEYS)}; "
                f"missing: {', '.join(missing)}"
            )
        name = str(dimension["name"])
        if name in names:
            raise JudgmentsError(f"dimension {number}: {name} stands twice")
        names.add(name)
    return names


def _known(action_id: object, ids: set[str]) -> str:
    if not isinstance(action_id, str) or action_id not in ids:
        raise JudgmentsError(f"actions.csv has no action {action_id}")
    return action_id


def _named(rater_id: object) -> str:
    if not isinstance(rater_id, str) or not rater_id:
        raise JudgmentsError(f"rater_id must be a non-empty text, got {rater_id!r}")
    return rater_id


def _number(row: Mapping[str, Any], column: str, low: float, high: float) -> float:
    try:
        number = float(row[column])
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number <= high:  # False for NaN as well
        raise JudgmentsError(
            f"{column} must lie in {low:g} to {high:g}, got {row[column]!r} "
            f"(rater {row['rater_id']})"
        )
    return number
