"""`alignment.raters.recorded`: judgments from a file, in the study's order or refused."""

from pathlib import Path

import numpy as np
import pytest

from alignment.errors import AlignmentError, MatrixError
from alignment.judgments import Actions
from alignment.matrices import SimilarityMatrix
from alignment.raters.recorded import RecordedRater

ACTIONS = Actions(("steal", "help", "lie"), ("a", "b", "c"), ({}, {}, {}))
VALUES = np.array([[1, 0.2, np.nan], [0.2, 1, 0.6], [np.nan, 0.6, 1]])


def read(path: Path) -> SimilarityMatrix:
    return RecordedRater("large", path).judge(ACTIONS, {}).matrix


def save(path: Path, **arrays: object) -> Path:
    file = path / "large.npz"
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file


def write(path: Path, text: str) -> Path:
    file = path / "large.csv"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("key", ["large", "anything"])
def test_a_matrix_is_read_from_npz(tmp_path: Path, key: str) -> None:
    file = save(tmp_path, action_ids=ACTIONS.ids, **{key: VALUES})

    np.testing.assert_array_equal(read(file).values, VALUES)


def test_a_matrix_is_read_from_csv_with_gaps_for_what_was_not_judged(
    tmp_path: Path,
) -> None:
    file = write(
        tmp_path,
        "action_id,steal,help,lie\nsteal,1,0.2,\nhelp,0.2,1,0.6\nlie,nan,0.6,1\n",
    )

    np.testing.assert_array_equal(read(file).values, VALUES)


def test_pair_ratings_are_read_and_repeats_averaged(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        "action_a,action_b,rating\nhelp,steal,10\nsteal,help,30\nlie,help,60\n"
        "steal,lie,\n",
    )

    np.testing.assert_allclose(read(file).values, VALUES)


def test_pair_similarities_are_read_on_their_own_scale(tmp_path: Path) -> None:
    file = write(
        tmp_path, "action_a,action_b,similarity\nhelp,steal,0.2\nlie,help,0.6\n"
    )

    np.testing.assert_allclose(read(file).values, VALUES)


@pytest.mark.parametrize(
    ("ids", "values", "message"),
    [
        (
            ("steal", "help", "lie"),
            VALUES[:, :2],
            r"similarity of large: needs shape \(3, 3\) for 3 actions, got \(3, 2\)",
        ),
        (
            ("help", "steal", "lie"),
            VALUES,
            r"similarity of large: row 0 must be steal as in actions.csv, got help",
        ),
        (("steal", "help"), VALUES, r"needs 3 rows for 3 actions, got 2"),
        (
            ("steal", "help", "lie"),
            np.array([[1, np.nan, 0], [0.5, 1, 0], [0, 0, 1]]),
            r"similarity of large: must be symmetric",
        ),
        (
            ("steal", "help", "lie"),
            np.array([[1, 70, 0], [70, 1, 0], [0, 0, 1]]),
            r"similarities must lie in \[0, 1\], got 70",
        ),
    ],
)
def test_a_matrix_of_the_wrong_size_order_or_content_is_refused(
    tmp_path: Path, ids: tuple[str, ...], values: np.ndarray, message: str
) -> None:
    file = save(tmp_path, action_ids=ids, large=values)

    with pytest.raises(MatrixError, match=message):
        read(file)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"large": VALUES}, "needs a key action_ids that names the rows, got large"),
        ({"action_ids": ACTIONS.ids}, "needs a key large, got no matrix"),
        (
            {"action_ids": ACTIONS.ids, "x": VALUES, "y": VALUES},
            "needs a key large, got x, y",
        ),
        (
            {"action_ids": np.array(["steal", 1], dtype=object)},
            "without pickled objects",
        ),
    ],
)
def test_an_npz_without_labels_or_matrix_is_refused(
    tmp_path: Path, arrays: dict[str, object], message: str
) -> None:
    with pytest.raises(AlignmentError, match=message):
        read(save(tmp_path, **arrays))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n", "must have the columns action_id and one per action, or"),
        ("action_a,action_b\nhelp,lie\n", "must have the columns"),
        (
            "action_a,action_b,rating\nhelp,nag,3\n",
            r"large\.csv, line 2: nag is no action of this snapshot",
        ),
        (
            "action_a,action_b,rating\nhelp,help,3\n",
            "line 2: a pair needs two different actions, got help twice",
        ),
        (
            "action_a,action_b,similarity\nhelp,lie,70\n",
            "line 2: similarity must be a number, 0 to 1; got '70'",
        ),
        (
            "action_a,action_b,rating\nhelp,lie,3\nhelp,lie,high\n",
            "line 3: rating must be a number, 0 to 100; got 'high'",
        ),
        (
            "action_id,help,steal,lie\nhelp,1,1,1\n",
            "column 0 must be steal as in actions.csv, got help",
        ),
        (
            "action_id,steal,help,lie\nsteal,1,1,1\n",
            r"needs shape \(3, 3\) .* \(1, 3\)",
        ),
    ],
)
def test_a_faulty_csv_is_refused_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(AlignmentError, match=message):
        read(write(tmp_path, text))


def test_a_file_that_is_not_there_or_of_another_kind_is_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(AlignmentError, match=r"rater large: there is no file .*large"):
        read(tmp_path / "large.npz")
    (tmp_path / "large.txt").touch()
    with pytest.raises(AlignmentError, match=r"must end in \.npz or \.csv"):
        read(tmp_path / "large.txt")
