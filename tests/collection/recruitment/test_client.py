"""Prolific's API over real HTTP: back-off, pages, and what is never sent twice."""

from __future__ import annotations

import logging

import pytest

from collection.recruitment.client import Prolific, RemoteSubmission, bonus_lines
from collection.recruitment.errors import (
    NotOnPlatform,
    PlatformError,
    PlatformUnavailable,
)
from tests.prolific_server import STUDY_ID, TOKEN, FakeProlific


class Waits(list[float]):
    """Counts the waiting instead of doing it."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def api(prolific: FakeProlific, waits: Waits) -> Prolific:
    return Prolific(TOKEN, url=prolific.url, sleep=waits)


def test_a_submission_is_read_as_the_platform_tells_it(
    prolific: FakeProlific, api: Prolific
) -> None:
    place = prolific.submission("AWAITING REVIEW", time_taken=301.6)

    assert api.submission(place.submission_id) == RemoteSubmission(
        place.submission_id, place.participant_id, STUDY_ID, "AWAITING REVIEW", 302
    )


def test_a_list_is_read_to_its_last_page(prolific: FakeProlific, api: Prolific) -> None:
    for _ in range(230):
        prolific.submission()
    prolific.submission(study_id="another")

    assert len(list(api.submissions(STUDY_ID))) == 230
    assert len(prolific.calls) == 3


def test_too_many_requests_are_answered_with_patience(
    prolific: FakeProlific, api: Prolific, waits: Waits
) -> None:
    place = prolific.submission()
    prolific.fail_next(429, 503, 429)

    api.approve([place.submission_id])

    assert place.status == "APPROVED"
    assert len(waits) == 3
    assert waits[2] > waits[0]


def test_the_platform_may_say_how_long_to_wait(
    prolific: FakeProlific, api: Prolific, waits: Waits
) -> None:
    prolific.fail_next(429)
    prolific.retry_after = 7

    api.approve([prolific.submission().submission_id])

    assert waits == [7.0]


def test_patience_ends(prolific: FakeProlific, api: Prolific) -> None:
    prolific.fail_next(*[503] * 5)

    with pytest.raises(PlatformUnavailable, match="Try again in some minutes") as gone:
        api.study(STUDY_ID)
    assert not gone.value.undone


def test_approvals_go_a_thousand_at_a_time(
    prolific: FakeProlific, api: Prolific
) -> None:
    names = [prolific.submission().submission_id for _ in range(1001)]

    api.approve(names)

    sizes = [len(body["submission_ids"]) for _, _, body in prolific.calls]
    assert sizes == [1000, 1]


def test_a_payment_is_not_repeated_after_a_lost_answer(
    prolific: FakeProlific, api: Prolific
) -> None:
    bulk = api.create_bonuses(STUDY_ID, [(prolific.submission().submission_id, 150)])
    prolific.silent_after_paying = True

    with pytest.raises(PlatformUnavailable) as gone:
        api.pay_bonuses(bulk)

    assert not gone.value.undone
    assert len(prolific.paid) == 1


def test_a_payment_that_was_turned_away_may_be_sent_again(
    prolific: FakeProlific, api: Prolific
) -> None:
    bulk = api.create_bonuses(STUDY_ID, [(prolific.submission().submission_id, 150)])
    prolific.fail_next(429, 429)

    api.pay_bonuses(bulk)

    assert len(prolific.paid) == 1


def test_what_nobody_answered_was_not_done(prolific: FakeProlific) -> None:
    nobody = Prolific(TOKEN, url="http://127.0.0.1:9", sleep=Waits())

    with pytest.raises(PlatformUnavailable) as gone:
        nobody.pay_bonuses("x")
    assert gone.value.undone


def test_refusals_say_what_to_do_and_name_nobody(
    prolific: FakeProlific, api: Prolific, caplog: pytest.LogCaptureFixture
) -> None:
    name = "66a1b2c3d4e5f60718293a4b"
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(NotOnPlatform, match="Compare the ids") as refused,
    ):
        api.submission(name)
    with pytest.raises(PlatformError, match="Validation error") as wrong:
        api.approve([name])
    with pytest.raises(PlatformError, match="ATTUNE_PROLIFIC_TOKEN"):
        Prolific("wrong", url=prolific.url).study(STUDY_ID)

    assert name not in refused.value.message + wrong.value.message + caplog.text


def test_an_id_cannot_leave_its_step_of_the_path(
    prolific: FakeProlific, api: Prolific
) -> None:
    with pytest.raises(NotOnPlatform):
        api.submission("../studies")
    assert prolific.calls[-1][1] == "/api/v1/submissions/..%2Fstudies/"


def test_amounts_are_written_in_whole_currency() -> None:
    assert bonus_lines([("a", 5), ("b", 150), ("c", 1200)]) == "a,0.05\nb,1.50\nc,12.00"
