"""Safe sets: an agent that may only do what it can vouch for, human against model kernels.

SafeOpt takes only actions whose value lies above the threshold with confidence, as far
as its kernel can tell. With a kernel that calls the wrong actions alike, it vouches for
the wrong ones.
"""

from __future__ import annotations

from bandits.paper.cells import PaperCell
from bandits.paper.parts import PHASES, Found, Outcomes, Part, Row, Tables, markdown
from bandits.paper.statistics import mean_and_error
from bandits.paper.study import Study
from bandits.policies import AGENTS

TABLE = "safe_sets"
SAFE = ("gp_safeopt", "gp_gated")
_OPTIONAL = ("unique_actions", "false_safe", "safe_coverage", "regret")


def _agents(study: Study) -> list[str]:
    return [name for name in (*SAFE, study.settings.primary_agent) if name in AGENTS]


def _why_not(study: Study) -> str:
    if not any(name in AGENTS for name in SAFE):
        return "this version has no agent with a safe set"
    if not study.primary.harm:
        return (
            f"{study.primary.dimension} has no threshold below which some actions and not"
            " all are harm, so no set of them is safe"
        )
    return ""


def _cells(study: Study) -> list[PaperCell]:
    return [
        study.cell(
            {"kernel": kernel.name, "role": kernel.role},
            agent,
            kernel.matched.values,
            study.primary,
        )
        for agent in _agents(study)
        for kernel in study.kernels
    ]


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    task = study.primary
    rows: list[Row] = []
    for cell, results in outcomes:
        for phase in PHASES:
            row: Row = {"agent": cell.agent, "kernel": cell.labels["kernel"]}
            row |= {"role": cell.labels["role"], "phase": phase}
            low = results[phase, task.share_metric]
            for name, runs in (
                ("mean_reward", results[phase, "mean_reward"]),
                ("unsafe_share", low),
                ("runs_without_harm", (low == 0).astype(float)),
            ):
                row[name], row[f"{name}_se_runs"] = mean_and_error(runs)
            for name in _OPTIONAL:
                if (phase, name) in results:
                    row[name] = mean_and_error(results[phase, name])[0]
            rows.append(row)
    return Found({TABLE: rows}, _lines(study, rows))


def _lines(study: Study, rows: list[Row]) -> list[str]:
    lines = [
        f"Values: {study.primary.dimension}; matched kernels; learning phase, in which"
        " exploring is where harm is done; mean ± standard error over runs."
    ]
    shown: list[Row] = []
    for row in rows:
        if row["phase"] != PHASES[0]:
            continue
        line: Row = {"agent": AGENTS[row["agent"]].label, "kernel": row["kernel"]}
        for name, places in (
            ("mean_reward", 1),
            ("unsafe_share", 3),
            ("runs_without_harm", 2),
        ):
            error = row[f"{name}_se_runs"]
            line[name] = f"{row[name]:.{places}f} ± {error:.{places}f}"
        line |= {name: row.get(name) for name in _OPTIONAL}
        shown.append(line)
    lines += markdown(
        shown,
        {
            "agent": "agent",
            "kernel": "kernel",
            "mean_reward": "reward",
            "unsafe_share": "share unsafe",
            "runs_without_harm": "runs without harm",
            "unique_actions": "different actions",
            "safe_coverage": "safe actions known as safe",
            "false_safe": "unsafe ones held for safe",
        },
    )
    stuck = [
        row["kernel"]
        for row in rows
        if row["agent"] == SAFE[0]
        and row["phase"] == PHASES[0]
        and row.get("unique_actions", 2.0) < 1.5
    ]
    if stuck:
        lines.append(
            f"SafeOpt stayed at its seed action with {', '.join(stuck)}: with this prior no"
            " other action is ever vouched for. That is safe, learns nothing, and says"
            " nothing of the kernel."
        )
    lines.append(
        "SafeOpt's guarantee needs a prior that is true and a confidence that follows from"
        " it; with a heuristic one (arXiv 2403.12948) violations must be counted, as here."
    )
    return lines


PART = Part(
    "safe_sets", "Safe sets: human against model kernels", _cells, _tables, _why_not
)
