"""`alignment.importers`: other people's data become a snapshot, or a sentence."""

from dataclasses import replace
from math import exp
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from alignment.errors import AlignmentError, FolderError
from alignment.folders import sha256_of
from alignment.group_values import group_mean
from alignment.importers import (
    EVALUATION,
    Columns,
    ImportSettings,
    data_folder,
    import_bridge_verbs,
    import_study,
    plain_dimension,
)
from alignment.snapshots import read_snapshot

PAIRS = "verb_a,verb_b,distance\nhelp,cheat,2.0\ncheat,Free Up,0.5\n"
RATINGS = """sample,rater,verb,E,P
north,1,help,4.3,0
north,1,cheat,-4.3,0
north,2,help,0,0
south,1,help,-2.15,0
south,1,Free Up,2.15,0
south,2,elope,1,1
south,3,cheat,,1
"""


class Files:
    """Two files in a folder, and the import of them."""

    def __init__(self, folder: Path) -> None:
        self.pairs = folder / "pairs.csv"
        self.ratings = folder / "ratings.csv"
        self.out = folder / "snapshot"
        self.pairs.write_text(PAIRS, encoding="utf-8")
        self.ratings.write_text(RATINGS, encoding="utf-8")

    def run(self, settings: ImportSettings | None = None) -> None:
        import_study(
            self.pairs, self.ratings, self.out, name="verbs", settings=settings
        )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_distances_and_ratings_become_similarities_and_values(files: Files) -> None:
    files.run()

    snapshot = read_snapshot(files.out)
    assert snapshot.actions.ids == ("free-up", "cheat", "help")
    assert snapshot.actions.texts == ("Free Up", "cheat", "help")
    np.testing.assert_allclose(
        snapshot.similarities.mean().values,
        [[1, 0.75, np.nan], [0.75, 1, 0], [np.nan, 0, 1]],
    )
    assert not snapshot.similarities.has_raters
    assert snapshot.values.dimensions == ("evaluation",)
    assert snapshot.values.raters("evaluation") == ("north:1", "north:2", "south:1")
    np.testing.assert_allclose(
        group_mean(snapshot.values, "evaluation", equally=True),
        [75, 0, (75 + 25) / 2],  # help: north's mean of 100 and 50, south's 25
    )


def test_the_manifest_says_what_was_done(files: Files) -> None:
    files.run(ImportSettings(source="Somebody (2020)"))

    manifest = read_snapshot(files.out).manifest
    assert manifest["means_only"] is True
    assert manifest["simulated"] is False
    assert manifest["similarity_rule"] == "1 - distance / 2.0 (the largest distance)"
    assert manifest["inputs"] == {
        "pairs": sha256_of(files.pairs),
        "ratings": sha256_of(files.ratings),
    }
    told = manifest["parameters"]
    assert told["pool_groups_equally"] is True
    assert told["value_range"] == [-4.3, 4.3]
    assert told["samples"] == ["north", "south"]
    assert (told["blank_ratings"], told["ratings_of_other_actions"]) == (1, 1)
    assert told["source"] == "Somebody (2020)"
    assert "not morality" in manifest["dimensions"][0]["definition"]


def test_other_rules_are_applied_and_named(files: Files) -> None:
    files.run(ImportSettings(similarity_from="distance-exp"))

    snapshot = read_snapshot(files.out)
    assert snapshot.similarities.mean().values[0, 1] == pytest.approx(exp(-0.5 / 1.25))
    assert snapshot.manifest["similarity_rule"] == (
        "exp(-distance / 1.25) (the median distance)"
    )


def test_similarities_are_taken_as_they_are(files: Files) -> None:
    files.pairs.write_text("a,b,s\nhelp,cheat,0.25\n", encoding="utf-8")
    columns = Columns(first="a", second="b", value="s")

    files.run(ImportSettings(similarity_from="similarity", columns=columns))

    snapshot = read_snapshot(files.out)
    assert snapshot.similarities.mean().pairs().tolist() == [0.25]


def test_samples_and_dimensions_can_be_chosen(files: Files) -> None:
    dimensions = {"E": EVALUATION, "P": plain_dimension("potency")}
    files.pairs.write_text("verb_a,verb_b,distance\nhelp,cheat,2\n", encoding="utf-8")

    files.run(ImportSettings(samples=("north",), dimensions=dimensions))

    values = read_snapshot(files.out).values
    assert values.dimensions == ("evaluation", "potency")
    assert values.raters("potency") == ("north:1", "north:2")


def test_similarities_alone_can_be_imported(files: Files) -> None:
    import_study(files.pairs, None, files.out, name="verbs")

    snapshot = read_snapshot(files.out)
    assert len(snapshot.values) == 0
    assert snapshot.manifest["dimensions"] == []


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ("verb_a,verb_b\nx,y\n", r"pairs\.csv, line 1: .* missing: distance"),
        (PAIRS + "help,free,-1\n", r"line 4: distance must be .* at least 0; got '-1'"),
        (PAIRS + "cheat,help,1\n", r"line 4: each pair stands once; .* in line 2"),
        (PAIRS + "help,help,1\n", r"line 4: a pair needs two different actions"),
        (PAIRS + "help,,1\n", r"line 4: a pair needs two different actions"),
        (PAIRS + "help,nag,\n", r"line 4: .* needs a finite number in distance"),
        (PAIRS + "help,nag,inf\n", r"line 4: .* needs a finite number in distance"),
        (PAIRS + "help,free up,1\n", r"line 4: 'free up' and 'Free Up' would both be"),
        (PAIRS + "help,?,1\n", r"line 4: cannot make an action_id of '\?'"),
        (PAIRS + "help,nag,1\n", r"line 4: nag has no rating on evaluation in"),
        ("verb_a,verb_b,distance\nhelp,cheat,0\n", "needs distances above 0"),
    ],
)
def test_a_faulty_line_of_pairs_is_refused(
    files: Files, pairs: str, message: str
) -> None:
    files.pairs.write_text(pairs, encoding="utf-8")

    with pytest.raises(AlignmentError, match=message):
        files.run()
    assert not (files.out / "manifest.json").exists()


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        ("rater,verb,E\n1,help,1\n", r"ratings\.csv, line 1: .* missing: sample"),
        (RATINGS + "south,4,help,4.4,0\n", r"line 9: E must be a number, -4.3 to 4.3"),
        (RATINGS + "south,4,elope,good,0\n", r"line 9: E must be a number"),
        (RATINGS + "north,1,help,1,0\n", r"line 9: rater 1 rated help in line 2"),
        (RATINGS + "north,,help,1,0\n", r"line 9: needs verb and rater"),
    ],
)
def test_a_faulty_line_of_ratings_is_refused(
    files: Files, ratings: str, message: str
) -> None:
    files.ratings.write_text(ratings, encoding="utf-8")

    with pytest.raises(AlignmentError, match=message):
        files.run()


def test_an_unknown_sample_is_refused(files: Files) -> None:
    with pytest.raises(AlignmentError, match="holds no rating of sample west"):
        files.run(ImportSettings(samples=("north", "south", "west")))


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(AlignmentError, match="value_range must rise, got 2 to 1"):
        ImportSettings(value_range=(2, 1))
    with pytest.raises(
        AlignmentError, match=r"similarity_from must be one of .* cosine"
    ):
        replace(ImportSettings(), similarity_from="cosine")  # type: ignore[arg-type]


def test_a_snapshot_is_never_written_over(files: Files) -> None:
    files.run()

    with pytest.raises(FolderError, match="holds a snapshot already"):
        files.run()


def test_the_data_folder_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTUNE_DATA", str(tmp_path))
    assert data_folder() == tmp_path

    monkeypatch.setenv("ATTUNE_DATA", str(tmp_path / "nowhere"))
    assert data_folder() is None


@pytest.mark.parametrize(
    ("verb_class", "n_actions", "reference"), [(2, 43, 0.457), (6, 32, 0.140)]
)
def test_bridge_verbs_give_the_published_reference_numbers(
    human_data: Path, tmp_path: Path, verb_class: int, n_actions: int, reference: float
) -> None:
    import_bridge_verbs(human_data, verb_class, tmp_path / "snapshot")

    snapshot = read_snapshot(tmp_path / "snapshot")
    human = snapshot.similarities.mean()
    raters = snapshot.values.raters("evaluation")
    surveyors = snapshot.values.only([r for r in raters if r.startswith("surveyor:")])
    means = surveyors.mean("evaluation")
    i, j = np.triu_indices(n_actions, k=1)
    assert human.complete
    assert len(human) == n_actions
    r = spearmanr(-human.pairs(), np.abs(means[i] - means[j])).statistic
    assert r == pytest.approx(reference, abs=5e-4)


def test_bridge_verbs_pool_both_samples_equally(
    human_data: Path, tmp_path: Path
) -> None:
    import_bridge_verbs(human_data, 2, tmp_path / "snapshot")

    snapshot = read_snapshot(tmp_path / "snapshot")
    pooled = group_mean(snapshot.values, "evaluation", equally=True)
    table = pd.read_csv(human_data / "bridge-verbs" / "values_by_rater.csv")
    table = table[table.verb.isin(snapshot.actions.ids)]
    expected = table.groupby(["verb", "sample"]).E.mean().groupby("verb").mean()
    np.testing.assert_allclose(pooled, (expected + 4.3) / 8.6 * 100)
    assert int((pooled < 50).sum()) == 36
    assert snapshot.values.complete_raters("evaluation") == ()
