"""A sweep folder whose numbers or versions somebody changed, with a manifest to match."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alignment.folders import sha256_of
from bandits.results import SweepData


def doctored(
    sweep: SweepData, folder: Path, metric: str, add: float, **versions: str
) -> Path:
    """A copy, beside the same report, with `add` added to a measure of every run."""
    shutil.copytree(sweep.folder, folder)
    path = folder / "runs.parquet"
    table = pq.read_table(path)
    changed = [None if x is None else x + add for x in table[metric].to_pylist()]
    place = table.column_names.index(metric)
    pq.write_table(table.set_column(place, metric, pa.array(changed)), path)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["runs.parquet"] = sha256_of(path)
    manifest["packages"] |= versions
    manifest["report_folder"] = str((sweep.folder.parent / "report").resolve())
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
