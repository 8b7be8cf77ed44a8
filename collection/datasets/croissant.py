"""The description that Croissant 1.1 asks for, with its fields for responsible use.

MLCommons' format for data that machines learn from: every file with its hash, every table
as a record set, and how, from whom and what for the data were collected (RAI 1.0).
https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collection.datasets.about import SIMULATED_MEANS, About, File, Written
from collection.datasets.tables import Column
from collection.definition_parts import Exclusion

CROISSANT = "croissant.json"
TYPES: Mapping[str, str] = {
    "text": "sc:Text",
    "number": "sc:Float",
    "integer": "sc:Integer",
    "boolean": "sc:Boolean",
}
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(about: About) -> dict[str, Any]:
    """``croissant.json``."""
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": about.name,
        "description": about.description,
        "version": about.version,
        "datePublished": about.made_at.date().isoformat(),
        "dateCreated": about.frozen_at.date().isoformat(),
        "inLanguage": about.definition.language,
        "license": about.license_said,
        "citeAs": about.citation,
        "keywords": about.keywords,
        "creator": {"@type": "sc:Organization", "name": about.creator},
        "url": about.url or f"urn:sha256:{about.judgments_sha256}",
        "isLiveDataset": False,
        **responsible(about),
        "distribution": [
            *(_file(one.csv, "text/csv") for one in about.written),
            *(_file(one.parquet, "application/x-parquet") for one in about.written),
            *(_file(one, _encoding(one.path)) for one in about.matrices),
        ],
        "recordSet": [_records(one) for one in about.written if one.n_rows],
    }


def responsible(about: About) -> dict[str, Any]:
    """The RAI fields: how the data came to be, what they are for and what not."""
    definition = about.definition
    consent = definition.consent
    report = about.disclosure
    asked = ", ".join(
        f"{d.name} (0 “{d.low}” to 100 “{d.high}”)" for d in definition.dimensions
    )
    per_item = "; ".join(
        f"{one.table.name}: {one.n_rows / max(1, len(definition.actions)):.1f} per action"
        for one in about.written
        if one.table.judgments
    )
    facts = report["facts_told"]
    return {
        "rai:dataCollection": (f"{SIMULATED_MEANS} " if about.simulated else "")
        + "Participants judged short texts of actions on web pages, one question at a "
        f"time. Ethics approval: {consent.ethics or 'not given'}. Controller: "
        f"{about.creator}. Minimum age: {consent.minimum_age or 'not given'}.",
        "rai:dataCollectionType": ["Simulation"]
        if about.simulated
        else ["Surveys", "Manual Human Curator"],
        "rai:dataCollectionMissingData": "Who did not understand an action said so: such "
        "an answer is stored and is no judgment. Nothing is imputed; every answer left "
        "out stands in the table of exclusions with its reason.",
        "rai:dataCollectionRawData": "Ratings from 0 to 100 on a line without a starting "
        "place, choices of one of three, and places on an arena.",
        "rai:dataPreprocessingProtocol": [
            "Scales that were shown the other way round were turned back; pair ratings "
            "were divided by 100.",
            f"Exclusion: {_excluded(definition.exclusion)} Agreement with other people "
            "or with a language model excludes nobody.",
        ],
        "rai:dataImputationProtocol": "None.",
        "rai:dataAnnotationProtocol": [
            f"Pairs: {definition.wording.pair}",
            f"Triplets: {definition.wording.triplet}",
            f"Values: {asked or 'none asked'}.",
        ],
        "rai:dataAnnotationPlatform": ["Attune"],
        "rai:dataAnnotationAnalysis": [
            "Judgments stay single, one row each; disagreement between raters is data "
            "and not an error."
        ],
        "rai:annotationsPerItem": f"{per_item}.",
        "rai:annotatorDemographics": [
            f"{about.n_raters} {about.who}. "
            + (
                f"Coarsened facts ({', '.join(facts)}) stand in the table of raters."
                if facts
                else "No facts about them are told."
            )
        ],
        "rai:machineAnnotationTools": ["Simulated participants of Attune"]
        if about.simulated
        else ["None"],
        "rai:dataUseCases": [
            "Comparing language models' similarity structure of actions with people's.",
            "Simulating agents that learn human values.",
            "Not for judging the people who took part, nor as a standard of what is "
            "right.",
        ],
        "rai:dataLimitations": [
            f"{len(definition.actions)} actions chosen by the study's authors, in "
            f"{', '.join(definition.offered_languages)}; other actions may be judged "
            "otherwise.",
            *([SIMULATED_MEANS] if about.simulated else []),
        ],
        "rai:dataBiases": [
            "Participants chose to take part and are a sample of no population. Judgments "
            "depend on the wording of the questions, which stands in the study's "
            "definition."
        ],
        "rai:dataSocialImpact": "Can help to see where machines depart from what people "
        "value; could be misused to present the values of a few as those of all.",
        "rai:personalSensitiveInformation": [
            f"No names, no platform ids, no typed texts. {report['names']}. Facts about "
            f"people are shared by at least {report['k']} each. "
            f"{report['remaining_risk']}"
        ],
        "rai:dataReleaseMaintenancePlan": "A version is never changed. When somebody "
        "asks for erasure, the study's own copy is deleted and a new version takes its "
        "place; use the newest.",
    }


def _excluded(rules: Exclusion) -> str:
    said = ["who withdrew or did not agree to this use"]
    if rules.require_finished:
        said.append("who did not finish")
    said.append(f"who failed more than {rules.max_failed_checks} attention checks")
    if rules.max_repeat_difference is not None:
        said.append(
            f"whose repeated ratings differ by more than {rules.max_repeat_difference:g} "
            "on average"
        )
    return "; ".join(said) + "."


def _file(file: File, encoding: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": file.path,
        "name": file.path,
        "contentUrl": file.path,
        "contentSize": f"{file.size} B",
        "encodingFormat": encoding,
        "sha256": file.sha256,
    }


def _encoding(path: str) -> str:
    return "text/csv" if path.endswith(".csv") else "application/zip"


def _records(one: Written) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": one.table.name,
        "name": one.table.name,
        "description": one.table.meaning,
        "field": [_field(one, column) for column in one.table.columns],
    }


def _field(one: Written, column: Column) -> dict[str, Any]:
    name = f"{one.table.name}/{column.name}"
    return {
        "@type": "cr:Field",
        "@id": name,
        "name": name,
        "description": column.meaning,
        "dataType": TYPES[column.type],
        "source": {
            "fileObject": {"@id": one.csv.path},
            "extract": {"column": column.name},
        },
    }
