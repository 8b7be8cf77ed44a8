"""A small study, and the cast: always the same four people.

Ada finished. Bo stopped half-way. Cy withdrew. Dee failed the attention checks. They
are real rows, made by the functions that the pages call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collection import loading, participation
from collection.definition_parts import PREFER_NOT_TO_SAY
from collection.definitions import StudyDefinition
from collection.models import Study, StudySession, Trial
from collection.participation import Answer

Judge = Callable[[Trial], Answer]

ACTION_IDS = ("alpha", "bravo", "carol", "delta", "echo", "foxtrot")


def document(**changes: Any) -> dict[str, Any]:
    """A definition as read from its documents: six actions, two dimensions, one group.

    One group does everything, so that a test meets every kind of trial in one session.
    """
    return {
        "slug": "tiny",
        "title": "A tiny study",
        "version": "1",
        "group_mode": "same",
        "consent": {
            "text": "Take part?",
            "minimum_age": 18,
            "ethics": "none",
            "controller": "A university",
            "contact": "someone@example.org",
            "duration_minutes": 3,
            "pay": "none",
            "content_warning": "none",
            "withdrawal_until": "2099-12-31",
            "uses": [
                {"key": "this_study", "text": "Use my answers here", "required": True},
                {"key": "open_release", "text": "Publish my answers"},
                {"key": "simulated_agents", "text": "Train agents on my values"},
            ],
            "support": [{"label": "Help", "url": "https://example.org/help"}],
        },
        "instructions": "Read and judge.",
        "debrief": "Thank you.",
        "completion": {"code": "TINY-DONE"},
        "dimensions": [dimension("morality"), dimension("challenge", harm=False)],
        "questions": [
            {
                "key": "check",
                "kind": "choice",
                "text": "Please choose Often here.",
                "options": [
                    {"key": "never", "text": "Never"},
                    {"key": "often", "text": "Often"},
                ],
                "purpose": "attention",
                "correct": "often",
                "prefer_not_to_say": False,
            },
            {
                "key": "age",
                "kind": "number",
                "text": "How old are you?",
                "minimum": 18,
                "maximum": 120,
            },
            {"key": "comment", "kind": "text", "text": "Else?", "required": False},
        ],
        "blocks": [
            {
                "key": "pairs",
                "kind": "pair",
                "trials_per_session": 5,
                "judgments_per_cell": 2,
            },
            {
                "key": "triplets",
                "kind": "triplet",
                "trials_per_session": 3,
                "judgments_wanted": 20,
            },
            {
                "key": "values",
                "kind": "value",
                "dimensions_per_session": 1,
                "judgments_per_cell": 2,
            },
            {
                "key": "about",
                "kind": "questions",
                "questions": ["check", "age", "comment"],
            },
        ],
        "groups": [{"name": "all", "blocks": ["pairs", "triplets", "values", "about"]}],
        "actions": [
            {
                "action_id": name,
                "text": f"I call {name}",
                "attributes": {"area": "calls"},
            }
            for name in ACTION_IDS
        ],
        **changes,
    }


def dimension(name: str, *, harm: bool = True) -> dict[str, Any]:
    return {
        "name": name,
        "definition": f"How much {name} there is in doing something.",
        "perspective": "self",
        "polarity": "unipolar",
        "low": "None",
        "high": "Much",
        "question": f"How much {name} is in this?",
        "harm": harm,
    }


def only(kind: str, **changes: Any) -> dict[str, Any]:
    """Changes for `document`: just the one block of this kind, with `changes` to it."""
    (block,) = (one for one in document()["blocks"] if one["kind"] == kind)
    block = {**block, **changes}
    return {
        "blocks": [block],
        "groups": [{"name": "all", "blocks": [block["key"]]}],
    }


def arranging(**changes: Any) -> dict[str, Any]:
    """Changes for `document`: nothing but two arenas of four actions a session."""
    block = {
        "key": "arenas",
        "kind": "arrangement",
        "actions_per_arena": 4,
        "arenas_per_session": 2,
        "judgments_per_cell": 3,
        **changes,
    }
    return {
        "blocks": [block],
        "groups": [{"name": "all", "blocks": [block["key"]]}],
    }


def open_study(**changes: Any) -> Study:
    """A study in the database that people can join."""
    definition = StudyDefinition.model_validate(document(**changes))
    return loading.open_study(loading.load_study(definition))


def joined(study: Study, **enrolment: Any) -> StudySession:
    """Someone who arrived and consented to everything."""
    return consented(participation.enrol(study, **enrolment))


def consented(session: StudySession) -> StudySession:
    """Someone who arrived, once they have agreed to everything."""
    uses = {use.key: True for use in session.study.definition_model().consent.uses}
    participation.give_consent(session, uses, of_age=True)
    return session


def attentive(trial: Trial) -> Answer:
    """Reads what is asked: the truth of a word is its place in the alphabet."""
    if trial.kind == "question":
        return {
            "check": Answer(choice="often"),
            "age": Answer(text="30"),
            "comment": Answer(text="my secret remark"),
        }.get(trial.question, Answer(choice=PREFER_NOT_TO_SAY))
    places = [ACTION_IDS.index(action) for action in trial.actions]
    if trial.kind == "arrangement":
        return Answer(
            positions={
                action: [(1 + place) / 10, 0.5]
                for action, place in zip(trial.actions, places, strict=True)
            }
        )
    if trial.kind == "value":
        value = 10 + 15 * places[0]
        return Answer(rating=100 - value if trial.polarity == "reversed" else value)
    if trial.kind == "pair":
        return Answer(rating=100 - 20 * abs(places[0] - places[1]))
    apart = [sum(abs(one - other) for other in places) for one in places]
    return Answer(choice=trial.actions[apart.index(max(apart))])


def careless(trial: Trial) -> Answer:
    """Takes whatever stands first."""
    if trial.kind == "question":
        return (
            Answer(choice="never") if trial.question == "check" else Answer(text="99")
        )
    if trial.kind == "triplet":
        return Answer(choice=trial.actions[0])
    if trial.kind == "arrangement":
        return Answer(positions={action: [0.5, 0.5] for action in trial.actions})
    return Answer(rating=50)


def answer(
    session: StudySession, judge: Judge = attentive, *, n_trials: int | None = None
) -> int:
    """Answer the session's next trials, all if not told how many; returns how many."""
    answered = 0
    while n_trials is None or answered < n_trials:
        trial = participation.current_trial(session)
        if trial is None:
            break
        participation.record_response(
            session, trial_id=trial.pk, answer=judge(trial), rt_ms=900
        )
        answered += 1
    return answered


def finished(study: Study, judge: Judge = attentive, **enrolment: Any) -> StudySession:
    """Someone who answered everything."""
    session = joined(study, **enrolment)
    answer(session, judge)
    return participation.finish(session)


def ada(study: Study) -> StudySession:
    """Ada finished."""
    return finished(study, external_id="ada", platform="cast")


def bo(study: Study) -> StudySession:
    """Bo stopped half-way."""
    session = joined(study, external_id="bo", platform="cast")
    _, total = participation.progress(session)
    answer(session, n_trials=total // 2)
    return session


def cy(study: Study) -> StudySession:
    """Cy finished, and then withdrew."""
    session = finished(study, external_id="cy", platform="cast")
    return participation.withdraw(session)


def dee(study: Study) -> StudySession:
    """Dee finished without reading, and failed the attention check."""
    return finished(study, careless, external_id="dee", platform="cast")
