"""One's own account: roles, and a new password."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from collection.models import AuditRecord
from tests.researchers import Site

pytestmark = pytest.mark.django_db

OLD, NEW = "a long enough secret", "another long secret"


@pytest.fixture
def site(outside_var: Path) -> Site:
    site = Site(outside_var)
    site.viewer.set_password(OLD)
    site.viewer.save()
    return site


def browser_of(name: str, password: str) -> Client:
    browser = Client()
    assert browser.login(username=name, password=password)
    return browser


def test_the_account_lists_my_roles_and_nobody_elses(site: Site) -> None:
    page = browser_of("vi", OLD).get(reverse("research-account")).content.decode()

    assert "A tiny study" in page
    assert "Viewer" in page
    assert "Somebody else" not in page


def test_a_new_password_logs_other_browsers_out_and_is_noted_without_it(
    site: Site,
) -> None:
    here, elsewhere = browser_of("vi", OLD), browser_of("vi", OLD)

    done = here.post(
        reverse("research-password"),
        {"old_password": OLD, "new_password1": NEW, "new_password2": NEW},
        follow=True,
    )

    assert "Your password was changed." in done.content.decode()
    assert elsewhere.get(reverse("research-account")).status_code == 302
    assert browser_of("vi", NEW)
    told = AuditRecord.objects.get(verb="account.password-changed")
    assert (told.by, told.study, told.details) == ("vi", "", {})


@pytest.mark.parametrize(
    ("old", "new", "again", "told"),
    [
        ("wrong", NEW, NEW, "Your old password was entered incorrectly"),
        (OLD, NEW, OLD, "The two password fields didn’t match"),
        (OLD, "12345678", "12345678", "This password is too common"),
    ],
)
def test_a_password_that_cannot_be_set_says_why(
    site: Site, old: str, new: str, again: str, told: str
) -> None:
    answer = browser_of("vi", OLD).post(
        reverse("research-password"),
        {"old_password": old, "new_password1": new, "new_password2": again},
    )

    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert browser_of("vi", OLD)
