"""The form of a sweep: every field of its document, faults at their place.

What is wrong with types and ranges is said at once, by the document's own checks. What
only the library knows (a kernel that cannot be repaired, say) is said by the job that
checks or runs it, and shown in this form at its place as well.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django import forms

from bandits.spec import read_shape
from collection import work
from collection.models import JobRecord
from collection.spec_documents import flat, nested
from collection.spec_fields import Choices, field_of, parts, required, schema
from collection.tables import rows_of
from collection.toml_file import parse_toml

MOST_BYTES = 64 * 1024
ENDS = ("value_oracle", "value_shuffled", "identity")
# Tables that a first sweep never needs stay folded.
OPEN_TABLES = ("", "phases", "corruption")
TITLES = {
    "": "What is simulated",
    "phases": "The two phases",
    "corruption": "The human kernel, corrupted",
    "ends": "The kernels at the ends of the scale",
    "people": "Who is asked for what",
    "rewards": "What an action pays",
    "learner": "What every agent assumes",
    "yardsticks": "What some measures are taken against",
    "confirmatory": "The primary outcome, declared beforehand",
}
Fault = tuple[str, str]


class SpecForm(forms.Form):
    """A sweep's document on a given report."""

    def __init__(
        self,
        *args: Any,
        report: JobRecord,
        given: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """A form for a report; `given` is a document that came whole, not from fields."""
        super().__init__(*args, **kwargs)
        self.given = given
        names = _names(report)
        for table, _, fields, may_be_absent in parts():
            for name, one in fields.items():
                place = f"{table}.{name}" if table else name
                needed = name in required(table) and not may_be_absent
                field = field_of(
                    place, one, required=needed, unset=may_be_absent, names=names
                )
                if one.get("default") is not None and not may_be_absent:
                    field.initial = one["default"]
                self.fields[place] = field

    def clean(self) -> dict[str, Any]:
        """The document in ``cleaned_data["document"]``, checked as a whole."""
        found = super().clean() or {}
        document = self.given
        if document is None:
            # A table that may be absent is there where one of its fields is.
            blank: tuple[Any, ...] = ("", None, [], ())
            document = nested({p: v for p, v in found.items() if v not in blank})
        _, faults = read_shape(document)
        self.show([one for one in faults if self._field(one[0]) not in self.errors])
        return {"document": dict(document)}

    def show(self, faults: Sequence[Fault]) -> None:
        """Put each fault beside its field, and above the form what has none."""
        for place, sentence in faults:
            field = self._field(place)
            entry = place if place != field else ""
            self.add_error(field or None, f"{entry} {sentence}".strip())

    def _field(self, place: str) -> str:
        """The field that a place lies in; empty for none."""
        field = re.sub(r"\[\d+\]", "", place)
        while field and field not in self.fields:
            field = field.rpartition(".")[0]
        return field

    @property
    def sections(self) -> list[dict[str, Any]]:
        """The fields by table, for the template."""
        return [
            {
                "title": TITLES.get(table, table.replace("_", " ").capitalize()),
                "told": told,
                "fields": (bound := [self[p] for p in self._places(table, fields)]),
                "open": table in OPEN_TABLES or any(one.errors for one in bound),
                "folds": table not in OPEN_TABLES,
            }
            for table, told, fields, _ in parts()
        ]

    @staticmethod
    def _places(table: str, fields: Mapping[str, Any]) -> list[str]:
        return [f"{table}.{name}" if table else name for name in fields]


class UploadForm(forms.Form):
    """A document in a file, read with suspicion: small, UTF-8, TOML."""

    file = forms.FileField(label="A sweep’s document (TOML)")

    def clean_file(self) -> dict[str, Any]:
        given = self.cleaned_data["file"]
        if given.size is None or given.size > MOST_BYTES:
            raise forms.ValidationError(
                f"A sweep’s document has at most {MOST_BYTES // 1024} kB.", "too-large"
            )
        try:
            return parse_toml(given.read().decode("utf-8"))
        except UnicodeDecodeError:
            raise forms.ValidationError(
                "The file must be text in UTF-8.", "not-text"
            ) from None
        except (ValueError, RecursionError) as problem:
            raise forms.ValidationError(
                f"The file is not TOML: {problem}.", "not-toml"
            ) from None


def built_in(name: str) -> dict[str, Any]:
    """A built-in document by name; an empty one where there is none of that name."""
    file = work.SPECS / f"{name}.toml"
    if name not in built_in_names():
        return {}
    return tomllib.loads(file.read_text(encoding="utf-8"))


def built_in_names() -> list[str]:
    """The documents that come with the library."""
    return sorted(path.stem for path in work.SPECS.glob("*.toml"))


def filled(document: Mapping[str, Any], *, report: JobRecord) -> SpecForm:
    """A form that holds a document, with all its faults shown.

    What the form cannot hold, a field that there is not, is told above it.
    """
    given = dict(flat(document))
    data: dict[str, Any] = {}
    for place, field in SpecForm(report=report).fields.items():
        value = given.get(place, field.initial)
        if value is None or value is False:
            continue
        shown = field.prepare_value(value)
        data[place] = (
            [str(one) for one in shown] if isinstance(shown, list) else str(shown)
        )
    return SpecForm(data, report=report, given=document)


# ------------------------------------------------------------------ the pieces


def _names(report: JobRecord) -> dict[str, Choices]:
    """What can be chosen: what the library knows, and what the report holds."""
    folder = Path(report.result_folder)
    raters = [row for row in rows_of(folder, "raters.csv") if row["complete"] == "1"]
    models = [row["rater"] for row in raters if not row["rater"].startswith("human")]
    dimensions = rows_of(folder, "dimensions.csv")
    known = [(row["dimension"], row["dimension"]) for row in dimensions]
    harmful = [(r["dimension"], r["dimension"]) for r in dimensions if r["harm"] == "1"]
    agents = list(schema()["agents"].items())
    measures = list(schema()["measures"].items())
    return {
        "agents": agents,
        "measures": measures,
        "kernels": [
            ("all", "all: people’s and every rater’s that is complete"),
            ("human", "human"),
            *((name, name) for name in models),
            *((name, f"{name} (an end of the scale)") for name in ENDS),
        ],
        "dimensions": known,
        "cross_harm": harmful,
        "confirmatory.agent": agents,
        "confirmatory.dimension": known,
        "confirmatory.metric": list(schema()["metrics"].items()),
        "confirmatory.measure": measures,
    }
