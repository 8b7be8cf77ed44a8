"""How well people agree in a study that is still running.

Runs in a child process of a worker (``manage.py measureagreement``), never in the web
process: it needs numpy. What people said is read as it stands; exclusions are a
snapshot's business, so a report on the same people may say something else.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction
from scipy.stats import chi2

from alignment.agreement import agreement
from alignment.errors import TooFewRaters
from alignment.judgments import SimilarityJudgments, TripletJudgments
from alignment.ratings import Ratings
from alignment.reliability import noise_ceiling
from alignment.triplet_ceiling import triplet_ceiling
from alignment.uncertainty import Estimate
from collection import live_asking
from collection.models import LiveAgreement, Study

Column = npt.NDArray[Any]

RESAMPLES: Final = 200
SEED: Final = 1
# Raters x pairs that the ceiling's tables may hold: 8 bytes each, twice.
LARGEST_TABLE: Final = 20_000_000
# Fewer ratings beyond the first of each thing say next to nothing of the spread.
LEAST_FREEDOM: Final = 10

_PAIRS: Final = """
SELECT least(a.position, b.position), greatest(a.position, b.position),
    session.participant_id, response.rating
FROM collection_response AS response
JOIN collection_trial AS trial ON trial.id = response.trial_id
JOIN collection_studysession AS session ON session.code = trial.session_id
JOIN collection_action AS a
    ON a.study_id = session.study_id AND a.action_id = trial.actions ->> 0
JOIN collection_action AS b
    ON b.study_id = session.study_id AND b.action_id = trial.actions ->> 1
WHERE session.study_id = %(study)s AND session.simulated = %(simulated)s
    AND session.status <> 'withdrawn' AND trial.kind = 'pair' AND NOT trial.repeat
    AND response.rating IS NOT NULL
"""
_VALUES: Final = """
SELECT a.position, trial.dimension, session.participant_id,
    CASE trial.polarity WHEN 'reversed' THEN 100 - response.rating
        ELSE response.rating END
FROM collection_response AS response
JOIN collection_trial AS trial ON trial.id = response.trial_id
JOIN collection_studysession AS session ON session.code = trial.session_id
JOIN collection_action AS a
    ON a.study_id = session.study_id AND a.action_id = trial.actions ->> 0
WHERE session.study_id = %(study)s AND session.simulated = %(simulated)s
    AND session.status <> 'withdrawn' AND trial.kind = 'value' AND NOT trial.repeat
    AND response.rating IS NOT NULL
"""
_TRIPLETS: Final = """
SELECT a.position, b.position, c.position, odd.position, session.participant_id
FROM collection_response AS response
JOIN collection_trial AS trial ON trial.id = response.trial_id
JOIN collection_studysession AS session ON session.code = trial.session_id
JOIN collection_action AS a
    ON a.study_id = session.study_id AND a.action_id = trial.actions ->> 0
JOIN collection_action AS b
    ON b.study_id = session.study_id AND b.action_id = trial.actions ->> 1
JOIN collection_action AS c
    ON c.study_id = session.study_id AND c.action_id = trial.actions ->> 2
JOIN collection_action AS odd
    ON odd.study_id = session.study_id AND odd.action_id = response.choice
WHERE session.study_id = %(study)s AND session.simulated = %(simulated)s
    AND session.status <> 'withdrawn' AND trial.kind = 'triplet' AND NOT trial.repeat
"""


@dataclass(frozen=True)
class Row:
    """One dimension, the pairs, or the triplets. None where it cannot be said.

    kind: "value", "pair" or "triplet". what: The dimension's name; empty for the others.
    raters_each: Median raters of a thing that was judged at all.
    reliability: ICC(k) of the mean of the raters asked, with its 95 % interval over
        things (``alignment.agreement``).
    ceiling: What a perfect model would correlate with that mean; of pairs Spearman's
        (``alignment.reliability``), of values the root of the reliability; of triplets
        the share of answers that the mode of the others foretells.
    spread: Standard deviation of raters about the mean of one thing, in points of a
        scale from 0 to 100, pooled over things; its 95 % interval by chi-squared.
    note: Why something is None.
    """

    kind: str
    what: str
    n_raters: int
    n_judgments: int
    raters_each: float | None = None
    reliability: tuple[float, float, float] | None = None
    ceiling: tuple[float, float, float] | None = None
    spread: tuple[float, float, float] | None = None
    note: str = ""


def measure(study: Study, *, simulated: bool) -> LiveAgreement:
    """Measure one population and keep it in the place of the measurement before."""
    started = time.monotonic()
    counted = live_asking.count(study)
    rows = rows_of(study, simulated=simulated)
    kept, _ = LiveAgreement.objects.update_or_create(
        study=study,
        simulated=simulated,
        defaults={
            "measured_at": live_asking.now(),
            "took_s": time.monotonic() - started,
            "n_judgments": sum(row.n_judgments for row in rows),
            "counted": counted,
            "rows": [asdict(row) for row in rows],
        },
    )
    return kept


def rows_of(study: Study, *, simulated: bool) -> list[Row]:
    """Pairs, each dimension in the definition's order, triplets; only what was judged."""
    whose = {"study": study.pk, "simulated": simulated}
    definition = study.definition_model()
    ids = definition.action_ids
    found = []
    first, second, who, rating = _columns(_PAIRS, whose, 4)
    if len(who):
        found.append(of_pairs(ids, first, second, who, rating))
    action, dimension, who, rating = _columns(_VALUES, whose, 4)
    for one in definition.dimensions:
        here = dimension == one.name
        if here.any():
            found.append(
                of_values(one.name, len(ids), action[here], who[here], rating[here])
            )
    a, b, c, odd, who = _columns(_TRIPLETS, whose, 5)
    if len(who):
        found.append(of_triplets(ids, np.column_stack([a, b, c]), odd, who))
    return found


def of_pairs(
    ids: tuple[str, ...],
    first: Column,
    second: Column,
    who: Column,
    rating: Column,
) -> Row:
    """Reliability, ceiling and spread of ratings of pairs, 0-100, (n_judgments,) each."""
    pairs, thing = np.unique(first * len(ids) + second, return_inverse=True)
    row = _of_ratings("pair", "", len(pairs), thing, who, rating, "similarity ratings")
    if row.reliability is None:
        return row
    if row.n_raters * len(pairs) > LARGEST_TABLE:
        words = (
            f"{row.n_raters:,} raters x {len(pairs):,} pairs are too many to find the "
            "ceiling while people answer; a report on a snapshot has it"
        )
        return _with(row, note=words)
    judgments = SimilarityJudgments(
        actions=ids,
        a=first.astype(np.int64),
        b=second.astype(np.int64),
        rater=np.array([f"r{int(number)}" for number in who]),
        similarity=rating / 100,
        weight=np.ones(len(who)),
        group=np.full(len(who), ""),
    )
    try:
        ceiling = noise_ceiling(
            judgments, n_splits=20, n_resamples=RESAMPLES, seed=SEED
        )
    except TooFewRaters as refusal:
        return _with(row, note=str(refusal))
    return _with(row, ceiling=_numbers(ceiling.estimate), note=ceiling.note)


def of_values(
    dimension: str,
    n_actions: int,
    action: Column,
    who: Column,
    rating: Column,
) -> Row:
    """Reliability, ceiling and spread of the ratings on one dimension, 0-100."""
    row = _of_ratings(
        "value", dimension, n_actions, action.astype(np.int64), who, rating, dimension
    )
    if row.reliability is None:
        return row
    value, low, high = (max(0.0, end) ** 0.5 for end in row.reliability)
    if not row.reliability[0] > 0:
        return _with(row, note="raters do not agree more than by chance")
    return _with(row, ceiling=(value, low, high))


def of_triplets(ids: tuple[str, ...], shown: Column, odd: Column, who: Column) -> Row:
    """How often people agree on the odd one; `shown` is (n_judgments, 3) positions."""
    shown = np.sort(shown, axis=1)
    judged = TripletJudgments(
        actions=ids,
        triplets=shown.astype(np.int64),
        odd=odd.astype(np.int64),
        rater=np.array([f"r{int(number)}" for number in who]),
        sampler=np.full(len(who), ""),
        propensity=np.full(len(who), np.nan),
        group=np.full(len(who), ""),
    )
    row = Row("triplet", "", len(np.unique(who)), len(who))
    try:
        found = triplet_ceiling(judged)
    except TooFewRaters as refusal:
        return _with(row, note=str(refusal))
    return _with(
        row,
        raters_each=found.raters_per_triplet,
        ceiling=_share(found.leave_one_out),
    )


def pooled_spread(thing: Column, rating: Column) -> tuple[float, float, float] | None:
    """Standard deviation about each thing's mean, pooled, with its 95 % interval.

    Pooled over things by degrees of freedom, the interval from the chi-squared law of
    normal errors (Snedecor & Cochran, 1989). None with fewer than ``LEAST_FREEDOM``.
    """
    _, at, n = np.unique(thing, return_inverse=True, return_counts=True)
    mean = np.bincount(at, rating) / n
    freedom = int((n - 1).sum())
    if freedom < LEAST_FREEDOM:
        return None
    squares = float(((rating - mean[at]) ** 2).sum())
    low, high = chi2.ppf([0.975, 0.025], freedom)
    one, least, most = (float(np.sqrt(squares / by)) for by in (freedom, low, high))
    return round(one, 4), round(least, 4), round(most, 4)


def _of_ratings(
    kind: str,
    what: str,
    n_things: int,
    thing: Column,
    who: Column,
    rating: Column,
    words: str,
) -> Row:
    raters, rater = np.unique(who, return_inverse=True)
    _, each = np.unique(thing, return_counts=True)
    row = Row(
        kind,
        what,
        len(raters),
        len(who),
        raters_each=float(np.median(each)),
        spread=pooled_spread(thing, rating),
    )
    ratings = Ratings(
        thing=thing.astype(np.int64),
        rater=rater.astype(np.int64),
        value=rating,
        weight=np.ones(len(who)),
        n_things=n_things,
        n_raters=len(raters),
        what=words,
    )
    try:
        found = agreement(ratings, n_resamples=RESAMPLES, seed=SEED)
    except TooFewRaters as refusal:
        return _with(row, note=str(refusal))
    return _with(row, reliability=_numbers(found.icc_k))


def _numbers(estimate: Estimate) -> tuple[float, float, float] | None:
    value, low, high = estimate.value, estimate.low, estimate.high
    if not np.isfinite((value, low, high)).all():
        return None
    return round(float(value), 4), round(float(low), 4), round(float(high), 4)


def _share(estimate: Estimate) -> tuple[float, float, float] | None:
    """An interval by standard errors may reach past 0 or 1; a share's may not."""
    numbers = _numbers(estimate)
    if numbers is None:
        return None
    value, low, high = numbers
    return value, max(0.0, low), min(1.0, high)


def _with(row: Row, **changes: object) -> Row:
    return Row(**{**asdict(row), **changes})


def _columns(query: str, values: Mapping[str, int], n: int) -> list[Column]:
    """The query's columns as arrays, without holding every row as Python objects."""
    parts: list[list[Column]] = [[] for _ in range(n)]
    # A cursor of the server's, which lives in a transaction: a plain one would fetch all.
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(query, values)
        while rows := cursor.fetchmany(50_000):
            for part, column in zip(parts, zip(*rows, strict=True), strict=True):
                part.append(np.array(column))
    return [np.concatenate(part) if part else np.array([]) for part in parts]
