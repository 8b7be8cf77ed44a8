"""Leaving without an account: by a code, by a link, and for good."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from collection import erasure, participation, withdrawal
from collection.errors import SessionOver
from collection.models import Erasure, Response, Study, StudySession
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(outside_var: Path) -> Study:
    return factories.open_study()


@pytest.fixture
def ada(study: Study) -> StudySession:
    return factories.ada(study)


def at(name: str, session: StudySession) -> str:
    return reverse(name, args=[session.code])


def code_on(page: str) -> str:
    found = re.search(r"data-withdrawal-code>([^<]+)<", page)
    assert found is not None
    return found[1]


def test_the_debrief_gives_a_code_and_a_link_that_stay_the_same(
    client: Client, ada: StudySession
) -> None:
    page = client.get(at("debrief", ada)).text

    assert re.fullmatch(r"[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}", code_on(page))
    assert f"http://testserver/withdraw/{code_on(page)}/" in page
    assert code_on(client.get(at("debrief", ada)).text) == code_on(page)


@pytest.mark.parametrize("way", ["typed", "typed carelessly", "link"])
def test_code_and_link_lead_to_withdrawing(
    client: Client, ada: StudySession, way: str
) -> None:
    code = code_on(client.get(at("debrief", ada)).text)

    if way == "link":
        page = Client().get(reverse("withdraw-link", args=[code]), follow=True)
    else:
        typed = code if way == "typed" else f" {code.lower().replace('-', ' ')}."
        page = Client().post("/withdraw/", {"code": typed}, follow=True)

    assert page.redirect_chain[-1][0] == at("withdraw", ada)
    assert "You need not say why." in page.text


def test_a_wrong_code_is_met_with_help(client: Client, study: Study) -> None:
    page = client.post("/withdraw/", {"code": "ABCD-EFGH-JKMN"})
    link = client.get(reverse("withdraw-link", args=["ABCD-EFGH-JKMN"]))

    assert page.status_code == link.status_code == 404
    assert "No answers belong to this code." in page.text
    assert 'value="ABCD-EFGH-JKMN"' in page.text
    assert client.get("/withdraw/").status_code == 200


def test_withdrawing_is_possible_until_the_last_date_and_during_always() -> None:
    yesterday = str(date.today() - timedelta(days=1))  # noqa: DTZ011
    consent = factories.document()["consent"] | {"withdrawal_until": yesterday}
    study = factories.open_study(consent=consent)
    done, going = factories.ada(study), factories.bo(study)

    assert withdrawal.too_late(done)
    with pytest.raises(SessionOver, match="could be withdrawn until"):
        participation.withdraw(done)
    assert participation.withdraw(going).status == "withdrawn"


def test_who_withdrew_can_have_everything_deleted(
    client: Client, ada: StudySession
) -> None:
    client.post(at("withdraw", ada))
    assert at("erase-mine", ada) in client.get(at("debrief", ada)).text

    unsure = client.post(at("erase-mine", ada))
    assert "please tick the box first" in unsure.text
    assert Response.objects.exists()
    sure = client.post(at("erase-mine", ada), {"sure": "1"})

    assert "Everything was deleted" in sure.text
    assert not Response.objects.exists()
    assert Erasure.objects.get().by == "participant"


def test_nothing_is_deleted_before_withdrawing(
    client: Client, ada: StudySession
) -> None:
    answer = client.post(at("erase-mine", ada), {"sure": "1"})

    assert answer.headers["Location"] == at("withdraw", ada)
    assert Response.objects.exists()


@pytest.mark.parametrize("page", ["resume", "trial", "debrief", "withdraw", "consent"])
def test_an_erased_sessions_address_says_so(
    client: Client, ada: StudySession, page: str
) -> None:
    address = at(page, ada)
    erasure.erase(ada.participant, by="command")

    answer = client.get(address)

    assert answer.status_code == 410
    assert "Everything that you gave in this study was erased" in answer.text
    assert "Every answer you gave before is safe" not in answer.text
    assert client.get(
        reverse("resume", args=["0" * 8 + str(ada.code)[8:]])
    ).status_code == (404)


def test_an_answer_that_comes_after_the_erasure_is_told_so(
    client: Client, study: Study
) -> None:
    bo = factories.bo(study)
    trial = participation.current_trial(bo)
    assert trial is not None
    sent = {"trial_id": str(trial.pk), "rating": "40"}
    erasure.erase(bo.participant, by="command")

    answer = client.post(at("trial", bo), sent)

    assert answer.status_code == 410
    assert not StudySession.objects.exists()
