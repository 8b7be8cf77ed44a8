"""Each way a session can end, and what its person is given and told."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from collection import participation
from collection.errors import AnswerMissing
from collection.models import (
    ComprehensionOutcome,
    PlatformPayment,
    Study,
    StudySession,
    Submission,
)
from collection.recruitment import lab
from collection.recruitment.completion import (
    CompletionPath,
    completion_for,
    end,
    path_when_full,
    technical_path,
)
from collection.recruitment.sections import Action, Outcome, Recruitment
from tests import factories
from tests.collection.recruitment.conftest import Arrive, recruitment
from tests.prolific_server import FakeProlific

pytestmark = pytest.mark.django_db


def url(code: str) -> str:
    return f"https://app.prolific.com/submissions/complete?cc={code}"


@pytest.fixture
def session(prolific: FakeProlific, arrive: Arrive) -> StudySession:
    return arrive(prolific.submission())


def page(session: StudySession, name: str = "debrief") -> str:
    answer = Client().get(f"/p/{session.pk}/{name}/")
    assert answer.status_code == 200
    text: str = answer.content.decode()
    return text


def test_nothing_is_given_before_everything_is_stored(session: StudySession) -> None:
    factories.answer(session, n_trials=3)

    with pytest.raises(AnswerMissing, match="when every answer is stored"):
        completion_for(session)
    for name in ("debrief", "trial"):
        assert "DONE1" not in Client().get(f"/p/{session.pk}/{name}/").content.decode()


def test_the_finished_go_back_with_their_code(session: StudySession) -> None:
    factories.answer(session)
    participation.finish(session)

    path = completion_for(session)

    assert (path.outcome, path.code, path.url) == ("finished", "DONE1", url("DONE1"))
    shown = page(session)
    assert f'href="{url("DONE1")}"' in shown
    assert "TINY-DONE" not in shown  # the plain link's code is not theirs


def test_withdrawing_does_not_cost_the_pay(session: StudySession) -> None:
    participation.withdraw(session)

    path = completion_for(session)

    assert (path.outcome, path.code) == ("withdrawn", "WITH1")
    assert "WITH1" in page(session)


def test_declining_means_giving_the_place_back(
    prolific: FakeProlific, arrive: Arrive
) -> None:
    session = arrive(prolific.submission(), consenting=False)
    participation.decline(session)

    path = completion_for(session)

    assert (path.outcome, path.code) == ("declined", "DECL1")
    assert "does not count against you" in page(session)
    assert "bonus" not in page(session)


@pytest.mark.parametrize(
    ("outcome", "pay", "words"),
    [
        (Outcome.SCREENED_OUT, "£0.15", "people in another situation"),
        (Outcome.FAILED_COMPREHENSION, "£0.10", "Nothing is held against you"),
    ],
)
def test_without_special_features_a_return_and_a_bonus_take_their_place(
    study: Study, session: StudySession, outcome: Outcome, pay: str, words: str
) -> None:
    factories.answer(session, n_trials=2)
    if outcome == Outcome.FAILED_COMPREHENSION:
        ComprehensionOutcome.objects.create(session=session, passed=False)

    path = end(session, outcome)

    assert "asks you to return your place" in path.tell[0]
    assert f"you will receive {pay} as a bonus" in path.tell[1]
    missed = outcome == Outcome.FAILED_COMPREHENSION
    assert words in page(session, "return" if missed else "debrief")
    owed = PlatformPayment.objects.get()
    assert (owed.kind, owed.reason, owed.state) == ("bonus", outcome.value, "owed")
    assert sum(cell.load for cell in study.cells.all()) == 0
    assert end(session, outcome) == path  # a second press owes nothing more
    assert PlatformPayment.objects.count() == 1


def test_a_fixed_screen_out_is_used_where_the_workspace_has_it(
    prolific: FakeProlific,
) -> None:
    study = factories.open_study(recruitment=recruitment(features=["fixed-screen-out"]))
    session = factories.joined(study, external_id="a", platform="prolific")
    Submission.objects.create(session=session, study=study, verification="api")

    path = end(session, Outcome.SCREENED_OUT)

    assert path.tell == ("For the time you gave, Prolific pays you £0.15.",)
    assert not PlatformPayment.objects.exists()  # the code itself pays


@pytest.mark.parametrize(
    ("features", "wanted", "real"),
    [
        (["fixed-screen-out", "dynamic-payment"], None, Action.FIXED_SCREEN_OUT),
        (["dynamic-payment"], None, Action.DYNAMIC_PAYMENT),
        ([], None, Action.REQUEST_RETURN),
        (["fixed-screen-out"], "dynamic-payment", Action.FIXED_SCREEN_OUT),
        ([], "dynamic-payment", Action.REQUEST_RETURN),
        ([], "review", Action.REVIEW),
    ],
)
def test_the_chain_of_fallbacks(
    features: list[str], wanted: str | None, real: Action
) -> None:
    document = recruitment(features=features)
    document["completion"]["screened_out"]["action"] = wanted

    section = Recruitment.model_validate(document)

    assert section.action(Outcome.SCREENED_OUT) == real


def test_trouble_of_ours_is_paid_and_the_person_may_still_go_on(
    session: StudySession,
) -> None:
    factories.answer(session, n_trials=2)
    browser = Client()
    assert "Stop here and be paid" in page(session, "trouble")

    browser.post(f"/p/{session.pk}/trouble/")

    shown = page(session, "trouble")
    assert "TECH1" in shown
    assert "you are paid all the same" in shown
    assert technical_path(session) == completion_for(session)
    factories.answer(session)
    participation.finish(session)
    assert completion_for(session).code == "DONE1"


def test_trouble_before_consent_leads_to_consent(
    prolific: FakeProlific, arrive: Arrive
) -> None:
    session = arrive(prolific.submission(), consenting=False)

    answer = Client().post(f"/p/{session.pk}/trouble/")

    assert answer.headers["Location"].endswith("/consent/")


def test_who_returned_the_place_has_nothing_more_to_do(session: StudySession) -> None:
    Submission.objects.update(status="RETURNED")
    participation.withdraw(session)

    path = completion_for(session)

    assert path.code == path.url == ""
    assert "There is nothing to do" in page(session)


def test_outcomes_without_a_code_fall_back_in_the_persons_favour(
    prolific: FakeProlific,
) -> None:
    only_one = recruitment(completion={"finished": {"code": "DONE1"}})
    study = factories.open_study(recruitment=only_one)

    def someone(name: str) -> StudySession:
        session = factories.joined(study, external_id=name, platform="prolific")
        Submission.objects.create(session=session, study=study, verification="api")
        return session

    withdrawn, stopped, screened = map(someone, "abc")
    participation.withdraw(withdrawn)

    assert completion_for(withdrawn).code == "DONE1"
    assert technical_path(stopped).code == "DONE1"
    path = end(screened, Outcome.SCREENED_OUT)
    assert path.code == path.url == ""
    assert "choose “Return”" in path.tell[0]


def test_a_plain_link_ends_with_the_studys_one_code() -> None:
    session = factories.finished(factories.open_study())

    assert completion_for(session) == CompletionPath(
        Outcome.FINISHED, code="TINY-DONE", button="Report that you have finished"
    )


def test_in_the_lab_the_experimenter_is_called() -> None:
    started = lab.start(factories.open_study(), "017")
    session = factories.consented(started.session)
    factories.answer(session)
    participation.finish(session)

    assert completion_for(session).lab
    shown = page(session)
    assert "Please call the experimenter now." in shown
    assert "TINY-DONE" not in shown


def test_the_server_ends_sessions_for_its_own_reasons_only(
    session: StudySession,
) -> None:
    unfit: Any = Outcome.FINISHED
    with pytest.raises(ValueError, match="not for the server to decide"):
        end(session, unfit)


# A study that is full ------------------------------------------------------------------


def full_study(**section: object) -> Study:
    """Its one place is somebody else's already."""
    study = factories.open_study(
        slug="full", quota=1, recruitment=recruitment(**section)
    )
    participation.enrol(study)
    return study


def test_who_finds_the_study_full_is_told_how_to_return_the_place(
    prolific: FakeProlific,
) -> None:
    full_study()

    answer = Client().post("/s/full/", prolific.submission().query())

    assert answer.status_code == 403
    assert "Please return your place on Prolific" in answer.text
    assert "This does not count against you" in answer.text
    assert Submission.objects.count() == 0
    assert prolific.calls == [], "the platform need not be asked who they are"


def test_a_code_of_its_own_leads_who_finds_it_full_back(prolific: FakeProlific) -> None:
    codes = recruitment()["completion"] | {"full": {"code": "FULL1"}}
    full_study(completion=codes)
    place = prolific.submission().query()

    looked, plain = Client().get("/s/full/", place), Client().get("/s/full/")

    assert f'href="{url("FULL1")}"' in looked.text
    assert "Prolific then asks you to return your place" in looked.text
    assert "FULL1" not in plain.text


def test_who_finds_it_full_can_be_paid_a_fixed_amount(prolific: FakeProlific) -> None:
    rule = {"code": "FULL1", "action": "fixed-screen-out", "pay_cents": 10}
    codes = recruitment()["completion"] | {"full": rule}
    full_study(completion=codes, features=["fixed-screen-out"])

    shown = Client().get("/s/full/", prolific.submission().query())

    assert "Prolific pays you £0.10" in shown.text


def test_a_bonus_that_nobody_could_be_owed_is_refused() -> None:
    codes = recruitment()["completion"] | {"full": {"code": "FULL1", "pay_cents": 10}}

    with pytest.raises(ValueError, match="nobody can be owed"):
        Recruitment.model_validate(recruitment(completion=codes))


def test_who_loses_the_place_before_consent_returns_it(
    prolific: FakeProlific, arrive: Arrive, study: Study
) -> None:
    waiting = arrive(prolific.submission(), consenting=False)

    path = path_when_full(waiting)

    assert path.outcome == Outcome.FULL
    assert "return your place on Prolific" in path.tell[0]
