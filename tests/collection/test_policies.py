"""A view may loosen the policy for itself: a little, never for script, never for others."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from collection.middleware import SecurityHeadersMiddleware
from collection.policies import CONTENT_SECURITY_POLICY, allows, policy


def served(view: object) -> str:
    """The policy under which a view's answer reaches the browser."""
    answer = SecurityHeadersMiddleware(view)(RequestFactory().get("/"))  # type: ignore[arg-type]
    return answer.headers["Content-Security-Policy"]


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def test_a_view_gets_what_it_asks_for_and_the_others_do_not() -> None:
    drawn = allows(style="unsafe-inline", img="data: blob:")(plain)

    loose = served(drawn).split("; ")

    assert "style-src 'self' 'unsafe-inline'" in loose
    assert "img-src 'self' data: blob:" in loose
    assert served(plain) == CONTENT_SECURITY_POLICY
    untouched = [line for line in loose if not line.startswith(("style", "img"))]
    assert all(line in CONTENT_SECURITY_POLICY.split("; ") for line in untouched)


def test_a_source_that_only_one_page_needs_is_added_to_nothing() -> None:
    assert "worker-src blob:" in policy(worker="blob:").split("; ")


def test_script_is_never_loosened() -> None:
    with pytest.raises(ValueError, match="No view may loosen script-src"):
        allows(script="unsafe-inline")


@pytest.mark.parametrize(
    ("kind", "source"),
    [("style", "https://example.org"), ("img", "*"), ("font", "unsafe-inline")],
)
def test_no_foreign_address_is_ever_allowed(kind: str, source: str) -> None:
    with pytest.raises(ValueError, match=f"{kind}-src may be allowed"):
        policy(**{kind: source})


def test_a_wrapped_view_keeps_its_name() -> None:
    assert allows(style="unsafe-inline")(plain).__name__ == "plain"
