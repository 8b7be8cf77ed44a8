"""An arena as its page shows it: the actions, and what was said of them so far.

With JavaScript, `arrange.js` builds the round arena from this list. Without, the list is
the answer: a column and a row of a grid for every action. The grid lies on the square
within the circle, so that places mean the same either way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from collection.arranged import GRID, read_places
from collection.trial_page import Choice, TrialPage


@dataclass(frozen=True)
class ArenaItem:
    """One action with the choices that were sent and could not be stored yet."""

    action_id: str
    text: str
    across: str
    down: str
    unclear: bool


@dataclass(frozen=True)
class ArenaShown:
    """The arena's actions in shown order.

    columns, rows: The grid's choices, as the selects offer them.
    positions: What the script begins with: an earlier try as JSON, or nothing.
    unclear: The words of "I do not understand this action".
    """

    items: list[ArenaItem]
    columns: list[Choice]
    rows: list[Choice]
    positions: str
    unclear: str


def arena_shown(
    page: TrialPage, unclear: str, sent: Mapping[str, str]
) -> ArenaShown | None:
    """The arena of a trial's page; None where the trial is of another kind.

    Args:
        unclear: The words of "I do not understand this action".
        sent: The form that is shown again because it was refused, or nothing.
    """
    if page.trial.kind != "arrangement":
        return None
    # Only what the script sent: without it the grid alone speaks.
    places = read_places(sent) if sent.get("positions") else None
    return ArenaShown(
        items=[
            ArenaItem(
                action_id=action.action_id,
                text=action.text,
                across=sent.get(f"across-{action.action_id}", ""),
                down=sent.get(f"down-{action.action_id}", ""),
                unclear=bool(sent.get(f"unclear-{action.action_id}")),
            )
            for action in page.actions
        ],
        columns=_steps(_("left"), _("right")),
        rows=_steps(_("top"), _("bottom")),
        positions=json.dumps(places) if places else "",
        unclear=unclear,
    )


def _steps(first: str, last: str) -> list[Choice]:
    ends = {0: f" ({first})", GRID - 1: f" ({last})"}
    return [Choice(str(i), f"{i + 1}{ends.get(i, '')}") for i in range(GRID)]
