"""Agreement in a running study: measured by a worker's child, shown on the live view."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from alignment.reliability import noise_ceiling
from alignment.report_values import value_reliability
from alignment.snapshots import read_snapshot
from alignment.triplet_ceiling import triplet_ceiling
from collection import child, live, live_agreement, live_asking
from collection.models import LiveAgreement, Study, Trial
from collection.participation import Answer
from collection.snapshots import freeze
from tests import factories
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


def erring(seed: int) -> Callable[[Trial], Answer]:
    """Someone attentive with an error of their own, in points, on every rating."""
    rng = np.random.default_rng(seed)

    def judge(trial: Trial) -> Answer:
        answer = factories.attentive(trial)
        if answer.rating is None:
            return answer
        turned = trial.polarity == "reversed"
        meant = 100 - answer.rating if turned else answer.rating
        rating = int(np.clip(meant + round(rng.normal(0, 12)), 0, 100))
        return Answer(rating=100 - rating if turned else rating)

    return judge


def people(study: Study, n: int, **enrolment: Any) -> None:
    for number in range(n):
        factories.finished(study, erring(number), **enrolment)


def row(measured: LiveAgreement, kind: str, what: str = "") -> dict[str, Any]:
    (found,) = (
        one for one in measured.rows if (one["kind"], one["what"]) == (kind, what)
    )
    return found  # type: ignore[no-any-return]


def test_it_agrees_with_a_report_on_a_snapshot(tmp_path: Path) -> None:
    blocks = factories.document()["blocks"]
    blocks[2] |= {"polarity": "randomised"}
    study = factories.open_study(blocks=blocks)
    people(study, 14)
    assert Trial.objects.filter(polarity="reversed").exists()  # 1 in 16,000 has none
    freeze(study, tmp_path / "snapshot")
    frozen = read_snapshot(tmp_path / "snapshot")

    measured = live_agreement.measure(study, simulated=False)

    for dimension in ("morality", "challenge"):
        expected = value_reliability(frozen.values, dimension, seed=1)
        found = row(measured, "value", dimension)
        assert found["reliability"][0] == pytest.approx(expected.icc_k, abs=1e-4)
        assert found["ceiling"][0] == pytest.approx(expected.icc_k**0.5, abs=1e-4)
        assert found["raters_each"] == expected.raters_per_action
    ceiling = noise_ceiling(frozen.similarities, n_resamples=200, n_splits=20, seed=1)
    pairs = row(measured, "pair")
    assert pairs["ceiling"][0] == pytest.approx(ceiling.estimate.value, abs=1e-3)
    assert pairs["n_judgments"] == len(frozen.similarities)
    agreed = triplet_ceiling(frozen.triplets).leave_one_out.value
    assert row(measured, "triplet")["ceiling"][0] == pytest.approx(agreed, abs=1e-4)


def test_the_spread_is_that_of_the_errors_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(3)
    within = 0
    for _ in range(200):
        thing = np.repeat(np.arange(20), 6)
        rating = 10.0 * thing + rng.normal(0, 12, size=len(thing))
        value, low, high = live_agreement.pooled_spread(thing, rating) or (0, 0, 0)
        assert low < value < high
        within += low <= 12 <= high

    # 95 % of 200, and four standard errors of that.
    assert 178 <= within <= 200


def test_too_few_ratings_have_no_spread() -> None:
    assert live_agreement.pooled_spread(np.arange(30), np.arange(30.0)) is None


def test_who_withdrew_does_not_count_and_simulated_people_are_apart() -> None:
    study = factories.open_study()
    people(study, 3)
    factories.cy(study)
    people(study, 2, simulated=True)

    real = live_agreement.measure(study, simulated=False)
    simulated = live_agreement.measure(study, simulated=True)

    assert row(real, "pair")["n_raters"] == 3
    assert row(simulated, "pair")["n_raters"] == 2
    assert live_asking.newest(study) == [real, simulated]


def test_one_person_is_too_few_and_the_row_says_so() -> None:
    study = factories.open_study()
    factories.ada(study)

    measured = live_agreement.measure(study, simulated=False)

    pairs = row(measured, "pair")
    assert pairs["reliability"] is None
    assert "needs something that two raters rated" in pairs["note"]
    assert "at least 2 people judged" in row(measured, "triplet")["note"]


def test_tables_too_large_for_a_running_study_are_left_to_a_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = factories.open_study()
    people(study, 14)
    monkeypatch.setattr(live_agreement, "LARGEST_TABLE", 10)

    pairs = row(live_agreement.measure(study, simulated=False), "pair")

    assert pairs["ceiling"] is None
    assert pairs["reliability"] is not None
    assert "are too many to find the ceiling while people answer" in pairs["note"]


def test_a_share_of_answers_has_an_interval_of_shares() -> None:
    study = factories.open_study()
    # 42 answers about 20 triplets: some are judged by two, whatever is drawn.
    people(study, 14)

    found = row(live_agreement.measure(study, simulated=False), "triplet")["ceiling"]

    assert 0 <= found[1] <= found[0] <= found[2] <= 1


def test_looking_asks_once_for_whoever_answered(site: Site) -> None:
    factories.ada(site.study)

    for _ in range(2):
        page = site.page("research-live", "tiny")

    assert "Not measured yet" in page
    asked = ProcrastinateJob.objects.filter(task_name="measure_agreement")
    assert [job.args for job in asked] == [
        {"study_id": site.study.pk, "simulated": False}
    ]


def test_the_page_shows_what_was_measured_and_the_raters_still_needed(
    site: Site,
) -> None:
    people(site.study, 5)
    measured = live_agreement.measure(site.study, simulated=False)
    (morality,) = (
        one for one in live.agreement_rows(measured) if one.what == "morality"
    )

    page = site.page("research-live", "tiny")
    narrow = site.ask(
        site.owner, "get", "/research/studies/tiny/live/?width=2"
    ).content.decode()

    assert morality.reliability in page
    assert "Similarity of pairs" in page
    assert "20 points wide" in page
    assert "2 points wide" in narrow
    assert "Not measured yet" not in page


def test_a_measurement_is_old_when_judgments_came_and_it_has_rested() -> None:
    study = factories.open_study()
    people(study, 3)
    measured = live_agreement.measure(study, simulated=False)
    same, more = measured.counted, measured.counted + 1

    assert live_asking.is_old(None, same)
    assert not live_asking.is_old(measured, more)
    measured.measured_at = timezone.now() - timedelta(seconds=11)
    assert live_asking.is_old(measured, more)
    assert not live_asking.is_old(measured, same)
    measured.took_s = 60
    assert not live_asking.is_old(measured, more)


@pytest.mark.django_db(transaction=True)
def test_the_workers_child_measures_and_only_when_needed() -> None:
    study = factories.open_study()
    people(study, 3)

    assert live_asking.measure(study.pk, simulated=False) is True
    assert live_asking.measure(study.pk, simulated=False) is False
    assert study.live_agreements.get().n_judgments > 0
    assert live_asking.measure(study.pk + 1, simulated=False) is False


@pytest.mark.django_db(transaction=True)
def test_a_child_that_fails_is_told_in_its_own_words() -> None:
    with pytest.raises(child.ChildFailed, match="No study 'nowhere'"):
        child.run("measureagreement", "nowhere", longest_s=60)


@pytest.mark.django_db(transaction=True)
def test_a_child_that_hangs_is_stopped() -> None:
    with pytest.raises(child.ChildFailed, match=r"more than 0\.1 s and was stopped"):
        child.run("measureagreement", "nowhere", longest_s=0.1)


def test_by_hand_the_command_says_what_it_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = factories.open_study()
    people(study, 2, simulated=True)

    call_command("measureagreement", "tiny", "--simulated")

    assert "judgments of simulated participants" in capsys.readouterr().out
