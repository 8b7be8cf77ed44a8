"""How far a study has come, counted against a slow look at every answer."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collection import coverage
from collection.models import Cell, Incident, Response
from tests import factories

cells = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 5)), min_size=1)


@given(cells)
def test_a_summary_is_what_looking_at_each_cell_gives(
    counts: list[tuple[int, int]],
) -> None:
    histogram = {pair: counts.count(pair) for pair in counts}
    completed = [done for done, _ in counts]

    found = coverage.summarise("x", histogram)

    assert found.n_cells == len(counts)
    assert (found.least, found.most) == (min(completed), max(completed))
    assert found.median == median(completed)
    assert found.done == sum(min(done, wanted) for done, wanted in counts)
    assert (found.percent == 100) == all(done >= wanted for done, wanted in counts)


@pytest.mark.django_db
def test_coverage_counts_the_answers_of_everyone_who_gave_some() -> None:
    study = factories.open_study()
    factories.ada(study)
    factories.bo(study)

    rows = {row.label: row for row in coverage.coverage_by_block(study)}

    given_pairs = Response.objects.filter(trial__kind="pair").count()
    given_triplets = Response.objects.filter(trial__kind="triplet").count()
    completed = Cell.objects.filter(kind="pair").values_list("completed", flat=True)
    assert sum(completed) == given_pairs
    assert rows["Pairs"].n_cells == 15
    assert rows["Pairs"].wanted == 30
    assert rows["Triplets"].done == given_triplets
    assert rows["Triplets"].wanted == 20
    # Ada rated every action on one of the two dimensions; Bo stopped before that.
    assert rows["Morality"].done + rows["Challenge"].done == 1


@pytest.mark.django_db
def test_a_group_that_nobody_joined_is_listed_with_zeros() -> None:
    study = factories.open_study()

    (before,) = coverage.progress_by_group(study)
    factories.ada(study)
    (after,) = coverage.progress_by_group(study)

    assert before.by_status == [0, 0, 0, 0]
    assert after.by_status == [0, 0, 1, 0]
    assert after.total == 1


@pytest.mark.django_db
def test_incidents_are_counted_by_code_within_the_study() -> None:
    study, other = factories.open_study(), factories.open_study(slug="other")
    session = factories.joined(study)
    for code in ("unknown-trial", "answer-missing", "unknown-trial"):
        Incident.objects.create(session=session, code=code)
    Incident.objects.create(session=factories.joined(other), code="unknown-trial")

    assert coverage.incidents_by_code(study) == [
        ("unknown-trial", 2),
        ("answer-missing", 1),
    ]


@pytest.mark.django_db
def test_one_simulated_session_marks_the_study() -> None:
    study = factories.open_study()
    factories.ada(study)

    assert not coverage.has_simulated_people(study)
    factories.joined(study, simulated=True)
    assert coverage.has_simulated_people(study)
