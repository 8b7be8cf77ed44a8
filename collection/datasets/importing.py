"""Make a study of somebody's package: closed, with its people and judgments.

Every judgment becomes a trial and a response as if it had been given here, so that
coverage, reports, erasure and further datasets work as for any other study. At the end,
and before anything is kept, the judgments are read as a snapshot reads them, and must
come to the hash that the package gives.

What a package does not hold cannot come back: answers that were left out, questions about
the person, times. Nobody new can join: the study is closed, and its completion code is
gone.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from alignment.folders import MANIFEST
from alignment.progress import Progress
from collection import consents, loading
from collection.arenas import pair_key
from collection.datasets.checking import block_for
from collection.datasets.hashing import JudgmentsHash
from collection.datasets.reading import Package
from collection.datasets.streaming import rows_of
from collection.datasets.tables import (
    ARRANGEMENTS,
    PLACES,
    SIMILARITIES,
    TRIPLETS,
    VALUES,
    Table,
)
from collection.definition_parts import ValueBlock
from collection.definitions import StudyDefinition
from collection.errors import DatasetRefused
from collection.jobs import studies_folder
from collection.models import (
    Cell,
    Consent,
    ConsentVersion,
    Participant,
    Reservation,
    Response,
    Study,
    StudySession,
    Trial,
)
from collection.models.trials import Kind
from collection.snapshots import Judgments, read_judgments

IMPORTED = "imported"
OLD_TEXT = "imported"
"""The version of a consent whose text is not in the package."""


def import_dataset(package: Package, *, slug: str = "") -> Study:
    """A new study of a package, with all its judgments.

    Args:
        slug: What it is called here; as it was called there when left out.

    Raises:
        DatasetRefused: a study of this name stands here already, or the judgments are
            not those of the package once they are in the database. Nothing is kept.
    """
    definition = package.definition
    if slug:
        definition = StudyDefinition.model_validate(
            definition.model_dump(mode="json") | {"slug": slug}
        )
    if Study.objects.filter(slug=definition.slug).exists():
        raise DatasetRefused(
            f"A study {definition.slug} stands here already, and an import adds to none. "
            "Give it another name: --as NAME."
        )
    with transaction.atomic():
        study = loading.close_study(loading.load_study(definition))
        writer = _Importer(study, package)
        writer.write()
        _compare(study, package)
    _keep_documents(study, package)
    return study


class _Importer:
    """Writes people, sessions, trials and responses, a piece of rows at a time."""

    def __init__(self, study: Study, package: Package) -> None:
        self.study, self.package = study, package
        self.definition = study.definition_model()
        self.simulated = bool(package.manifest["simulated"])
        self.use = str(package.manifest["use"])
        self.consent = self._consent_versions()
        self.people: dict[str, Participant] = {}
        self.sessions: dict[tuple[str, str, str], list[_Sitting]] = {}
        self.reserved: dict[tuple[uuid.UUID, int], int] = {}
        self.cells = {
            (kind, key): pk
            for kind, key, pk in study.cells.values_list("kind", "key", "pk")
        }
        self.counted: Counter[int] = Counter()
        self.judged: Counter[int] = Counter()
        """Reservation of a whole dimension -> actions judged."""
        self.anew = self._names_taken()

    def write(self) -> None:
        tables = self.package.tables
        counts = self.package.manifest["counts"]
        with Progress("importing", sum(counts[name] for name in tables)) as progress:
            for table in (VALUES, SIMILARITIES, TRIPLETS):
                if table.name in tables:
                    for piece in self.package.pieces(tables[table.name]):
                        names = piece.schema.names
                        self._store(
                            table,
                            [
                                dict(zip(names, row, strict=True))
                                for row in rows_of(piece, names)
                            ],
                        )
                        progress.advance(piece.num_rows)
            if ARRANGEMENTS.name in tables:
                self._store(ARRANGEMENTS, self._arenas())
        self._count()

    def _arenas(self) -> list[dict[str, Any]]:
        """One row per arena, with the places of everything in it."""
        tables = self.package.tables
        places: dict[str, dict[str, list[float]]] = {}
        for piece in self.package.pieces(tables[PLACES.name]):
            for trial, action, x, y in rows_of(
                piece, ("trial_id", "action_id", "x", "y")
            ):
                places.setdefault(trial, {})[action] = [x, y]
        arenas: dict[str, dict[str, Any]] = {}
        for piece in self.package.pieces(tables[ARRANGEMENTS.name]):
            names = piece.schema.names
            for row in rows_of(piece, names):
                one = dict(zip(names, row, strict=True))
                one["positions"] = places[one["trial_id"]]
                arenas.setdefault(one["trial_id"], one)
        return list(arenas.values())

    def _store(self, table: Table, rows: Iterable[dict[str, Any]]) -> None:
        trials, responses = [], []
        rows = list(rows)
        sittings = self._sittings(rows)
        reservations = self._reserve(table, rows, sittings)
        for row, sitting, reservation in zip(rows, sittings, reservations, strict=True):
            dimension = row.get("dimension") or ""
            block = block_for(self.definition, table.name, row["group"], dimension)
            assert block is not None
            trial = Trial(
                id=self._trial_id(row["trial_id"]),
                session=sitting.session,
                block=block.key,
                position=sitting.place(row),
                dimension=dimension,
                sampler=row.get("sampler") or "",
                propensity=row.get("propensity"),
                reservation_id=reservation,
                reserved_until=timezone.now(),
                **_shown(table, row),
            )
            trials.append(trial)
            responses.append(
                Response(trial=trial, rt_ms=row.get("rt_ms"), **_said(table, row))
            )
        Trial.objects.bulk_create(trials, batch_size=2_000)
        Response.objects.bulk_create(responses, batch_size=2_000)

    def _sittings(self, rows: Iterable[Mapping[str, Any]]) -> list[_Sitting]:
        """Each row's session; people and sessions that are new are stored."""
        found = []
        new: list[_Sitting] = []
        for row in rows:
            key = (row["rater_id"], row["group"], row["block_order"])
            of_person = self.sessions.setdefault(key, [])
            place = row.get("position")
            free = next((one for one in of_person if one.is_free(place)), None)
            if free is None:
                free = _Sitting(self._session(*key))
                of_person.append(free)
                new.append(free)
            free.take(place)
            found.append(free)
        Participant.objects.bulk_create(
            {one.session.participant.rater_id: one.session.participant for one in new
             if one.session.participant.pk is None}.values()
        )  # fmt: skip
        for one in new:
            one.session.participant_id = one.session.participant.pk
        StudySession.objects.bulk_create(one.session for one in new)
        Consent.objects.bulk_create(
            Consent(session=one.session, version=self.consent, uses=self._uses())
            for one in new
        )
        return found

    def _session(self, rater_id: str, group: str, block_order: str) -> StudySession:
        person = self.people.get(rater_id)
        if person is None:
            person = self.people[rater_id] = Participant(
                study=self.study,
                rater_id=rater_id,
                group=group,
                simulated=self.simulated,
            )
        now = timezone.now()
        return StudySession(
            participant=person,
            study=self.study,
            status=StudySession.Status.FINISHED,
            group=group,
            blocks=[key for key in block_order.split(">") if key],
            simulated=self.simulated,
            consented_at=now,
            finished_at=now,
        )

    def _reserve(
        self,
        table: Table,
        rows: Iterable[Mapping[str, Any]],
        sittings: Iterable[_Sitting],
    ) -> list[int | None]:
        """Each row's reservation, by which an erasure finds what it has to count back."""
        wanted: list[tuple[uuid.UUID, int] | None] = []
        new: dict[tuple[uuid.UUID, int], Reservation] = {}
        for row, sitting in zip(rows, sittings, strict=True):
            session = sitting.session
            keys = [
                (session.pk, cell)
                for cell in self._cells_of(table, row)
                if cell is not None
            ]
            if table is ARRANGEMENTS:  # counts all pairs, held by one not yet taken
                self.counted.update(cell for _, cell in keys)
                taken = self.reserved.keys() | new.keys()
                keys = [key for key in keys if key not in taken][:1]
            if not keys:
                wanted.append(None)
                continue
            (key,) = keys
            wanted.append(key)
            if key not in self.reserved and key not in new:
                block = block_for(
                    self.definition,
                    table.name,
                    row["group"],
                    row.get("dimension") or "",
                )
                assert block is not None
                new[key] = Reservation(
                    session=session,
                    cell_id=key[1],
                    block=block.key,
                    state=Reservation.State.COMPLETED,
                    expires_at=timezone.now(),
                )
        for one in Reservation.objects.bulk_create(new.values(), batch_size=2_000):
            self.reserved[one.session_id, one.cell_id] = one.pk
        found = [None if key is None else self.reserved[key] for key in wanted]
        if table is VALUES:
            self.judged.update(pk for pk in found if pk is not None)
        return found

    def _cells_of(self, table: Table, row: Mapping[str, Any]) -> list[int | None]:
        if table is SIMILARITIES:
            key = pair_key(row["action_a"], row["action_b"])
            return [self.cells.get((Kind.PAIR, key))]
        if table is ARRANGEMENTS:
            return [
                self.cells.get((Kind.ARRANGEMENT, pair_key(a, b)))
                for a, b in combinations(sorted(row["positions"]), 2)
            ]
        if table is VALUES:
            dimension = row["dimension"]
            block = block_for(self.definition, table.name, row["group"], dimension)
            whole = isinstance(block, ValueBlock) and block.assign == "dimension"
            key = dimension if whole else f"{dimension}/{row['action_id']}"
            return [self.cells.get((Kind.VALUE, key))]
        return []

    def _count(self) -> None:
        """Bring every cell's count of judgments up to date."""
        n_actions = len(self.definition.actions)
        whole = set(
            self.study.cells.filter(kind=Kind.VALUE, action_a=None).values_list(
                "pk", flat=True
            )
        )
        arenas = {
            pk for (kind, _), pk in self.cells.items() if kind == Kind.ARRANGEMENT
        }
        unfinished = []
        for (_, cell), reservation in self.reserved.items():
            if cell in arenas:
                continue
            if cell in whole and self.judged[reservation] < n_actions:
                unfinished.append(reservation)
            else:
                self.counted[cell] += 1
        Reservation.objects.filter(pk__in=unfinished).update(
            state=Reservation.State.RELEASED
        )
        by_count: dict[int, list[int]] = {}
        for cell, n in self.counted.items():
            by_count.setdefault(n, []).append(cell)
        for n, cells in by_count.items():
            Cell.objects.filter(pk__in=cells).update(completed=F("completed") + n)

    def _consent_versions(self) -> str:
        """Store the texts that people agreed to; the version that theirs is taken for."""
        given = self.definition
        for html in self.package.consents:
            ConsentVersion.objects.get_or_create(
                study=self.study,
                version=consents.version_of(html),
                defaults={
                    "language": given.language,
                    "shown": html,
                    "definition": given.consent.model_dump(mode="json"),
                },
            )
        first = self.study.consent_versions.order_by("pk").first()
        return OLD_TEXT if first is None else first.version

    def _uses(self) -> dict[str, bool]:
        return {
            one.key: one.required or one.key == self.use
            for one in self.definition.consent.uses
        } | {self.use: True}

    def _names_taken(self) -> bool:
        """Whether trials of these names are here: the package was made on this site."""
        for table in self.package.tables.values():
            for piece in self.package.pieces(table):
                ids = [
                    name for name in map(_uuid, piece.column("trial_id").to_pylist())
                    if name
                ]  # fmt: skip
                if Trial.objects.filter(pk__in=ids).exists():
                    return True
        return False

    def _trial_id(self, name: str) -> uuid.UUID:
        own = _uuid(name)
        if own is None or self.anew:
            return uuid.uuid5(uuid.NAMESPACE_URL, f"attune:{self.study.slug}:{name}")
        return own


class _Sitting:
    """One session, and which places in it are taken."""

    def __init__(self, session: StudySession) -> None:
        self.session = session
        self._taken: set[int] = set()
        self._next = 0

    def is_free(self, place: int | None) -> bool:
        return place is None or place not in self._taken

    def take(self, place: int | None) -> None:
        if place is not None:
            self._taken.add(place)

    def place(self, row: Mapping[str, Any]) -> int:
        """Where the trial stood; after all others where the package does not say."""
        if row.get("position") is not None:
            return int(row["position"])
        self._next += 1
        return self._next - 1


def _uuid(name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(name)
    except ValueError:
        return None


def _shown(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    if table is VALUES:
        return {"kind": Kind.VALUE, "actions": [row["action_id"]]}
    if table is SIMILARITIES:
        return {"kind": Kind.PAIR, "actions": [row["action_a"], row["action_b"]]}
    if table is TRIPLETS:
        return {"kind": Kind.TRIPLET, "actions": [row["a"], row["b"], row["c"]]}
    return {"kind": Kind.ARRANGEMENT, "actions": sorted(row["positions"])}


def _said(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    if table is VALUES:
        return {"rating": round(row["value"])}
    if table is SIMILARITIES:
        return {"rating": round(100 * row["similarity"])}
    if table is TRIPLETS:
        return {"choice": row["odd"]}
    return {"positions": row["positions"]}


def hash_of(judgments: Judgments) -> str:
    """What the judgments of a study come to, read as for a snapshot."""
    hashed = JudgmentsHash()
    for table, rows in (
        (VALUES, judgments.values),
        (SIMILARITIES, judgments.similarities),
        (TRIPLETS, judgments.triplets),
        (ARRANGEMENTS, judgments.arrangements),
    ):
        full = [{"weight": 1.0, **row} for row in rows]
        hashed.add(table.name, [[row[name] for row in full] for name in table.content])
    return hashed.hexdigest()


def _compare(study: Study, package: Package) -> None:
    manifest = package.manifest
    read = read_judgments(study, simulated=manifest["simulated"], use=manifest["use"])
    came, told = hash_of(read), manifest["judgments_sha256"]
    if came != told:
        raise DatasetRefused(
            f"Once imported, the judgments came to {came[:16]} and not to the "
            f"package's {told[:16]}. Nothing was kept; this is a fault of Attune."
        )


def _keep_documents(study: Study, package: Package) -> None:
    """What the package tells about itself, without a table that names anybody."""
    home = studies_folder(study) / IMPORTED
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(package.folder / MANIFEST, home / MANIFEST)
    for name in package.manifest["files"]:
        if name.startswith("documentation/") or name in ("README.md", "CHANGES.md"):
            target = home / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package.folder / name, target)
    (home / "import.json").write_text(
        json.dumps(
            {
                "imported_at": timezone.now().isoformat(),
                "simulated": package.manifest["simulated"],
                "use": package.manifest["use"],
                "judgments_sha256": package.manifest["judgments_sha256"],
            },
            indent=2,
        )
        + "\n",
        encoding="utf-8",
    )


__all__ = ["hash_of", "import_dataset"]
