"""How far people agree, as a report tells it: pairs, dimensions, shares of variance."""

from __future__ import annotations

from math import isnan
from pathlib import Path

import pytest

from alignment.agreement import icc, krippendorff_alpha
from alignment.ratings import ratings_of_pairs, ratings_of_values
from alignment.report_agreement import PAIRS, AgreementRow, agreement_rows
from alignment.snapshots import Snapshot, read_snapshot
from tests.alignment.conftest import WriteSnapshot


def rows_of(frozen: Snapshot) -> dict[str, AgreementRow]:
    rows = agreement_rows(
        frozen.similarities, frozen.values, ["morality"], n_resamples=50, seed=1
    )
    return {row.what: row for row in rows}


@pytest.fixture
def frozen(small_snapshot: WriteSnapshot) -> Snapshot:
    return read_snapshot(small_snapshot())


def test_pairs_and_every_dimension_have_a_row(frozen: Snapshot) -> None:
    rows = rows_of(frozen)

    assert list(rows) == [PAIRS, "morality"]
    pairs, _ = ratings_of_pairs(frozen.similarities)
    assert rows[PAIRS].alpha == krippendorff_alpha(pairs)
    assert (rows["morality"].icc_1, rows["morality"].icc_k) == icc(
        ratings_of_values(frozen.values, "morality")
    )


def test_shares_of_variance_add_to_one_and_small_noise_leaves_most_shared(
    frozen: Snapshot,
) -> None:
    row = rows_of(frozen)[PAIRS]

    assert row.shared + row.level + row.unexplained == pytest.approx(1)
    assert row.shared > 0.8
    assert isnan(row.own), "nobody rated a pair twice"


def test_what_two_people_never_rated_has_its_reason(
    small_snapshot: WriteSnapshot,
) -> None:
    alone = [
        {
            "action_id": action,
            "dimension": "morality",
            "rater_id": "p-ada",
            "value": value,
            "group": "values",
        }
        for action, value in (("return-wallet", 90), ("steal-bicycle", 5))
    ]
    frozen = read_snapshot(small_snapshot("alone", value_rows=alone))

    row = rows_of(frozen)["morality"]

    assert row.note.startswith("agreement in ratings on morality: needs something")
    assert isnan(row.alpha)


def test_published_means_have_no_row_for_pairs(
    small_snapshot: WriteSnapshot, tmp_path: Path
) -> None:
    means = [
        {
            "action_a": "cook-soup",
            "action_b": "keep-wallet",
            "rater_id": "aggregate",
            "similarity": 0.4,
        }
    ]
    frozen = read_snapshot(
        small_snapshot("means", similarity_rows=means, means_only=True)
    )

    assert list(rows_of(frozen)) == ["morality"]
