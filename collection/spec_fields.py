"""Form fields made from the fields of a sweep's document.

They follow ``schemas/sweep.json``, which ``python -m bandits schema`` writes from the
document itself: what a spec may hold is said in one place, and the web process loads
neither numpy nor torch for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from django import forms

SCHEMA = Path(__file__).resolve().parent / "schemas" / "sweep.json"
Choices = Sequence[tuple[str, str]]


@cache
def schema() -> dict[str, Any]:
    """The document's JSON schema, and what names of agents and measures mean."""
    found: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return found


def parts() -> Iterator[tuple[str, str, Mapping[str, Any], bool]]:
    """Each table of the document: its name, what it is, its fields, may it be absent.

    The first has no name: it holds the fields that stand in no table.
    """
    whole = schema()["document"]
    plain = {n: f for n, f in whole["properties"].items() if _table(f) is None}
    yield "", "", plain, False
    for name, field in whole["properties"].items():
        table = _table(field)
        if table is not None:
            told = table.get("description", "").replace("\n", " ")
            yield name, told, table["properties"], field.get("default") is None


def required(table: str) -> set[str]:
    """The fields that a table, or the document, cannot do without."""
    whole = schema()["document"]
    if table:
        whole = _table(whole["properties"][table]) or {}
    return set(whole.get("required", ()))


class ListField(forms.CharField):
    """Words, or numbers, separated by commas."""

    def __init__(self, *, numbers: bool, **more: Any) -> None:
        self.numbers = numbers
        super().__init__(**more)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        entries = [each.strip() for each in (value or "").split(",")]
        return [scalar(each) if self.numbers else each for each in entries if each]


class ScalarField(forms.CharField):
    """A number or a word, whichever it is."""

    def to_python(self, value: Any) -> Any:
        return scalar(super().to_python(value) or "")


def field_of(
    place: str,
    given: Mapping[str, Any],
    *,
    required: bool,
    unset: bool,
    names: Mapping[str, Choices],
) -> forms.Field:
    """The form field for one field of the document.

    Args:
        place: Where it stands: ``phases.learn``.
        given: Its JSON schema.
        unset: Whether it may be left without a value, where that is not its default.
        names: What can be chosen at a place, beyond what the schema says.
    """
    name = place.rpartition(".")[2]
    more: dict[str, Any] = {
        "label": name.replace("_", " ").capitalize(),
        "help_text": given.get("description", ""),
        "required": required,
    }
    found = _without_null(given)
    optional = found is not given
    choices = names.get(place)
    if found.get("type") == "array":
        items = found["items"]
        choices = choices or _enum(items)
        if choices:
            widget = forms.CheckboxSelectMultiple
            return forms.MultipleChoiceField(choices=choices, widget=widget, **more)
        more["help_text"] = f"{more['help_text']} Several with commas between.".strip()
        return ListField(numbers=items.get("type") != "string", **more)
    choices = choices or _enum(found)
    if choices:
        none: Choices = [("", "Unset")] if optional or unset else []
        return forms.ChoiceField(choices=[*none, *choices], **more)
    if found.get("type") == "boolean":
        return forms.BooleanField(**more | {"required": False})
    if found.get("type") == "integer":
        return forms.IntegerField(
            min_value=found.get("minimum"), max_value=_highest(found), **more
        )
    if found.get("type") == "number":
        # An open bound is told by the document itself.
        return forms.FloatField(
            min_value=found.get("minimum"),
            max_value=found.get("maximum"),
            widget=forms.NumberInput(attrs={"step": "any"}),
            **more,
        )
    return forms.CharField(**more) if found.get("type") else ScalarField(**more)


def scalar(text: str) -> Any:
    """A whole number, a number, or the text itself."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _table(field: Mapping[str, Any]) -> dict[str, Any] | None:
    """The table that a field holds, if it holds one."""
    found = _without_null(field)
    if "$ref" not in found:
        return None
    name = found["$ref"].rpartition("/")[2]
    table: dict[str, Any] = schema()["document"]["$defs"][name]
    return table


def _without_null(field: Mapping[str, Any]) -> Mapping[str, Any]:
    for one in field.get("anyOf", ()):
        if one.get("type") != "null":
            found: Mapping[str, Any] = one
            return found
    return field


def _enum(field: Mapping[str, Any]) -> Choices:
    names = field.get("enum") or ([field["const"]] if "const" in field else [])
    return [(name, str(name).replace("_", " ")) for name in names]


def _highest(field: Mapping[str, Any]) -> int | None:
    if "exclusiveMaximum" in field:
        return int(field["exclusiveMaximum"]) - 1
    return field.get("maximum")
