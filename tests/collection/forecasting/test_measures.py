"""How well simulated people agree, against slow twins and closed forms."""

from __future__ import annotations

from math import isnan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.judgments import SimilarityJudgments
from alignment.matrices import from_triplets
from alignment.reliability import noise_ceiling, split_half_correlation, stepped_up
from collection.definitions import StudyDefinition
from collection.forecasting.measures import intraclass, measure, tabled, targets_of
from collection.forecasting.settings import ForecastSettings
from collection.forecasting.twin import SimulatedStudy, simulate
from tests import factories


def definition(**changes: Any) -> StudyDefinition:
    return StudyDefinition.model_validate(factories.document(**changes))


def studied(
    settings: ForecastSettings, **changes: Any
) -> tuple[StudyDefinition, SimulatedStudy]:
    found = definition(**changes)
    return found, simulate(found, settings, seed=5)


def test_the_halves_agree_as_those_of_the_same_judgments_in_a_report() -> None:
    settings = ForecastSettings(participants=(12,), careless=0, dropout=0, n_splits=30)
    found, study = studied(settings, **factories.only("pair"))
    rows = study.rows["pairs"]
    a, b = np.triu_indices(6, 1)
    judgments = SimilarityJudgments(
        actions=found.action_ids,
        a=a[rows.cell],
        b=b[rows.cell],
        rater=np.array([f"p{one:03}" for one in rows.rater]),
        similarity=rows.value,
        weight=np.ones(len(rows.cell)),
        group=np.full(len(rows.cell), "all"),
    )

    (point,) = measure(study, found, settings, seed=8)

    expected = noise_ceiling(judgments, n_splits=30, n_resamples=20, seed=8 + 12)
    (measured,) = point.measured
    assert measured.half_r == pytest.approx(expected.mean_r)
    assert measured.ceiling == pytest.approx(expected.estimate.value, abs=0.02)


def test_triplets_are_the_choice_frequencies_of_the_reports() -> None:
    settings = ForecastSettings(participants=(4,), careless=0, dropout=0)
    _, study = studied(settings, **factories.only("triplet"))
    rows = study.rows["triplets"]
    # Each triplet stands as three pairs in a row, of which the one kept together has 1.
    triplets, odd = [], []
    a, b = np.triu_indices(6, 1)
    for start in range(0, len(rows.cell), 3):
        cells = rows.cell[start : start + 3]
        three = sorted({*a[cells].tolist(), *b[cells].tolist()})
        kept = cells[int(np.argmax(rows.value[start : start + 3]))]
        triplets.append(three)
        (left,) = set(three) - {int(a[kept]), int(b[kept])}
        odd.append(left)

    matrix, shown = from_triplets(
        [str(i) for i in range(6)], np.array(triplets), np.array(odd), rater="x"
    )

    n = np.bincount(rows.cell, minlength=15)
    kept_share = np.bincount(rows.cell, rows.value, 15)
    np.testing.assert_array_equal(n, shown[a, b])
    judged = n > 0
    np.testing.assert_allclose(
        kept_share[judged] / n[judged], matrix.values[a, b][judged]
    )


@given(st.integers(0, 10_000), st.integers(3, 8), st.integers(2, 6))
def test_the_icc_is_that_of_an_analysis_of_variance(seed: int, k: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(k, 1)) + rng.normal(size=(k, n))

    found = intraclass(table.ravel(), np.repeat(np.arange(k), n))

    between = n * np.var(table.mean(axis=1), ddof=1)
    within = np.mean(np.var(table, axis=1, ddof=1))
    assert found == pytest.approx((between - within) / (between + (n - 1) * within))


def test_the_icc_of_nothing_judged_twice_is_unknown() -> None:
    assert isnan(intraclass(np.array([1.0, 2.0]), np.array([0, 1])))
    assert isnan(intraclass(np.array([1.0, 2.0]), np.array([0, 0])))
    assert isnan(intraclass(np.ones(4), np.array([0, 0, 1, 1])))


def test_spearman_and_brown_is_its_own_inverse() -> None:
    assert stepped_up(0.5) == pytest.approx(2 / 3)
    assert stepped_up(stepped_up(0.3, 7), 1 / 7) == pytest.approx(0.3)
    assert isnan(stepped_up(-1.0))


def test_simulated_halves_meet_the_closed_form_where_people_are_exchangeable() -> None:
    """Every rater rates everything, with normal noise: Spearman and Brown are exact."""
    rng = np.random.default_rng(2)
    signal = rng.normal(size=400)
    for icc, n_raters in ((0.2, 10), (0.5, 6)):
        noise = np.sqrt((1 - icc) / icc)
        value = signal + noise * rng.normal(size=(n_raters, 400))
        cell, rater = (
            np.tile(np.arange(400), n_raters),
            np.repeat(np.arange(n_raters), 400),
        )
        summed, weight = tabled(rater, cell, value.ravel(), (n_raters, 400))

        halves = split_half_correlation(summed, weight, n_splits=20, seed=1)

        assert stepped_up(halves) == pytest.approx(stepped_up(icc, n_raters), abs=0.06)
        assert intraclass(value.ravel(), cell) == pytest.approx(icc, abs=0.06)


def test_one_participant_has_no_ceiling_and_it_says_why() -> None:
    settings = ForecastSettings(participants=(1,), dropout=0)
    found, study = studied(settings)

    (point,) = measure(study, found, settings, seed=1)

    assert point.n == point.n_joined == 1
    for measured in point.measured:
        assert isnan(measured.half_r)
        assert isnan(measured.ceiling)
        assert "2 raters" in measured.note or "nobody" in measured.note


def test_pairs_that_nobody_reached_are_counted() -> None:
    settings = ForecastSettings(participants=(1, 9), careless=0, dropout=0)
    found, study = studied(settings, **factories.only("pair"))

    first, last = (
        point.measured[0] for point in measure(study, found, settings, seed=1)
    )

    assert first.unjudged == pytest.approx(10 / 15)
    assert last.unjudged == 0
    assert last.per_cell == pytest.approx(9 * 5 / 15, abs=0.2)  # few not understood


def test_all_careless_people_agree_on_nothing() -> None:
    settings = ForecastSettings(participants=(40,), careless=1, dropout=0)
    careful = ForecastSettings(participants=(40,), careless=0, dropout=0)
    changes = factories.only("pair", trials_per_session=15)
    found, lost = studied(settings, **changes)
    _, good = studied(careful, **changes)

    (nothing,) = measure(lost, found, settings, seed=1)
    (much,) = measure(good, found, careful, seed=1)

    assert nothing.measured[0].icc < 0.15 < much.measured[0].icc
    assert much.measured[0].reliability > 0.8


def test_who_left_and_who_failed_the_check_is_not_usable() -> None:
    settings = ForecastSettings(participants=(30,), careless=0.5, dropout=0.3)
    found, study = studied(settings)

    (point,) = measure(study, found, settings, seed=1)

    assert point.n_joined > 30
    finished = [one for one in study.people if one.finished]
    assert len(finished) == 30
    assert 10 < point.n_usable < 30
    assert not any(one.usable and not one.finished for one in study.people)


def test_groups_that_are_apart_are_measured_apart() -> None:
    groups = [
        {"name": "alike", "blocks": ["pairs"], "share": 2},
        {"name": "worth", "blocks": ["values"], "share": 1},
    ]
    settings = ForecastSettings(participants=(12,), careless=0, dropout=0)
    blocks = [
        block
        for block in factories.document()["blocks"]
        if block["key"] in ("pairs", "values")
    ]
    changes = {"blocks": blocks, "groups": groups, "group_mode": "disjoint"}
    found, study = studied(settings, **changes, questions=[])

    (point,) = measure(study, found, settings, seed=1)

    by_target = {one.target: one for one in point.measured}
    assert targets_of(found) == ["pairs", "value morality", "value challenge"]
    assert by_target["pairs"].n_raters == 8
    values = [by_target[f"value {name}"] for name in ("morality", "challenge")]
    assert [one.n_raters for one in values] == [2, 2]
    assert all(one.complete <= 2 for one in values)
