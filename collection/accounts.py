"""Accounts: found by name or e-mail, made by invitation, welcomed by a link.

There is no mail server: whoever invites gets a link, once, and hands it over. It lets the
new person choose a password, stops working when they have, and after three days.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from collection import audit
from collection.errors import NotOneAccount


def account_named(who: str) -> User:
    """The active account of this name or e-mail address.

    Raises:
        NotOneAccount: there is none, or the address belongs to several.
    """
    who = who.strip()
    active = User.objects.filter(is_active=True)
    by_name = active.filter(username=who).first()
    if by_name is not None:
        return by_name
    by_mail = list(active.filter(email__iexact=who)[:2]) if "@" in who else []
    if len(by_mail) > 1:
        raise NotOneAccount(
            "Several accounts have this e-mail address: type the account’s name."
        )
    if not by_mail:
        raise NotOneAccount("Nobody here has this name or e-mail address.")
    return by_mail[0]


@transaction.atomic
def invite(name: str, email: str, *, by: Any) -> User:
    """A new account without a password; :func:`welcome_key` lets its person set one."""
    user = User.objects.create_user(name, email=email)
    audit.record(by, None, "account.invited", account=name)
    return user


def welcome_key(user: User) -> tuple[str, str]:
    """What the address of the welcome page is made of: the account, and a token.

    Works once: the token holds for as long as the account has no password.
    """
    return (
        urlsafe_base64_encode(force_bytes(user.pk)),
        default_token_generator.make_token(user),
    )
