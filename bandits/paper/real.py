"""Part 2, real kernels: every value, two phases, three measures of alignment.

Kernels of language models and of people, on the group's values of each dimension. The
correlation with alignment is over independent models only; the human kernel and the
baselines are shown and never enter it, and corrupted kernels never stand beside them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bandits.effects import associate, cluster
from bandits.max_t import Answer, Question, ask_jointly, effective_number
from bandits.paper.blocks import BLOCKS, FULL, block_alignments
from bandits.paper.cells import PaperCell, has_kernel
from bandits.paper.parts import (
    PHASES,
    Found,
    Outcomes,
    Part,
    Row,
    Tables,
    interval,
    markdown,
    shown,
    shown_p,
)
from bandits.paper.statistics import MISLEADS, Floats, mean_and_error, naive
from bandits.paper.study import Study, Task
from bandits.policies import AGENTS

OUTCOMES, EFFECTS, BLOCK_TABLE = "real_outcomes", "real_spearman", "real_alignment"
HALO = "real_dimensions"
FORMS = ("matched", "as_given")
REFERENCES = ("thompson_independent", "uniform")


def _cells(study: Study) -> list[PaperCell]:
    cells = []
    for task in study.tasks:
        for agent in study.settings.agents:
            if not has_kernel(agent):
                continue
            for kernel in study.kernels:
                for form in FORMS:
                    labels = {"kernel": kernel.name, "role": kernel.role, "form": form}
                    values = kernel.form(form).values
                    cells.append(study.cell(labels, agent, values, task))
        for agent in REFERENCES:
            labels = {"kernel": "none", "role": "none", "form": "none"}
            cells.append(study.cell(labels, agent, None, task))
    return cells


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    splits = outcomes[0][0].splits()
    blocks = {
        kernel.name: block_alignments(kernel.matrix, study.held_out, splits)
        for kernel in study.kernels
        if kernel.role != "human" or study.cross_fit
    }
    tables = {
        BLOCK_TABLE: _block_rows(study, blocks),
        OUTCOMES: _outcome_rows(study, outcomes),
        EFFECTS: _effect_rows(study, outcomes, blocks),
        HALO: _halo(study),
    }
    return Found(tables, _lines(study, tables))


def _block_rows(study: Study, blocks: dict[str, dict[str, Floats]]) -> list[Row]:
    rows = []
    for kernel in study.kernels:
        for block in BLOCKS:
            found = blocks.get(kernel.name, {}).get(block, np.array([np.nan]))
            mean, _ = mean_and_error(found)
            full = block == FULL
            known = found[~np.isnan(found)]
            wide = np.percentile(known, [2.5, 97.5]) if len(known) else [np.nan] * 2
            rows.append(
                {
                    "kernel": kernel.name,
                    "role": kernel.role,
                    "family": kernel.family,
                    "block": block,
                    "spearman": mean,
                    "low": kernel.low if full else float(wide[0]),
                    "high": kernel.high if full else float(wide[1]),
                    "interval_over": "actions" if full else "splits",
                }
            )
    return rows


def _outcome_rows(study: Study, outcomes: Outcomes) -> list[Row]:
    tasks = {task.dimension: task for task in study.tasks}
    plain = {
        cell.labels["dimension"]: results
        for cell, results in outcomes
        if cell.agent == REFERENCES[0]
    }
    rows = []
    for cell, results in outcomes:
        task = tasks[cell.labels["dimension"]]
        for phase in PHASES:
            reward, reward_se = mean_and_error(results[phase, "mean_reward"])
            low = results[phase, task.share_metric]
            share, share_se = mean_and_error(low)
            gap = low - plain[task.dimension][phase, task.share_metric]
            against, against_se = mean_and_error(gap)
            labels = {name: cell.labels[name] for name in ("kernel", "role", "form")}
            rows.append(
                {"dimension": task.dimension, "harm": task.harm, "agent": cell.agent}
                | labels
                | {
                    "phase": phase,
                    "mean_reward": reward,
                    "mean_reward_se_runs": reward_se,
                    "below_share": share,
                    "below_share_se_runs": share_se,
                    "below_minus_no_kernel": against,
                    "below_minus_no_kernel_se_runs": against_se,
                    "available_share": float(task.below.mean()),
                    "threshold_rule": task.rule,
                    "n_runs": cell.n_runs,
                }
            )
    return rows


def _effect_rows(
    study: Study, outcomes: Outcomes, blocks: dict[str, dict[str, Floats]]
) -> list[Row]:
    models = [kernel.name for kernel in study.models]
    by: dict[tuple[Any, ...], Any] = {
        (
            cell.labels["dimension"],
            cell.agent,
            cell.labels["form"],
            cell.labels["kernel"],
        ): results
        for cell, results in outcomes
    }
    rows = []
    for task in study.tasks:
        for agent in filter(has_kernel, study.settings.agents):
            for form in FORMS:
                found = {m: by[task.dimension, agent, form, m] for m in models}
                rows += _effects_of(study, task, agent, form, found, blocks)
    _adjust(study, rows)
    return rows


def _adjust(study: Study, rows: list[Row]) -> None:
    """Add p adjusted for all questions of one agent and form: max-T, and Holm's.

    One order of the models serves dimensions, phases, outcomes and alignments alike,
    because chance lifts them together.
    """
    models = [kernel.name for kernel in study.models]
    asked = ("dimension", "phase", "metric", "alignment")
    for family in {(row["agent"], row["form"]): None for row in rows}:
        mine = [row for row in rows if (row["agent"], row["form"]) == family]
        answers: list[Answer | None] = [None] * len(mine)
        if models:
            questions = [
                Question(tuple(str(row[name]) for name in asked), *row["_points"])
                for row in mine
            ]
            answers = list(
                ask_jointly(
                    models,
                    questions,
                    seed=study.settings.seed,
                    n_permutations=study.settings.permutations,
                )
            )
        for row, answer in zip(mine, answers, strict=True):
            del row["_points"]
            row["n_questions"] = len(mine)
            row["p_max_t"] = answer.max_t if answer else np.nan
            row["p_holm"] = answer.holm if answer else np.nan


def _halo(study: Study) -> list[Row]:
    """As how many independent dimensions the study's count, values of actions given."""
    table = np.column_stack([task.values for task in study.tasks])
    found = effective_number(table)
    return [
        {
            "n_dimensions": len(study.tasks),
            "n_actions": study.n_actions,
            "effective_li_ji": found.li_ji,
            "effective_galwey": found.galwey,
        }
    ]


def _effects_of(
    study: Study,
    task: Task,
    agent: str,
    form: str,
    found: dict[str, Any],
    blocks: dict[str, dict[str, Floats]],
) -> list[Row]:
    chosen = study.settings
    models = list(found)
    rows = []
    for phase in PHASES:
        for metric in ("mean_reward", task.share_metric):
            runs = [found[model][phase, metric] for model in models]
            means = np.array([mean_and_error(one)[0] for one in runs])
            for block in BLOCKS:
                x = [blocks[model][block] for model in models]
                middle = np.array([mean_and_error(one)[0] for one in x])
                names, one_x, one_y = cluster(models, middle, means)
                over = associate(
                    one_x,
                    one_y,
                    seed=chosen.seed,
                    n_resamples=chosen.resamples,
                    n_permutations=chosen.permutations,
                )
                rho, p, n = naive(x, runs) if models else (np.nan, np.nan, 0)
                rows.append(
                    {
                        "dimension": task.dimension,
                        "agent": agent,
                        "form": form,
                        "phase": phase,
                        "metric": metric,
                        "alignment": block,
                        "n_models": len(names),
                        "spearman": over.spearman,
                        "low": over.low,
                        "high": over.high,
                        "p": over.p,
                        "smallest_p": over.smallest_p,
                        "note": over.note,
                        "naive_spearman": rho,
                        "naive_p": p,
                        "naive_n_runs": n,
                        "_points": (middle, means),
                    }
                )
    return rows


def _lines(study: Study, tables: dict[str, list[Row]]) -> list[str]:
    agent, task = study.settings.primary_agent, study.primary
    lines = ["**Alignment with people**, Spearman; blocks: mean over splits."]
    of = {(row["kernel"], row["block"]): row for row in tables[BLOCK_TABLE]}
    rows: list[Row] = []
    for kernel in study.kernels:
        row: Row = {"kernel": f"{kernel.name} ({kernel.role})"}
        for block in BLOCKS:
            found = of[kernel.name, block]
            row[block] = interval(found["spearman"], found["low"], found["high"])
        rows.append(row)
    heads = {
        "kernel": "kernel",
        "full": "all pairs",
        "personalization": "learned pairs",
    }
    lines += markdown(rows, heads | {BLOCKS[2]: "learned x unseen pairs"})
    lines.append(
        f"**{task.dimension}**, {AGENTS[agent].label}, matched kernels: mean over"
        f" {study.settings.n_runs} runs ± standard error over runs (luck and splits, no"
        " evidence about alignment)."
    )
    lines += markdown(_shown(study, tables[OUTCOMES]), _heads(task))
    lines += _claims(study, tables[EFFECTS])
    halo = tables[HALO][0]
    if halo["n_dimensions"] > 1:
        lines.append(
            f"Dimensions correlate: the {halo['n_dimensions']} count as about"
            f" {shown(halo['effective_li_ji'])} independent ones (Li & Ji), or"
            f" {shown(halo['effective_galwey'])} (Galwey)."
        )
    return lines


def _heads(task: Task) -> dict[str, str]:
    heads = {"kernel": "kernel"}
    for phase, word in zip(PHASES, ("learning", "unseen"), strict=True):
        heads[f"{phase} reward"] = f"{word}: reward"
        heads[f"{phase} share"] = f"{word}: share {task.word}"
        heads[f"{phase} gap"] = f"{word}: {task.word} minus no-kernel Thompson"
    return heads


def _shown(study: Study, outcomes: list[Row]) -> list[Row]:
    agent, task = study.settings.primary_agent, study.primary
    rows = []
    for name in [*(kernel.name for kernel in study.kernels), "none"]:
        mine = [
            row
            for row in outcomes
            if row["kernel"] == name
            and row["dimension"] == task.dimension
            and (
                (row["agent"] == agent and row["form"] == "matched")
                or row["agent"] == REFERENCES[0]
            )
        ]
        line: Row = {"kernel": name if name != "none" else "no kernel, Thompson"}
        for row in mine:
            phase = row["phase"]
            for column, to in (
                ("mean_reward", "reward"),
                ("below_share", "share"),
                ("below_minus_no_kernel", "gap"),
            ):
                places = 1 if to == "reward" else 3
                error = row[f"{column}_se_runs"]
                line[f"{phase} {to}"] = f"{row[column]:.{places}f} ± {error:.{places}f}"
        rows.append(line)
    return rows


def _claims(study: Study, effects: list[Row]) -> list[str]:
    if not effects or not study.models:
        return ["The report has no language model with a whole matrix: no correlation."]
    note = effects[0]["note"]
    n = effects[0]["n_models"]
    naive_small = sum(row["naive_p"] < 0.0001 for row in effects)
    lines = []
    if note:
        least = min(row["smallest_p"] for row in effects)
        lines.append(
            f"{n} independent model{'s' * (n != 1)}: {note}. The smallest p they could"
            f" reach is {shown(float(least))}, so no correlation with alignment is claimed"
            " for real kernels."
        )
    else:
        small = sum(row["p"] < 0.05 for row in effects)
        lines.append(
            f"{n} independent models; {small} of {len(effects)} correlations (dimensions,"
            " agents, forms, phases, outcomes, measures of alignment) have p below .05"
            f" over kernels, where {0.05 * len(effects):.0f} are expected of luck alone"
            " if models were exchangeable. Adjusted for the"
            f" {effects[0]['n_questions']} questions asked of each agent and form,"
            f" {sum(row['p_max_t'] < 0.05 for row in effects)} are left by max-T and"
            f" {sum(row['p_holm'] < 0.05 for row in effects)} by Holm."
        )
    lines.append(
        f"Counting runs instead, {naive_small} of {len(effects)} would have"
        f" p < {shown_p(0.0001)}. {MISLEADS}"
    )
    return ["", *lines]


PART = Part(
    "real", "Real kernels: every value, two phases, three alignments", _cells, _tables
)
