"""The short study, open, and somebody in it: what the tests of the pages share."""

from __future__ import annotations

from pathlib import Path

from django.urls import reverse

from collection import participation
from collection.definitions import load_definition
from collection.loading import load_study, open_study
from collection.models import Study, StudySession, Trial

SHORT = Path(__file__).resolve().parent / "studies" / "short" / "study.toml"


def open_short_study() -> Study:
    return open_study(load_study(load_definition(SHORT)))


def ada(study: Study) -> StudySession:
    """Ada, who has consented and stands before her first trial."""
    session = participation.enrol(study, external_id="ada")
    participation.give_consent(session, {"this_study": True}, of_age=True)
    return session


def url(name: str, session: StudySession) -> str:
    return reverse(name, args=[session.code])


def current(session: StudySession) -> Trial:
    trial = participation.current_trial(session)
    assert trial is not None
    return trial


def good_answer(trial: Trial) -> dict[str, str]:
    """An answer that the trial takes, as a browser without JavaScript sends it."""
    answer = {
        "pair": {"rating": "70"},
        "value": {"rating": "30"},
        "triplet": {"choice": (trial.actions or [""])[0]},
        "age-band": {"choice": "18-44"},
        "siblings": {"text": "2"},
        "comment": {"text": ""},
    }[trial.question or trial.kind]
    return {"trial_id": str(trial.id), "rt_ms": "", "timing": "", **answer}
