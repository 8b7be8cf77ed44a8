"""A study of seven people, frozen for itself and for an open release, and its packages.

The packages are made once: most tests look at files, and need no study behind them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from collection import participation
from collection.datasets.package import write_dataset
from collection.models import SnapshotRecord, Study, StudySession
from collection.participation import Answer
from collection.snapshots import freeze
from tests import factories

ARENAS = {
    "key": "arenas",
    "kind": "arrangement",
    "actions_per_arena": 4,
    "arenas_per_session": 1,
    "judgments_per_cell": 3,
}


def everything() -> dict[str, Any]:
    """Changes for `factories.document`: a few judgments of each kind."""
    pairs, triplets, values, about = factories.document()["blocks"]
    return {
        "blocks": [
            pairs | {"trials_per_session": 2},
            triplets | {"trials_per_session": 1},
            ARENAS,
            values,
            about,
        ],
        "groups": [
            {
                "name": "all",
                "blocks": ["pairs", "triplets", "arenas", "values", "about"],
            }
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


def seven_people() -> Study:
    """Five who ticked everything, two who did not tick the open release."""
    study = factories.open_study(**everything())
    for age in ("31", "32", "33", "34", "35"):
        person(study, age=age)
    for _ in range(2):
        person(study, uses={"open_release": False})
    return study


@pytest.fixture
def study(outside_var: Path) -> Study:
    return seven_people()


@pytest.fixture
def own(study: Study, tmp_path: Path) -> SnapshotRecord:
    """The study's own snapshot."""
    return freeze(study, tmp_path / "own")


@pytest.fixture
def release(study: Study, tmp_path: Path) -> SnapshotRecord:
    """The open release's."""
    return freeze(study, tmp_path / "release", use="open_release")


@pytest.fixture(scope="session")
def _packages(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Path:
    """`own` and `released`: datasets of the study, which itself is gone again."""
    home = tmp_path_factory.mktemp("packages")
    with django_db_blocker.unblock(), transaction.atomic():
        study = seven_people()
        write_dataset(freeze(study, home / "1"), home / "own")
        write_dataset(freeze(study, home / "2", use="open_release"), home / "released")
        transaction.set_rollback(True)
    return home


@pytest.fixture
def package(_packages: Path, tmp_path: Path, outside_var: Path) -> Path:
    """The study's own dataset, to do with what a test likes."""
    return Path(shutil.copytree(_packages / "own", tmp_path / "package"))


@pytest.fixture
def released(_packages: Path, tmp_path: Path, outside_var: Path) -> Path:
    """The open release's dataset."""
    return Path(shutil.copytree(_packages / "released", tmp_path / "released"))
