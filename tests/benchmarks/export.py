"""How long a dataset of a million judgments takes, and how much memory.

    python tests/benchmarks/export.py [--judgments 1000000] [--runs 3] [--freeze]

A site of its own is filled with simulated people who rated 60 pairs each, by SQL, and so
is a snapshot of theirs. `manage.py exportdataset` writes it as a dataset: a process of
its own, as a worker runs it, with its whole life counted: start, imports, hashing, every
file. All the while another process goes on answering, through the functions that the
pages call.

The bar: the dataset in under 60 s and under 300 MB (the process's largest resident
set). With --freeze the snapshot is made by `manage.py freezestudy`, measured too and in
no bar: it happens once, however many datasets are made of it, and judges every session
by every rule. Its memory should hardly grow with --judgments; --runs 0 measures it alone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from stage import database, load_study, machine, open_study, pairs_only  # isort: skip

from filling import PAIRS_EACH, fill, go_on_answering, measured

BAR_S = 60.0
BAR_MB = 300.0

_OF_STUDY = """
FROM collection_response AS response JOIN collection_trial AS trial
  ON trial.id = response.trial_id
JOIN collection_studysession AS session ON session.code = trial.session_id
JOIN collection_participant AS person ON person.id = session.participant_id
WHERE session.study_id = %(study)s AND session.completion_code = 'x'
"""
_COUNT = f"SELECT count(*) {_OF_STUDY}"
_COPY = f"""
COPY (
    SELECT least((trial.actions->>0) COLLATE "C", trial.actions->>1) AS action_a,
        greatest((trial.actions->>0) COLLATE "C", trial.actions->>1) AS action_b,
        person.rater_id, response.rating / 100.0 AS similarity, 1.0 AS weight,
        trial.id AS trial_id, session."group",
        session.blocks->>0 AS block_order
    {_OF_STUDY}
    ORDER BY person.rater_id, session.created_at, session.code, trial.position
) TO STDOUT WITH (FORMAT csv, HEADER true)
"""
SIMILARITY = "similarity_judgments.csv"


def snapshot_of(study: Any, folder: Path) -> None:
    """The files that `freezestudy` would write of these answers, by SQL."""
    from datetime import UTC, datetime

    from django.db import connection

    from alignment.folders import sha256_of, write_manifest
    from alignment.snapshot_files import write_snapshot
    from collection.models import SnapshotRecord

    definition = study.definition_model()
    known = {action.action_id: action.text for action in definition.actions}
    write_snapshot(
        folder,
        actions=[{"action_id": one, "text": text} for one, text in known.items()],
        value_rows=[],
        similarity_rows=[],
        triplet_rows=[],
        study=study.slug,
        title=study.title,
        dimensions=[],
        wording={},
        simulated=True,
        started_at=datetime.now(UTC),
    )
    with connection.cursor() as cursor, (folder / SIMILARITY).open("wb") as file:
        with cursor.copy(_COPY, {"study": study.pk}) as rows:
            for piece in rows:
                file.write(piece)
        cursor.execute(_COUNT, {"study": study.pk})
        (n,) = cursor.fetchone()
    write_manifest(
        folder,
        kind="snapshot",
        parameters={},
        inputs={},
        simulated=True,
        seeds={},
        started_at=datetime.now(UTC),
        extra={
            "similarity_rule": "",
            "counts": {"similarity_judgments": n},
            "definition_sha256": study.definition_sha256,
        },
    )
    SnapshotRecord.objects.create(
        study=study,
        number=1,
        folder=str(folder),
        sha256=sha256_of(folder / "manifest.json"),
        simulated=True,
        n_judgments=n,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--judgments", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3, help="Datasets to write.")
    parser.add_argument(
        "--freeze", action="store_true", help="Freeze with the real command."
    )
    options = parser.parse_args()
    print(machine())
    with database(), tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        study = open_study(load_study(pairs_only(50, PAIRS_EACH)))
        began = time.monotonic()
        n = fill(study, options.judgments)
        print(f"{n:,} answers filled in, {time.monotonic() - began:.0f} s", flush=True)
        stop = multiprocessing.Event()
        answered = multiprocessing.Value("q", 0)
        writer = multiprocessing.Process(
            target=go_on_answering, args=(study.slug, stop, answered)
        )
        writer.start()
        try:
            holds = _run(study, options, Path(place), answered)
        finally:
            stop.set()
            writer.join(30)
    sys.exit(0 if holds else 1)


def _run(study: Any, options: argparse.Namespace, place: Path, answered: Any) -> bool:
    slug = study.slug
    if options.freeze:
        took, _, peak = measured("freezestudy", slug, "--out", str(place / "snapshot"))
        print(f"{'freezing':<12}{took:>8.1f} s{peak:>9.0f} MB", flush=True)
    else:
        snapshot_of(study, place / "snapshot")
    if not options.runs:
        return True
    times, peaks = [], []
    for run in range(1, options.runs + 1):
        before = answered.value
        out = place / f"dataset-{run}"
        took, worked, peak = measured("exportdataset", slug, "--out", str(out))
        times.append(took)
        peaks.append(peak)
        came = answered.value - before
        size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file()) / 1e6
        print(
            f"{f'dataset {run}':<12}{took:>8.1f} s ({worked:.1f} s at work)"
            f"{peak:>9.0f} MB; {size:.0f} MB written; {came:,} answers came in "
            f"meanwhile, {came / took:.0f} a second",
            flush=True,
        )
        shutil.rmtree(out)
    holds = max(times) < BAR_S and max(peaks) < BAR_MB and answered.value > 0
    print(
        f"dataset: median {statistics.median(times):.1f} s ({min(times):.1f} to "
        f"{max(times):.1f}), at most {max(peaks):.0f} MB"
    )
    print(
        f"bar (under {BAR_S:.0f} s and under {BAR_MB:.0f} MB while answers come in): "
        f"{'holds' if holds else 'DOES NOT HOLD'}"
    )
    return holds


if __name__ == "__main__":
    main()
