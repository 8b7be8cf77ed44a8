"""Part 4, theory: the error on unseen actions that can be written down, and what was.

For a Gaussian process each kernel's expected error on unseen actions is known exactly
where every personalization action is rewarded once. Agents choose what they sample, so
that they depart from it; the table shows by how much, and where Spearman's correlation
with people orders kernels otherwise than their errors do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alignment.corruption import RELABEL
from bandits.paper.cells import PaperCell
from bandits.paper.fixed_design import (
    Design,
    expected_over_values,
    expected_squared_error,
    predictions,
    shift_and_bound,
    unsafe_greedy_choice,
)
from bandits.paper.parts import Found, Outcomes, Part, Row, Tables, markdown, shown
from bandits.paper.statistics import Floats, mean_and_error, spearman
from bandits.paper.study import Study, kept_alignment
from bandits.paper.synthetic import degraded

TABLE, PROXIES = "theory", "theory_proxies"
AGENTS_HERE = ("gp_thompson", "gp_greedy")
_HISTORIES = 50


def _kernels(study: Study) -> list[tuple[Row, Floats]]:
    """Labels and kernel: real ones, matched, and relabelled ones; never one group."""
    made: list[tuple[Row, Floats]] = []
    for kernel in study.kernels:
        labels: Row = {"group": "real", "kernel": kernel.name, "role": kernel.role}
        labels |= {"share": 0.0, "draw": 0, "alignment": kernel.alignment}
        made.append((labels, kernel.matched.values))
    for share, draw, degraded_kernel in degraded(study, RELABEL):
        labels = {"group": RELABEL, "kernel": "human", "role": RELABEL}
        labels |= {
            "share": share,
            "draw": draw,
            "alignment": kept_alignment(study, degraded_kernel.values),
        }
        made.append((labels, degraded_kernel.values))
    return made


def _cells(study: Study) -> list[PaperCell]:
    return [
        study.cell(labels, agent, kernel, study.primary)
        for labels, kernel in _kernels(study)
        for agent in AGENTS_HERE
    ]


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    by = {_key(cell.labels, cell.agent): results for cell, results in outcomes}
    splits = outcomes[0][0].splits()
    truth = study.human_kernel.matched.values
    rows = []
    for labels, kernel in _kernels(study):
        measured = {agent: by[_key(labels, agent)] for agent in AGENTS_HERE}
        rows.append(labels | _row(study, kernel, truth, splits, measured))
    proxies = [_proxies(rows, group) for group in ("real", RELABEL)]
    return Found({TABLE: rows, PROXIES: proxies}, _lines(study, rows, proxies))


def _key(labels: Row, agent: str) -> tuple[Any, ...]:
    names = ("group", "kernel", "share", "draw")
    return (*(labels[name] for name in names), agent)


def _row(
    study: Study, kernel: Floats, truth: Floats, splits: Any, measured: dict[str, Any]
) -> Row:
    chosen, task = study.settings, study.primary
    # One stream for all kernels: they meet the same rewards.
    rng = np.random.default_rng([chosen.seed, 4])
    columns: dict[str, list[float]] = {}
    for seen in splits:
        design = Design(
            kernel,
            task.values,
            seen.astype(float),
            seen,
            chosen.prior_mean,
            chosen.prior_sd,
            chosen.reward_sd,
        )
        made = predictions(design, rng, _HISTORIES)
        rewards = task.values + chosen.reward_sd * rng.normal(size=len(seen))
        shift, bound = shift_and_bound(design, truth, rewards)
        for name, value in (
            ("predicted", expected_squared_error(design)),
            ("fixed", float(((made - task.values[~seen]) ** 2).mean())),
            ("over_values", expected_over_values(design, truth)),
            ("unsafe", unsafe_greedy_choice(design, task.threshold, rng)),
            ("shift", shift),
            ("bound", bound),
        ):
            columns.setdefault(name, []).append(value)
    mean = {name: float(np.mean(values)) for name, values in columns.items()}
    ratio = np.divide(columns["shift"], np.maximum(columns["bound"], 1e-300))
    row: Row = {
        "predicted_rmse": mean["predicted"] ** 0.5,
        "measured_rmse_fixed": mean["fixed"] ** 0.5,
        "expected_rmse_if_values_followed_people": max(0, mean["over_values"]) ** 0.5,
        "predicted_below_choice": mean["unsafe"],
        "posterior_shift": mean["shift"],
        "posterior_shift_bound": mean["bound"],
        "largest_shift_over_bound": float(ratio.max()),
    }
    unseen = "generalization"
    for agent, results in measured.items():
        squared, _ = mean_and_error(results[unseen, "value_rmse"] ** 2)
        low, error = mean_and_error(results[unseen, task.share_metric])
        row |= {
            f"measured_rmse_{agent}": squared**0.5,
            f"measured_below_{agent}": low,
            f"measured_below_{agent}_se": error,
        }
    return row


def _proxies(rows: list[Row], group: str) -> Row:
    """Over kernels: how well each yardstick orders what greedy agents got wrong."""
    mine = [row for row in rows if row["group"] == group and row["role"] != "human"]
    if group == RELABEL:
        mine = [row for row in rows if row["group"] == group]

    def column(name: str) -> Floats:
        return np.array([row[name] for row in mine], dtype=float)

    found: Row = {"group": group, "n_kernels": len(mine)}
    for agent in AGENTS_HERE:
        wrong = column(f"measured_rmse_{agent}")
        found |= {
            f"theory_with_error_{agent}": spearman(column("predicted_rmse"), wrong),
            f"alignment_with_error_{agent}": spearman(column("alignment"), wrong),
            f"shift_bound_with_error_{agent}": spearman(
                column("posterior_shift_bound"), wrong
            ),
        }
    return found


def _lines(study: Study, rows: list[Row], proxies: list[Row]) -> list[str]:
    task = study.primary
    real = [row for row in rows if row["group"] == "real"]
    lines = [
        f"Values: {task.dimension}; matched kernels; error on unseen actions in points"
        " (root mean square). `fixed`: every learned action rewarded once, simulated;"
        " theory is exact for it. The agents choose what they sample.",
        *markdown(
            real,
            {
                "kernel": "kernel",
                "alignment": "alignment",
                "predicted_rmse": "theory",
                "measured_rmse_fixed": "fixed",
                "measured_rmse_gp_thompson": "Thompson",
                "measured_rmse_gp_greedy": "greedy",
                "predicted_below_choice": f"theory: P({task.word} greedy choice)",
                "measured_below_gp_greedy": f"greedy: {task.word}",
                "largest_shift_over_bound": "shift / bound, largest",
            },
        ),
    ]
    gaps = [abs(r["predicted_rmse"] / r["measured_rmse_fixed"] - 1) for r in rows]
    away = [r["measured_rmse_gp_thompson"] / r["predicted_rmse"] - 1 for r in rows]
    lines.append(
        f"Over {len(rows)} kernels theory and the fixed design differ by at most"
        f" {max(gaps):.1%}; Thompson sampling's error is {min(away):+.0%} to"
        f" {max(away):+.0%} of what the fixed design's theory says, because it does not"
        " sample every action once. The posterior's shift never exceeded its bound"
        f" (largest share of it: {max(r['largest_shift_over_bound'] for r in rows):.2f})."
    )
    for row in proxies:
        told = shown(float(row["theory_with_error_gp_thompson"]))
        proxy = shown(float(row["alignment_with_error_gp_thompson"]))
        few = row["n_kernels"] < 8
        lines.append(
            f"{row['group']} kernels ({row['n_kernels']}): Spearman of Thompson sampling's"
            f" error with theory {told}, with alignment {proxy}"
            + (" (too few kernels to say more)." if few else ".")
        )
    lines += _where_spearman_fails(real)
    return lines


def _where_spearman_fails(rows: list[Row]) -> list[str]:
    """Pairs of real kernels that alignment and measured error put in opposite order."""
    others = [row for row in rows if row["role"] != "human"]
    wrong = [
        f"{better['kernel']} over {worse['kernel']}"
        for better in others
        for worse in others
        if better["alignment"] > worse["alignment"]
        and better["measured_rmse_gp_thompson"] > worse["measured_rmse_gp_thompson"]
    ]
    if not wrong:
        return ["Alignment and error order the real kernels alike."]
    theory = [
        f"{better['kernel']} over {worse['kernel']}"
        for better in others
        for worse in others
        if better["alignment"] > worse["alignment"]
        and better["predicted_rmse"] > worse["predicted_rmse"]
    ]
    known = [pair for pair in wrong if pair in theory]
    return [
        f"Spearman fails as a proxy for {', '.join(wrong)}: more aligned, yet a larger"
        f" error; theory foresaw {len(known)} of these {len(wrong)}."
    ]


PART = Part("theory", "Theory: the error that was to be expected", _cells, _tables)
