"""How often do the kernel-level tests reject where there is nothing to find?

    python tests/benchmarks/null_calibration.py [--studies 200] [--models 12]
        [--world null|follows] [--outcome prediction|bandit] [--shuffles 199]
        [--views apart graded blended]

Each study has a truth of its own (`collection.truth`) and people who answer directly,
without pages. Its models see the actions in one of three ways:

    apart    every model has a view of its own, drawn without regard to people, so that
             models differ in alignment by chance alone
    graded   every model sees what people see with a share of the actions relabelled, so
             that models run from unaligned to well aligned
    blended  every model blends what people see with a view of its own, in shares that
             run as far: the likest to real models

Three tests at the 5 % level, of the link between outcome and alignment:

    models   permutes the models (`bandits.effects.associate`). It takes outcomes for
             exchangeable between models. Well aligned models resemble each other, so
             one chance fit between people's view and the values lifts them together:
             in the last two cases it rejects too often.
    labels   deals the values out to the actions anew, with the kernels as they are
             (`bandits.shuffled_values`). In the null world the values were dealt out
             at random to begin with, so this is exact whatever the kernels share.
    slope    the same deals, with the least-squares slope instead of the rank correlation.

`prediction` is minus the squared error, on unseen actions, of a Gaussian process that
has one reward of each seen action; `bandit` is the mean reward of Thompson sampling,
which costs too much for the shuffles.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy and torch load
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray

from alignment.corruption import relabel
from alignment.kernels import matched
from alignment.matrices import SimilarityMatrix
from alignment.measures.table import MEASURES
from bandits.effects import associate
from bandits.settings import Settings
from bandits.shuffled_values import Statistic, shuffle_values, shuffled_value_test
from bandits.simulate import simulate
from bandits.task import ValueTask, split_actions
from collection.simulated_judgments import judgments_directly
from collection.truth import Truth, World, plant

Array = NDArray[np.float64]
ACTIONS = Path(__file__).parents[2] / "collection/studies/everyday/actions.csv"
LEVEL = 0.05
TESTS: dict[str, Statistic] = {"labels": "spearman", "slope": "slope"}
N_SPLITS = 20
VIEWS = ("apart", "graded", "blended")
SETTINGS = Settings(personalization_steps=30, generalization_steps=0)


def study(seed: int, world: World) -> tuple[Truth, SimilarityMatrix, Array]:
    """One study: its truth, people's mean similarity and mean morality."""
    with ACTIONS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    truth = plant(
        [row["action_id"] for row in rows], rows, ["morality"], world=world, seed=seed
    )
    said = judgments_directly(
        truth, seed=seed, similarity_raters=45, pairs_each=60, value_raters=10,
        dimensions_each=1,
    )  # fmt: skip
    return truth, said.similarities.mean(), said.values.mean("morality")


def views(
    kind: str, truth: Truth, n_models: int, rng: np.random.Generator
) -> list[SimilarityMatrix]:
    """How the models of one study see its actions."""
    people = SimilarityMatrix(truth.similarity, truth.action_ids, "people")
    models = []
    for number in range(n_models):
        shared = 0.0 if kind == "apart" else 0.9 * number / (n_models - 1)
        if kind == "graded":
            model = relabel(people, 1 - shared, seed=int(rng.integers(2**31)))
        else:
            places = rng.normal(size=(len(truth.action_ids), 6))
            own = np.exp(-((places[:, None] - places[None]) ** 2).sum(axis=-1) / 8)
            seen = shared * truth.similarity + (1 - shared) * own
            model = SimilarityMatrix(seen, truth.action_ids, f"model-{number}")
        models.append(model)
    return models


def predictions(kernels: list[Array], values: Array, seed: int) -> Array:
    """Minus the mean squared error on unseen actions: (n_models, n_values).

    Args:
        values: (n_actions, n_values), one column per way of dealing the values out.
    """
    rng = np.random.default_rng((seed, 1))
    n_actions = len(values)
    noise = (SETTINGS.reward_sd / SETTINGS.prior_sd) ** 2
    rewards = values - SETTINGS.prior_mean
    total = np.zeros((len(kernels), values.shape[1]))
    for _ in range(N_SPLITS):
        order = rng.permutation(n_actions)
        seen, unseen = order[: n_actions // 2], order[n_actions // 2 :]
        for row, kernel in enumerate(kernels):
            known = kernel[np.ix_(seen, seen)] + noise * np.eye(len(seen))
            weights = np.linalg.solve(known, kernel[np.ix_(seen, unseen)]).T
            error = weights @ rewards[seen] - rewards[unseen]
            total[row] -= (error**2).mean(axis=0)
    return total / N_SPLITS


def bandit_rewards(kernels: list[Array], values: Array, seed: int) -> Array:
    """Mean reward of Thompson sampling in 30 steps: (n_models,)."""
    replicates = range(16)
    mask = split_actions(len(values), seed=seed, replicates=replicates)
    task = ValueTask(values, 50, True, mask)
    return np.array(
        [
            simulate(kernel, task, "gp_thompson", SETTINGS, seed=seed,
                     replicates=replicates)["personalization"]["mean_reward"]
            .mean().item()
            for kernel in kernels
        ]
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--models", type=int, default=12)
    parser.add_argument("--world", choices=["null", "follows"], default="null")
    parser.add_argument("--outcome", choices=["prediction", "bandit"],
                        default="prediction")  # fmt: skip
    parser.add_argument("--views", nargs="+", choices=VIEWS, default=VIEWS)
    parser.add_argument("--shuffles", type=int, default=199)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    started = time.monotonic()
    found: dict[tuple[str, str], list[bool]] = {}
    spearman = MEASURES["spearman"].compute
    for seed in range(options.first_seed, options.first_seed + options.studies):
        truth, people, values = study(seed, options.world)
        rng = np.random.default_rng((seed, 2))
        for kind in options.views:
            models = views(kind, truth, options.models, rng)
            alignment = np.array([spearman(people, model) for model in models])
            scale = SimilarityMatrix(truth.similarity, truth.action_ids, "people")
            kernels = [matched(model, scale).values for model in models]
            if options.outcome == "bandit":
                outcomes = bandit_rewards(kernels, values, seed)
            else:
                deals = [values, *shuffle_values(values, options.shuffles, seed=seed)]
                table = predictions(kernels, np.stack(deals, axis=1), seed)
                outcomes = table[:, 0]
                for test, statistic in TESTS.items():
                    p = shuffled_value_test(
                        alignment, outcomes, table[:, 1:].T, statistic=statistic
                    ).p
                    found.setdefault((kind, test), []).append(p <= LEVEL)
            p = associate(alignment, outcomes, seed=seed, n_resamples=100,
                          n_permutations=999).p  # fmt: skip
            found.setdefault((kind, "models"), []).append(p <= LEVEL)
        if time.monotonic() - started > 2 and seed % 20 == 19:
            print(f"{seed + 1 - options.first_seed} studies", file=sys.stderr)
    print(
        f"world {options.world}, outcome {options.outcome}, {options.studies} studies, "
        f"{options.models} models, {time.monotonic() - started:.0f} s"
    )
    print(f"{'views':<10}{'test':<10}{'rejects':>9}{'+-':>8}  within 3 to 7 %")
    for (kind, test), rejected in sorted(found.items()):
        rate = float(np.mean(rejected))
        error = (rate * (1 - rate) / len(rejected)) ** 0.5
        held = "yes" if 0.03 <= rate <= 0.07 else "NO"
        print(f"{kind:<10}{test:<10}{rate:>9.1%}{error:>8.1%}  {held}")


if __name__ == "__main__":
    main()
