"""A sweep's form holds every field of its document, and shows each fault at its place."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from alignment.folders import write_rows
from bandits.spec import read_document, read_shape
from collection.job_faults import faults_of
from collection.models import JobRecord
from collection.spec_documents import as_toml, flat, nested
from collection.spec_form import MOST_BYTES, SpecForm, UploadForm, built_in, filled


@pytest.fixture
def report(tmp_path: Path) -> JobRecord:
    raters = [
        {"rater": "human", "complete": 1},
        {"rater": "minilm", "complete": 1},
        {"rater": "smollm2", "complete": 0},
    ]
    write_rows(tmp_path / "raters.csv", ("rater", "complete"), raters)
    dimensions = [
        {"dimension": "morality", "harm": 1},
        {"dimension": "enjoyability", "harm": 0},
    ]
    write_rows(tmp_path / "dimensions.csv", ("dimension", "harm"), dimensions)
    return JobRecord(kind="report", result_folder=str(tmp_path))


SMALL: dict[str, Any] = {
    "n_runs": 8,
    "agents": ["gp_greedy"],
    "kernels": ["human", "minilm"],
    "dimensions": ["morality"],
    "thresholds": ["study", 60],
    "corruption": {"shares": [0.5, 1.0]},
    "phases": {"learn": True, "generalization_steps": 0},
}


def test_a_document_goes_through_the_form_and_comes_out_as_it_was(
    report: JobRecord,
) -> None:
    first = filled(SMALL, report=report)
    again = SpecForm(first.data, report=report)

    assert (first.errors, again.is_valid()) == ({}, True)
    given, _ = read_shape(SMALL)
    found, faults = read_shape(again.cleaned_data["document"])
    assert faults == []
    assert found == given


def test_the_declared_outcomes_shuffles_stay_a_whole_number(report: JobRecord) -> None:
    primary = {"agent": "gp_greedy", "dimension": "morality", "shuffles": 200}
    primary |= {"phase": "generalization", "metric": "mean_reward"}
    data = filled(SMALL | {"confirmatory": primary}, report=report).data

    form = SpecForm(data, report=report)
    few = SpecForm(data | {"confirmatory.shuffles": "5"}, report=report)

    assert form.is_valid(), form.errors
    assert form.cleaned_data["document"]["confirmatory"]["shuffles"] == 200
    assert list(few.errors) == ["confirmatory.shuffles"]
    assert "no p could be .05" in str(few.errors)


def test_the_built_in_sweep_can_be_changed_and_run(report: JobRecord) -> None:
    form = SpecForm(filled(built_in("default"), report=report).data, report=report)

    assert form.is_valid(), form.errors
    assert read_shape(form.cleaned_data["document"]) == read_shape(built_in("default"))


def test_every_fault_of_a_form_stands_at_its_field(report: JobRecord) -> None:
    data = filled(SMALL, report=report).data | {
        "n_runs": "1",
        "corruption.shares": "0.5, 2",
        "learner.prior_sd": "0",
        "thresholds": "sometimes",
    }

    errors = SpecForm(data, report=report).errors

    assert set(errors) == {
        "n_runs",
        "corruption.shares",
        "learner.prior_sd",
        "thresholds",
    }
    assert "corruption.shares[1] must be less than or equal to 1" in str(
        errors["corruption.shares"]
    ).replace("&#x27;", "'")


def test_a_field_that_there_is_not_is_told_above_the_form(report: JobRecord) -> None:
    form = filled(SMALL | {"n_rums": 9}, report=report)

    (told,) = form.non_field_errors()
    assert told.startswith("n_rums is not a field of a sweep spec; fields there: ")


def test_only_kernels_and_dimensions_of_the_report_can_be_chosen(
    report: JobRecord,
) -> None:
    form = filled(
        SMALL | {"kernels": ["smollm2"], "dimensions": ["fun"]}, report=report
    )

    assert set(form.errors) == {"kernels", "dimensions"}


def test_the_primary_outcome_may_be_left_out_or_must_be_whole(
    report: JobRecord,
) -> None:
    without = filled(SMALL, report=report)
    half = filled(SMALL | {"confirmatory": {"agent": "gp_greedy"}}, report=report)

    assert "confirmatory" not in dict(without.data)
    assert without.is_valid()
    assert {
        "confirmatory.dimension",
        "confirmatory.phase",
        "confirmatory.metric",
    } == set(half.errors)


# ------------------------------------------------------------------ documents and files


def test_a_document_is_the_same_after_a_file_and_after_being_taken_apart() -> None:
    document = SMALL | {"title": 'a "b" é'}

    assert tomllib.loads(as_toml(document)) == document
    assert nested(dict(flat(document))) == document


def test_a_table_named_by_anybody_stays_one_name() -> None:
    odd = {"a b": 1, "x]\ny = 2\n[z": {"n": 3}}

    assert tomllib.loads(as_toml(odd)) == odd


def test_a_null_field_is_left_out_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "spec.toml"
    file.write_text(as_toml(SMALL | {"cross_harm": None}))

    assert read_document(file) == SMALL


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"n_runs = ", "is not TOML"),
        (b"n_runs = " + b"9" * 5_000, "Exceeds the limit"),
        (b"a." * 5_000 + b"a = 1", "has tables within tables"),
        (b"\xff\xfe", "text in UTF-8"),
        (b"#" * (MOST_BYTES + 1), "at most 64 kB"),
        (b"", "empty"),
    ],
)
def test_an_upload_is_refused_in_words(content: bytes, sentence: str) -> None:
    form = UploadForm({}, {"file": SimpleUploadedFile("a.toml", content)})

    assert not form.is_valid()
    assert sentence in str(form.errors["file"])


# ------------------------------------------------------------------ what a job told


def test_faults_are_read_off_what_the_command_wrote() -> None:
    told = (
        "The spec has 2 faults: agents[1]: no\nreading the report\n"
        'The spec has 2 faults:\n  agents[1]: "x" is not an agent: none\n'
        "  phases.learn: no"
    )

    assert faults_of(told) == [
        ("agents[1]", '"x" is not an agent: none'),
        ("phases.learn", "no"),
    ]
    assert faults_of("ValueError: a: b\nTraceback") == []
