"""A report small enough to sweep in a second, made without people or language models."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from alignment.folders import write_manifest
from alignment.judgments import Actions
from alignment.matrices import SimilarityMatrix
from alignment.report_files import DimensionRow, RaterRow, ReportData, write_tables
from alignment.report_judgments import Judgments

Matrix = NDArray[np.float64]
MakeReport = Callable[..., Path]


def features(n_actions: int = 8) -> Matrix:
    """(n_actions, 2), places of the actions that nobody could call equal."""
    return np.random.default_rng(5).normal(size=(n_actions, 2))


def similarity(places: Matrix, noise: float = 0.0, seed: int = 0) -> Matrix:
    """exp(-distance^2 / 2) between rows, with symmetric noise, cut to [0, 1]."""
    gaps = np.linalg.norm(places[:, None] - places[None], axis=2)
    shaken = noise * np.random.default_rng(seed).normal(size=gaps.shape)
    matrix = np.clip(np.exp(-(gaps**2) / 2) + (shaken + shaken.T) / 2, 0, 1)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def with_gaps(matrix: Matrix, n_missing: int) -> Matrix:
    """The same with the first pairs of actions never judged."""
    holed = matrix.copy()
    rows, columns = (index[:n_missing] for index in np.triu_indices(len(matrix), k=1))
    holed[rows, columns] = holed[columns, rows] = np.nan
    return holed


@pytest.fixture
def make_report(build_report: MakeReport, tmp_path: Path) -> MakeReport:
    """`make_report(models=2, halves=True, ...)` -> a report folder of the test's own."""
    return partial(build_report, tmp_path)


@pytest.fixture(scope="session")
def build_report() -> MakeReport:
    """Write a report folder: `build_report(inside, models=2, ...)` -> its path."""

    def build(
        inside: Path,
        *,
        models: int = 2,
        halves: bool = True,
        simulated: bool = True,
        incomplete_human: int = 0,
        harm: bool = True,
        people: bool = True,
        arrangements: bool = False,
        values: Mapping[tuple[str, str], Matrix] | None = None,
        judgments: Judgments | None = None,
        areas: Sequence[str] = (),
        seeds: Mapping[str, int] | None = None,
        name: str = "report",
    ) -> Path:
        places = features()
        ids = tuple(f"action-{letter}" for letter in "abcdefgh")
        human = similarity(places, 0.1, seed=1)
        matrices = {"human": with_gaps(human, incomplete_human)}
        kinds = {"human": "human"}
        if not people:
            del matrices["human"], kinds["human"]
        if arrangements:
            matrices["human_arrangements"] = similarity(places, 0.1, seed=4)
            kinds["human_arrangements"] = "arrangements"
        if halves:
            first = similarity(places, 0.2, seed=2)
            matrices["human_half_a"] = with_gaps(first, incomplete_human)
            matrices["human_half_b"] = similarity(places, 0.2, seed=3)
            kinds |= {"human_half_a": "human", "human_half_b": "human"}
        for number in range(models):
            away = np.random.default_rng(number).normal(size=places.shape)
            matrices[f"model-{number}"] = similarity(places + 0.3 * number * away)
            kinds[f"model-{number}"] = "embedding"
        matrices["length"] = similarity(places[:, :1])
        kinds["length"] = "baseline"
        matrices["chat"] = with_gaps(similarity(places), 20)
        kinds["chat"] = "chat"
        group = 50 + 30 * np.tanh(places[:, 0])
        vectors = {
            ("morality", "group"): group,
            ("morality", "p-ada"): group[::-1].copy(),
            ("fun", "group"): 50 + 20 * np.tanh(places[:, 1]),
        } | dict(values or {})
        made = {k: SimilarityMatrix(v, ids, k) for k, v in matrices.items()}
        report = ReportData(
            folder=inside / name,
            manifest={},
            actions=Actions(
                ids,
                ids,
                tuple({"area": area} for area in areas) or tuple({} for _ in ids),
            ),
            raters=tuple(
                RaterRow(k, kinds[k], "", m.complete, m.n_missing, m.n_pairs, 0, 0, "")
                for k, m in made.items()
            ),
            matrices=made,
            dimensions={
                dimension: DimensionRow(
                    dimension, f"About {dimension}.", "others", is_harm, 50.0, "-", "+"
                )
                for dimension, is_harm in (("morality", harm), ("fun", False))
            },
            values=vectors,
            value_counts={key: np.ones(len(ids), dtype=int) for key in vectors},
            alignment=(),
            reliability=(),
            simulated=simulated,
            notes=(),
            judgments=judgments,
        )
        report.folder.mkdir()
        write_tables(report, report.folder)
        write_manifest(
            report.folder,
            kind="report",
            parameters={},
            inputs={},
            simulated=simulated,
            seeds=dict(seeds or {}),
            started_at=datetime.now(UTC),
        )
        return report.folder

    return build
