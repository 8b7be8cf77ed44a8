"""A secret comes from the environment or from a file, and never silently from neither."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from collection.secret_files import secret


def test_a_file_holds_it_as_well_as_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("from a file\n")

    assert secret("ATTUNE_TEST") == ""
    monkeypatch.setenv("ATTUNE_TEST_FILE", str(tmp_path / "key"))
    assert secret("ATTUNE_TEST") == "from a file"
    monkeypatch.delenv("ATTUNE_TEST_FILE")
    monkeypatch.setenv("ATTUNE_TEST", "from the environment")
    assert secret("ATTUNE_TEST") == "from the environment"


@pytest.mark.parametrize(
    ("written", "value", "told"),
    [
        ("one", "another", "ATTUNE_TEST or ATTUNE_TEST_FILE, and not both"),
        ("", "", "names an empty file"),
        (None, "", "cannot be read: No such file"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: str | None,
    value: str,
    told: str,
) -> None:
    if written is not None:
        (tmp_path / "key").write_text(written)
    monkeypatch.setenv("ATTUNE_TEST_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("ATTUNE_TEST", value)

    with pytest.raises(ImproperlyConfigured, match=told):
        secret("ATTUNE_TEST")
