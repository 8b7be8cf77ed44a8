"""The one primary outcome of a sweep, declared and hashed before the first run.

Everything else in a sweep is exploratory, however small its p (`science.md`, rule 20).
What was declared is written down with the time before any shard is made, stays through
resumptions, and ends in the manifest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bandits.metrics import METRICS, metric_names
from bandits.policies import AGENTS
from bandits.spec import Confirmatory, Fault, SweepSpec, unknown_names

CONFIRMATORY, EXPLORATORY = "confirmatory", "exploratory"
_FILE = "confirmatory.json"
_AXES = {
    "agent": "agents",
    "dimension": "dimensions",
    "measure": "measures",
    "form": "forms",
    "values_from": "values_from",
    "threshold": "thresholds",
}
"""The section's fields that must be entries of one of the sweep's own lists."""


def confirmatory_faults(document: Mapping[str, Any]) -> list[Fault]:
    """Every entry of the section that names no cell of the sweep, with its place."""
    given = document.get(CONFIRMATORY)
    if not isinstance(given, Mapping):
        return []
    faults: list[Fault] = []
    for field, axis in _AXES.items():
        default = Confirmatory.model_fields[field].get_default()
        name = given.get(field, default)
        listed = document.get(axis, SweepSpec.model_fields[axis].get_default())
        if name is None or not isinstance(listed, list | tuple):
            continue  # told by the types
        if name not in listed:
            known = ", ".join(str(entry) for entry in listed)
            said = f'"{name}" is not among the {axis} of this sweep: {known}'
            faults.append((f"{CONFIRMATORY}.{field}", said))
    agent = given.get("agent")
    if agent in AGENTS and not AGENTS[agent].uses_kernel:
        said = f'"{agent}" sees no kernel: its outcomes cannot go with alignment'
        faults.append((f"{CONFIRMATORY}.agent", said))
    metric = given.get("metric")
    if isinstance(metric, str) and metric not in METRICS:
        [(_, said)] = unknown_names("", [metric], list(METRICS), "measure of a phase")
        faults.append((f"{CONFIRMATORY}.metric", said))
    return faults


def undefined_faults(
    document: Mapping[str, Any], harm_of: Mapping[str, bool]
) -> list[Fault]:
    """What a report alone can tell: a measure its dimension or phase does not have.

    Args:
        harm_of: Dimension to whether unsafe may be said of it.
    """
    given = document.get(CONFIRMATORY)
    if not isinstance(given, Mapping) or given.get("dimension") not in harm_of:
        return []
    metric, phase = given.get("metric"), given.get("phase")
    if metric not in METRICS or not isinstance(phase, str):
        return []
    phases = document.get("phases")
    known = metric_names(
        phase,
        harm=harm_of[given["dimension"]],
        moral=document.get("cross_harm") not in (None, given["dimension"]),
        learn=isinstance(phases, Mapping) and phases.get("learn") is True,
    )
    if metric in known:
        return []
    said = (
        f'"{metric}" is not measured in the {phase} phase of'
        f" {given['dimension']}; there are: {', '.join(known)}"
    )
    return [(f"{CONFIRMATORY}.metric", said)]


def declare(
    spec: SweepSpec, folder: Path, replaced: str | None
) -> dict[str, Any] | None:
    """Write down what is confirmatory, before the first run; None where nothing is.

    A declaration that stands in the folder, and says the same, keeps its time.

    Args:
        folder: That of the shards.
        replaced: Hash of the finished sweep that this one takes the place of: its
            results may have been known when this was declared.
    """
    if spec.confirmatory is None:
        return None
    section = spec.confirmatory.model_dump(mode="json")
    content = json.dumps(section, sort_keys=True).encode()
    path = folder / _FILE
    record: dict[str, Any] = {
        **section,
        "sha256": hashlib.sha256(content).hexdigest(),
        "declared_at": datetime.now(UTC).isoformat(),
        "replaces_sweep": replaced,
    }
    try:
        standing = json.loads(path.read_text(encoding="utf-8"))
        if standing["sha256"] == record["sha256"]:
            return dict(standing)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record), encoding="utf-8")
    partial.replace(path)
    return record


def mark(rows: Sequence[dict[str, Any]], section: Confirmatory | None) -> None:
    """Say of every effect whether it was declared beforehand; at most one was."""
    for row in rows:
        declared = section is not None and all(
            str(row[column]) == str(getattr(section, field))
            for column, field in _COLUMNS.items()
        )
        row["status"] = CONFIRMATORY if declared else EXPLORATORY


_COLUMNS = {
    "agent": "agent",
    "dimension": "dimension",
    "values_from": "values_from",
    "threshold_rule": "threshold",
    "phase": "phase",
    "form": "form",
    "metric": "metric",
    "measure": "measure",
}
