"""Write a dataset: one folder, made of one frozen snapshot.

    README.md  CHANGES.md  dataset_description.json  croissant.json  manifest.json
    data/           every table as CSV, named as Psych-DS wants it
    parquet/        the same tables as Parquet
    results/        mean similarities and values, as CSV and NPZ
    materials/      the study's definition
    documentation/  codebook, consent texts, disclosure report, provenance

The snapshot decided what is a judgment; nothing is turned round, rescaled or left out
here. The same snapshot may be written as often as one likes.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from alignment.folders import (
    LOCK,
    MANIFEST,
    locked,
    read_manifest,
    sha256_of,
    write_manifest,
    write_rows,
)
from alignment.progress import Progress
from collection.datasets import answers, card, descriptions
from collection.datasets.about import (
    DEFAULT_LICENSE,
    LICENSES,
    NOT_FOR_RELEASE,
    About,
    File,
    Written,
)
from collection.datasets.croissant import CROISSANT, croissant
from collection.datasets.hashing import JudgmentsHash
from collection.datasets.matrices import Matrices
from collection.datasets.people import (
    People,
    disclosure_report,
    people_in,
    quality_rows,
    rater_rows,
)
from collection.datasets.streaming import (
    columns_of,
    columns_of_file,
    pieces_of_file,
    pieces_of_rows,
    with_column,
    write_table,
)
from collection.datasets.tables import (
    ACTIONS,
    EXCLUSIONS,
    JUDGMENTS,
    PLACES,
    QUALITY,
    RATERS,
    SENSITIVITY,
    SIMULATED,
    Table,
    attribute,
)
from collection.definitions import StudyDefinition
from collection.errors import DatasetRefused, SupersededResult
from collection.models import SnapshotRecord, Study
from collection.snapshots import one_moment

KIND = "dataset"
DEFINITION = "materials/study_definition.json"
DISCLOSURE = "documentation/disclosure_report.json"
PROVENANCE = "documentation/provenance.json"
CONSENT = "documentation/consent_{version}.html"
QUALITY_RULES = "documentation/quality_rules.json"
WITHHELD = "withheld"
PROVENANCE_KEYS = (
    "simulated",
    "parameters",
    "seeds",
    "started_at",
    "finished_at",
    "commit",
    "python",
    "packages",
    "world",
    "similarity_rule",
    "counts",
    "raters_excluded",
)
"""What of the snapshot's manifest is passed on; its command may name folders."""


class Dataset(NamedTuple):
    """What was written."""

    folder: Path
    n_judgments: int
    judgments_sha256: str
    manifest: Mapping[str, Any]


def write_dataset(
    snapshot: SnapshotRecord,
    out: Path,
    *,
    license: str = "",
    url: str = "",
) -> Dataset:
    """Write the dataset of one snapshot into the folder `out`.

    Collection goes on meanwhile: what is read of the database is read in one transaction
    that sees one moment, through server-side cursors, and locks nothing.

    Args:
        out: A folder that holds no dataset yet.
        license: One of `LICENSES`; only an open release can have one.
        url: Where it will be had, if that is known.

    Raises:
        DatasetRefused: a licence that does not go with the snapshot's use; people in it
            withdrew since; its answers are gone.
        SupersededResult: somebody in it was erased.
        alignment.errors.FolderError: the snapshot was changed, or `out` is taken.
    """
    made_at = timezone.now()
    license = _license(snapshot, license)
    _in_use(snapshot)
    source = Path(snapshot.folder)
    manifest = read_manifest(source, "snapshot")
    with locked(out):
        _empty(out)
        try:
            about = _write(snapshot, source, manifest, out, license, url, made_at)
            written = write_manifest(
                out,
                kind=KIND,
                parameters={
                    "snapshot": snapshot.number,
                    "use": snapshot.use,
                    "license": license,
                    "url": url,
                },
                inputs={"snapshot": snapshot.sha256},
                simulated=snapshot.simulated,
                seeds=manifest["seeds"],
                started_at=made_at,
                command=[
                    "manage.py", "exportdataset", snapshot.study.slug,
                    "--snapshot", str(snapshot.number),
                ],
                extra=_extra(about, manifest),
            )  # fmt: skip
            _still_in_use(snapshot)
        except BaseException:
            _clear(out)
            raise
    return Dataset(out, about.n_judgments, about.judgments_sha256, written)


def _empty(out: Path) -> None:
    """A folder with nothing in it; what a killed job of ours left there is taken away.

    Raises:
        DatasetRefused: there is a dataset in it, or somebody's own files.
    """
    found = sorted(path.name for path in out.iterdir() if path.name != LOCK)
    ours = out.resolve().is_relative_to(Path(settings.VAR).resolve())
    if MANIFEST in found:
        raise DatasetRefused(
            f"{out} holds a dataset already. Write into a new folder: a version of a "
            "dataset is never changed."
        )
    if found and not ours:
        raise DatasetRefused(
            f"{out} is not empty ({', '.join(found[:3])}). Write into a new folder."
        )
    _clear(out)


def _license(snapshot: SnapshotRecord, asked: str) -> str:
    if not snapshot.release_key:
        if asked and asked != NOT_FOR_RELEASE:
            raise DatasetRefused(
                f"Snapshot {snapshot.number} is for the use {snapshot.use!r}: nobody in "
                f"it agreed that it is published, under {asked} or any licence. Freeze "
                "one for the use 'open_release' first."
            )
        return NOT_FOR_RELEASE
    license = asked or DEFAULT_LICENSE
    if license not in LICENSES:
        raise DatasetRefused(
            f"{license!r} is no licence that is known here; there are: "
            f"{', '.join(LICENSES)}."
        )
    return license


def _write(
    snapshot: SnapshotRecord,
    source: Path,
    manifest: Mapping[str, Any],
    out: Path,
    license: str,
    url: str,
    made_at: datetime,
) -> About:
    """Everything but the manifest."""
    study = snapshot.study
    definition = _published(study)
    hashed, counted = JudgmentsHash(), Counter[str]()
    matrices = Matrices(definition.action_ids, [d.name for d in definition.dimensions])
    writer = _Writer(out, study.slug)
    with (
        one_moment(),
        Progress("writing the dataset", sum(_judgments(manifest))) as progress,
    ):
        for table in JUDGMENTS:
            if _is_there(source, table):
                _judgment_table(
                    snapshot, source, table, writer, hashed, counted, matrices, progress
                )
        people = people_in(snapshot, set(counted))
        _other_tables(snapshot, source, writer, people, counted, definition)
        _, rules = quality = quality_rows(snapshot, people)
        if quality[0]:
            writer.write(QUALITY, pieces_of_rows(quality[0], QUALITY.columns))
        _consents(study, out)
    report = disclosure_report(
        snapshot,
        people,
        manifest["parameters"].get("people_without_consent_to_release"),
    )
    about = About(
        definition=definition,
        snapshot={**manifest, "definition_sha256": study.definition_sha256},
        snapshot_number=snapshot.number,
        use=snapshot.use,
        open_release=bool(snapshot.release_key),
        simulated=snapshot.simulated,
        license=license,
        url=url,
        frozen_at=snapshot.created_at,
        made_at=made_at,
        written=writer.written,
        matrices=[_file(out, path) for path in matrices.write(out)],
        disclosure=report,
        judgments_sha256=hashed.hexdigest(),
        n_judgments=hashed.n,
    )
    _documents(about, manifest, rules, out)
    return about


class _Writer:
    """Writes tables, and remembers which."""

    def __init__(self, out: Path, slug: str) -> None:
        self._out, self._slug = out, slug
        self.written: list[Written] = []

    def write(self, table: Table, pieces: Iterator[Any], *looks: Any) -> None:
        csv, parquet = table.csv(self._slug), table.parquet
        n = write_table(table, pieces, self._out / csv, self._out / parquet, looks)
        self.written.append(
            Written(table, n, _file(self._out, csv), _file(self._out, parquet))
        )


def _judgment_table(
    snapshot: SnapshotRecord,
    source: Path,
    table: Table,
    writer: _Writer,
    hashed: JudgmentsHash,
    counted: Counter[str],
    matrices: Matrices,
    progress: Progress,
) -> None:
    beside = answers.columns_beside(snapshot)
    whole = table.with_columns([*table.columns, *beside, SIMULATED])

    def pieces() -> Iterator[Any]:
        walk = answers.Beside(snapshot, table.name)
        for piece in pieces_of_file(source / table.source, table):
            if beside:
                found = walk.of(piece.column("trial_id"))
                for column, values in zip(beside, found, strict=True):
                    piece = with_column(piece, column, values)
            yield with_column(piece, SIMULATED, snapshot.simulated)

    def look(piece: Any) -> None:
        hashed.add(table.name, columns_of(piece, table.content))
        counted.update(piece.column("rater_id").to_pylist())
        progress.advance(piece.num_rows)

    sums = {"similarities": matrices.take_similarities, "values": matrices.take_values}
    looks = [look, *([sums[table.name]] if table.name in sums else [])]
    writer.write(whole, pieces(), *looks)


def _other_tables(
    snapshot: SnapshotRecord,
    source: Path,
    writer: _Writer,
    people: People,
    counted: Mapping[str, int],
    definition: StudyDefinition,
) -> None:
    arenas = next(
        (one for one in writer.written if one.table.name == "arrangements"), None
    )
    if arenas is not None:
        arrangements = source / arenas.table.source
        names = (
            name
            for piece in pieces_of_file(arrangements, _only(arenas.table, "trial_id"))
            for name in piece.column("trial_id").to_pylist()
        )
        rows = answers.places(snapshot, names)
        writer.write(PLACES, pieces_of_rows(rows, PLACES.columns))
    header = columns_of_file(source / ACTIONS.source)
    attributes = [attribute(name) for name in header[len(ACTIONS.columns) :]]
    actions = ACTIONS.with_columns([*ACTIONS.columns, *attributes])
    writer.write(actions, pieces_of_file(source / ACTIONS.source, actions))
    raters = RATERS.with_columns([*RATERS.columns, *people.facts])
    rows = rater_rows(people, counted, simulated=snapshot.simulated)
    writer.write(raters, pieces_of_rows(rows, raters.columns))
    for table in (EXCLUSIONS, SENSITIVITY):
        if _is_there(source, table):
            writer.write(table, pieces_of_file(source / table.source, table))


def _documents(
    about: About, manifest: Mapping[str, Any], rules: Mapping[str, Any], out: Path
) -> None:
    _json(out / DEFINITION, about.definition.model_dump(mode="json"))
    _json(out / DISCLOSURE, about.disclosure)
    _json(out / PROVENANCE, provenance(about, manifest))
    if rules:
        _json(out / QUALITY_RULES, rules)
    write_rows(
        out / descriptions.CODEBOOK,
        descriptions.CODEBOOK_COLUMNS,
        descriptions.codebook_rows(about),
    )
    _json(out / descriptions.DESCRIPTION, descriptions.psych_ds(about))
    _json(out / CROISSANT, croissant(about))
    for name, text in (
        (card.README, card.readme(about)),
        (card.CHANGES, card.changes(about)),
        (".psychdsignore", "\n".join(descriptions.IGNORED) + "\n"),
    ):
        (out / name).write_text(text, encoding="utf-8")


def provenance(about: About, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Where the judgments come from: seeds, versions, commit, and the snapshot."""
    return {
        "study": about.slug,
        "definition_sha256": about.snapshot["definition_sha256"],
        "definition_withheld": ["completion", "recruitment"],
        "snapshot_number": about.snapshot_number,
        "snapshot": {key: manifest[key] for key in PROVENANCE_KEYS if key in manifest},
        "simulated": about.simulated,
    }


def _extra(about: About, manifest: Mapping[str, Any]) -> dict[str, object]:
    """What an import needs to know before it reads a table."""
    return {
        "study": about.slug,
        "title": about.title,
        "use": about.use,
        "open_release": about.open_release,
        "definition_sha256": about.snapshot["definition_sha256"],
        "consent_versions": _consent_versions(about),
        "snapshot_files": {
            name: sha256
            for name, sha256 in manifest["files"].items()
            if name.endswith("judgments.csv")
        },
        "judgments_sha256": about.judgments_sha256,
        "counts": {one.table.name: one.n_rows for one in about.written},
        "tables": {
            one.table.name: {
                "csv": one.csv.path,
                "parquet": one.parquet.path,
                "columns": [column.name for column in one.table.columns],
            }
            for one in about.written
        },
    }


def _consent_versions(about: About) -> list[str]:
    versions = Study.objects.get(slug=about.slug).consent_versions.all()
    return [version.version for version in versions]


def _consents(study: Study, out: Path) -> None:
    (out / CONSENT).parent.mkdir(parents=True, exist_ok=True)
    for version in study.consent_versions.all():
        path = out / CONSENT.format(version=version.version[:16])
        shown = version.shown or json.dumps(version.definition, ensure_ascii=False)
        path.write_text(shown, encoding="utf-8")


def _published(study: Study) -> StudyDefinition:
    """The definition without what pays people: its codes are worth money."""
    document = study.definition_model().model_dump(mode="json")
    document["completion"] = {"code": WITHHELD, "redirect": ""}
    document["recruitment"] = None
    return StudyDefinition.model_validate(document)


def _judgments(manifest: Mapping[str, Any]) -> Iterator[int]:
    counts = manifest["counts"]
    return (int(n) for name, n in counts.items() if name.endswith("_judgments"))


def _only(table: Table, *names: str) -> Table:
    return table.with_columns([c for c in table.columns if c.name in names])


def _is_there(source: Path, table: Table) -> bool:
    """Whether the snapshot has any row of it."""
    path = source / table.source
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return len(file.readlines(2048)) > 1 or bool(file.readline())


def _in_use(snapshot: SnapshotRecord) -> None:
    if snapshot.superseded_at is not None:
        raise SupersededResult(
            f"Snapshot {snapshot.number} is superseded: {snapshot.superseded_reason}. "
            "Freeze a new one first."
        )


def _still_in_use(snapshot: SnapshotRecord) -> None:
    """An erasure holds the study's row: it sees this folder's job, or is seen here."""
    with transaction.atomic():
        Study.objects.select_for_update(no_key=True).get(pk=snapshot.study_id)
        _in_use(SnapshotRecord.objects.get(pk=snapshot.pk))


def _file(out: Path, path: str) -> File:
    return File(path, (out / path).stat().st_size, sha256_of(out / path))


def _json(path: Path, document: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def _clear(out: Path) -> None:
    """Half a dataset is none: take away what was written, the folder itself stays."""
    for path in out.iterdir():
        if path.name == LOCK:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def newest_snapshot(study: Study) -> SnapshotRecord:
    """The latest snapshot that is in use.

    Raises:
        DatasetRefused: there is none.
    """
    found = study.snapshots.filter(superseded_at=None).order_by("-number").first()
    if found is None:
        raise DatasetRefused(
            f"Study {study.slug} has no snapshot in use: freeze one first."
        )
    return found


__all__: Sequence[str] = ["Dataset", "newest_snapshot", "write_dataset"]
