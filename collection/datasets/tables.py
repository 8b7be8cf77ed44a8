"""The tables of a dataset, and what each column means.

Everything else is derived from here: the codebook, the Psych-DS and Croissant
descriptions, the types in Parquet, and what an import insists on. Who adds a column adds
it here, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from alignment.snapshot_files import ARRANGEMENTS_FILE

Type = Literal["text", "number", "integer", "boolean"]


@dataclass(frozen=True)
class Column:
    """One column: its name, type and meaning.

    low, high: The range of a number; None where it is open.
    may_be_empty: Whether a row may have no value there.
    """

    name: str
    type: Type
    meaning: str
    low: float | None = None
    high: float | None = None
    may_be_empty: bool = False


@dataclass(frozen=True)
class Table:
    """One table: a CSV under ``data/`` and a Parquet file of the same rows.

    source: The snapshot's file that its rows come from; empty where none does.
    keyword: How Psych-DS calls it in the file's name: ``task`` or ``description``.
    judgments: Whether its rows are judgments: they enter the hash of all judgments.
    """

    name: str
    source: str
    keyword: str
    meaning: str
    columns: Sequence[Column]
    judgments: bool = False

    def csv(self, slug: str) -> str:
        """Its CSV's path in the package, named as Psych-DS wants it."""
        study = re.sub("[^A-Za-z0-9]", "", slug)
        value = self.name.replace("_", "")
        return f"data/study-{study}_{self.keyword}-{value}_data.csv"

    @property
    def parquet(self) -> str:
        """Its Parquet file's path in the package."""
        return f"parquet/{self.name}.parquet"

    def with_columns(self, columns: Sequence[Column]) -> Table:
        """The same table with other columns."""
        return replace(self, columns=tuple(columns))

    @property
    def content(self) -> list[str]:
        """The columns that say what was judged: all that stand in the snapshot too, but
        for the trial's name, which is another one in every release."""
        beside = {"trial_id", *(column.name for column in ADDED)}
        return [column.name for column in self.columns if column.name not in beside]


RATER = Column(
    "rater_id", "text", "Who judged: a random name that says nothing about the person."
)
TRIAL = Column("trial_id", "text", "Names the question as it was put to this person.")
GROUP = Column(
    "group", "text", "The study's group that the person was assigned to.",
    may_be_empty=True,
)  # fmt: skip
ORDER = Column(
    "block_order",
    "text",
    "The session's blocks in the order in which this person met them, as a>b>c.",
    may_be_empty=True,
)
SIMULATED = Column(
    "simulated",
    "boolean",
    "Whether a simulated participant judged, and no person. The same in every row.",
)
POSITION = Column(
    "position",
    "integer",
    "The trial's place in its session, from 0, over all blocks.",
    low=0,
)
RT = Column(
    "rt_ms",
    "integer",
    "Milliseconds from the question's first paint to the answer; empty if not measured.",
    low=0,
    may_be_empty=True,
)
ACTION_A = Column("action_a", "text", "The pair's first action_id by the alphabet.")
ACTION_B = Column("action_b", "text", "The pair's second action_id by the alphabet.")
RULE = Column("rule", "text", "The rule's stable name.")
REASON = Column("reason", "text", "Why, in a sentence.")

BESIDE = (POSITION, RT)
"""What the database adds to a judgment, unless it is for an open release."""
ADDED = (*BESIDE, SIMULATED)

VALUES = Table(
    "values",
    "value_judgments.csv",
    "task",
    "One row per value judgment: how one person judged one action on one value "
    "dimension.",
    (
        Column("action_id", "text", "The action judged."),
        Column("dimension", "text", "The value dimension it was judged on."),
        RATER,
        Column("value", "number", "100 is the good or high end.", low=0, high=100),
        TRIAL,
        GROUP,
        ORDER,
    ),
    judgments=True,
)
SIMILARITIES = Table(
    "similarities",
    "similarity_judgments.csv",
    "task",
    "One row per similarity judgment: how alike one person found two actions.",
    (
        ACTION_A,
        ACTION_B,
        RATER,
        Column("similarity", "number", "1 is the same, 0 not alike.", low=0, high=1),
        Column("weight", "number", "How many judgments the row stands for.", low=0),
        TRIAL,
        GROUP,
        ORDER,
    ),
    judgments=True,
)
TRIPLETS = Table(
    "triplets",
    "triplet_judgments.csv",
    "task",
    "One row per odd-one-out judgment: which of three actions is least like the others.",
    (
        Column("a", "text", "The triplet's first action_id by the alphabet."),
        Column("b", "text", "The triplet's second action_id by the alphabet."),
        Column("c", "text", "The triplet's third action_id by the alphabet."),
        Column("odd", "text", "The action_id that was chosen as the odd one out."),
        RATER,
        Column("sampler", "text", "How the triplet was drawn: random or adaptive.",
               may_be_empty=True),
        Column("propensity", "number", "The probability that the sampler drew it; empty "
               "if unknown.", low=0, high=1, may_be_empty=True),
        TRIAL,
        GROUP,
        ORDER,
    ),
    judgments=True,
)  # fmt: skip
ARRANGEMENTS = Table(
    "arrangements",
    ARRANGEMENTS_FILE,
    "task",
    "One row per pair of actions in an arena on which one person arranged several.",
    (
        ACTION_A,
        ACTION_B,
        RATER,
        Column("distance", "number", "How far apart the two were put, as a share of the "
               "arena's diameter.", low=0),
        Column("n_in_arena", "integer", "Actions in that arena.", low=2),
        TRIAL,
        GROUP,
        ORDER,
    ),
    judgments=True,
)  # fmt: skip
PLACES = Table(
    "places",
    "",
    "description",
    "Where each action was put in an arena: what the distances were computed from.",
    (
        RATER,
        TRIAL,
        Column("action_id", "text", "The action."),
        Column("x", "number", "From the arena's left, a share of its width.",
               low=0, high=1),
        Column("y", "number", "From the arena's top, a share of its height.",
               low=0, high=1),
    ),
)  # fmt: skip
ACTIONS = Table(
    "actions",
    "actions.csv",
    "description",
    "The actions that people judged, in the order of every matrix.",
    (
        Column("action_id", "text", "Names the action everywhere."),
        Column("text", "text", "What people read."),
    ),
)
RATERS = Table(
    "raters",
    "",
    "description",
    "Everybody whose judgments are in this dataset. Facts about them are coarse enough "
    "that at least five people share each combination, and withheld otherwise.",
    (
        RATER,
        SIMULATED,
        Column(
            "n_judgments", "integer", "Rows of theirs in the judgment tables.", low=0
        ),
    ),
)
QUALITY = Table(
    "quality",
    "",
    "description",
    "What the study's latest run of its quality rules says of each rater here. A flag "
    "excludes nobody by itself.",
    (
        RATER,
        Column("flagged", "boolean", "Whether any rules flag a session of theirs."),
        Column("conduct_flagged", "boolean", "The same without rules that compare people "
               "with each other."),
        Column("score", "number", "Strength of all flags; the run's rule set says from "
               "where on a session is flagged."),
        Column("conduct_score", "number", "The same of conduct alone."),
        Column("rules", "text", "Names of the rules that flag, separated by spaces.",
               may_be_empty=True),
    ),
)  # fmt: skip
EXCLUSIONS = Table(
    "exclusions",
    "exclusions.csv",
    "description",
    "Every answer that is no judgment of this dataset, with the reason; what was answered "
    "is not told.",
    (
        Column("kind", "text", "value, pair, triplet, arrangement or session."),
        TRIAL,
        RATER,
        RULE,
        REASON,
    ),
)
SENSITIVITY = Table(
    "sensitivity",
    "sensitivity.csv",
    "description",
    "Who is left out under no, default and strict exclusion. This dataset's judgments are "
    "those under the default.",
    (
        Column("exclusion", "text", "The scheme: none, default or strict."),
        RATER,
        RULE,
        REASON,
    ),
)

JUDGMENTS = (VALUES, SIMILARITIES, TRIPLETS, ARRANGEMENTS)
TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        *JUDGMENTS,
        PLACES,
        ACTIONS,
        RATERS,
        QUALITY,
        EXCLUSIONS,
        SENSITIVITY,
    )
}


def attribute(name: str) -> Column:
    """A column of actions.csv beyond id and text, as the study's own file has it."""
    return Column(
        name, "text", "An attribute of the action, from the study's own actions file.",
        may_be_empty=True,
    )  # fmt: skip


def fact(name: str, asked: str) -> Column:
    """A column of the raters table: what people said of themselves, coarsened."""
    return Column(
        name,
        "text",
        f"Answer to “{asked}”, coarsened; `withheld` where fewer than five people "
        "would share a combination.",
    )
