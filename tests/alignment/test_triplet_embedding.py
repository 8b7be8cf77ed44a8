"""`alignment.triplet_embedding`: a matrix from triplets, and what it is tested on."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from alignment import ordinal
from alignment.adaptive import draw_triplets
from alignment.judgments import TripletJudgments
from alignment.ordinal import Embedding
from alignment.report import ReportSettings, write_report
from alignment.report_files import HUMAN, TRIPLET_EMBEDDING, TRIPLETS
from alignment.snapshot_files import write_snapshot
from alignment.triplet_embedding import embed_triplets, enough
from bandits.kernels_axis import role_of

N = 10
ACTIONS = tuple(f"a{i}" for i in range(N))


def judgments(n: int, *, n_adaptive: int = 0, seed: int = 0) -> TripletJudgments:
    """Triplets of actions on a line, with some noise; the last ones adaptive."""
    rng = np.random.default_rng(seed)
    truth = Embedding(np.linspace(-3, 3, N)[:, None], 0.05)
    triplets = draw_triplets(N, n, rng)
    chance = ordinal.odd_probabilities(truth, triplets).cumsum(axis=1)
    odd = (rng.random(n)[:, None] > chance[:, :2]).sum(axis=1)
    return TripletJudgments(
        actions=ACTIONS,
        triplets=triplets,
        odd=triplets[np.arange(n), odd],
        rater=np.array(["p-ada"] * n),
        sampler=np.array(["random"] * (n - n_adaptive) + ["adaptive"] * n_adaptive),
        propensity=np.full(n, np.nan),
        group=np.array(["all"] * n),
    )


def test_an_embedding_orders_all_pairs_as_the_truth_does() -> None:
    found = embed_triplets(judgments(900), rater="people", seed=0)

    assert found is not None
    assert found.matrix.complete
    apart = np.abs(np.subtract.outer(np.arange(N), np.arange(N)))
    near, far = apart[np.triu_indices(N, k=1)] == 1, apart[np.triu_indices(N, k=1)] > 5
    assert found.matrix.pairs()[near].min() > found.matrix.pairs()[far].max()
    assert found.held_out > 0.8
    assert found.n_judgments == 900


def test_too_few_triplets_give_no_embedding() -> None:
    assert embed_triplets(judgments(enough(N) - 1), rater="people", seed=0) is None
    assert embed_triplets(judgments(enough(N)), rater="people", seed=0) is not None


def test_held_out_accuracy_is_that_on_random_triplets_alone() -> None:
    some = embed_triplets(judgments(200, n_adaptive=150), rater="people", seed=0)
    none = embed_triplets(judgments(200, n_adaptive=200), rater="people", seed=0)

    assert some is not None
    assert round(some.held_out * 50) == pytest.approx(some.held_out * 50)
    assert none is not None
    assert np.isnan(none.held_out)


def test_triplets_that_were_chosen_are_told_from_those_drawn_uniformly() -> None:
    made = judgments(30, n_adaptive=10)

    assert made.uniform.tolist() == [True] * 20 + [False] * 10
    assert len(made.drawn_uniformly()) == 20


def test_a_report_uses_chosen_triplets_in_the_embedding_alone(tmp_path: Path) -> None:
    made = judgments(300, n_adaptive=200)
    write_snapshot(
        tmp_path / "snapshot",
        actions=[{"action_id": name, "text": f"I call {name}."} for name in ACTIONS],
        value_rows=[],
        similarity_rows=[
            {
                "action_a": ACTIONS[i],
                "action_b": ACTIONS[j],
                "rater_id": "p-bo",
                "similarity": 1 - (j - i) / N,
            }
            for i in range(N)
            for j in range(i + 1, N)
        ],
        triplet_rows=[
            {
                **dict(zip("abc", [ACTIONS[i] for i in three], strict=True)),
                "odd": ACTIONS[odd],
                "rater_id": "p-ada",
                "sampler": sampler,
                "propensity": 0.01,
            }
            for three, odd, sampler in zip(
                made.triplets, made.odd, made.sampler, strict=True
            )
        ],
        exclusion_rows=[],
        study="line",
        title="Actions on a line",
        dimensions=[],
        wording={"triplet": "Which is least like the others?"},
        simulated=True,
        started_at=datetime.now(UTC),
    )
    settings = ReportSettings(
        raters=("length",), n_resamples=5, n_permutations=5, n_splits=2, figures=False
    )

    report = write_report(tmp_path / "snapshot", tmp_path / "report", settings)

    assert list(report.matrices) == [HUMAN, TRIPLETS, TRIPLET_EMBEDDING, "length"]
    np.testing.assert_allclose(
        report.matrices[TRIPLETS].values, made.drawn_uniformly().mean()[0].values
    )
    (kind,) = {row.kind for row in report.raters if row.rater == TRIPLET_EMBEDDING}
    assert role_of(kind) == "triplets", "a sweep leaves it out unless it is named"
    spearman = {row.rater: row.value for row in report.alignment
                if row.measure == "spearman"}  # fmt: skip
    assert spearman[TRIPLET_EMBEDDING] > 0.9
    tested = {row.rater for row in report.alignment
              if row.measure == "triplet_accuracy"}  # fmt: skip
    assert tested == {HUMAN, "length"}
    assert any(
        note.startswith("200 of 300 triplets were chosen by earlier answers")
        for note in report.notes
    )
    assert any("The embedding of 300 triplets has" in note for note in report.notes)
