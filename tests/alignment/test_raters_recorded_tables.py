"""`alignment.raters.recorded_tables`: values and triplets that lie in files."""

from pathlib import Path

import numpy as np
import pytest

from alignment.errors import AlignmentError
from alignment.judgments import Actions
from alignment.raters.base import MoreQuestions, RaterResult, ValueQuestion
from alignment.raters.recorded import RecordedRater

IDS = ("steal", "help", "lie", "sing")
ACTIONS = Actions(IDS, ("a", "b", "c", "d"), ({},) * 4)
MORE = MoreQuestions((ValueQuestion("morality", "How moral?", "im", "moral"),))
VALUES = "action_id,dimension,value\n"
TRIPLETS = "a,b,c,odd\n"


def judged(tmp_path: Path, *texts: str, more: MoreQuestions = MORE) -> RaterResult:
    files = [tmp_path / f"{k}.csv" for k in range(len(texts))]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    rater = RecordedRater("large", files[0], more_paths=tuple(files[1:]))
    return rater.judge(ACTIONS, {}, more=more)


def test_values_are_averaged_and_gaps_stay_gaps(tmp_path: Path) -> None:
    text = "steal,morality,0\nhelp,morality,90\nhelp,morality,100\nlie,morality,\n"

    result = judged(tmp_path, VALUES + text)

    found = result.values["morality"]
    np.testing.assert_array_equal(found.values, [0, 95, np.nan, np.nan])
    assert found.n_usable.tolist() == [1, 2, 0, 0]
    assert found.n_asked.tolist() == [1, 2, 1, 0]
    assert result.matrix.n_missing == 6


def test_triplets_are_counted_whatever_the_order_they_stand_in(tmp_path: Path) -> None:
    text = "steal,help,lie,help\nlie,steal,help,help\nhelp,lie,steal,lie\n"
    text += "help,lie,sing,\n"

    result = judged(tmp_path, TRIPLETS + text)

    found = result.triplets
    assert found is not None
    assert found.triplets.tolist() == [[0, 1, 2], [1, 2, 3]]
    np.testing.assert_allclose(found.shares[0], [0, 2 / 3, 1 / 3])
    assert np.isnan(found.shares[1]).all()
    assert found.odd.tolist() == [1, -1]
    assert (found.n_usable.tolist(), found.n_asked.tolist()) == ([3, 0], [3, 1])
    # Where there are no ratings of pairs, the choices say what stayed together.
    assert result.matrix.values[0, 2] == 1
    assert result.matrix.values[0, 1] == 0


def test_one_rater_may_have_a_file_of_each_kind(tmp_path: Path) -> None:
    pairs = "action_a,action_b,rating\nsteal,lie,80\n"

    result = judged(
        tmp_path,
        pairs,
        VALUES + "steal,morality,5\n",
        TRIPLETS + "steal,help,lie,help\n",
    )

    assert result.matrix.values[0, 2] == 0.8
    assert result.values["morality"].values[0] == 5
    assert result.triplets is not None
    assert result.description == "Recorded judgments, read from 0.csv, 1.csv, 2.csv."
    assert result.provenance is not None
    assert result.provenance.identity.count("+") == 2


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([VALUES + "fly,morality,5\n"], "0.csv, line 2: fly is no action"),
        ([VALUES + "lie,beauty,5\n"], "'beauty' is no dimension .*, only morality"),
        (
            [VALUES + "lie,morality,101\n"],
            "value must be a number, 0 to 100; got '101'",
        ),
        ([TRIPLETS + "lie,help,lie,lie\n"], "a triplet needs three different actions"),
        ([TRIPLETS + "lie,help,sing,steal\n"], "must be one of the three, got steal"),
        ([TRIPLETS + "lie,help,fly,lie\n"], "fly is no action of this snapshot"),
        (
            [VALUES + "lie,morality,5\n"] * 2,
            r"1\.csv holds values, and so does a file before it; put them into one",
        ),
        ([TRIPLETS + "steal,help,lie,help\n"] * 2, "holds triplets, and so does"),
    ],
)
def test_faults_are_refused_with_their_place(
    tmp_path: Path, texts: list[str], message: str
) -> None:
    with pytest.raises(AlignmentError, match=message):
        judged(tmp_path, *texts)
