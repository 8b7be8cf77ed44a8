"""The production server with its limits on, and strangers who knock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from collection import serving
from collection.hashers import Argon2PasswordHasher
from tests.researchers import Site

PASSWORD = "a long enough secret"

Browser = Callable[[], httpx.Client]


@pytest.fixture
def site(outside_var: Path, transactional_db: None) -> Site:
    """A study with one of everything; Ada owns it, Bo belongs elsewhere."""
    site = Site(outside_var)
    # As production stores it: the tests' own quick hasher is not known to the server.
    stored = Argon2PasswordHasher().encode(PASSWORD, "saltsaltsaltsaltsalt12")
    for person in (site.owner, site.stranger):
        person.password = stored
        person.save()
    return site


@pytest.fixture
def outside(site: Site) -> Iterator[Browser]:
    """Makes a browser without cookies that looks at the running server."""
    # The tests' own settings turn limits off: here they are what is tested.
    env = {"ATTUNE_LIMITS": "1", "ATTUNE_PROLIFIC_WEBHOOK_SECRET": "not known outside"}
    with serving.serve_in_background(env=env) as base_url:
        made: list[httpx.Client] = []

        def browser() -> httpx.Client:
            made.append(httpx.Client(base_url=base_url, timeout=30))
            return made[-1]

        yield browser
        for client in made:
            client.close()


@pytest.fixture
def log_in(outside: Browser) -> Callable[..., httpx.Client]:
    """A browser that is logged in, or that tried."""

    def as_somebody(name: str, password: str = PASSWORD) -> httpx.Client:
        client = outside()
        client.get("/research/login/")
        client.answer = try_password(client, name, password)  # type: ignore[attr-defined]
        return client

    return as_somebody


def try_password(
    client: httpx.Client, name: str, password: str, **more: str
) -> httpx.Response:
    """Send the login form as the page would."""
    return client.post(
        "/research/login/",
        data={
            "username": name,
            "password": password,
            "csrfmiddlewaretoken": client.cookies["csrftoken"],
            **more,
        },
    )
