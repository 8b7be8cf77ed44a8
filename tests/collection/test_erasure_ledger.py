"""The file of erasures: only added to, on the disk at once, and read back whole."""

from __future__ import annotations

import json
import stat
import threading
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from collection import erasure_ledger
from collection.errors import LedgerDamaged
from collection.models import Erasure


@pytest.fixture(autouse=True)
def _own_var(outside_var: Path) -> None:
    """No test writes the ledger of another."""


def tombstone(n: int = 0) -> Erasure:
    return Erasure(
        pk=uuid.UUID(int=n),
        study="tiny",
        sessions=[f"{n:064x}"],
        at=datetime(2026, 5, 4, 3, 2, 1, 500, tzinfo=UTC),
        by="ada",
        reason="participant-asked",
        counts={"response": n},
        superseded={"snapshots": [n]},
    )


def fields(erasure: Erasure) -> dict[str, object]:
    return {name: getattr(erasure, name) for name in erasure_ledger.FIELDS}


def test_what_was_written_is_read_back() -> None:
    for n in range(3):
        erasure_ledger.append(tombstone(n))

    assert list(map(fields, erasure_ledger.read())) == [
        fields(tombstone(n)) for n in range(3)
    ]


def test_without_a_file_nobody_was_erased() -> None:
    assert erasure_ledger.read() == []


def test_only_the_owner_may_read_it() -> None:
    erasure_ledger.append(tombstone())

    mode = erasure_ledger.ledger_file().stat().st_mode

    assert stat.S_IMODE(mode) == 0o600


def test_it_lies_where_the_operator_says(tmp_path: Path, settings: object) -> None:
    settings.ATTUNE_ERASURES = str(tmp_path / "apart" / "gone.jsonl")  # type: ignore[attr-defined]

    erasure_ledger.append(tombstone())

    assert (tmp_path / "apart" / "gone.jsonl").is_file()


def test_many_writers_write_whole_lines() -> None:
    together = threading.Barrier(8)

    def write(n: int) -> None:
        together.wait()
        for step in range(10):
            erasure_ledger.append(tombstone(100 * n + step))

    threads = [threading.Thread(target=write, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({erasure.pk for erasure in erasure_ledger.read()}) == 80


def test_a_line_that_a_power_cut_left_is_closed_off_and_passed_over() -> None:
    erasure_ledger.append(tombstone(1))
    with erasure_ledger.ledger_file().open("ab") as file:
        file.write(b'{"id": "0000')

    erasure_ledger.append(tombstone(2))

    assert [erasure.pk.int for erasure in erasure_ledger.read()] == [1, 2]


@pytest.mark.parametrize(
    "line",
    [
        "not JSON",
        json.dumps({"id": "x"}),
        json.dumps({"at": "2026-05-04T03:02:01", "sessions": []}),
    ],
)
@pytest.mark.django_db
def test_a_damaged_line_stops_the_replay_and_is_named(line: str) -> None:
    erasure_ledger.append(tombstone(1))
    with erasure_ledger.ledger_file().open("a") as file:
        file.write(f"{line}\n")

    with pytest.raises(LedgerDamaged, match=r"line 2: must be one tombstone"):
        erasure_ledger.read()
    with pytest.raises(CommandError, match="Nothing was replayed"):
        call_command("replayerasures")
    assert not Erasure.objects.exists()
