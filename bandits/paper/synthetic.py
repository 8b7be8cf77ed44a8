"""Part 1, synthetic: the human kernel degraded further and further, and what it costs.

Every agent with a kernel learns the primary dimension's values with the human kernel at
each dose of corruption. Alignment is what was achieved, measured after the repair, never
what the dose promises. The horizontal axis is the Spearman with the undegraded human
kernel: this experiment takes that kernel for the truth, and only this one does. Its
alignment with held-out people stands in a column beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alignment.corruption import KINDS, RELABEL, corrupt
from alignment.kernels import Kernel
from bandits.metrics import METRICS
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
    shown_p,
)
from bandits.paper.statistics import (
    MISLEADS,
    Floats,
    mean_and_error,
    naive,
    over_curves,
)
from bandits.paper.study import (
    Study,
    Task,
    held_out_alignment,
    kept_alignment,
    kernel_of,
)
from bandits.policies import AGENTS

TABLE, CURVE = "synthetic_spearman", "synthetic_curve"


def degraded(study: Study, kind: str) -> Iterator[tuple[float, int, Kernel]]:
    """Share, draw and kernel: every dose of one kind, each curve from one seed."""
    chosen = study.settings
    for draw in range(1, chosen.synthetic.draws + 1):
        seed = int(np.random.SeedSequence([chosen.seed, draw]).generate_state(1)[0])
        for share in chosen.synthetic.shares:
            matrix = corrupt(
                study.human, kind, share, seed=seed, completion=chosen.completion
            )
            yield share, draw, kernel_of(study, matrix)


def kinds(study: Study) -> list[str]:
    """The corruptions that are swept."""
    return list(KINDS) if study.settings.synthetic.others else [RELABEL]


def _agents(study: Study, kind: str) -> list[str]:
    """Every agent under relabelling; under the others those of the paper."""
    if kind == RELABEL:
        return [name for name in AGENTS if has_kernel(name)]
    return [name for name in study.settings.agents if has_kernel(name)]


def _cells(study: Study) -> list[PaperCell]:
    cells = []
    whole = study.human_kernel.as_given.values
    for kind in kinds(study):
        labels = {"kind": kind, "share": 0.0, "draw": 0, "kernel": "human"}
        labels |= _alignments(study, whole)
        for agent in _agents(study, kind):
            cells.append(study.cell(labels, agent, whole, study.primary))
        for share, draw, kernel in degraded(study, kind):
            labels = {"kind": kind, "share": share, "draw": draw, "kernel": "human"}
            labels |= _alignments(study, kernel.values)
            labels["repaired_share"] = kernel.repaired_share
            cells += [
                study.cell(labels, agent, kernel.values, study.primary)
                for agent in _agents(study, kind)
            ]
    for agent in AGENTS:
        if not has_kernel(agent):
            cells.append(study.cell({"kind": "none"}, agent, None, study.primary))
    return cells


def _alignments(study: Study, kernel: Floats) -> Row:
    """With the undegraded kernel, and with held-out people where there are any."""
    return {
        "alignment": kept_alignment(study, kernel),
        "alignment_held_out": held_out_alignment(study, kernel),
    }


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    curve: list[Row] = []
    for cell, results in outcomes:
        for (phase, metric), runs in results.items():
            mean, error = mean_and_error(runs)
            head = {"kind": cell.labels["kind"], "agent": cell.agent}
            head |= {"phase": phase, "metric": metric}
            rest = {
                name: cell.labels.get(name, float("nan"))
                for name in ("share", "draw", "alignment", "alignment_held_out")
            }
            repaired = cell.labels.get("repaired_share", float("nan"))
            rest |= {"repaired_share": repaired}
            curve.append(head | rest | {"mean": mean, "se_runs": error})
    effects = [
        row
        for kind in kinds(study)
        for agent in _agents(study, kind)
        for row in _effects(study, outcomes, kind, agent)
    ]
    return Found({TABLE: effects, CURVE: curve}, _lines(study, effects))


def _effects(study: Study, outcomes: Outcomes, kind: str, agent: str) -> list[Row]:
    mine = [
        (cell.labels, results)
        for cell, results in outcomes
        if cell.labels["kind"] == kind and cell.agent == agent
    ]
    whole = next(pair for pair in mine if pair[0]["draw"] == 0)
    draws = sorted({labels["draw"] for labels, _ in mine} - {0})
    curves = [[whole, *(p for p in mine if p[0]["draw"] == draw)] for draw in draws]
    x = np.array([[labels["alignment"] for labels, _ in curve] for curve in curves])
    rows = []
    for phase, metric in whole[1]:
        runs = [[found[phase, metric] for _, found in curve] for curve in curves]
        y = np.array([[mean_and_error(one)[0] for one in curve] for curve in runs])
        chosen = study.settings
        found = over_curves(
            x,
            y,
            seed=chosen.seed,
            resamples=chosen.resamples,
            permutations=chosen.permutations,
        )
        rho, p, n = naive(*_flat(x, runs))
        rows.append(
            {
                "kind": kind,
                "agent": agent,
                "phase": phase,
                "metric": metric,
                "better": METRICS[metric].better if metric in METRICS else "",
                "spearman": found.value,
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "n_kernels": x.size - len(x) + 1,
                "n_curves": len(x),
                "naive_spearman": rho,
                "naive_p": p,
                "naive_n_runs": n,
            }
        )
    return rows


def _flat(x: Floats, runs: list[list[Floats]]) -> tuple[list[Floats], list[Floats]]:
    flat = [one for curve in runs for one in curve]
    return [np.full(len(y), at) for at, y in zip(x.ravel(), flat, strict=True)], flat


def _lines(study: Study, effects: list[Row]) -> list[str]:
    task, first = study.primary, study.settings.primary_agent
    lines = [
        f"Values: {task.dimension}. Spearman of each outcome with the alignment that the"
        " corrupted kernel kept, over kernels; 95 % intervals resample whole corruption"
        f" curves. Every agent and every measure: tables/{TABLE}.csv.",
    ]
    for kind in kinds(study):
        agents = study.settings.agents if kind == RELABEL else (first,)
        of = {
            (row["agent"], row["phase"], row["metric"]): row
            for row in effects
            if row["kind"] == kind
        }
        rows: list[Row] = []
        for agent in filter(has_kernel, agents):
            for phase in PHASES:
                line: Row = {"agent": AGENTS[agent].label, "phase": phase}
                for metric in _shown(task):
                    row = of.get((agent, phase, metric))
                    if row is not None:
                        line[metric] = interval(
                            row["spearman"], row["low"], row["high"]
                        )
                rows.append(line)
        lines += ["", f"**{WORDS.get(kind, kind)}**"]
        heads = {"agent": "agent", "phase": "phase"} | _shown(task)
        lines += markdown(rows, heads)
    return [*lines, *_naive_lines(study, effects)]


def _shown(task: Task) -> dict[str, str]:
    return {
        "mean_reward": "reward",
        task.share_metric: f"share {task.word}",
        "non_optimal_actions": "non-optimal steps",
        "unique_actions": "different actions",
        "value_rank_correlation": "values ranked right",
    }


def _naive_lines(study: Study, effects: list[Row]) -> list[str]:
    """What counting runs would have said, for the first agent, and why it misleads."""
    first, task = study.settings.primary_agent, study.primary
    rows = [
        {
            "phase": row["phase"],
            "outcome": _shown(task)[row["metric"]],
            "n": f"{row['n_kernels']:.0f} kernels in {row['n_curves']:.0f} curves",
            "p": shown_p(row["p"]),
            "runs": f"{row['naive_n_runs']:,.0f} runs",
            "naive": shown_p(row["naive_p"]),
        }
        for row in effects
        if (row["kind"], row["agent"]) == (RELABEL, first)
        and row["metric"] in _shown(task)
    ]
    heads = {
        "phase": "phase",
        "outcome": "outcome",
        "n": "units",
        "p": "p over kernels",
    }
    heads |= {"runs": "counting", "naive": "p over runs"}
    told = f"**{WORDS[RELABEL]}, {AGENTS[first].label}: two ways to a p**"
    return [told, *markdown(rows, heads), MISLEADS]


WORDS = {
    "relabel": "Actions relabelled",
    "permute_pairs": "Pairs permuted",
    "blend": "Blended with a random kernel",
    "noise": "Noise on similarities",
}
PART = Part("synthetic", "Synthetic: alignment lowered on purpose", _cells, _tables)
