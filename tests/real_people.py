"""A study that simulated people answer through the real assignment code.

The functions behind the pages, on PostgreSQL, several people at a time: what the twin in
memory claims to foresee.
"""

from __future__ import annotations

from random import Random

import numpy as np

from alignment.judgments import SimilarityJudgments
from collection import participation
from collection.answers import Answer
from collection.forecasting.settings import ForecastSettings
from collection.forecasting.twin import planted
from collection.models import Response, Study, StudySession, Trial
from collection.simulated_people import Beliefs, SimulatedPerson
from tests import factories


def answered_for_real(
    study: Study, settings: ForecastSettings, *, n: int, seed: int, at_once: int = 4
) -> int:
    """Let people answer a study of pairs until `n` finished; returns how many joined.

    `at_once` people sit at a time and answer in random turns; whoever leaves keeps what
    they hold, and somebody new comes.
    """
    beliefs = Beliefs.from_json(planted(study.definition_model(), seed).as_json())
    rng = Random(seed)
    seats: list[tuple[StudySession, SimulatedPerson, int | None]] = []
    joined = finished = 0
    while finished < n:
        while len(seats) < min(at_once, n - finished):
            person = SimulatedPerson(
                beliefs, seed, joined, settings.careless, settings.nature
            )
            session = factories.joined(study, simulated=True)
            leaves = rng.random() < settings.dropout
            total = participation.n_trials(session)
            seats.append((session, person, rng.randrange(total) if leaves else None))
            joined += 1
        place = rng.randrange(len(seats))
        session, person, stays = seats[place]
        trial = participation.current_trial(session) if stays != 0 else None
        if trial is not None:
            participation.record_response(
                session, trial_id=trial.pk, answer=_said(person, trial)
            )
            if stays is not None:
                seats[place] = (session, person, stays - 1)
            continue
        del seats[place]
        if stays is None:
            participation.finish(session)
            finished += 1
    return joined


def _said(person: SimulatedPerson, trial: Trial) -> Answer:
    rating = person.similarity_rating(*trial.actions)
    return Answer(not_understood=True) if rating is None else Answer(rating=int(rating))


def finished_pairs(study: Study) -> SimilarityJudgments:
    """What those who finished said of pairs, repeats left out."""
    ids = study.definition_model().action_ids
    rows = []
    kept = Response.objects.filter(
        trial__session__study=study,
        trial__session__status=StudySession.Status.FINISHED,
        trial__kind="pair",
        trial__repeat=False,
        not_understood=False,
    ).select_related("trial")
    for response in kept:
        assert response.rating is not None
        a, b = sorted(ids.index(action) for action in response.trial.actions)
        rows.append((a, b, str(response.trial.session_id), response.rating / 100))
    a, b, rater, similarity = zip(*rows, strict=True)
    return SimilarityJudgments(
        actions=ids,
        a=np.array(a),
        b=np.array(b),
        rater=np.array(rater, dtype=np.str_),
        similarity=np.array(similarity),
        weight=np.ones(len(rows)),
        group=np.full(len(rows), "all"),
    )
