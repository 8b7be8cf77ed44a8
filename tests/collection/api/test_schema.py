"""The OpenAPI document: valid, whole, and open to read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from collection.api import urls
from tests.programs import document


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_document_is_valid_openapi(tmp_path: Any) -> None:
    call_command(
        "spectacular",
        file=str(tmp_path / "openapi.yaml"),
        validate=True,
        fail_on_warn=True,
    )

    made = document()
    validate_schema(made)
    assert made["openapi"] == "3.1.0"
    for schema in made["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_address_of_the_api_stands_in_it() -> None:
    of_itself = {"schema/", "docs/"}

    assert len(urls.urlpatterns) == len(document()["paths"]) + len(of_itself)


def test_every_operation_says_what_it_does_and_who_may() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]

    assert len(set(names)) == len(names)
    for path, method, operation in operations():
        assert operation["summary"], path
        assert operation["security"] == [{"token": []}], path
        scope = "read" if method == "get" else "write"
        assert f"Needs the scope `{scope}`" in operation["description"], path
        if "{slug}" in path:
            role = "viewer" if method == "get" else "editor"
            assert f"the role `{role}`" in operation["description"], path


def test_every_refusal_has_the_one_envelope() -> None:
    responses = document()["components"]["responses"]

    for path, _, operation in operations():
        refused = {
            status: response
            for status, response in operation["responses"].items()
            if status[0] in "45"
        }
        assert {"400", "401", "403", "429", "503"} <= refused.keys(), path
        for response in refused.values():
            name = response["$ref"].rpartition("/")[2]
            content = responses[name]["content"]["application/json"]["schema"]
            assert content == {"$ref": "#/components/schemas/Error"}


def test_every_object_is_described_and_holds_what_is_named_alone() -> None:
    for name, schema in document()["components"]["schemas"].items():
        if schema.get("type") == "object" and name != "Error":
            assert schema["additionalProperties"] is False, name
            assert schema.get("description") or name.endswith("Page"), name


@pytest.mark.django_db
def test_the_document_is_served_to_everybody() -> None:
    for kind in ("json", "yaml"):
        answer = Client().get(f"/api/1/schema/?format={kind}")
        assert answer.status_code == 200
    told = json.loads(Client().get("/api/1/schema/?format=json").content)

    assert told["paths"].keys() == document()["paths"].keys()
    assert "attune_" in told["info"]["description"]


@pytest.mark.django_db
def test_the_page_has_no_inline_script_and_asks_nobody_else() -> None:
    answer = Client().get("/api/1/docs/")

    page = answer.content.decode()
    assert "<style" not in page
    assert page.count("<script") == page.count("<script src=") == 3
    assert "://" not in page
    assert "script-src 'self';" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
    script = Client().get("/api/1/docs/?script=")
    assert script["Content-Type"] == "application/javascript"
    assert b'"persistAuthorization": false' in script.content
