"""Values dealt out anew: is it alignment, or one chance fit of people's view to them?

A p that permutes kernels takes their outcomes for exchangeable. Kernels that resemble
people's view also resemble each other, and corrupted human kernels do so by making: one
chance fit of that view to the values lifts them all at once, and the test finds far more
than it should (`bandits.effects`). Here kernels stay as they are and the values are
dealt out to the actions anew. The expected error of a fixed design is exact for every
deal, so that real and relabelled kernels are both asked; real ones are simulated too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from alignment.multiplicity import holm
from bandits.effects import MIN_MODELS, associate, cluster
from bandits.expected_error import expected_errors
from bandits.paper.cells import PaperCell
from bandits.paper.parts import (
    Found,
    Outcomes,
    Part,
    Row,
    Tables,
    interval,
    markdown,
    shown_p,
)
from bandits.paper.statistics import Floats, mean_and_error, over_curves
from bandits.paper.study import Study, kept_alignment
from bandits.paper.synthetic import degraded, kinds
from bandits.policies import AGENTS
from bandits.shuffled_values import MIN_SHUFFLES, shuffle_values, shuffled_value_test

KERNELS, SLOPES = "shuffled_values_kernels", "shuffled_values_alignment"
UNSEEN = "generalization"
ERROR, HARM = "expected error", "simulated share"
PURPOSE = 20
"""Keeps the deals apart from other draws of the same seed."""


def deals(study: Study) -> Floats:
    """(1 + n_deals, n_actions): the values as they are, then dealt out anew."""
    values = study.primary.values
    seed = int(
        np.random.SeedSequence([study.settings.seed, PURPOSE]).generate_state(1)[0]
    )
    dealt = shuffle_values(values, study.settings.beyond.deals, seed=seed)
    return np.vstack([values, dealt])


def _cells(study: Study) -> list[PaperCell]:
    agent, task = study.settings.primary_agent, study.primary
    return [
        study.cell(
            {"kernel": kernel.name, "role": kernel.role, "deal": number},
            agent,
            kernel.matched.values,
            task._replace(values=values),
            n_runs=study.settings.beyond.person_runs,
        )
        for number, values in enumerate(deals(study))
        for kernel in study.kernels
    ]


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    splits = outcomes[0][0].splits()
    dealt = deals(study)
    names = [kernel.name for kernel in study.kernels]
    errors = _errors(study, [k.matched.values for k in study.kernels], dealt, splits)
    harm = np.empty((len(names), len(dealt)))
    for cell, results in outcomes:
        share = results[UNSEEN, study.primary.share_metric]
        place = names.index(cell.labels["kernel"]), cell.labels["deal"]
        harm[place], _ = mean_and_error(share)
    rows = _kernel_rows(study, {ERROR: errors, HARM: harm})
    slopes = _over_models(study, {ERROR: errors, HARM: harm})
    for kind in kinds(study):
        slopes.append(_over_corrupted(study, kind, dealt, splits))
    tables = {KERNELS: rows, SLOPES: slopes}
    return Found(tables, _lines(study, tables))


def _errors(study: Study, kernels: list[Floats], dealt: Floats, splits: Any) -> Floats:
    """(n_kernels, 1 + n_deals) root of the expected squared error, in points."""
    chosen = study.settings
    squared = expected_errors(
        kernels,
        dealt.T,
        splits,
        prior_mean=chosen.prior_mean,
        prior_sd=chosen.prior_sd,
        reward_sd=chosen.reward_sd,
    )
    return np.sqrt(squared)


def _kernel_rows(study: Study, tables: dict[str, Floats]) -> list[Row]:
    """Of each kernel: how often it would do as well if the values meant nothing."""
    rows: list[Row] = []
    for outcome, table in tables.items():
        found: list[Row] = []
        for kernel, (value, *null) in zip(study.kernels, table, strict=True):
            drawn = np.array(null)
            low, middle, high = np.percentile(drawn, [2.5, 50, 97.5])
            below = int((drawn <= value + 1e-12).sum())
            found.append(
                {
                    "outcome": outcome,
                    "kernel": kernel.name,
                    "role": kernel.role,
                    "alignment": kernel.alignment,
                    "value": value,
                    "null": float(middle),
                    "null_low": float(low),
                    "null_high": float(high),
                    "p_less": (below + 1) / (len(drawn) + 1),
                    "n_deals": len(drawn),
                }
            )
        adjusted = holm(np.array([row["p_less"] for row in found]))
        for row, p in zip(found, adjusted, strict=True):
            row["holm"] = float(p)
        rows += found
    return rows


def _over_models(study: Study, tables: dict[str, Floats]) -> list[Row]:
    """Spearman with alignment over models; withheld below 8 of them."""
    at = [k for k, kernel in enumerate(study.kernels) if kernel.role == "model"]
    models = [study.kernels[k].name for k in at]
    x = np.array([study.kernels[k].alignment for k in at])
    if len(at) < 2 or np.isnan(x).any():
        return []
    rows = []
    for outcome, table in tables.items():
        columns = table[at].T
        names, one_x, _ = cluster(models, x, columns[0])
        means = np.array([cluster(models, x, column)[2] for column in columns])
        permuted = associate(
            one_x,
            means[0],
            seed=study.settings.seed,
            n_resamples=study.settings.resamples,
            n_permutations=study.settings.permutations,
        )
        rows.append(_row("real", outcome, one_x, means, len(names), permuted.p))
    return rows


def _over_corrupted(study: Study, kind: str, dealt: Floats, splits: Any) -> Row:
    """The same over the kernels of one kind of corruption, beside the p over curves."""
    whole = study.human_kernel.as_given.values
    made = list(degraded(study, kind))
    kernels = [whole, *(kernel.values for _, _, kernel in made)]
    x = np.array([kept_alignment(study, kernel) for kernel in kernels])
    table = _errors(study, kernels, dealt, splits).T
    n = study.settings.synthetic.draws

    def curves(values: Floats) -> Floats:
        """(n_curves, 1 + n_doses), the human kernel first in each."""
        return np.column_stack([np.full(n, values[0]), values[1:].reshape(n, -1)])

    found = over_curves(
        curves(x),
        curves(table[0]),
        seed=study.settings.seed,
        resamples=study.settings.resamples,
        permutations=study.settings.permutations,
    )
    return _row(kind, ERROR, x, table, len(kernels), found.p)


def _row(
    group: str, outcome: str, x: Floats, table: Floats, n: int, p_kernels: float
) -> Row:
    found = shuffled_value_test(x, table[0], table[1:])
    return {
        "group": group,
        "outcome": outcome,
        "n_kernels": n,
        "spearman": found.value,
        "null_mean": found.null_mean,
        "null_low": found.null_low,
        "null_high": found.null_high,
        "p_values": found.p,
        "p_kernels": p_kernels,
        "smallest_p": found.smallest_p,
        "n_deals": found.n_shuffles,
        "note": found.note,
    }


def _lines(study: Study, tables: dict[str, list[Row]]) -> list[str]:
    task = study.primary
    n = study.settings.beyond.deals
    agent = AGENTS[study.settings.primary_agent].label
    lines = [
        f"Values: {task.dimension}, dealt out to the actions anew {n} times; matched"
        " kernels, unseen actions. `less`: how rarely a kernel of this structure does as"
        " well with values that mean nothing; Holm over the kernels.",
    ]
    shown: list[Row] = []
    by = {(row["outcome"], row["kernel"]): row for row in tables[KERNELS]}
    for kernel in study.kernels:
        line: Row = {"kernel": f"{kernel.name} ({kernel.role})"}
        for outcome, places in ((ERROR, 1), (HARM, 3)):
            row = by[outcome, kernel.name]
            line[outcome] = f"{row['value']:.{places}f}"
            line[f"{outcome} null"] = (
                f"{row['null_low']:.{places}f} to {row['null_high']:.{places}f}"
            )
            line[f"{outcome} p"] = shown_p(row["p_less"])
            line[f"{outcome} holm"] = shown_p(row["holm"])
        shown.append(line)
    heads = {"kernel": "kernel"}
    for outcome, told in (
        (ERROR, "theory: error (points)"),
        (HARM, f"{agent}: {task.word}"),
    ):
        heads |= {outcome: told, f"{outcome} null": "dealt anew, 95 %"}
        heads |= {f"{outcome} p": "less", f"{outcome} holm": "Holm"}
    lines += markdown(shown, heads)
    over = [
        {
            "group": row["group"],
            "outcome": row["outcome"],
            "n": f"{int(row['n_kernels'])}",
            "rho": interval(row["spearman"], np.nan, np.nan),
            "null": f"{row['null_low']:.2f} to {row['null_high']:.2f}"
            if not row["note"]
            else row["note"],
            "p": "-" if row["note"] else shown_p(row["p_values"]),
            "other": "-" if row["note"] else shown_p(row["p_kernels"]),
        }
        for row in tables[SLOPES]
    ]
    heads = {"group": "kernels", "outcome": "outcome", "n": "n"}
    heads |= {"rho": "Spearman with alignment", "null": "values dealt anew, 95 %"}
    heads |= {"p": "p over deals", "other": "p over kernels"}
    lines += ["**Does it go with alignment?**", *markdown(over, heads)]
    lines.append(
        "Two p stand here. The first deals the values out anew and holds whatever kernels"
        " share. The last permutes kernels, which takes them for exchangeable; those that"
        " resemble people's view share its chance fit to the values, and those of one"
        " corruption curve are made from it, so that this p rejects too often (12 % to 20 %"
        " instead of 5 % in simulated null worlds of such kernels; the first 5 % to 8 %)."
        " Below"
        f" {MIN_MODELS} models no correlation is given."
    )
    return lines


def _why_not(study: Study) -> str:
    n = study.settings.beyond.deals
    if n >= MIN_SHUFFLES:
        return ""
    return f"beyond.deals is {n}, and below {MIN_SHUFFLES} no p could be .05"


PART = Part(
    "dealt",
    "Values dealt out anew: alignment, or a chance fit",
    _cells,
    _tables,
    _why_not,
)
