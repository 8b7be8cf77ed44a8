"""Requests that nobody would think of, sent to the running server on every operation.

Schemathesis makes them from the OpenAPI document: what fits it and must be answered as it
says, and what does not fit and must be refused as it says.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from collection import serving
from collection.attention.runs import run_rules
from tests import factories
from tests.programs import document, token_for, with_a_dataset
from tests.researchers import Site

# What an address names is there: otherwise nearly every answer would be 404.
CONFIGURATION = """
request-timeout = 20.0
warnings = false

[parameters]
"path.slug" = "tiny"
"path.action_id" = "alpha"
"path.number" = 1
"path.name" = "manifest.json"

[checks.positive_data_acceptance]
# 422: well formed, and this study does not have what is named (there is no snapshot 7).
expected-statuses = ["2xx", "401", "403", "404", "409", "410", "422"]

[[operations]]
include-path-regex = "/reports/"
parameters = {{ "path.id" = {report} }}

[[operations]]
include-path-regex = "/sweeps/"
parameters = {{ "path.id" = {sweep} }}

[[operations]]
include-path-regex = "/datasets/"
parameters = {{ "path.id" = {dataset} }}
"""
NO_LIMITS = {"ATTUNE_LIMITS": "0"}


@pytest.mark.parametrize(
    ("phases", "n_examples"),
    [
        pytest.param("fuzzing", 3, id="a few of each"),
        # Coverage goes through the bounds of every parameter: about a thousand requests.
        pytest.param("coverage,fuzzing", 12, id="many", marks=pytest.mark.slow),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_the_running_server_keeps_to_the_document(
    phases: str, n_examples: int, outside_var: Path, tmp_path: Path
) -> None:
    site = Site(outside_var)
    factories.ada(site.study)
    factories.bo(site.study)
    run_rules(site.study)
    dataset = with_a_dataset(site, outside_var)
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(
        CONFIGURATION.format(
            report=site.report.pk, sweep=site.sweep.pk, dataset=dataset.pk
        )
    )

    with serving.serve_in_background(env=NO_LIMITS) as base_url:
        done = subprocess.run(
            [
                sys.executable, "-c", "from schemathesis.cli import *; schemathesis()",
                "--config-file", str(configuration),
                "run", f"{base_url}/api/1/schema/?format=json",
                "--header", f"Authorization: Bearer {token_for(site.owner)}",
                "--phases", phases, "--max-examples", str(n_examples), "--seed", "1",
                "--no-shrink", "--continue-on-failure",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    n_operations = sum(len(methods) for methods in document()["paths"].values())
    assert f"Tested: {n_operations}\n" in done.stdout
    assert "No issues found" in done.stdout
