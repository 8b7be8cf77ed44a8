"""The codebook, and the description that Psych-DS asks for.

Psych-DS 1.0: ``dataset_description.json`` is schema.org's JSON-LD of type Dataset, with
name, description and every column of every CSV under ``data/`` in `variableMeasured`.
https://psychds-docs.readthedocs.io
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from collection.datasets.about import About
from collection.datasets.tables import Column

DESCRIPTION = "dataset_description.json"
CODEBOOK = "documentation/codebook.csv"
CODEBOOK_COLUMNS = (
    "table",
    "file",
    "column",
    "type",
    "lowest",
    "highest",
    "may_be_empty",
    "meaning",
)
IGNORED = ("croissant.json", "manifest.json", "parquet/*", "results/*", "materials/*")
"""What Psych-DS has no rule for; a validator is told not to wonder."""


def codebook_rows(about: About) -> Iterator[dict[str, object]]:
    """One row per column of each table."""
    for one in about.written:
        for column in one.table.columns:
            yield {
                "table": one.table.name,
                "file": one.csv.path,
                "column": column.name,
                "type": column.type,
                "lowest": column.low,
                "highest": column.high,
                "may_be_empty": column.may_be_empty,
                "meaning": column.meaning,
            }


def psych_ds(about: About) -> dict[str, Any]:
    """``dataset_description.json``."""
    document: dict[str, Any] = {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": about.title,
        "description": about.description,
        "schemaVersion": "Psych-DS 1.0.0",
        "version": about.version,
        "identifier": about.judgments_sha256,
        "dateCreated": about.made_at.date().isoformat(),
        "inLanguage": about.definition.language,
        "license": about.license_said,
        "citation": about.citation,
        "keywords": about.keywords,
        "author": [{"@type": "Organization", "name": about.creator}],
        "measurementTechnique": "Online study: "
        + ", ".join(one.table.name for one in about.written if one.table.judgments),
        "creativeWorkStatus": "Simulated" if about.simulated else "Collected",
        "variableMeasured": [_variable(c) for c in about.columns().values()],
    }
    if about.url:
        document["url"] = about.url
    return document


def _variable(column: Column) -> dict[str, Any]:
    variable: dict[str, Any] = {
        "@type": "PropertyValue",
        "name": column.name,
        "description": column.meaning,
    }
    if column.low is not None:
        variable["minValue"] = column.low
    if column.high is not None:
        variable["maxValue"] = column.high
    return variable
