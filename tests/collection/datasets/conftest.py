"""A study of seven people, frozen for the study itself and for an open release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collection import participation
from collection.models import SnapshotRecord, Study, StudySession
from collection.participation import Answer
from collection.snapshots import freeze
from tests import factories

ARENAS = {
    "key": "arenas",
    "kind": "arrangement",
    "actions_per_arena": 4,
    "arenas_per_session": 2,
    "judgments_per_cell": 3,
}


def everything() -> dict[str, Any]:
    """Changes for `factories.document`: one block of each kind of judgment."""
    blocks = factories.document()["blocks"]
    return {
        "blocks": [*blocks[:2], ARENAS, *blocks[2:]],
        "groups": [
            {"name": "all", "blocks": ["pairs", "triplets", "arenas", "values", "about"]}
        ],
    }


def person(study: Study, *, age: str = "30", uses: Any = None) -> StudySession:
    """Somebody who finished; `uses` says what they ticked (everything)."""
    session = participation.enrol(study)
    offered = {use.key: True for use in study.definition_model().consent.uses}
    participation.give_consent(session, offered | (uses or {}), of_age=True)

    def judge(trial: Any) -> Answer:
        if trial.question == "age":
            return Answer(text=age)
        return factories.attentive(trial)

    factories.answer(session, judge)
    return participation.finish(session)


@pytest.fixture
def study(outside_var: Path) -> Study:
    """Five who ticked everything, two who did not tick the open release."""
    study = factories.open_study(**everything())
    for age in ("31", "32", "33", "34", "35"):
        person(study, age=age)
    for _ in range(2):
        person(study, uses={"open_release": False})
    return study


@pytest.fixture
def own(study: Study, tmp_path: Path) -> SnapshotRecord:
    """The study's own snapshot."""
    return freeze(study, tmp_path / "own")


@pytest.fixture
def release(study: Study, tmp_path: Path) -> SnapshotRecord:
    """The open release's."""
    return freeze(study, tmp_path / "release", use="open_release")
