"""Accounts: found by name or e-mail, made by invitation, welcomed by a link.

There is no mail server: whoever invites gets a link, once, and hands it over. It lets the
new person choose a password, stops working when they have, and after three days. A link
that was lost is never shown again: a new one is made, and the lost one opens nothing.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from collection import audit
from collection.access import Role, allows, role_in, studies_of
from collection.errors import NotInvited, NotOneAccount
from collection.models import Study


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


def waits(user: User) -> bool:
    """Whether an invited person has not chosen a password yet."""
    return user.is_active and not user.has_usable_password()


def may_renew(user: User, by: Any) -> bool:
    """Whether `by` may have a new link for this account.

    Whoever holds the link can become that person. So it must open nothing that is not
    `by`'s own already: every study they own, every team they lead.
    """
    if not waits(user):
        return False
    if by.is_superuser:
        return True
    return (
        not user.is_superuser
        and not user.is_staff
        and all(allows(role_in(by, one), Role.OWNER) for one in studies_of(user))
        and not user.team_places.exclude(
            team__places__in=by.team_places.filter(leads=True)
        ).exists()
    )


@transaction.atomic
def renew(user: User, study: Study, *, by: Any) -> tuple[str, str]:
    """A new :func:`welcome_key` for an invited person; the old one stops working at once.

    Args:
        study: In whose log it is noted.

    Raises:
        NotInvited: they have a password, or the account opens more than `by` owns.
    """
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not waits(user):
        raise NotInvited(
            f"{user} does not wait for an invitation any more: no link was made."
        )
    if not may_renew(user, by):
        raise NotInvited(
            f"The link would open more than you own: whoever runs this server can make "
            f"one for {user}."
        )
    # Tokens are made of the password's hash. Each unusable one is another.
    user.set_unusable_password()
    user.save(update_fields=["password"])
    audit.record(by, study, "account.invited-anew", account=user.get_username())
    return welcome_key(user)
