"""`alignment.snapshots`: a snapshot written is the snapshot read."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from alignment.errors import FolderError, JudgmentsError
from alignment.folders import read_manifest, write_manifest
from alignment.snapshot_files import write_snapshot
from alignment.snapshots import read_snapshot

MORALITY = {
    "name": "morality",
    "definition": "Whether it is right.",
    "perspective": "self",
    "question": "How moral or immoral is it to do this?",
    "low": "immoral",
    "high": "moral",
    "midpoint": None,
    "polarity": "bipolar",
    "low_threshold": 50,
    "harm": True,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Actions out of alphabetical order, so that ids and rows order differently."""
    made = tmp_path / "snapshot"
    write_snapshot(
        made,
        actions=[
            {"action_id": "steal", "text": "I take a purse.", "area": "money"},
            {"action_id": "help", "text": 'I say "here", and help.', "area": "street"},
            {"action_id": "lie", "text": "I lie.", "area": "work"},
        ],
        value_rows=[
            {
                "action_id": action,
                "dimension": "morality",
                "rater_id": rater,
                "value": value,
                "group": "values",
            }
            for action, rater, value in [
                ("steal", "ada", 3.5),
                ("help", "ada", 99),
                ("lie", "ada", 20),
                ("help", "bo", 81),
            ]
        ],
        similarity_rows=[
            {
                "action_a": "steal",
                "action_b": "help",
                "rater_id": "cy",
                "similarity": 0.1,
            },
            {
                "action_a": "lie",
                "action_b": "steal",
                "rater_id": "cy",
                "similarity": 0.8,
            },
        ],
        triplet_rows=[
            {
                "a": "steal",
                "b": "help",
                "c": "lie",
                "odd": "help",
                "rater_id": "dee",
                "sampler": "random",
                "propensity": 0.25,
            },
            {"a": "steal", "b": "help", "c": "lie", "odd": "lie", "rater_id": "eve"},
        ],
        study="everyday",
        title="Everyday actions",
        dimensions=[MORALITY],
        wording={"pair": "How similar are these two actions?"},
        simulated=True,
        world="null",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return made


def test_actions_come_back_in_their_order(folder: Path) -> None:
    actions = read_snapshot(folder).actions

    assert actions.ids == ("steal", "help", "lie")
    assert actions.texts[1] == 'I say "here", and help.'
    assert actions.attributes[2] == {"area": "work"}


def test_values_come_back_by_rater_and_action(folder: Path) -> None:
    values = read_snapshot(folder).values

    np.testing.assert_array_equal(values.vector("ada", "morality"), [3.5, 99, 20])
    np.testing.assert_array_equal(values.mean("morality"), [3.5, 90, 20])
    assert set(values.group) == {"values"}


def test_pairs_come_back_in_the_order_of_the_actions(folder: Path) -> None:
    similarities = read_snapshot(folder).similarities

    np.testing.assert_array_equal(similarities.a, [0, 0])
    np.testing.assert_array_equal(similarities.b, [1, 2])
    np.testing.assert_array_equal(similarities.mean().pairs(), [0.1, 0.8, np.nan])


def test_triplets_come_back_in_the_order_of_the_actions(folder: Path) -> None:
    triplets = read_snapshot(folder).triplets

    np.testing.assert_array_equal(triplets.triplets, [[0, 1, 2], [0, 1, 2]])
    np.testing.assert_array_equal(triplets.odd, [1, 2])
    np.testing.assert_array_equal(triplets.propensity, [0.25, np.nan])


def test_the_stamp_of_simulated_people_comes_along(folder: Path) -> None:
    snapshot = read_snapshot(folder)

    assert snapshot.simulated
    assert snapshot.manifest["world"] == "null"


def test_empty_tables_are_read_as_empty(tmp_path: Path) -> None:
    write_snapshot(
        tmp_path,
        actions=[{"action_id": i, "text": i} for i in "ab"],
        value_rows=[],
        similarity_rows=[],
        triplet_rows=[],
        study="none",
        title="None",
        dimensions=[],
        wording={},
        simulated=False,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )

    snapshot = read_snapshot(tmp_path)

    assert len(snapshot.values) == len(snapshot.similarities) == 0
    assert snapshot.triplets.triplets.shape == (0, 3)
    assert not snapshot.similarities.has_raters


def test_a_judgment_changed_by_hand_is_noticed(folder: Path) -> None:
    table = folder / "value_judgments.csv"
    table.write_text(table.read_text().replace("3.5", "90"))

    with pytest.raises(FolderError, match=r"value_judgments\.csv was changed after"):
        read_snapshot(folder)


def reseal(folder: Path) -> None:
    """A snapshot that somebody made by other means: the hashes are right."""
    old = read_manifest(folder, "snapshot", verify=False)
    write_manifest(
        folder,
        kind="snapshot",
        parameters={},
        inputs={},
        simulated=old["simulated"],
        seeds={},
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("table", "old", "new", "sentence"),
    [
        ("value_judgments", "lie,", "hide,", "has no action hide, though a judgment"),
        ("value_judgments", "99", "199", "of ada: must lie in 0 to 100, got 199"),
        ("value_judgments", "99", "lots", "value must be a number"),
        ("similarity_judgments", "0.1", "", "of cy: must lie in 0 to 1, got nan"),
        ("triplet_judgments", "lie,steal,lie", "lie,steal,steel", "no action steel"),
    ],
)
def test_a_foreign_snapshot_is_checked_as_it_is_read(
    folder: Path, table: str, old: str, new: str, sentence: str
) -> None:
    path = folder / f"{table}.csv"
    path.write_text(path.read_text().replace(old, new))
    reseal(folder)

    with pytest.raises(JudgmentsError, match=sentence):
        read_snapshot(folder)


def test_a_missing_column_is_refused_by_name(folder: Path) -> None:
    path = folder / "similarity_judgments.csv"
    path.write_text(path.read_text().replace("weight", "heft"))
    reseal(folder)

    with pytest.raises(FolderError, match="missing: weight"):
        read_snapshot(folder)
