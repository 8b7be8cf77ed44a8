"""How many raters are enough: a kernel made from k of them, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from alignment.errors import AlignmentError
from alignment.matrices import SimilarityMatrix
from bandits.paper.cells import PaperCell
from bandits.paper.parts import (
    PHASES,
    Found,
    Outcomes,
    Part,
    Row,
    Tables,
    interval,
    markdown,
)
from bandits.paper.people import matrix_of, similarity_raters, why_no_people
from bandits.paper.statistics import mean_and_error, of_units, spearman
from bandits.paper.study import Study, kernel_of

TABLE, BY_K = "few_raters", "few_raters_by_k"


def _why_not(study: Study) -> str:
    if why := why_no_people(study):
        return why
    n = len(similarity_raters(study))
    return "" if n >= 4 else f"{n} participants judged similarities, and 4 are needed"


def groups(
    study: Study,
) -> Iterator[tuple[int, int, SimilarityMatrix, SimilarityMatrix]]:
    """k, draw, the mean of k random raters, and the mean of all others.

    A draw's groups are nested: k raters are among the draw's next larger group, so that
    a step in k adds raters and changes nothing else.
    """
    raters = np.array(similarity_raters(study))
    chosen = study.settings
    for draw in range(1, chosen.beyond.rater_draws + 1):
        rng = np.random.default_rng([chosen.seed, 13, draw])
        order = rng.permutation(len(raters))
        # The others must be enough to say what alignment is with: at most half.
        half = len(raters) // 2
        for k in sorted({*(k for k in chosen.beyond.raters if k < half), half}):
            mine, others = raters[order[:k]], raters[order[k:]]
            yield (
                k,
                draw,
                matrix_of(study, list(mine), f"{k} raters"),
                matrix_of(study, list(others), "the others"),
            )


def _cells(study: Study) -> list[PaperCell]:
    cells = []
    upper = np.triu_indices(study.n_actions, k=1)
    for k, draw, matrix, others in groups(study):
        try:
            kernel = kernel_of(study, matrix)
        except AlignmentError:
            continue  # not one pair judged: these raters make no kernel
        labels = {
            "k": k,
            "draw": draw,
            "kernel": "human",
            "alignment": spearman(matrix.pairs(), others.pairs()),
            "alignment_kernel": spearman(kernel.values[upper], others.pairs()),
            "repaired_share": kernel.repaired_share,
            "judged_share": 1 - matrix.n_missing / matrix.n_pairs,
        }
        agent = study.settings.primary_agent
        cells.append(study.cell(labels, agent, kernel.values, study.primary))
    plain = {"k": 0, "draw": 0, "kernel": "none"}
    cells.append(study.cell(plain, "thompson_independent", None, study.primary))
    return cells


def _tables(study: Study, outcomes: Outcomes, earlier: Tables) -> Found:
    task = study.primary
    nothing = outcomes[-1][1]
    rows: list[Row] = []
    for cell, results in outcomes[:-1]:
        for phase in PHASES:
            reward, _ = mean_and_error(results[phase, "mean_reward"])
            share, _ = mean_and_error(results[phase, task.share_metric])
            none, _ = mean_and_error(nothing[phase, task.share_metric])
            names = ["k", "draw", "alignment", "alignment_kernel"]
            names += ["repaired_share", "judged_share"]
            rows.append(
                {name: cell.labels[name] for name in names}
                | {
                    "phase": phase,
                    "mean_reward": reward,
                    "below_share": share,
                    "below_minus_no_kernel": share - none,
                }
            )
    by_k = _by_k(study, rows)
    return Found({TABLE: rows, BY_K: by_k}, _lines(study, by_k))


def _by_k(study: Study, rows: list[Row]) -> list[Row]:
    found: list[Row] = []
    for k in sorted({row["k"] for row in rows}):
        for phase in PHASES:
            mine = [row for row in rows if (row["k"], row["phase"]) == (k, phase)]
            line: Row = {"k": k, "phase": phase, "n_draws": len(mine)}
            for name in (
                "alignment",
                "alignment_kernel",
                "judged_share",
                "repaired_share",
                "mean_reward",
                "below_share",
                "below_minus_no_kernel",
            ):
                over = of_units(
                    np.array([row[name] for row in mine]),
                    seed=study.settings.seed,
                    resamples=study.settings.resamples,
                )
                line |= {name: over.value, f"{name}_low": over.low}
                line |= {f"{name}_high": over.high}
            found.append(line)
    return found


def _lines(study: Study, rows: list[Row]) -> list[str]:
    task = study.primary
    n = len(similarity_raters(study))
    shown: list[Row] = []
    for row in rows:
        if row["phase"] != "generalization":
            continue
        line: Row = {"k": int(row["k"])}
        line["judged"] = f"{row['judged_share']:.0%}"
        for name in (
            "alignment",
            "alignment_kernel",
            "mean_reward",
            "below_share",
            "below_minus_no_kernel",
        ):
            line[name] = interval(row[name], row[f"{name}_low"], row[f"{name}_high"])
        shown.append(line)
    return [
        f"Values: {task.dimension}; {n} participants judged similarities, up to half of"
        " them make the kernel, alignment is with the others; unseen actions; intervals"
        " over random groups of k, which overlap: they are too narrow where k is large.",
        *markdown(
            shown,
            {
                "k": "raters",
                "judged": "pairs judged",
                "alignment": "alignment with the others, judged pairs",
                "alignment_kernel": "of the completed kernel, all pairs",
                "mean_reward": "reward",
                "below_share": f"share {task.word}",
                "below_minus_no_kernel": f"{task.word} minus no kernel",
            },
        ),
    ]


PART = Part("few_raters", "How many raters are enough", _cells, _tables, _why_not)
