"""A signed link: only the platform's own word, to this site, counts."""

from __future__ import annotations

import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from collection.recruitment.errors import PlatformUnavailable
from collection.recruitment.tokens import (
    JWKS_PATH,
    Claims,
    KeySet,
    TokenRefused,
    verified_claims,
)
from tests.prolific_server import ISSUER, FakeProlific, Place

SITE = "https://study.example"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def keys(prolific: FakeProlific) -> KeySet:
    clock = Clock()
    keys = KeySet(prolific.url + JWKS_PATH, clock=clock)
    keys.clock = clock  # type: ignore[attr-defined]
    return keys


def claims(token: str, keys: KeySet) -> Claims:
    return verified_claims(token, audience=[SITE], keys=keys)


def fetches(prolific: FakeProlific) -> int:
    return len(prolific.calls)


def test_a_good_token_names_person_study_and_session(
    prolific: FakeProlific, keys: KeySet
) -> None:
    place = Place()

    found = claims(prolific.token_for(place, audience=SITE), keys)

    assert found == Claims(place.participant_id, place.study_id, place.submission_id)


def test_keys_are_fetched_once_and_anew_after_a_day(
    prolific: FakeProlific, keys: KeySet
) -> None:
    token = prolific.token_for(Place(), audience=SITE)
    claims(token, keys)
    claims(token, keys)
    assert fetches(prolific) == 1

    keys.clock.now = 25 * 3600.0  # type: ignore[attr-defined]
    claims(token, keys)
    assert fetches(prolific) == 2


def test_a_new_key_is_found_as_soon_as_it_is_used(
    prolific: FakeProlific, keys: KeySet
) -> None:
    claims(prolific.token_for(Place(), audience=SITE), keys)
    prolific.rotate_key()
    keys.clock.now = 60.0  # type: ignore[attr-defined]

    claims(prolific.token_for(Place(), audience=SITE), keys)


def test_a_key_that_was_taken_back_signs_nothing_any_more(
    prolific: FakeProlific, keys: KeySet
) -> None:
    old = prolific.token_for(Place(), audience=SITE)
    prolific.rotate_key()

    with pytest.raises(TokenRefused, match="unknown-key"):
        claims(old, keys)


def test_invented_key_names_do_not_make_us_ask_again_and_again(
    prolific: FakeProlific, keys: KeySet
) -> None:
    for name in ("a", "b", "c"):
        with pytest.raises(TokenRefused, match="unknown-key"):
            claims(forged({"alg": "RS256", "kid": name}), keys)

    assert fetches(prolific) == 1


def test_good_keys_outlast_trouble_of_the_platform(
    prolific: FakeProlific, keys: KeySet
) -> None:
    token = prolific.token_for(Place(), audience=SITE)
    claims(token, keys)
    keys.clock.now = 25 * 3600.0  # type: ignore[attr-defined]
    prolific.fail_next(503)

    assert claims(token, keys)


def test_without_any_key_nothing_can_be_said(
    prolific: FakeProlific, keys: KeySet
) -> None:
    prolific.fail_next(503)

    with pytest.raises(PlatformUnavailable, match="signing keys"):
        claims(prolific.token_for(Place(), audience=SITE), keys)


def test_another_key_under_a_good_name_is_a_forgery(
    prolific: FakeProlific, keys: KeySet
) -> None:
    thief = rsa.generate_private_key(65537, 2048)
    token = jwt.encode(body(), thief, algorithm="RS256", headers={"kid": prolific.kid})

    with pytest.raises(TokenRefused, match="forged-token"):
        claims(token, keys)


def test_a_token_does_not_choose_how_it_is_checked(
    prolific: FakeProlific, keys: KeySet
) -> None:
    """Neither unsigned, nor signed with the public key as if it were a secret."""
    private = prolific._keys[prolific.kid]
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    import hashlib
    import hmac

    head = part({"alg": "HS256", "typ": "JWT", "kid": prolific.kid})
    signed = f"{head}.{part(body())}"
    mac = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    confused = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    for token in (forged({"alg": "none", "kid": prolific.kid}), confused):
        with pytest.raises(TokenRefused, match="forged-token"):
            claims(token, keys)


@pytest.mark.parametrize("missing", ["exp", "aud", "iss"])
def test_a_claim_that_is_missing_is_not_waived(
    prolific: FakeProlific, keys: KeySet, missing: str
) -> None:
    said = body()
    del said[missing]
    token = jwt.encode(
        said,
        prolific._keys[prolific.kid],
        algorithm="RS256",
        headers={"kid": prolific.kid},
    )

    with pytest.raises(TokenRefused):
        claims(token, keys)


@pytest.mark.parametrize("nonsense", ["", "a.b", "a.b.c", "x" * 5000])
def test_nonsense_is_refused_before_anything_is_fetched(
    prolific: FakeProlific, keys: KeySet, nonsense: str
) -> None:
    with pytest.raises(TokenRefused, match="unreadable-token"):
        claims(nonsense, keys)
    assert fetches(prolific) == 0


def body() -> dict[str, object]:
    return {
        "iss": ISSUER,
        "aud": SITE,
        "exp": int(time.time()) + 60,
        "prolific": Place().query(),
    }


def part(value: object) -> str:
    raw = base64.urlsafe_b64encode(json.dumps(value).encode())
    return raw.rstrip(b"=").decode()


def forged(head: dict[str, str]) -> str:
    return f"{part(head)}.{part(body())}."
