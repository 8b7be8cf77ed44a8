"""What starting a job takes: the forms of the study's page, read from JSON.

A kind of job is described once, by its form (``job_forms.FORMS``); the OpenAPI document
and the reading of a request are both made from it. Two things differ from the page: a
field with a beginning value may be left out, and a snapshot is named by its number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from django import forms
from rest_framework.exceptions import ValidationError

from collection.api.errors import Impossible
from collection.job_forms import FORMS, JobForm
from collection.models import SnapshotRecord, Study

Schema = dict[str, Any]
_PLACE: Final = "parameters"

_TYPES: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    # In Python a bool is an int; in JSON it is not, and 150.0 is the same number as 150.
    "integer": (
        lambda v: (
            (isinstance(v, int) and not isinstance(v, bool))
            or (isinstance(v, float) and v.is_integer())
        ),
        "a whole number",
    ),
    "number": (
        lambda v: isinstance(v, int | float) and not isinstance(v, bool),
        "a number",
    ),
    "boolean": (lambda v: isinstance(v, bool), "true or false"),
    "string": (lambda v: isinstance(v, str), "a text"),
    "array": (
        lambda v: isinstance(v, list) and all(isinstance(one, str) for one in v),
        "a list of texts",
    ),
}


def body_schema() -> Schema:
    """The request's body: for each kind of job its own parameters."""
    return {
        "oneOf": [
            {
                "type": "object",
                "title": kind,
                "description": form.explained,
                "properties": {
                    "kind": {"type": "string", "const": kind},
                    _PLACE: parameters_schema(form),
                },
                "required": ["kind", _PLACE]
                if parameters_schema(form)["required"]
                else ["kind"],
                "additionalProperties": False,
            }
            for kind, form in FORMS.items()
        ]
    }


def parameters_schema(form: type[JobForm]) -> Schema:
    """JSON Schema of a kind of job's parameters."""
    fields = form.base_fields
    return {
        "type": "object",
        "properties": {name: _schema(field) for name, field in fields.items()},
        "required": [
            name
            for name, field in fields.items()
            if field.required and field.initial is None
        ],
        "additionalProperties": False,
    }


def read(body: Any, study: Study) -> tuple[str, dict[str, object]]:
    """The kind of job and its parameters, as ``jobs.enqueue`` takes them.

    Raises:
        ValidationError: not of the form that `body_schema` describes.
        Impossible: well formed, but this study does not have what is named.
    """
    kind, given = _parts(body)
    schema = parameters_schema(FORMS[kind])
    _check(given, schema)
    offered = FORMS[kind](study=study).fields
    values = {
        name: _whole(given.get(name, field.initial))
        for name, field in offered.items()
        if given.get(name, field.initial) is not None
    }
    for name, field in offered.items():
        if isinstance(field, forms.ModelChoiceField) and name in values:
            values[name] = _row(field, values[name], f"{_PLACE}.{name}")
    form = FORMS[kind](values, study=study)
    if not form.is_valid():
        faults = {
            f"{_PLACE}.{name}": [str(sentence) for sentence in sentences]
            for name, sentences in form.errors.items()
        }
        place, sentences = next(iter(faults.items()))
        raise Impossible(f"{place}: {sentences[0]}", faults)
    return kind, form.parameters()


def _parts(body: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(body, dict):
        raise ValidationError({"body": ["A JSON object is needed."]})
    faults = {
        str(name): ["There is no such field; there are: kind, parameters."]
        for name in body
        if name not in ("kind", _PLACE)
    }
    kind, given = body.get("kind"), body.get(_PLACE, {})
    if not isinstance(kind, str) or kind not in FORMS:
        faults["kind"] = [f"This must be one of {', '.join(FORMS)}."]
    if not isinstance(given, dict):
        faults[_PLACE] = ["A JSON object is needed."]
    if faults:
        raise ValidationError(faults)
    return str(kind), given


def _check(given: Mapping[str, Any], schema: Schema) -> None:
    known = schema["properties"]
    faults: dict[str, list[str]] = {}
    for name in given.keys() - known.keys():
        names = ", ".join(known) or "none"
        faults[name] = [f"There is no such parameter; there are: {names}."]
    for name in schema["required"]:
        if name not in given:
            faults[name] = ["This is needed."]
    for name in given.keys() & known.keys():
        fault = _fault(given[name], known[name])
        if fault:
            faults[name] = [fault]
    if faults:
        raise ValidationError({_PLACE: faults})


def _fault(value: Any, schema: Schema) -> str:
    is_one, called = _TYPES[schema["type"]]
    if not is_one(value):
        return f"This must be {called}."
    least, most = schema.get("minimum"), schema.get("maximum")
    if (least is not None and value < least) or (most is not None and value > most):
        between = f"from {least} on" if most is None else f"from {least} to {most}"
        return f"This must be {between}."
    if schema.get("minLength") and not value.strip():
        return "This must not be empty."
    if schema["type"] == "string" and "\0" in value:
        return "This must not hold a zero character."
    return ""


def _schema(field: forms.Field) -> Schema:
    schema: Schema = {}
    if field.help_text or field.label:
        schema["description"] = str(field.help_text or field.label)
    if isinstance(field, forms.ModelChoiceField):
        return {"type": "integer", "minimum": 1, **schema}
    if isinstance(field, forms.BooleanField):
        schema["type"] = "boolean"
    elif isinstance(field, forms.IntegerField):
        # A FloatField or DecimalField is an IntegerField too.
        exact = type(field) is forms.IntegerField
        schema["type"] = "integer" if exact else "number"
        for name, limit in (("minimum", field.min_value), ("maximum", field.max_value)):
            if limit is not None:
                schema[name] = limit
    elif isinstance(field, forms.MultipleChoiceField):
        schema |= {"type": "array", "items": {"type": "string"}}
    else:
        schema |= {"type": "string", "minLength": 1, "pattern": r"\S"}
    if field.initial is not None:
        schema["default"] = field.initial
    return schema


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _row(field: Any, number: int, place: str) -> int:
    """The primary key of the row that a number names."""
    snapshots = field.queryset.model is SnapshotRecord
    rows = field.queryset.filter(**{"number" if snapshots else "pk": number})
    row = rows.first()
    if row is None:
        name = "snapshot" if snapshots else field.label.lower()
        sentence = f"This study has no {name} {number} in use."
        raise Impossible(f"{place}: {sentence}", {place: [sentence]})
    return int(row.pk)
