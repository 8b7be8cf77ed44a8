"""What comes in: query parameters and JSON bodies, read strictly.

A filter that is misspelt and passed over gives other rows than were asked for, so what
is not known is refused. Of a type only that type is taken: ``"150"`` is no number in a
JSON body, as the OpenAPI document says.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import JSONParser

from collection.api.errors import BodyTooLarge

LARGEST_BODY: Final = 64 * 1024
MOST_ROWS: Final = 1000
ROWS: Final = 100


class SmallJSONParser(JSONParser):
    """JSON of at most ``LARGEST_BODY`` bytes, however deep it is nested."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The body as JSON values.

        Raises:
            BodyTooLarge: the body has more than ``LARGEST_BODY`` bytes.
            ParseError: it is not JSON, or nested too deep to be read.
        """
        body = stream.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge
        try:
            return super().parse(io.BytesIO(body), media_type, parser_context)
        except RecursionError as deep:
            raise ParseError("The JSON is nested too deep.") from deep


class Strict(serializers.Serializer):
    """Fields by name; a name that is not among them is refused."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in data if name not in self.fields)
            if unknown:
                known = ", ".join(self.fields) or "none"
                sentence = f"There is no such field; there are: {known}."
                raise ValidationError({name: [sentence] for name in unknown})
        return super().to_internal_value(data)


class Query(Strict):
    """The query parameters of an operation; none, unless it says so."""


class Flag(serializers.BooleanField):
    """``true`` or ``false``, in these words."""

    TRUE_VALUES: ClassVar[set[Any]] = {"true"}
    FALSE_VALUES: ClassVar[set[Any]] = {"false"}
    NULL_VALUES: ClassVar[set[Any]] = set()


class PageQuery(Query):
    """Which page of a list."""

    cursor = serializers.RegexField(
        r"^[-A-Za-z0-9_:=.]{1,300}$",
        required=False,
        trim_whitespace=False,
        help_text="Where the page begins; taken from `next` of the page before.",
    )
    page_size = serializers.IntegerField(
        required=False,
        default=ROWS,
        min_value=1,
        max_value=MOST_ROWS,
        help_text="How many rows at most.",
    )


def asked(parameters: QueryDict, query: type[Query]) -> dict[str, Any]:
    """The query parameters of a request, checked.

    Raises:
        ValidationError: with every parameter that is unknown, given twice, or wrong.
    """
    twice = [name for name, values in parameters.lists() if len(values) > 1]
    if twice:
        raise ValidationError({name: ["This stands here twice."] for name in twice})
    # A plain mapping: of a form, a missing tick box would read as false.
    read = query(data=parameters.dict())
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)
