"""What may be answered to an arrangement: a place in the arena for every action.

A place is (x, y), each from 0 to 1, counted from the upper left corner of the square
around the round arena, whose diameter is 1. An action that was not understood has no
place. Places are kept to four decimals: finer than any screen shows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from collection.errors import AnswerMissing, AnswerNotOffered, PositionOutside

GRID: Final = 9
"""Columns and rows of the grid that stands in for the arena without JavaScript."""
SPREAD: Final = math.sqrt(0.5)
"""Width of the square inside the round arena, on which that grid lies."""
DECIMALS: Final = 4
RIM: Final = 0.501
"""How far from the middle a place may lie: the radius, and what rounding adds."""

Places = dict[str, list[float]]
"""action_id -> [x, y]."""


def checked_places(actions: Sequence[str], answer: object) -> Places:
    """The places of an answer as they will be stored, in the order of the page.

    Args:
        actions: The actions that the arena showed.
        answer: action_id -> [x, y], or None for one that was not understood.

    Raises:
        AnswerMissing: An action has neither a place nor a None.
        AnswerNotOffered: A place for an action that the arena did not show.
        PositionOutside: A place that is no place, or lies outside the arena.
    """
    said = answer if isinstance(answer, Mapping) else {}
    foreign = [action for action in said if action not in actions]
    if foreign:
        raise AnswerNotOffered(
            _("This arena does not show the action “%(action)s”.")
            % {"action": str(foreign[0])[:80]}
        )
    places = {
        action: _place(action, said[action])
        for action in actions
        if said.get(action) is not None
    }
    missing = [action for action in actions if action not in said]
    if missing:
        raise AnswerMissing(
            ngettext(
                "%(n)d of %(total)d actions has no place yet. Please place it, or say "
                "that you do not understand it.",
                "%(n)d of %(total)d actions have no place yet. Please place each of "
                "them, or say that you do not understand it.",
                len(missing),
            )
            % {"n": len(missing), "total": len(actions)}
        )
    return places


def _place(action: str, place: object) -> list[float]:
    if not isinstance(place, Sequence) or isinstance(place, str) or len(place) != 2:
        raise _no_pair(action)
    for number in place:
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise _no_pair(action)
    x, y = (float(number) for number in place)
    # Written so that NaN is refused as well.
    if not math.hypot(x - 0.5, y - 0.5) <= RIM:
        raise PositionOutside(
            _("The place of %(action)s lies outside the circle: got (%(x)s, %(y)s).")
            % {"action": action, "x": f"{x:g}", "y": f"{y:g}"}
        )
    return [round(x, DECIMALS), round(y, DECIMALS)]


def _no_pair(action: str) -> PositionOutside:
    return PositionOutside(
        _("The place of %(action)s is not a pair of numbers.") % {"action": action}
    )


def read_places(data: Mapping[str, str]) -> dict[str, Any] | None:
    """What a page sent, unchecked: the script's `positions`, or the grid's fields.

    None where there is nothing of the kind, or nothing that can be read.
    """
    raw = data.get("positions", "")
    if raw:
        try:
            sent = json.loads(raw)
        except (ValueError, RecursionError):
            return None
        return sent if isinstance(sent, dict) else None
    places: dict[str, Any] = {}
    for name in data:
        action = name.removeprefix("across-")
        if action == name:
            continue
        if data.get(f"unclear-{action}"):
            places[action] = None
        elif place := _on_grid(data[name], data.get(f"down-{action}", "")):
            places[action] = place
    return places or None


def _on_grid(across: str, down: str) -> list[float] | None:
    steps = [int(text) if text.isdecimal() else -1 for text in (across, down)]
    if not all(0 <= step < GRID for step in steps):
        return None
    return [round(0.5 + SPREAD * (step / (GRID - 1) - 0.5), DECIMALS) for step in steps]
