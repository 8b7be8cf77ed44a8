"""Part 3, control: text length as kernel and as reward, crossed with the human ones.

If an agent did well for any reason but that the kernel fits what is learnt, the length
kernel would serve human values as well as the human kernel does. It must serve lengths.
"""

from __future__ import annotations

import numpy as np

from bandits.paper.cells import PaperCell, has_kernel
from bandits.paper.parts import PHASES, Found, Outcomes, Part, Row, Tables, markdown
from bandits.paper.statistics import Floats, mean_and_error
from bandits.paper.study import Study, Task
from bandits.policies import AGENTS

TABLE, CROSSING = "control", "control_crossing"
LENGTH = "length"
REWARDS = ("human", LENGTH)
KERNELS = ("human", LENGTH)


def length_task(study: Study) -> Task:
    """Text length as if it were a value, on the primary dimension's threshold."""
    task, lengths = study.primary, study.lengths
    if study.settings.length_reward == "linear":
        spread = np.ptp(lengths)
        values = 100 * (lengths - lengths.min()) / (spread if spread else 1.0)
    else:
        # The n-th longest text gets the n-th highest value; equal lengths share theirs.
        ordered = np.sort(task.values)
        places = (lengths[:, None] > lengths).sum(1)
        ties = (lengths[:, None] == lengths).sum(1)
        values = np.array(
            [ordered[at : at + n].mean() for at, n in zip(places, ties, strict=True)]
        )
    return task._replace(dimension=LENGTH, values=values)


def _why_not(study: Study) -> str:
    if all(kernel.name != LENGTH for kernel in study.kernels):
        return (
            "the report has no rater `length`: make it with the baseline of that name"
        )
    if np.ptp(study.lengths) == 0:
        return "all texts are equally long, so length tells no action from another"
    return ""


def _kernels(study: Study) -> dict[str, Floats]:
    by_name = {kernel.name: kernel for kernel in study.kernels}
    return {name: by_name[name].matched.values for name in KERNELS}


def _cells(study: Study) -> list[PaperCell]:
    cells = []
    for reward, task in zip(REWARDS, (study.primary, length_task(study)), strict=True):
        for agent in filter(has_kernel, study.settings.agents):
            for kernel, values in _kernels(study).items():
                labels = {"kernel": kernel, "reward": reward}
                cells.append(study.cell(labels, agent, values, task))
        labels = {"kernel": "none", "reward": reward}
        cells.append(study.cell(labels, "thompson_independent", None, task))
    return cells


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    share = study.primary.share_metric
    rows: list[Row] = []
    for cell, results in outcomes:
        for phase in PHASES:
            reward, reward_se = mean_and_error(results[phase, "mean_reward"])
            low, low_se = mean_and_error(results[phase, share])
            rows.append(
                {
                    "agent": cell.agent,
                    "reward": cell.labels["reward"],
                    "kernel": cell.labels["kernel"],
                    "phase": phase,
                    "mean_reward": reward,
                    "mean_reward_se_runs": reward_se,
                    "below_share": low,
                    "below_share_se_runs": low_se,
                }
            )
    crossing = _crossing(study, outcomes)
    return Found({TABLE: rows, CROSSING: crossing}, _lines(study, rows, crossing))


def _crossing(study: Study, outcomes: Outcomes) -> list[Row]:
    """How much more a kernel helps on its own reward than the other one does."""
    by = {
        (cell.agent, cell.labels["reward"], cell.labels["kernel"]): results
        for cell, results in outcomes
    }
    rows: list[Row] = []
    for agent in filter(has_kernel, study.settings.agents):
        for phase in PHASES:
            for metric in ("mean_reward", study.primary.share_metric):

                def gap(
                    reward: str,
                    agent: str = agent,
                    phase: str = phase,
                    metric: str = metric,
                ) -> Floats:
                    own, other = (
                        by[agent, reward, kernel][phase, metric] for kernel in KERNELS
                    )
                    return own - other

                on_human, error = mean_and_error(gap("human"))
                on_length, length_error = mean_and_error(-gap(LENGTH))
                both, both_error = mean_and_error(gap("human") - gap(LENGTH))
                rows.append(
                    {
                        "agent": agent,
                        "phase": phase,
                        "metric": metric,
                        "human_kernel_on_human_values": on_human,
                        "human_kernel_on_human_values_se": error,
                        "length_kernel_on_lengths": on_length,
                        "length_kernel_on_lengths_se": length_error,
                        "crossing": both,
                        "crossing_se": both_error,
                    }
                )
    return rows


def _lines(study: Study, rows: list[Row], crossing: list[Row]) -> list[str]:
    task, agent = study.primary, study.settings.primary_agent
    lines = [
        f"{AGENTS[agent].label}; matched kernels; the reward is {task.dimension} or text"
        f" length ({study.settings.length_reward}); mean ± standard error over runs."
    ]
    shown: list[Row] = []
    for reward in REWARDS:
        for kernel in (*KERNELS, "none"):
            line: Row = {"reward": reward, "kernel": kernel}
            for row in rows:
                if (row["reward"], row["kernel"]) != (reward, kernel):
                    continue
                if row["agent"] not in (agent, "thompson_independent"):
                    continue
                told = f"{row['mean_reward']:.1f} ± {row['mean_reward_se_runs']:.1f}"
                line[row["phase"]] = told
                low = f"{row['below_share']:.3f} ± {row['below_share_se_runs']:.3f}"
                line[f"{row['phase']} low"] = low
            shown.append(line)
    heads = {"reward": "reward", "kernel": "kernel"}
    for phase, word in zip(PHASES, ("learning", "unseen"), strict=True):
        heads |= {phase: f"{word}: reward", f"{phase} low": f"{word}: {task.word}"}
    lines += markdown(shown, heads)
    for row in crossing:
        if row["agent"] == agent and row["metric"] == "mean_reward":
            lines.append(
                f"{row['phase'].capitalize()}: on human values the human kernel earns"
                f" {row['human_kernel_on_human_values']:+.1f} points a step more than the"
                f" length kernel; on lengths the length kernel earns"
                f" {row['length_kernel_on_lengths']:+.1f} more than the human one."
            )
    return lines


PART = Part(
    "control", "Control: text length as kernel and as reward", _cells, _tables, _why_not
)
