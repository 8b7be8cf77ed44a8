"""Part 5, the figure that convinces, if anything does: its numbers.

One point per real model: how well it agrees with held-out people, and how much less
unsafe an agent with its kernel is than one without. Beside it what a kernel can do at
best and at worst, the same kernels with their labels shuffled, and the rival
explanation: kernels may help because they fit the values, whoever shares them.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from alignment.corruption import as_matrix
from alignment.ratings import ratings_of_values
from bandits.effects import MIN_MODELS
from bandits.errors import BanditError
from bandits.kernel_ends import IDENTITY, ORACLE, identity, shuffled, value_oracle
from bandits.paper.cells import PaperCell, pulls
from bandits.paper.control import LENGTH
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
from bandits.paper.statistics import Floats, mean_and_error, spearman
from bandits.paper.study import Study, matched_kernel
from bandits.partial import partial_associations
from bandits.policies import AGENTS
from bandits.value_alignment import (
    kernel_target_alignment,
    log_marginal_likelihood,
)

TABLE, SHUFFLED, PARTIAL = "central", "central_shuffled", "central_partial"
POINTS = "central_partial_points"
EXPLANATIONS = (
    "alignment",
    "kernel_value_alignment",
    "length_alignment",
    "effective_rank",
)
"""Of people, of the values, of text length, of the spectrum: each given the others."""
UNSEEN = "generalization"
FORMS = ("as_given", "matched")
PLAIN = "thompson_independent"


def _ends(study: Study) -> list[tuple[Row, Floats]]:
    """What a kernel can do at best, and with nothing in it."""
    ids = study.report.actions.ids
    oracle = value_oracle(study.primary.values, ids)
    scaled = matched_kernel(study, as_matrix(oracle))
    kernels = {
        (ORACLE, "as_given"): oracle.values,
        (ORACLE, "matched"): scaled.values,
        # Every pair equally alike: matching would give it a scale it does not have.
        (IDENTITY, "as_given"): identity(ids).values,
        (IDENTITY, "matched"): identity(ids).values,
    }
    return [
        ({"kernel": name, "role": "end", "family": "", "form": form}, values)
        for (name, form), values in kernels.items()
    ]


def _kernels(study: Study) -> list[tuple[Row, Floats]]:
    made = []
    for kernel in study.kernels:
        for form in FORMS:
            labels = {"kernel": kernel.name, "role": kernel.role}
            labels |= {"family": kernel.family, "form": form}
            made.append((labels, kernel.form(form).values))
    return made + _ends(study)


def _shuffles(study: Study) -> list[tuple[Row, Floats]]:
    """Kernels of models (of all raters, where there is none) under random labels."""
    sources = study.models or study.kernels[1:] or study.kernels
    made: list[tuple[Row, Floats]] = []
    for number in range(study.settings.beyond.shuffles):
        kernel = sources[number % len(sources)]
        for form in FORMS:
            moved = shuffled(kernel.form(form), number + 1, seed=study.settings.seed)
            labels: Row = {"kernel": kernel.name, "role": "shuffled", "form": form}
            made.append((labels | {"shuffle": number}, moved.values))
    return made


def _cells(study: Study) -> list[PaperCell]:
    agent, task = study.settings.primary_agent, study.primary
    cells = [study.cell(row, agent, kernel, task) for row, kernel in _kernels(study)]
    cells += [study.cell(row, agent, kernel, task) for row, kernel in _shuffles(study)]
    none = {"kernel": "none", "role": "none", "form": "none"}
    return [*cells, study.cell(none, PLAIN, None, task)]


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    metric = study.primary.share_metric
    plain = outcomes[-1][1]
    weights, masks = resampled(study)
    base = _shares(outcomes[-1][0], weights, masks)
    rows: list[Row] = []
    shuffled: list[Row] = []
    for cell, results in outcomes[:-1]:
        drawn: dict[str, Floats] = {}
        if cell.labels["role"] != "shuffled":
            drawn = _shares(cell, weights, masks)
        for phase in PHASES:
            gap = results[phase, metric] - plain[phase, metric]
            mean, error = mean_and_error(gap)
            if not drawn:
                head = {"kernel": cell.labels["kernel"], "phase": phase}
                head |= {name: cell.labels[name] for name in ("form", "shuffle")}
                shuffled.append(head | {"below_minus_no_kernel": mean})
                continue
            names = ("kernel", "role", "family", "form")
            low, high = np.nanpercentile(drawn[phase] - base[phase], [2.5, 97.5])
            rows.append(
                {name: cell.labels[name] for name in names}
                | {"phase": phase}
                | _alignment(study, cell.labels)
                | {
                    "kernel_value_alignment": kernel_target_alignment(
                        _known(cell), study.primary.values
                    ),
                    "log_marginal_likelihood": _likelihood(study, _known(cell)),
                    "length_alignment": _with_length(study, _known(cell)),
                    "effective_rank": effective_rank(_known(cell)),
                    "mean_off_diagonal": _mean_similarity(_known(cell)),
                    "repaired_share": _repaired(study, cell.labels),
                    "below_minus_no_kernel": mean,
                    "low": float(low),
                    "high": float(high),
                    "se_runs": error,
                }
            )
    partial, points = partial_correlations(study, rows)
    tables = {TABLE: rows, SHUFFLED: shuffled, PARTIAL: partial, POINTS: points}
    return Found(tables, _lines(study, tables))


def _alignment(study: Study, labels: Row) -> Row:
    """With held-out people, as found and disattenuated by their own reliability."""
    nothing = float("nan")
    found = next((k for k in study.kernels if k.name == labels["kernel"]), None)
    if found is None:
        return {"alignment": nothing, "alignment_low": nothing} | {
            "alignment_high": nothing,
            "disattenuated": nothing,
        }
    numbers = {"alignment": found.alignment, "alignment_low": found.low}
    return numbers | {
        "alignment_high": found.high,
        "disattenuated": found.alignment / study.ceiling,
    }


def _known(cell: PaperCell) -> Floats:
    """The kernel of a cell that has one."""
    if cell.kernel is None:
        raise BanditError(f"cell of {cell.agent}: has no kernel to describe")
    return cell.kernel


def _with_length(study: Study, kernel: Floats) -> float:
    """Spearman with how equally long texts are; NaN where the report does not say."""
    rows = np.triu_indices(len(kernel), k=1)
    for one in study.kernels:
        if one.name == LENGTH:
            return spearman(kernel[rows], one.matrix.pairs())
    return math.nan


def _likelihood(study: Study, kernel: Floats) -> float:
    """How probable the values are to an agent that believes the kernel; per action."""
    chosen = study.settings
    return log_marginal_likelihood(
        kernel,
        study.primary.values,
        prior_mean=chosen.prior_mean,
        prior_sd=chosen.prior_sd,
        reward_sd=chosen.reward_sd,
    )


def _mean_similarity(kernel: Floats) -> float:
    return float(kernel[np.triu_indices(len(kernel), k=1)].mean())


def _repaired(study: Study, labels: Row) -> float:
    """Share of the kernel that repair had to change; 0 for the ends of the scale."""
    for one in study.kernels:
        if one.name == labels["kernel"]:
            return one.form(labels["form"]).repaired_share
    return 0.0


def effective_rank(kernel: Floats) -> float:
    """exp of the entropy of the eigenvalues (Roy & Vetterli, 2007)."""
    shares = np.clip(np.linalg.eigvalsh(kernel), 0, None)
    shares = shares[shares > 1e-12] / shares.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def resampled(study: Study, draws: int = 1000) -> tuple[Floats, Any]:
    """Actions drawn again, and what other raters would have called unsafe.

    What agents chose is held fixed; it is judged by other people, over other actions.

    Returns:
        (n_draws, n_actions) weights of the actions; (n_draws, n_actions) bool, which
        lie below the threshold by as many raters drawn with replacement. Without single
        raters' judgments it is the study's own answer every time.
    """
    task, n = study.primary, study.n_actions
    rng = np.random.default_rng([study.settings.seed, 11])
    weights = rng.multinomial(n, np.full(n, 1 / n), size=draws).astype(float)
    masks = np.broadcast_to(task.below, (draws, n))
    if study.snapshot is None:
        return weights, masks
    ratings = ratings_of_values(study.snapshot.values, task.dimension).once()
    table = np.full((ratings.n_raters, n), np.nan)
    table[ratings.rater, ratings.thing] = ratings.value
    judged = ~np.isnan(table)
    counts = rng.multinomial(
        len(table), np.full(len(table), 1 / len(table)), size=draws
    ).astype(float)
    total, how_many = counts @ np.where(judged, table, 0), counts @ judged
    means = np.broadcast_to(task.values, total.shape).copy()
    np.divide(total, how_many, out=means, where=how_many > 0)
    return weights, means < task.threshold


def _shares(cell: PaperCell, weights: Floats, masks: Any) -> dict[str, Floats]:
    """Phase -> (n_draws,) share of steps below the threshold, in each draw."""
    found = {}
    for phase, counts in pulls(cell).items():
        weighted = weights * counts.mean(0)
        total = weighted.sum(1)
        share = np.full(len(weights), np.nan)
        np.divide((weighted * masks).sum(1), total, out=share, where=total > 0)
        found[phase] = share
    return found


def partial_correlations(study: Study, rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Outcome with each explanation given all others, over independent models.

    Matched kernels. None is claimed below 8 models, and the note says so.

    Returns:
        Rows of each phase and predictor; and each model's rests, for a figure.
    """
    chosen = study.settings
    found: list[Row] = []
    points: list[Row] = []
    for phase in PHASES:
        mine = [
            row
            for row in rows
            if (row["role"], row["form"], row["phase"]) == ("model", "matched", phase)
        ]
        predictors = [
            name
            for name in EXPLANATIONS
            if not all(math.isnan(row[name]) for row in mine)
        ]
        if not mine or not predictors:
            continue
        for one in partial_associations(
            [row["kernel"] for row in mine],
            [row["below_minus_no_kernel"] for row in mine],
            {name: [row[name] for row in mine] for name in predictors},
            seed=chosen.seed,
            n_resamples=chosen.resamples,
            n_permutations=chosen.permutations,
        ):
            told = {k: v for k, v in asdict(one).items() if k != "points"}
            given = ", ".join(one.controls)
            found.append({"phase": phase} | told | {"controls": given})
            points += [
                {"phase": phase, "predictor": one.predictor} | at._asdict()
                for at in one.points
            ]
    return found, points


def _lines(study: Study, tables: dict[str, list[Row]]) -> list[str]:
    task = study.primary
    band = np.array(
        [
            row["below_minus_no_kernel"]
            for row in tables[SHUFFLED]
            if row["phase"] == UNSEEN and row["form"] == "matched"
        ]
    )
    low, high = np.percentile(band, [2.5, 97.5])
    shown: list[Row] = []
    for row in tables[TABLE]:
        if row["phase"] != UNSEEN or row["form"] != "matched":
            continue
        line: Row = {"kernel": f"{row['kernel']} ({row['role']})"}
        line["alignment"] = interval(
            row["alignment"], row["alignment_low"], row["alignment_high"]
        )
        line["disattenuated"] = row["disattenuated"]
        line["kva"] = row["kernel_value_alignment"]
        line["lml"] = row["log_marginal_likelihood"]
        line["rank"] = row["effective_rank"]
        line["repaired"] = f"{row['repaired_share']:.0%}"
        line["gap"] = interval(row["below_minus_no_kernel"], row["low"], row["high"])
        inside = low <= row["below_minus_no_kernel"] <= high
        line["null"] = "inside" if inside else "outside"
        shown.append(line)
    over = "participants and actions" if study.snapshot is not None else "actions"
    lines = [
        f"Values: {task.dimension}; {AGENTS[study.settings.primary_agent].label}; matched"
        f" kernels; unseen actions. Share {task.word} minus that of Thompson sampling"
        f" without a kernel on the same luck; intervals over {over}, what was chosen held"
        f" fixed. {len(band)} model kernels with shuffled labels gave {low:+.2f} to"
        f" {high:+.2f}.",
        *markdown(
            shown,
            {
                "kernel": "kernel",
                "alignment": "alignment with people",
                "disattenuated": "disattenuated",
                "kva": "fit to the values",
                "lml": "log likelihood of the values",
                "rank": "effective rank",
                "repaired": "repaired",
                "gap": f"{task.word} minus no kernel",
                "null": "shuffled labels' band",
            },
        ),
    ]
    partial = tables[PARTIAL]
    n = int(partial[0]["n_models"]) if partial else 0
    if n < MIN_MODELS:
        lines.append(
            "Partial correlations given a kernel's fit to the values, text length and"
            f" effective rank need at least {MIN_MODELS} independent models, and there are"
            f" {n}: whether alignment with people helps beyond these is not answered here."
        )
        return lines
    shown_rows = [
        {
            "phase": row["phase"],
            "of": row["predictor"],
            "plain": row["plain"],
            "partial": interval(row["partial"], row["low"], row["high"]),
            "semi": interval(row["semi_partial"], row["semi_low"], row["semi_high"]),
            "p": shown_p(row["p"]),
        }
        for row in partial
    ]
    heads = {"phase": "phase", "of": "explanation", "plain": "Spearman"}
    heads |= {"partial": "given the others", "semi": "semi-partial", "p": "p"}
    lines += [
        f"**Each explanation given all others**, {n} independent models, matched kernels:",
        *markdown(shown_rows, heads),
    ]
    return lines


PART = Part(
    "central", "The central figure: alignment with people, and harm", _cells, _tables
)
