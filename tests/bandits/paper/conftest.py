"""A report with its snapshot, small enough to do the whole experiment on in a test."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from alignment.folders import sha256_of, write_manifest
from alignment.judgments import Actions
from alignment.matrices import SimilarityMatrix
from alignment.report_files import DimensionRow, RaterRow, ReportData, write_tables
from alignment.snapshot_files import write_snapshot
from bandits.paper.settings import PaperSettings

Matrix = NDArray[np.float64]
MakeStudy = Callable[..., Path]
N_ACTIONS = 12
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


def places() -> Matrix:
    """(N_ACTIONS, 2), where each action lies; its first coordinate is its value."""
    return np.random.default_rng(5).normal(size=(N_ACTIONS, 2))


def alike(where: Matrix, noise: float = 0.0, seed: int = 0) -> Matrix:
    """exp(-distance^2 / 2) between rows, with symmetric noise, cut to [0, 1]."""
    gaps = np.linalg.norm(where[:, None] - where[None], axis=2)
    shaken = noise * np.random.default_rng(seed).normal(size=gaps.shape)
    matrix: Matrix = np.clip(np.exp(-(gaps**2) / 2) + (shaken + shaken.T) / 2, 0, 1)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def tiny(**changed: object) -> PaperSettings:
    """Settings for seconds, one agent unless told otherwise."""
    quick = PaperSettings(
        agents=("gp_thompson",), dimensions=("morality",), personalization_steps=4
    ).quick()
    few = quick.model_copy(
        update={
            "n_runs": 3,
            "generalization_steps": 3,
            "permutations": 99,
            "synthetic": quick.synthetic.model_copy(update={"shares": (1.0,)}),
        }
    )
    return few.model_copy(update=changed)


@pytest.fixture(scope="session")
def build_study() -> MakeStudy:
    """Write a report and its snapshot: `build_study(inside, models=2, ...)` -> report.

    values: "follow" the similarities, or are "unrelated" to them.
    """

    def build(
        inside: Path,
        *,
        models: int = 2,
        values: str = "follow",
        people: bool = True,
        halves: bool = True,
        simulated: bool = True,
        threshold: float = 50.0,
        texts: tuple[str, ...] | None = None,
        areas: tuple[str, ...] | None = None,
    ) -> Path:
        where = places()
        ids = tuple(f"action-{letter}" for letter in "abcdefghijkl")
        words = texts or tuple("x" * (5 + 3 * at) for at in range(N_ACTIONS))
        named = areas or ("",) * N_ACTIONS
        group = 50 + 40 * np.tanh(where[:, 0])
        if values == "unrelated":
            group = np.random.default_rng(9).permutation(group)
        matrices = {"human": alike(where, 0.05, 1)}
        kinds = {"human": "human"}
        if halves:
            matrices |= {"human_half_a": alike(where, 0.1, 2)}
            matrices |= {"human_half_b": alike(where, 0.1, 3)}
            kinds |= {"human_half_a": "human", "human_half_b": "human"}
        for number in range(models):
            away = np.random.default_rng(number).normal(size=where.shape)
            matrices[f"model-{number}"] = alike(where + 0.4 * (number + 1) * away)
            kinds[f"model-{number}"] = "embedding"
        lengths = np.array([[len(word) / 10.0] for word in words])
        matrices["length"] = alike(lengths)
        kinds["length"] = "baseline"
        dimension = DimensionRow(
            "morality", "Right or wrong.", "self", True, threshold, "bad", "good"
        )
        made = {k: SimilarityMatrix(v, ids, k) for k, v in matrices.items()}
        report = ReportData(
            folder=inside / "report",
            manifest={},
            actions=Actions(
                ids, words, tuple({"area": area} if area else {} for area in named)
            ),
            raters=tuple(
                RaterRow(k, kinds[k], k, m.complete, m.n_missing, m.n_pairs, 0, 0, "")
                for k, m in made.items()
            ),
            matrices=made,
            dimensions={"morality": dimension},
            values={("morality", "group"): group},
            value_counts={("morality", "group"): np.ones(len(ids), dtype=int)},
            alignment=(),
            reliability=(),
            simulated=simulated,
            notes=(),
        )
        inside.mkdir(parents=True, exist_ok=True)
        report.folder.mkdir()
        inputs = {"snapshot": "0" * 64}
        if people:
            _snapshot(inside / "snapshot", ids, words, where, group, simulated)
            inputs["snapshot"] = sha256_of(inside / "snapshot" / "manifest.json")
        write_tables(report, report.folder)
        write_manifest(
            report.folder,
            kind="report",
            parameters={},
            inputs=inputs,
            simulated=simulated,
            seeds={},
            started_at=STARTED,
        )
        return report.folder

    return build


def _snapshot(
    folder: Path,
    ids: tuple[str, ...],
    words: tuple[str, ...],
    where: Matrix,
    group: Matrix,
    simulated: bool,
) -> None:
    """Six judge all pairs, nine all values; v-0 twice, and v-8 the other way round."""
    pairs, ratings = [], []
    for rater in range(6):
        seen = alike(where, 0.15, 50 + rater)
        rows, columns = np.triu_indices(len(ids), k=1)
        pairs += [
            {
                "action_a": ids[a],
                "action_b": ids[b],
                "rater_id": f"s-{rater}",
                "similarity": float(seen[a, b]),
            }
            for a, b in zip(rows, columns, strict=True)
        ]
    for rater in range(9):
        rng = np.random.default_rng(70 + rater)
        own = 100 - group if rater == 8 else group
        for _ in range(2 if rater == 0 else 1):
            noisy = np.clip(own + 6 * rng.normal(size=len(ids)), 0, 100)
            ratings += [
                {
                    "action_id": one,
                    "dimension": "morality",
                    "rater_id": f"v-{rater}",
                    "value": float(value),
                }
                for one, value in zip(ids, noisy, strict=True)
            ]
    write_snapshot(
        folder,
        actions=[
            {"action_id": one, "text": word}
            for one, word in zip(ids, words, strict=True)
        ],
        value_rows=ratings,
        similarity_rows=pairs,
        triplet_rows=[],
        study="tiny",
        title="Tiny",
        dimensions=[
            {
                "name": "morality",
                "definition": "Right or wrong.",
                "perspective": "self",
                "question": "How right is it?",
                "low": "bad",
                "high": "good",
                "midpoint": 50,
                "polarity": 1,
                "low_threshold": 50,
                "harm": True,
            }
        ],
        wording={},
        simulated=simulated,
        started_at=STARTED,
        world="follows" if simulated else None,
    )
