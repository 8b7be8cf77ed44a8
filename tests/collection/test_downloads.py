"""Folders and figures as they are sent: piece by piece, and only what is listed."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from django.http import Http404

from collection import downloads
from tests import researchers


def test_a_large_file_is_sent_in_pieces_and_arrives_whole(tmp_path: Path) -> None:
    noise = os.urandom(700_000)  # does not compress: many pieces

    def fill(home: Path) -> None:
        (home / "runs.parquet").write_bytes(noise)

    folder = researchers.results_folder(tmp_path / "sweep", "sweep", fill)

    pieces = list(downloads.zipped(folder, "sweep", "s"))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))  # type: ignore[arg-type]

    assert len(pieces) > 5
    assert archive.read("s/runs.parquet") == noise
    assert sorted(archive.namelist()) == ["s/manifest.json", "s/runs.parquet"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.svg").write_text("secret")

    def fill(home: Path) -> None:
        researchers.figure(home, "map")
        (home / "figures" / "secret.svg").symlink_to(tmp_path / "secret.svg")

    folder = researchers.results_folder(tmp_path / "report", "report", fill)

    assert "figures/secret.svg" not in downloads.listed_files(folder, "report")
    with pytest.raises(Http404, match="no such figure"):
        downloads.figure(folder, "report", "secret.svg")


def test_an_unfinished_folder_is_not_sent(tmp_path: Path) -> None:
    with pytest.raises(Http404, match="there is no such folder"):
        downloads.zipped(tmp_path / "gone", "report", "r")
