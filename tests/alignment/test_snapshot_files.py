"""`alignment.snapshot_files`: what may enter a snapshot, and what is refused."""

import json
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from alignment.errors import FolderError, JudgmentsError
from alignment.folders import read_rows
from alignment.snapshot_files import write_snapshot

ACTIONS = [
    {"action_id": "steal", "text": "I take a purse.", "area": "money"},
    {"action_id": "help", "text": "I carry a bag.", "area": "street"},
    {"action_id": "lie", "text": "I say I was ill.", "area": "work"},
]
MORALITY = {
    "name": "morality",
    "definition": "Whether it is right.",
    "perspective": "self",
    "question": "In your own view, how moral or immoral is it to do this?",
    "low": "immoral",
    "high": "moral",
    "midpoint": "neither",
    "polarity": "bipolar",
    "low_threshold": 50,
    "harm": True,
}
VALUE = {"action_id": "lie", "dimension": "morality", "rater_id": "p-1", "value": 20}
PAIR = {"action_a": "steal", "action_b": "lie", "rater_id": "p-1", "similarity": 0.4}
TRIPLET = {"a": "steal", "b": "help", "c": "lie", "odd": "help", "rater_id": "p-1"}
ARRANGED = {
    "action_a": "steal",
    "action_b": "lie",
    "rater_id": "p-1",
    "distance": 0.3,
    "n_in_arena": 3,
    "trial_id": "t-1",
}
EXCLUSION = {
    "kind": "pair",
    "trial_id": "t-9",
    "rater_id": "p-2",
    "rule": "incomplete",
    "reason": "The session was not finished.",
}


def write(folder: Path, **changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "actions": ACTIONS,
        "value_rows": [VALUE],
        "similarity_rows": [PAIR],
        "triplet_rows": [TRIPLET],
        "exclusion_rows": [EXCLUSION],
        "study": "everyday",
        "title": "Everyday actions",
        "dimensions": [MORALITY],
        "wording": {"pair": "How similar are these two actions?"},
        "simulated": False,
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return write_snapshot(folder, **(arguments | changes))


def test_a_snapshot_holds_its_tables_and_a_manifest(tmp_path: Path) -> None:
    manifest = write(tmp_path, consent_uses=["study"], definition_sha256="cd" * 32)

    assert {path.name for path in tmp_path.iterdir()} == {
        ".lock",
        "manifest.json",
        "actions.csv",
        "value_judgments.csv",
        "similarity_judgments.csv",
        "triplet_judgments.csv",
        "exclusions.csv",
        "sensitivity.csv",
        "set_aside_similarity_judgments.csv",
    }
    assert json.loads((tmp_path / "manifest.json").read_text()) == manifest
    assert manifest["kind"] == "snapshot"
    assert manifest["study"] == "everyday"
    assert manifest["dimensions"] == [MORALITY]
    assert manifest["world"] is None
    assert manifest["counts"] == {
        "actions": 3,
        "raters": 1,
        "value_judgments": 1,
        "similarity_judgments": 1,
        "triplet_judgments": 1,
        "exclusions": 1,
    }


def test_actions_keep_their_order_and_attributes(tmp_path: Path) -> None:
    write(tmp_path)

    assert read_rows(tmp_path / "actions.csv") == ACTIONS


def test_pairs_and_triplets_are_written_in_alphabetical_order(tmp_path: Path) -> None:
    write(tmp_path)

    (pair,) = read_rows(tmp_path / "similarity_judgments.csv")
    (triplet,) = read_rows(tmp_path / "triplet_judgments.csv")

    assert (pair["action_a"], pair["action_b"]) == ("lie", "steal")
    assert [triplet[k] for k in ("a", "b", "c", "odd")] == [
        "help",
        "lie",
        "steal",
        "help",
    ]


def test_what_a_row_leaves_out_is_filled_in(tmp_path: Path) -> None:
    write(tmp_path)

    (pair,) = read_rows(tmp_path / "similarity_judgments.csv")
    (triplet,) = read_rows(tmp_path / "triplet_judgments.csv")

    assert (pair["weight"], pair["group"], pair["block_order"]) == ("1.0", "", "")
    assert (triplet["propensity"], triplet["sampler"]) == ("", "")


@pytest.mark.parametrize(
    ("table", "row", "sentence"),
    [
        ("value_rows", VALUE | {"action_id": "hide"}, "actions.csv has no action hide"),
        (
            "value_rows",
            VALUE | {"dimension": "fun"},
            "the dimensions are morality; got fun",
        ),
        (
            "value_rows",
            VALUE | {"value": 100.5},
            r"value must lie in 0 to 100, got 100",
        ),
        (
            "value_rows",
            VALUE | {"value": float("nan")},
            "must lie in 0 to 100, got nan",
        ),
        ("value_rows", VALUE | {"value": None}, "must lie in 0 to 100, got None"),
        ("value_rows", VALUE | {"value": "many"}, "must lie in 0 to 100, got 'many'"),
        ("value_rows", VALUE | {"rater_id": ""}, "rater_id must be a non-empty text"),
        ("value_rows", VALUE | {"mood": "good"}, "missing: none; unknown: mood"),
        (
            "value_rows",
            {"action_id": "lie"},
            "missing: dimension, rater_id, value; unk",
        ),
        ("similarity_rows", PAIR | {"similarity": 40}, "must lie in 0 to 1, got 40"),
        (
            "similarity_rows",
            PAIR | {"action_b": "steal"},
            "different actions, got steal",
        ),
        ("similarity_rows", PAIR | {"weight": 0}, "weight must be above 0"),
        ("similarity_rows", PAIR | {"weight": -1}, "weight must lie in 0 to inf"),
        (
            "similarity_rows",
            PAIR | {"rater_id": "aggregate"},
            "rater aggregate stands for published means, and only for them",
        ),
        ("triplet_rows", TRIPLET | {"b": "lie"}, "three different actions"),
        ("triplet_rows", TRIPLET | {"odd": "hide"}, "odd must be one of .*, got hide"),
        ("triplet_rows", TRIPLET | {"propensity": 2}, "propensity must lie in 0 to 1"),
    ],
)
def test_a_wrong_row_is_refused_with_its_place(
    tmp_path: Path, table: str, row: dict[str, object], sentence: str
) -> None:
    good = {"value_rows": VALUE, "similarity_rows": PAIR, "triplet_rows": TRIPLET}

    with pytest.raises(JudgmentsError, match=rf"_judgments row 2: .*{sentence}"):
        write(tmp_path, **{table: [good[table], row]})

    assert not (tmp_path / "manifest.json").exists()


def test_all_wrong_rows_are_told_at_once_and_the_rest_counted(tmp_path: Path) -> None:
    rows = [VALUE | {"value": 200 + i} for i in range(8)]

    with pytest.raises(JudgmentsError) as refusal:
        write(tmp_path, value_rows=rows)

    said = str(refusal.value).splitlines()
    assert said[0].startswith("value_judgments row 1: value must lie in 0 to 100")
    assert said[4].startswith("value_judgments row 5: ")
    assert said[5:] == ["and 3 more"]


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [
        (ACTIONS[:1], "actions: needs at least 2, got 1"),
        ([*ACTIONS, ACTIONS[0]], "actions row 4: steal stands twice"),
        ([ACTIONS[0], ACTIONS[1] | {"text": " "}], "actions row 2: help has no text"),
        (
            [ACTIONS[0], ACTIONS[1] | {"action_id": "Help me"}],
            r"actions row 2: action_id must be a slug .*, got 'Help me'",
        ),
        (
            [ACTIONS[0], {"action_id": "help", "text": "x"}],
            "actions row 2: needs action_id, text and the same attributes as row 1",
        ),
    ],
)
def test_wrong_actions_are_refused(
    tmp_path: Path, actions: list[dict[str, str]], sentence: str
) -> None:
    with pytest.raises(JudgmentsError, match=sentence):
        write(tmp_path, actions=actions)


def test_an_incomplete_dimension_is_refused(tmp_path: Path) -> None:
    lacking = {key: MORALITY[key] for key in MORALITY if key != "harm"}

    with pytest.raises(JudgmentsError, match=r"dimension 1: needs .*; missing: harm"):
        write(tmp_path, dimensions=[lacking])


def test_a_dimension_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JudgmentsError, match="dimension 2: morality stands twice"):
        write(tmp_path, dimensions=[MORALITY, MORALITY])


def test_published_means_are_marked_as_such(tmp_path: Path) -> None:
    manifest = write(
        tmp_path,
        means_only=True,
        similarity_rows=[PAIR | {"rater_id": "aggregate"}],
        value_rows=[],
        triplet_rows=[],
    )

    assert manifest["means_only"] is True
    assert manifest["counts"]["raters"] == 0


def test_a_rater_among_published_means_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JudgmentsError, match="got rater p-1 with means_only = True"):
        write(tmp_path, means_only=True)


def test_only_simulated_people_live_in_a_world(tmp_path: Path) -> None:
    assert write(tmp_path / "a", simulated=True, world="null")["world"] == "null"
    with pytest.raises(JudgmentsError, match="got world null and simulated = false"):
        write(tmp_path / "b", world="null")


def test_a_snapshot_is_never_written_over(tmp_path: Path) -> None:
    write(tmp_path)
    before = (tmp_path / "manifest.json").read_bytes()

    with pytest.raises(FolderError, match="a snapshot is never changed; freeze into a"):
        write(tmp_path, title="Another")

    assert (tmp_path / "manifest.json").read_bytes() == before


def test_arrangements_have_a_file_of_their_own_where_there_are_any(
    tmp_path: Path,
) -> None:
    manifest = write(tmp_path, arrangement_rows=[ARRANGED])

    (row,) = read_rows(tmp_path / "arrangement_judgments.csv")
    assert (row["action_a"], row["action_b"]) == ("lie", "steal")
    assert (row["distance"], row["n_in_arena"], row["group"]) == ("0.3", "3", "")
    assert manifest["counts"]["arrangement_judgments"] == 1


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([ARRANGED | {"action_b": "hide"}], "actions.csv has no action hide"),
        ([ARRANGED | {"action_b": "steal"}], "two different actions, got steal twice"),
        ([ARRANGED | {"distance": -0.1}], "distance must lie in 0 to inf, got -0.1"),
        ([ARRANGED | {"n_in_arena": 4}], "n_in_arena must lie in 2 to 3, got 4"),
        ([ARRANGED | {"trial_id": ""}], "an arena has a trial_id of its own"),
        ([ARRANGED, ARRANGED], "lie and steal stand twice in the arena t-1"),
        (
            [ARRANGED, ARRANGED | {"action_b": "help", "rater_id": "p-2"}],
            "an arena has a trial_id of its own and one rater, got trial_id 't-1' for",
        ),
    ],
)
def test_an_impossible_arrangement_is_refused(
    tmp_path: Path, rows: list[dict[str, object]], sentence: str
) -> None:
    with pytest.raises(JudgmentsError, match=sentence):
        write(tmp_path, arrangement_rows=rows)


def test_rows_are_written_as_they_come_and_none_is_held(tmp_path: Path) -> None:
    alive: list[weakref.ref[Any]] = []
    most = 0

    class Row(dict[str, Any]):
        """A row that can be watched."""

    def rows() -> Iterator[Row]:
        nonlocal most
        for n in range(200):
            row = Row(PAIR | {"trial_id": f"t-{n}"})
            alive.append(weakref.ref(row))
            yield row
            del row
            most = max(most, sum(one() is not None for one in alive))

    manifest = write(tmp_path, similarity_rows=rows())

    assert manifest["counts"]["similarity_judgments"] == 200
    assert most <= 2


def test_of_a_snapshot_that_is_refused_no_table_stays(tmp_path: Path) -> None:
    with pytest.raises(JudgmentsError, match="triplet_judgments row 1"):
        write(tmp_path, triplet_rows=[TRIPLET | {"odd": "nobody"}])

    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
