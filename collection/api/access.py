"""Who is asking: tokens in the Authorization header, their scopes, and how often.

What a token opens is what its person may see (``collection/access.py``), cut down to its
scopes. Whoever has no token learns only that one is needed.
"""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from collection.api import tokens
from collection.models import ApiToken, Scope

SAFE: Final = ("GET", "HEAD")
HOW: Final = (
    "Send an access token with the request, as 'Authorization: Bearer attune_...'; make "
    "one on the page /research/tokens/."
)
_WHY: Final = {
    ApiToken.State.EXPIRED: "This token has expired; make a new one.",
    ApiToken.State.REVOKED: "This token was revoked; make a new one.",
}


class ScopeMissing(exceptions.PermissionDenied):
    """A token that was not made for this."""

    default_code = "scope-missing"


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer attune_...``."""

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        """The person and the token; None where none was sent.

        Raises:
            AuthenticationFailed: a token that is unknown, expired or revoked, or whose
                person has no account any more.
        """
        parts = get_authorization_header(request).decode("latin-1").split()
        if not parts:
            return None
        if len(parts) != 2 or parts[0].lower() != "bearer":
            raise exceptions.AuthenticationFailed(HOW, code="token-malformed")
        token = tokens.found(parts[1])
        if token is None:
            raise exceptions.AuthenticationFailed(
                "There is no such token.", code="token-unknown"
            )
        state = token.state()
        if state != ApiToken.State.LIVE:
            raise exceptions.AuthenticationFailed(_WHY[state], code=f"token-{state}")
        if not token.user.is_active:
            raise exceptions.AuthenticationFailed(
                "The account of this token is closed.", code="account-closed"
            )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Attune"'


class PerToken(BaseThrottle):
    """So many requests a minute for each token; what is refused counts too.

    Counted in the database, for all processes; guesses at tokens and floods are turned
    away before (``guards.py``).
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        """False where the token has had its requests of this minute."""
        if not isinstance(request.auth, ApiToken):  # the document is open to everybody
            return True
        n, self.left = tokens.count_use(request.auth)
        return n <= int(settings.API_PER_MINUTE) or not settings.ATTUNE_LIMITS

    def wait(self) -> float:
        return self.left


def require_scope(request: Request) -> None:
    """Refuse what the token was not made for.

    Raises:
        ScopeMissing: with the scope that this method needs.
    """
    needed = scope_of(str(request.method))
    if needed not in request.auth.scopes:
        raise ScopeMissing(
            f"This needs a token with the scope {needed.value!r}; this one has "
            f"{', '.join(request.auth.scopes) or 'none'}."
        )


def scope_of(method: str) -> Scope:
    """Looking needs ``read``, everything else ``write``."""
    return Scope.READ if method in SAFE else Scope.WRITE
