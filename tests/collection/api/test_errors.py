"""Whatever is refused has one form: a stable code, a sentence, and what is wrong where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from collection import limits
from collection.api.bodies import LARGEST_BODY
from collection.models import ApiToken
from tests.programs import Program, token_for
from tests.researchers import Site

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(outside_var: Path) -> Site:
    return Site(outside_var)


@pytest.fixture
def program(site: Site) -> Program:
    return Program.of(site.owner)


def error(answer: HttpResponse, status: int) -> dict[str, Any]:
    """What is said, once its form was looked at."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    body = json.loads(answer.content)
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message", "fields"}
    assert body["error"]["message"][0].isupper() or body["error"]["fields"]
    found: dict[str, Any] = body["error"]
    return found


def test_an_address_that_is_none(program: Program) -> None:
    for path in ("nowhere/", "studies/tiny/nowhere/", "studies/t iny/", "jobs/-1/"):
        assert error(program.ask("get", path), 404)["code"] == "not-found", path


def test_something_that_is_not_there(program: Program) -> None:
    # Numbers are not given anew by each test: these are past all that were.
    for path in (
        "jobs/2147483647/",
        "snapshots/2147483647/",
        "actions/zulu/",
        "participants/p-0/",
    ):
        told = error(program.ask("get", f"studies/tiny/{path}"), 404)
        assert told == {
            "code": "not-found",
            "message": "There is nothing at this address, or it is not open to you.",
            "fields": {},
        }
    huge = "9" * 40
    assert error(program.ask("get", f"studies/tiny/jobs/{huge}/"), 404)


@pytest.mark.parametrize("method", ["delete", "patch", "post", "options", "trace"])
def test_a_method_that_an_address_does_not_have(program: Program, method: str) -> None:
    answer = program.ask(method, "studies/tiny/")

    told = error(answer, 405)

    assert told["code"] == "method-not-allowed"
    assert method.upper() in told["message"]
    assert answer["Allow"] == "GET, HEAD"


def test_a_type_that_is_not_to_be_had(program: Program) -> None:
    answer = program.ask("get", "studies/", headers={"accept": "application/xml"})

    assert error(answer, 406)["code"] == "not-acceptable"


def test_a_file_is_sent_whatever_type_was_asked_for(program: Program) -> None:
    answer = program.ask(
        "get", "studies/tiny/snapshots/1/download/", headers={"accept": "text/csv"}
    )

    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/zip"


def post(program: Program, data: bytes, kind: str = "application/json") -> HttpResponse:
    answer: HttpResponse = program.client.generic(
        "POST", "/api/1/studies/tiny/jobs/", data=data, content_type=kind
    )
    return answer


def test_a_body_that_is_no_json(program: Program) -> None:
    assert error(post(program, b"{"), 400)["code"] == "parse-error"
    assert error(post(program, b"\xff\xfe"), 400)["code"] == "parse-error"
    assert error(post(program, b'{"kind": NaN}'), 400)["code"] == "parse-error"
    form = post(program, b"kind=freeze", "application/x-www-form-urlencoded")
    assert error(form, 415)["code"] == "unsupported-media-type"


def test_a_body_that_is_nested_too_deep(program: Program) -> None:
    told = error(post(program, b"[" * 30_000), 400)

    assert told["code"] == "parse-error"
    assert told["message"] == "The JSON is nested too deep."


def test_a_body_that_is_too_large(program: Program) -> None:
    told = error(post(program, b" " * (LARGEST_BODY + 1)), 413)

    assert told["code"] == "body-too-large"


def test_a_body_with_half_a_character(program: Program) -> None:
    told = error(post(program, b'{"\\ud800": 1, "kind": "\\ud800"}'), 400)

    assert set(told["fields"]) == {"\ud800", "kind"}


def test_a_parameter_that_is_unknown_is_not_passed_over(program: Program) -> None:
    told = error(program.ask("get", "studies/tiny/judgments/?dimention=morality"), 400)

    assert told["code"] == "invalid"
    assert told["message"].startswith("dimention: There is no such field; there are: ")
    assert "dimension" in told["message"]


def test_every_wrong_parameter_is_named_at_once(program: Program) -> None:
    told = error(
        program.ask(
            "get",
            "studies/tiny/judgments/?page_size=0&kind=novel&simulated=yes"
            "&received_from=yesterday&rater_id=%00",
        ),
        400,
    )

    assert set(told["fields"]) == {
        "page_size",
        "kind",
        "simulated",
        "received_from",
        "rater_id",
    }
    assert all(told["fields"].values())


def test_a_parameter_that_stands_twice(program: Program) -> None:
    told = error(program.ask("get", "studies/tiny/jobs/?kind=freeze&kind=report"), 400)

    assert told["fields"] == {"kind": ["This stands here twice."]}


def test_too_many_requests_of_one_token(
    site: Site, program: Program, settings: Any
) -> None:
    settings.API_PER_MINUTE = 3
    other = Program(token_for(site.owner))
    statuses = [program.ask("get", "token/").status_code for _ in range(5)]
    # The minute of the clock may have turned in between.
    if 429 not in statuses[3:]:
        statuses = [program.ask("get", "token/").status_code for _ in range(5)]

    refused = program.ask("get", "token/")

    told = error(refused, 429)
    assert told["code"] == "too-many-requests"
    assert told["message"].startswith("Too many requests in a short time. Go on in ")
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert other.ask("get", "token/").status_code == 200


def test_too_many_guesses_from_one_address(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TOKENS", limits.Limit("tokens", 3, 1))
    guesses = [Program(f"attune_{n}").ask("get", "token/") for n in range(5)]

    assert [guess.status_code for guess in guesses] == [401, 401, 401, 429, 429]
    assert error(guesses[-1], 429)["code"] == "too-many-requests"
    # Whoever has a good token is let in all the same.
    assert Program.of(site.owner).ask("get", "token/").status_code == 200


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "not-authenticated"),
        ("Bearer", "token-malformed"),
        ("Basic YWRhOmFkYQ==", "token-malformed"),
        ("Bearer one two", "token-malformed"),
        ("Bearer \xff", "token-unknown"),
        ("Bearer nonsense", "token-unknown"),
    ],
)
def test_whoever_sends_no_token_is_told_how(site: Site, header: str, code: str) -> None:
    headers = {"authorization": header} if header else {}

    told = error(Client(headers=headers).get("/api/1/token/"), 401)

    assert told["code"] == code
    if code != "token-unknown":
        assert "Authorization: Bearer attune_" in told["message"]


def test_the_hash_of_a_key_is_no_key(site: Site) -> None:
    key = token_for(site.owner)
    stored = ApiToken.objects.get()

    assert key not in json.dumps(list(ApiToken.objects.values()), default=str)
    assert error(Program(stored.digest).ask("get", "token/"), 401)


def test_a_host_that_is_not_ours(program: Program) -> None:
    answer = program.ask("get", "token/", headers={"host": "evil.example"})

    assert error(answer, 400)["code"] == "bad-request"


def test_what_is_refused_is_said_in_english(program: Program) -> None:
    german = {"accept-language": "de"}

    nowhere = program.ask("get", "nowhere/", headers=german)
    wrong = program.ask("get", "studies/?page_size=x", headers=german)

    assert error(nowhere, 404)["message"] == "There is no such page."
    assert error(wrong, 400)["message"] == "page_size: A valid integer is required."
