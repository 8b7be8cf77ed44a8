"""The declared outcome again, with the values dealt out to the actions anew.

The test that models are exchangeable finds too much where they share a view
(`bandits.effects`). For the one outcome that a sweep declares, its `shuffles` ask for the
remedy (`bandits.shuffled_values`): the same agent on the same replicates with every
model's kernel, once for each deal of the values. One deal serves all models.

Values that are dealt out and kernels that stay are, but for the actions' names, kernels
that are all relabelled by one order and values that stay. So the second is simulated:
whatever else the task says of an action (who decides what is harm, what a pull pays, its
life area) stays with its value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alignment.progress import Progress
from bandits.confirmatory import CONFIRMATORY
from bandits.effects import cluster
from bandits.engine import Engine
from bandits.plan import Plan, TaskSetup
from bandits.results import Array, Cell, Row
from bandits.settings import Settings
from bandits.shuffled_values import shuffle_values, shuffled_value_test
from bandits.simulate import simulate
from bandits.summary import outcome_of
from bandits.task import Floats
from bandits.workers import Make


class Deal(NamedTuple):
    """One deal of the values, and what is simulated with it.

    order: (n_actions,) the action whose value each action gets.
    kernels: One per model, each (n_actions, n_actions).
    """

    order: NDArray[np.intp]
    kernels: tuple[Floats, ...]
    task: TaskSetup
    agent: str
    phase: str
    metric: str
    settings: Settings
    seed: int
    n_runs: int
    engine: Engine

    def dealt(self, kernel: Floats) -> Floats:
        """The kernel whose actions are named as their new values' are."""
        renamed = np.argsort(self.order)
        return kernel[np.ix_(renamed, renamed)]

    def make(self) -> list[float]:
        """The outcome with each kernel, as a row of cells.csv would have it."""
        replicates = range(self.n_runs)
        task = self.task.task(replicates, seed=self.seed)
        found = []
        for kernel in self.kernels:
            told = simulate(
                self.dealt(kernel),
                task,
                self.agent,
                self.settings,
                seed=self.seed,
                replicates=replicates,
                device=self.engine.device,
                dtype=self.engine.torch_dtype,
                backend=self.engine.asks,
            )[self.phase]
            runs = {name: numbers.numpy() for name, numbers in told.items()}
            found.append(outcome_of(self.metric, runs))
        return found

    def keep(self, made: list[float], path: Path) -> None:
        """Write the outcomes, whole or not at all."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(made), encoding="utf-8")
        partial.replace(path)


def declared_cells(plan: Plan) -> list[Cell]:
    """The models' cells that the declared outcome is a relation over."""
    declared = plan.spec.confirmatory
    if declared is None or not declared.shuffles:
        return []
    wanted = (declared.agent, declared.form, declared.dimension, declared.values_from)
    return [
        cell
        for cell in plan.cells
        if cell.role == "model"
        and (cell.agent, cell.form, cell.dimension, cell.values_from) == wanted
        and cell.threshold_rule == str(declared.threshold)
    ]


def deals(plan: Plan, engine: Engine) -> list[Deal]:
    """Every deal that the spec asks for; none where nothing is declared."""
    cells, declared = declared_cells(plan), plan.spec.confirmatory
    if declared is None or not cells:
        return []
    made = [plan.computations[plan.computation_of[cell.number]] for cell in cells]
    task = plan.tasks[made[0].task]
    kernels = tuple(plan.kernels[one.kernel] for one in made if one.kernel is not None)
    orders = shuffle_values(
        np.arange(len(task.values), dtype=float), declared.shuffles, seed=plan.spec.seed
    )
    return [
        Deal(
            *(order.astype(np.intp), kernels, task, declared.agent),
            *(declared.phase, declared.metric, plan.settings, plan.spec.seed),
            *(plan.spec.n_runs, engine),
        )
        for order in orders
    ]


def dealt_run_steps(plan: Plan) -> int:
    """Steps of all runs of all deals."""
    declared = plan.spec.confirmatory
    shuffles = 0 if declared is None else declared.shuffles
    return shuffles * len(declared_cells(plan)) * plan.spec.n_runs * plan.steps


def simulated_deals(
    wanted: Sequence[Deal], folder: Path, mark: str, make: Make
) -> Array:
    """(n_deals, n_models) outcomes; those that stand in the folder are not made again.

    Args:
        mark: What names this sweep's files: equal marks, equal numbers.
        make: Has them simulated, here or on a cluster.
    """
    paths = [
        folder / f"{mark[:16]}-deal-{place:05}.json" for place in range(len(wanted))
    ]
    missing = [at for at, path in enumerate(paths) if _standing(path) is None]
    already = len(paths) - len(missing)
    if missing:
        with Progress("values dealt anew", len(paths), already=already) as progress:
            for _ in make([(wanted[at], paths[at]) for at in missing]):
                progress.advance()
    return np.array([_standing(path) for path in paths], dtype=float)


def _standing(path: Path) -> list[float] | None:
    try:
        return list(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def add_shuffled(
    effects: Sequence[Row], rows: Sequence[Row], cells: Sequence[Cell], table: Array
) -> None:
    """Tell the declared row what the deals give, of the models with all their numbers.

    Args:
        effects: Rows of `effect_rows`, marked.
        rows: Those of `cell_rows`: each model's alignment and outcome.
        cells: The models, as the columns of the table.
        table: (n_deals, n_models).
    """
    for effect in effects:
        if effect["status"] != CONFIRMATORY:
            continue
        of = {row["cell"]: row for row in rows if row["phase"] == effect["phase"]}
        x, y = (
            np.array([of[cell.number].get(name, math.nan) for cell in cells])
            for name in (f"alignment_{effect['measure']}", effect["metric"])
        )
        whole = np.isfinite(x) & np.isfinite(y) & np.isfinite(table).all(axis=0)
        kept = [cell.kernel for cell, known in zip(cells, whole, strict=True) if known]
        _, aligned, seen = cluster(kept, x[whole], y[whole])
        dealt = np.array([cluster(kept, x[whole], one[whole])[2] for one in table])
        found = shuffled_value_test(aligned, seen, dealt)
        effect |= {"p_shuffled_values": found.p, "n_shuffles": found.n_shuffles}
