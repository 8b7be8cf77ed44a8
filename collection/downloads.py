"""Send a results folder as a zip file, or one of its figures.

A folder is read only through its manifest: what that does not list (the planted truth of
simulated participants beside a snapshot, a file somebody dropped in) is never sent, and
no name from an address reaches the file system.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from django.http import FileResponse, Http404, StreamingHttpResponse

from alignment.errors import FolderError
from alignment.folders import MANIFEST, read_manifest

FIGURES = "figures/"
PAGE = "report.html"
MEDIA_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
# What stands beside a picture: to be saved, and to be drawn by the page.
SAVED_TYPES = {".pdf": "application/pdf", ".csv": "text/csv; charset=utf-8"}
FIGURE_DATA = ".json"
FIGURE_TYPES = MEDIA_TYPES | SAVED_TYPES | {FIGURE_DATA: "application/json"}
_PIECE = 64 * 1024


def zipped(folder: Path, kind: str, name: str) -> StreamingHttpResponse:
    """The folder as ``name.zip``, sent piece by piece: it is never held in memory."""
    files = [MANIFEST, *listed_files(folder, kind)]
    response = StreamingHttpResponse(
        _zip_pieces(folder, files, name), content_type="application/zip"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    return response


def figure(
    folder: Path, kind: str, name: str, *, save_as: str | None = None
) -> FileResponse:
    """One figure of a report or sweep; 404 for any name its manifest does not list.

    Args:
        save_as: What the file is called, without its ending, where it is to be saved
            and not shown. A browser never shows a PDF or a table of ours.
    """
    path = folder / FIGURES / name
    if f"{FIGURES}{name}" not in listed_files(folder, kind):
        raise Http404("no such figure")
    if path.suffix not in FIGURE_TYPES:
        raise Http404("not a figure")
    saved = save_as is not None or path.suffix in SAVED_TYPES
    response = FileResponse(
        path.open("rb"),
        content_type=FIGURE_TYPES[path.suffix],
        as_attachment=saved,
        filename=f"{save_as or path.stem}{path.suffix}",
    )
    # An SVG draws itself with styles of its own; opened alone it may do nothing else.
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    )
    return response


def report_page(folder: Path, *, save_as: str) -> FileResponse:
    """The page that a report brings, to be kept and opened; 404 where it has none.

    It runs script of its own, so this site hands it out as a file and never shows it. A
    browser that shows it all the same gives it an origin of its own: nothing in it
    reaches this site's cookies or pages.

    Args:
        save_as: The file's name, without its ending.
    """
    if PAGE not in listed_files(folder, "report"):
        raise Http404("no such page")
    response = FileResponse(
        (folder / PAGE).open("rb"),
        content_type="text/html",
        as_attachment=True,
        filename=f"{save_as}.html",
    )
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def figure_endings(folder: Path, kind: str) -> dict[str, tuple[str, ...]]:
    """The endings of each figure's files, by its name without them."""
    found: dict[str, list[str]] = {}
    for name in listed_files(folder, kind):
        file = Path(name)
        if name.startswith(FIGURES) and file.suffix in FIGURE_TYPES:
            found.setdefault(file.stem, []).append(file.suffix)
    return {
        stem: tuple(ending for ending in FIGURE_TYPES if ending in endings)
        for stem, endings in found.items()
    }


def listed_files(folder: Path, kind: str) -> list[str]:
    """The files of a finished folder; 404 where it was deleted or never finished."""
    try:
        manifest = read_manifest(folder, kind, verify=False)
    except FolderError as error:
        raise Http404(str(error)) from error
    home = folder.resolve()
    return [
        name
        for name in manifest["files"]
        if (home / name).resolve().is_relative_to(home) and (home / name).is_file()
    ]


class _Outbox(io.RawIOBase):
    """Takes what the zip writer writes until it is sent."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        data = bytes(piece)  # type: ignore[call-overload]
        self.pieces.append(data)
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self.pieces)
        self.pieces.clear()
        return data


def _zip_pieces(folder: Path, files: list[str], name: str) -> Iterator[bytes]:
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            with (
                (folder / file).open("rb") as source,
                archive.open(f"{name}/{file}", "w", force_zip64=True) as target,
            ):
                while piece := source.read(_PIECE):
                    target.write(piece)
                    if data := outbox.take():
                        yield data
    yield outbox.take()
