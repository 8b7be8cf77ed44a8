"""Others can load it: Croissant, Psych-DS, pandas and Hugging Face's `datasets`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import psych_ds

pytestmark = pytest.mark.django_db

JUDGMENTS = ("values", "similarities", "triplets", "arrangements")


@pytest.fixture(params=["own", "released"])
def folder(request: pytest.FixtureRequest, _packages: Path) -> Path:
    """Both packages; nothing in this file changes them."""
    found: Path = _packages / request.param
    return found


def n_rows(folder: Path) -> dict[str, int]:
    counts: dict[str, int] = json.loads((folder / "manifest.json").read_text())[
        "counts"
    ]
    return counts


def lines_of_readme(folder: Path, begin: str) -> list[str]:
    """The lines for copying in the README, with the real folder in them."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    return [
        line.replace("FOLDER", str(folder))
        for line in text.splitlines()
        if line.startswith(begin)
    ]


def test_the_official_validator_finds_nothing_wrong_with_the_croissant(
    folder: Path,
) -> None:
    import mlcroissant

    dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")

    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings
    document = json.loads((folder / "croissant.json").read_text())
    assert document["conformsTo"] == [
        "http://mlcommons.org/croissant/1.1",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    assert sum(key.startswith("rai:") for key in document) >= 18


def test_croissant_gives_the_records_of_every_table(folder: Path) -> None:
    import mlcroissant

    dataset = mlcroissant.Dataset(jsonld=folder / "croissant.json")

    for table in JUDGMENTS:
        records = list(dataset.records(table))
        assert len(records) == n_rows(folder)[table]
    values = [record["values/value"] for record in dataset.records("values")]
    assert set(values) == {10.0, 25.0, 40.0, 55.0, 70.0, 85.0}


def test_a_croissant_with_a_fault_is_one_that_the_validator_refuses(
    package: Path,
) -> None:
    import mlcroissant

    path = package / "croissant.json"
    document = json.loads(path.read_text())
    del document["recordSet"][0]["field"][0]["source"]["extract"]
    del document["distribution"][0]["sha256"]
    path.write_text(json.dumps(document))

    with pytest.raises(mlcroissant.ValidationError, match="sha256"):
        mlcroissant.Dataset(jsonld=path)


def test_it_keeps_the_rules_of_psych_ds(folder: Path) -> None:
    assert psych_ds.faults(folder) == []


def test_the_rules_of_psych_ds_can_be_broken(package: Path) -> None:
    (values,) = package.glob("data/*-values_data.csv")
    values.rename(values.with_name("values.csv"))
    path = package / "dataset_description.json"
    document = json.loads(path.read_text())
    document["variableMeasured"] = document["variableMeasured"][1:]
    path.write_text(json.dumps(document))

    found = " ".join(psych_ds.faults(package))

    assert "FILENAME_KEYWORD_FORMATTING_ERROR values.csv" in found
    assert "CSV_COLUMN_MISSING_FROM_METADATA" in found


def test_the_official_validator_of_psych_ds_finds_no_error(folder: Path) -> None:
    validator = shutil.which("psychds-validator")
    if validator is None:
        pytest.skip(
            "The official Psych-DS validator is not here (`psychds-validator` on the "
            "PATH; it is in no registry that this project installs from). Its rules are "
            "checked by tests/psych_ds.py."
        )
    told = subprocess.run(
        [validator, str(folder)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout


def test_pandas_loads_each_table_in_one_line(folder: Path) -> None:
    import pandas

    lines = lines_of_readme(folder, "import pandas; ")
    assert len(lines) == 2
    for line in lines:
        code = line.removeprefix("import pandas; ")
        frame: Any = eval(code, {"pandas": pandas})
        assert len(frame) == n_rows(folder)["values"]
        assert frame["simulated"].dtype == bool
        assert frame["value"].between(0, 100).all()
    for table in n_rows(folder):
        frame = pandas.read_parquet(folder / f"parquet/{table}.parquet")
        assert len(frame) == n_rows(folder)[table]


def test_hugging_face_loads_it_in_one_line_without_a_network(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (line,) = lines_of_readme(folder, "import datasets; ")
    code = line.removeprefix("import datasets; ")

    loaded: Any = eval(code, {"datasets": datasets})

    assert loaded.num_rows == n_rows(folder)["values"]
    names = datasets.get_dataset_config_names(str(folder))
    assert set(names) == {name for name, n in n_rows(folder).items() if n}


def test_the_line_for_r_names_a_file_that_is_there(folder: Path) -> None:
    """R is on no machine of this project: the line itself has not been run."""
    (line,) = lines_of_readme(folder, "readr::read_csv(")

    named = re.fullmatch(r'readr::read_csv\("(.+)"\)', line)

    assert named
    assert Path(named[1]).is_file()
