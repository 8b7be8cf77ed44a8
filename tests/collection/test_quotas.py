"""Who holds a place, who is turned away, and that the last place is given once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from collection import erasure, ledgers, participation, quotas
from collection.definitions import StudyDefinition
from collection.errors import StudyFull
from collection.models import (
    ComprehensionOutcome,
    Ending,
    PlatformIdentity,
    RefusedArrival,
    Study,
    StudySession,
    Submission,
    Trial,
)
from collection.recruitment import lab
from collection.recruitment.submissions import GIVES_BACK
from tests import factories
from tests.collection.test_erasure import _wait_for_lock as wait_for_lock

pytestmark = pytest.mark.django_db

TWO_GROUPS = [
    {"name": "similarity", "blocks": ["pairs", "triplets"], "quota": 2},
    {"name": "values", "blocks": ["values", "about"], "share": 2},
]


def long_ago(session: StudySession, *, minutes: float = 31) -> None:
    """Let all that the session did lie further back."""
    by = timedelta(minutes=minutes)
    session.refresh_from_db()
    session.created_at -= by
    if session.consented_at:
        session.consented_at -= by
    session.save()
    for trial in session.trials.all():
        Trial.objects.filter(pk=trial.pk).update(issued_at=trial.issued_at - by)


def n_held(study: Study) -> int:
    return quotas.holding(study).count()


# What a definition may say -------------------------------------------------------------


def test_a_definition_without_limits_keeps_its_hash() -> None:
    plain = StudyDefinition.model_validate(factories.document())
    (group,) = factories.document()["groups"]
    limited = {"quota": 9, "stop_when_covered": True}

    dumped = plain.model_dump(mode="json")
    others = [
        StudyDefinition.model_validate(factories.document(**{name: value}))
        for name, value in limited.items()
    ]
    others.append(
        StudyDefinition.model_validate(
            factories.document(groups=[group | {"quota": 9}])
        )
    )

    assert "quota" not in dumped["groups"][0]
    assert len({plain.sha256, *(one.sha256 for one in others)}) == 4
    for one in [plain, *others]:
        stored = one.model_dump(mode="json")
        assert StudyDefinition.model_validate(stored) == one


@pytest.mark.parametrize("quota", [0, -1])
def test_a_quota_of_nobody_is_refused(quota: int) -> None:
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        StudyDefinition.model_validate(factories.document(quota=quota))


# Groups --------------------------------------------------------------------------------


def test_a_full_group_is_left_out_and_the_others_fill_on() -> None:
    study = factories.open_study(group_mode="disjoint", groups=TWO_GROUPS)

    groups = Counter(participation.enrol(study).group for _ in range(9))

    assert groups == {"similarity": 2, "values": 7}


def test_when_every_group_is_full_nobody_comes() -> None:
    groups = [TWO_GROUPS[0], TWO_GROUPS[1] | {"quota": 1}]
    study = factories.open_study(group_mode="disjoint", groups=groups)
    for _ in range(3):
        participation.enrol(study)

    with pytest.raises(StudyFull, match="all the people it needs"):
        participation.enrol(study)


def test_the_studys_quota_holds_over_its_groups() -> None:
    study = factories.open_study(group_mode="disjoint", groups=TWO_GROUPS, quota=3)
    for _ in range(3):
        participation.enrol(study)

    with pytest.raises(StudyFull):
        participation.enrol(study)


def test_simulated_people_take_no_real_places() -> None:
    study = factories.open_study(quota=1)
    participation.enrol(study, simulated=True)

    participation.enrol(study)

    assert quotas.is_full(study, simulated=True)
    assert quotas.is_full(study, simulated=False)


def test_who_began_comes_back_to_a_full_study() -> None:
    study = factories.open_study(quota=1)
    session = participation.enrol(study, external_id="ada")

    again = participation.enrol(study, external_id="ada")

    assert again.pk == session.pk


# Whose place is free again -------------------------------------------------------------


def excluded(session: StudySession) -> None:
    ledgers.record_exclusion(
        session, "exclude", ground="too-fast", reason="Too fast.", by="lee"
    )


def kept_again(session: StudySession) -> None:
    excluded(session)
    ledgers.record_exclusion(
        session, "keep", ground="correction", reason="A mistake.", by="lee"
    )


def missed_the_instructions(session: StudySession) -> None:
    ComprehensionOutcome.objects.create(session=session, passed=False)


def stopped_by_us(session: StudySession) -> None:
    Ending.objects.create(session=session, outcome="technical")


def said(status: str) -> Callable[[StudySession], None]:
    def say(session: StudySession) -> None:
        Submission.objects.create(
            session=session, study=session.study, status=status, verification="api"
        )

    return say


def erased(session: StudySession) -> None:
    erasure.erase(session.participant, by="lee")


LEAVING: dict[str, tuple[Callable[[StudySession], Any], bool, bool]] = {
    # what happened: who does it, whether somebody at it and somebody done hold a place
    "nothing": (lambda _: None, True, True),
    "withdrew": (participation.withdraw, False, False),
    "excluded": (excluded, False, False),
    "excluded and kept again": (kept_again, True, True),
    "missed the instructions": (missed_the_instructions, False, True),
    "stopped by us": (stopped_by_us, False, True),
    "returned": (said("RETURNED"), False, True),
    "timed out": (said("TIMED-OUT"), False, True),
    "rejected": (said("REJECTED"), False, True),
    "screened out": (said("SCREENED OUT"), False, True),
    "active": (said("ACTIVE"), True, True),
    "silent for long": (long_ago, False, True),
    "silent for a while": (lambda s: long_ago(s, minutes=29), True, True),
}


@pytest.mark.parametrize("what", LEAVING)
def test_a_place_is_held_until_its_person_leaves(
    what: str, outside_var: object
) -> None:
    happens, at_it_holds, finished_holds = LEAVING[what]
    study = factories.open_study(**factories.only("pair"))
    at_it, finished = factories.joined(study), factories.finished(study)

    happens(at_it)
    assert n_held(study) == at_it_holds + 1
    happens(finished)
    assert n_held(study) == at_it_holds + finished_holds


def test_who_is_erased_or_declines_gives_the_place_back(outside_var: object) -> None:
    study = factories.open_study(quota=1, **factories.only("pair"))
    erased(factories.finished(study))
    participation.decline(participation.enrol(study))

    participation.enrol(study)

    assert n_held(study) == 1


def test_what_the_platform_takes_back_is_what_frees_a_place() -> None:
    assert set(quotas.GIVEN_UP) == set(GIVES_BACK)


def test_a_new_trial_is_a_sign_of_life() -> None:
    study = factories.open_study(quota=1, **factories.only("pair"))
    session = factories.joined(study)
    long_ago(session)
    assert not quotas.is_full(study)

    participation.current_trial(session)

    assert quotas.is_full(study)


def test_a_lab_code_holds_its_place_as_long_as_it_can_be_used() -> None:
    study = factories.open_study(quota=1)
    started = lab.start(study, "017")

    long_ago(started.session, minutes=60)
    assert quotas.is_full(study)
    started.session.lab_starts.update(expires_at=timezone.now())
    assert not quotas.is_full(study)


def test_who_had_consented_finishes_although_others_have_the_place() -> None:
    study = factories.open_study(quota=1, **factories.only("pair"))
    session = factories.joined(study)
    long_ago(session)
    factories.finished(study)

    factories.answer(session)

    assert participation.finish(session).completion_code == "TINY-DONE"
    assert n_held(study) == 2


# The pages -----------------------------------------------------------------------------


def test_newcomers_to_a_full_study_are_thanked_and_nothing_is_stored() -> None:
    study = factories.open_study(quota=1)
    participation.enrol(study)

    looked = Client().get("/s/tiny/")
    pressed = Client().post("/s/tiny/")

    for page in (looked, pressed):
        assert page.status_code == 403
        assert "This study has all the people it needs." in page.text
        assert "please return your place there" in page.text
        assert not page.cookies.get("attune-tiny")
    assert StudySession.objects.count() == 1
    assert PlatformIdentity.objects.count() == 0
    # Who only looked is counted once they press.
    assert list(RefusedArrival.objects.values_list("reason")) == [("study-full",)]
    assert "/s/tiny/" not in Client().get("/").text


def test_a_full_study_speaks_the_browsers_language() -> None:
    study = factories.open_study(quota=1, language="de")
    participation.enrol(study)

    page = Client().get("/s/tiny/").text

    assert "Diese Studie ist vollständig" in page


def test_who_takes_too_long_to_decide_needs_a_place_that_is_free() -> None:
    study = factories.open_study(quota=1)
    slow = participation.enrol(study)
    consent = f"/p/{slow.pk}/consent/"
    agreed = {"decision": "agree", "of_age": "1", "uses": ["this_study"]}
    long_ago(slow)
    quick = participation.enrol(study)

    refused = Client().post(consent, agreed)
    participation.withdraw(quick)
    taken = Client().post(consent, agreed)

    assert refused.status_code == 403
    assert "This study is complete" in refused.text
    assert "You were asked nothing yet" in refused.text
    assert taken.status_code == 302
    slow.refresh_from_db()
    assert slow.status == "consented"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_press_at_once_one_gets_the_last_place(
    live_server: LiveServer,
) -> None:
    study = factories.open_study(quota=1)

    def press() -> int:
        with httpx.Client(base_url=live_server.url, timeout=30) as browser:
            front = browser.get("/s/tiny/").text
            token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', front)
            assert token, "both find the study open"
            sent = {"csrfmiddlewaretoken": token.group(1)}
            return browser.post("/s/tiny/", data=sent).status_code

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            Study.objects.select_for_update(no_key=True).get(pk=study.pk)
            presses = [pool.submit(press) for _ in range(2)]
            wait_for_lock(2)
        codes = sorted(one.result(30) for one in presses)

    assert codes == [302, 403]
    assert study.sessions.count() == 1
    connections.close_all()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_consent_late_one_gets_the_place_that_is_free(
    live_server: LiveServer,
) -> None:
    study = factories.open_study(quota=2)
    slow = [participation.enrol(study) for _ in range(2)]
    for session in slow:
        long_ago(session)
    participation.enrol(study)

    def agree(session: StudySession) -> int:
        address = f"/p/{session.pk}/consent/"
        with httpx.Client(base_url=live_server.url, timeout=30) as browser:
            token = re.search(
                r'csrfmiddlewaretoken" value="([^"]+)"', browser.get(address).text
            )
            assert token
            sent = {
                "csrfmiddlewaretoken": token.group(1),
                "decision": "agree",
                "of_age": "1",
                "uses": "this_study",
            }
            return browser.post(address, data=sent).status_code

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            Study.objects.select_for_update(no_key=True).get(pk=study.pk)
            agreeing = [pool.submit(agree, session) for session in slow]
            wait_for_lock(2)
        codes = sorted(one.result(30) for one in agreeing)

    assert codes == [302, 403]
    assert study.sessions.filter(status="consented").count() == 1
