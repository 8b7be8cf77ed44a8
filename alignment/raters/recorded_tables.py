"""Value ratings and odd-one-out choices that a model gave elsewhere, from CSV files.

- values: ``action_id, dimension, value`` (0 to 100, 100 the high end); rows of one
  action and dimension are averaged, an empty value was asked and not answered.
- triplets: ``a, b, c, odd``, in any order; several rows of one triplet are its repeats,
  an empty odd was asked and not answered.
"""

from collections.abc import Sequence

import numpy as np

from alignment.judgments import Actions
from alignment.matrices import FloatArray
from alignment.raters.base import MoreQuestions, TripletChoices, ValueRatings
from alignment.tables import Line

VALUE_COLUMNS = ("action_id", "dimension", "value")
TRIPLET_COLUMNS = ("a", "b", "c", "odd")


def values_from(
    lines: Sequence[Line], actions: Actions, more: MoreQuestions | None
) -> dict[str, ValueRatings]:
    """Ratings by dimension.

    Raises:
        AlignmentError: A line names an action or dimension that the study does not
            have, or a value out of range.
    """
    known = None if more is None else [each.name for each in more.dimensions]
    answers: dict[str, list[tuple[int, float | None]]] = {}
    for line in lines:
        dimension = line["dimension"].strip()
        if not dimension or (known is not None and dimension not in known):
            has = "" if known is None else f", only {', '.join(known) or 'none'}"
            raise line.fault(f"{dimension!r} is no dimension of this study{has}")
        row = _row(line, "action_id", actions)
        answers.setdefault(dimension, []).append(
            (row, line.number_in("value", 0.0, 100.0))
        )
    return {
        dimension: _ratings(dimension, given, len(actions))
        for dimension, given in answers.items()
    }


def triplets_from(lines: Sequence[Line], actions: Actions) -> TripletChoices:
    """Choices, one row for each triplet.

    Raises:
        AlignmentError: A line names an unknown action, one twice, or as the odd one
            an action that is not of the three.
    """
    place: dict[tuple[int, ...], int] = {}
    answers: list[tuple[int, int | None]] = []
    for line in lines:
        rows = tuple(sorted(_row(line, column, actions) for column in "abc"))
        if len(set(rows)) < 3:
            raise line.fault("a triplet needs three different actions")
        where = place.setdefault(rows, len(place))
        named = None
        if line["odd"].strip():
            odd = _row(line, "odd", actions)
            if odd not in rows:
                raise line.fault(
                    f"the odd one must be one of the three, got {line['odd']}"
                )
            named = rows.index(odd)
        answers.append((where, named))
    counts = np.zeros((len(place), 3))
    n_asked = np.zeros(len(place), dtype=np.int64)
    for where, named in answers:
        n_asked[where] += 1
        if named is not None:
            counts[where, named] += 1
    n_usable = counts.sum(axis=1)
    shares: FloatArray = np.full_like(counts, np.nan)
    np.divide(counts, n_usable[:, None], out=shares, where=n_usable[:, None] > 0)
    triplets = np.array(list(place), dtype=np.int64)
    return TripletChoices(triplets, shares, n_usable.astype(np.int64), n_asked)


def _ratings(
    dimension: str, given: Sequence[tuple[int, float | None]], n_actions: int
) -> ValueRatings:
    n_asked = np.zeros(n_actions, dtype=np.int64)
    n_usable = np.zeros(n_actions, dtype=np.int64)
    summed = np.zeros(n_actions)
    for row, value in given:
        n_asked[row] += 1
        if value is not None:
            n_usable[row] += 1
            summed[row] += value
    values: FloatArray = np.full(n_actions, np.nan)
    np.divide(summed, n_usable, out=values, where=n_usable > 0)
    return ValueRatings(dimension, values, n_usable, n_asked)


def _row(line: Line, column: str, actions: Actions) -> int:
    id_ = line[column].strip()
    if id_ not in actions.ids:
        raise line.fault(f"{id_} is no action of this snapshot")
    return actions.index(id_)
