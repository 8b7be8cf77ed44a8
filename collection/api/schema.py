"""How the OpenAPI document is written from the views.

It is never committed: a copy could differ from what the server does. Imports no view,
because the framework loads this module with its first one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from collection.api import job_requests
from collection.api.access import SAFE, scope_of

_REFUSALS: Final = {
    400: "The request is not of the form that is described here.",
    401: "No token was sent, or one that opens nothing.",
    403: "The token lacks the scope, or its person the role, that this needs.",
    404: "There is nothing here, or it is not open to you.",
    406: "Only JSON is to be had here.",
    409: "It cannot be done any more.",
    410: "It was made from data that have been erased since.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "Well formed, but not to be had in this study.",
    429: "Too many requests in this minute; `Retry-After` says when to go on.",
    503: "The database is away for a moment; `Retry-After` says when to try again.",
}
_ALWAYS: Final = (400, 401, 403, 429, 503)
_WITH_BODY: Final = (413, 415)
_ERROR: Final = {
    "type": "object",
    "description": "What is refused, and why.",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": {"type": "string", "description": "Stable."},
                "message": {"type": "string", "description": "A sentence."},
                "fields": {
                    "type": "object",
                    "description": "What is wrong by its place, as `parameters.use`.",
                    "additionalProperties": {
                        "type": "array",
                        "items": {"type": "string"},
                    },
                },
            },
            "required": ["code", "message", "fields"],
            "additionalProperties": False,
        }
    },
    "required": ["error"],
    "additionalProperties": False,
}


@cache
def page_of(row: type[serializers.Serializer]) -> Any:
    """A page of rows, as the document describes it."""
    name = f"{row.__name__.removesuffix('Row')}Page"
    return {
        200: inline_serializer(
            name,
            {
                "results": row(many=True),
                "next": serializers.URLField(
                    allow_null=True, help_text="Of the page that follows; null: none."
                ),
            },
        )
    }


class JobBody(serializers.Serializer):
    """A kind of job with its parameters; ``job_requests.py`` reads it."""


class JobBodyDescribed(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """The body as the forms of the study's page make it."""

    target_class = JobBody

    def map_serializer(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return job_requests.body_schema()


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a token is sent."""

    target_class = "collection.api.access.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        scheme = build_bearer_security_scheme_object("Authorization", "Bearer")
        return {**scheme, "description": "An access token, as `attune_...`."}


class Described(AutoSchema):
    """An operation, with what the view's attributes say about it."""

    def get_override_parameters(self) -> list[Any]:
        asks = self.view.asks
        return [asks] if self.method in SAFE and asks().fields else []

    def get_serializer_name(
        self, serializer: serializers.Serializer, direction: Any
    ) -> str:
        """A component's name: what it is, without how it is made here."""
        name: str = super().get_serializer_name(serializer, direction)
        return name.removesuffix("Row").removesuffix("Document")

    def get_tags(self) -> list[str]:
        return [self.view.tag]

    def get_description(self) -> str:
        """What the method's docstring says, and who may use it."""
        needs = f"Needs the scope `{scope_of(self.method).value}`"
        if hasattr(self.view, "role_for"):
            needs += f" and in the study the role `{self.view.role_for(self.method)}`"
        return f"{super().get_description()}\n\n{needs}."

    def get_extensions(self) -> dict[str, Any]:
        """Which refusals this operation knows; `with_refusals` writes them out."""
        known = {*_ALWAYS, *self.view.refusals.get(self.method, ())}
        known |= (
            {404} if "{" in self.path or "cursor" in self.view.asks().fields else set()
        )
        known |= set(_WITH_BODY) if self.method in ("POST", "PUT", "PATCH") else set()
        known |= (
            {406}
            if self.view.content_negotiation_class.__name__ != "AnyType"
            else set()
        )
        return {"x-refusals": sorted(known)}


def with_refusals(
    result: dict[str, Any], generator: Any, request: Any, public: bool
) -> dict[str, Any]:
    """Each operation's refusals, and objects that hold nothing but what is named."""
    components = result["components"]
    components["schemas"]["Error"] = _ERROR
    components["responses"] = {
        f"Refused{status}": {
            "description": sentence,
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Error"}}
            },
        }
        for status, sentence in _REFUSALS.items()
    }
    for operation in _operations(result):
        for answer in operation["responses"].values():
            answer["description"] = answer.get("description") or operation["summary"]
        if "requestBody" in operation:
            operation["requestBody"]["required"] = True
        for status in operation.pop("x-refusals"):
            operation["responses"][str(status)] = {
                "$ref": f"#/components/responses/Refused{status}"
            }
    for schema in components["schemas"].values():
        if schema.get("type") == "object" and "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return result


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in document["paths"].values():
        for operation in methods.values():
            if isinstance(operation, dict) and "responses" in operation:
                yield operation
