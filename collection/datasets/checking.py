"""Whether a row of a package fits the study that it comes with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from math import dist

from collection.datasets.tables import Table
from collection.definition_parts import Block, QuestionsBlock, ValueBlock
from collection.definitions import StudyDefinition

RATER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
TRIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")
CLOSE = 2e-6
"""Distances are written with six decimals."""
KIND = {
    "values": "value",
    "similarities": "pair",
    "triplets": "triplet",
    "arrangements": "arrangement",
}
"""Table -> kind of the blocks that ask for its judgments."""

Row = Mapping[str, object]


class Rows:
    """What is known of the study, and of the rows that came before."""

    def __init__(self, definition: StudyDefinition, *, simulated: bool) -> None:
        self.definition = definition
        self.simulated = simulated
        self.actions = frozenset(definition.action_ids)
        self.dimensions = frozenset(d.name for d in definition.dimensions)
        self.blocks = frozenset(block.key for block in definition.blocks)
        self.groups = frozenset(group.name for group in definition.groups)
        self.owner: dict[str, str] = {}
        """Trial -> rater."""
        self.distances: dict[str, dict[tuple[str, str], float]] = {}
        """Arena -> pair -> distance."""
        self.places: dict[str, dict[str, tuple[float, float]]] = {}
        """Arena -> action -> (x, y)."""

    def afterwards(self) -> Iterator[str]:
        """What only all rows together can tell: distances are those of the places."""
        for arena, told in self.distances.items():
            places = self.places.get(arena, {})
            computed = {
                (a, b): dist(places[a], places[b])
                for a, b in combinations(sorted(places), 2)
            }
            if computed.keys() != told.keys() or any(
                abs(computed[pair] - told[pair]) > CLOSE for pair in told
            ):
                yield f"the places in {arena} are not those of its distances"
        for arena in sorted(self.places.keys() - self.distances.keys()):
            yield f"the places in {arena} belong to no arrangement"


def fitting(rows: Rows, table: Table, row: Row) -> Iterator[str]:
    """Everything that is wrong with a row of a table."""
    for column in table.columns:
        value = row[column.name]
        if value is None or value == "":
            if not column.may_be_empty:
                yield f"{column.name} is empty"
        elif isinstance(value, int | float) and not isinstance(value, bool):
            low = float("-inf") if column.low is None else column.low
            high = float("inf") if column.high is None else column.high
            if not low <= value <= high:  # False for NaN as well
                yield f"{column.name} must lie in {low:g} to {high:g}, got {value:g}"
    rater, trial = str(row["rater_id"]), str(row["trial_id"])
    if not RATER.fullmatch(rater):
        yield f"rater_id is no name for a rater: {rater[:50]!r}"
    if not TRIAL.fullmatch(trial):
        yield f"trial_id is no name for a trial: {trial[:90]!r}"
    if table.name == "places":
        yield from _place(rows, row, trial)
        return
    yield from _same_for_all(rows, table, row)
    several = table.name == "arrangements" and rows.owner.get(trial) == rater
    if trial in rows.owner and not several:
        yield f"trial_id {trial} stands already in another row"
    rows.owner.setdefault(trial, rater)
    yield from _CHECKS[table.name](rows, row)


def block_for(
    definition: StudyDefinition, table: str, group: str, dimension: str = ""
) -> Block | None:
    """The block that asks a group for such judgments; None where none does."""
    of_group = next((one for one in definition.groups if one.name == group), None)
    for block in definition.blocks:
        if of_group is not None and block.key not in of_group.blocks:
            continue
        if isinstance(block, QuestionsBlock) or block.kind != KIND[table]:
            continue
        asked = block.dimensions if isinstance(block, ValueBlock) else ()
        if not asked or dimension in asked:
            return block
    return None


def _same_for_all(rows: Rows, table: Table, row: Row) -> Iterator[str]:
    if row["simulated"] is not rows.simulated:
        yield f"simulated must be {str(rows.simulated).lower()} as in the manifest"
    group = str(row["group"])
    if group not in rows.groups:
        yield f"the definition has no group {group!r}"
    unknown = {
        key for key in str(row["block_order"]).split(">") if key
    } - rows.blocks  # fmt: skip
    if unknown:
        yield f"the definition has no block {', '.join(sorted(unknown))}"
    dimension = str(row.get("dimension", ""))
    if block_for(rows.definition, table.name, group, dimension) is None:
        yield f"no block of the group {group!r} asks for {KIND[table.name]} judgments"


def _value(rows: Rows, row: Row) -> Iterator[str]:
    yield from _known(rows, row, "action_id")
    if row["dimension"] not in rows.dimensions:
        yield f"the definition has no dimension {row['dimension']!r}"
    yield from _whole(row, "value", 1)


def _similarity(rows: Rows, row: Row) -> Iterator[str]:
    yield from _pair(rows, row)
    yield from _whole(row, "similarity", 100)
    if row["weight"] != 1:
        yield "weight must be 1: a row that stands for many was not judged by somebody"


def _triplet(rows: Rows, row: Row) -> Iterator[str]:
    yield from _known(rows, row, "a", "b", "c")
    three = [str(row[name]) for name in "abc"]
    if not three[0] < three[1] < three[2]:
        yield f"a, b and c must be three actions by the alphabet, got {', '.join(three)}"
    if row["odd"] not in three:
        yield f"odd must be one of {', '.join(three)}, got {row['odd']}"


def _arrangement(rows: Rows, row: Row) -> Iterator[str]:
    yield from _pair(rows, row)
    pair = (str(row["action_a"]), str(row["action_b"]))
    told = rows.distances.setdefault(str(row["trial_id"]), {})
    if pair in told:
        yield f"{pair[0]} and {pair[1]} stand twice in the arena"
    if isinstance(row["distance"], float):
        told[pair] = row["distance"]


def _place(rows: Rows, row: Row, trial: str) -> Iterator[str]:
    yield from _known(rows, row, "action_id")
    x, y = row["x"], row["y"]
    if isinstance(x, float) and isinstance(y, float):
        rows.places.setdefault(trial, {})[str(row["action_id"])] = (x, y)


def _pair(rows: Rows, row: Row) -> Iterator[str]:
    yield from _known(rows, row, "action_a", "action_b")
    if not str(row["action_a"]) < str(row["action_b"]):
        yield "action_a must stand before action_b in the alphabet"


def _known(rows: Rows, row: Row, *columns: str) -> Iterator[str]:
    for column in columns:
        if row[column] not in rows.actions:
            yield f"the definition has no action {row[column]!r}"


def _whole(row: Row, column: str, times: int) -> Iterator[str]:
    """A rating is one of the whole numbers from 0 to 100."""
    value = row[column]
    if isinstance(value, float) and abs(value * times - round(value * times)) > 1e-9:
        yield f"{column} must be one of 101 places on the scale, got {value!r}"


_CHECKS = {
    "values": _value,
    "similarities": _similarity,
    "triplets": _triplet,
    "arrangements": _arrangement,
}
