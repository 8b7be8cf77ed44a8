"""The text that a researcher reads from top to bottom: as found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alignment.figure_style import SIMULATED
from bandits.paper.parts import Found, Part, markdown
from bandits.paper.settings import unknowns
from bandits.paper.study import Study


def summary(
    study: Study,
    parts: Sequence[tuple[Part, Found | None]],
    left_out: Mapping[str, str],
) -> list[str]:
    """Lines of Markdown: what was done, what was found, what was left out and why."""
    manifest = study.report.manifest
    lines = [f"# Learning values with human-like kernels: {manifest.get('title', '')}"]
    if study.simulated:
        lines += [
            "",
            f"**{SIMULATED}.** What follows shows only whether a planted truth is"
            " recovered; it says nothing about people.",
        ]
    models = ", ".join(kernel.name for kernel in study.models) or "none"
    lines += [
        "",
        "After Wynn, Sucholutsky & Griffiths (arXiv 2312.14106), rebuilt from what is"
        " publicly told of it on this report's own data. No number of theirs is claimed"
        " to be reproduced; what is found stands here as found, including where alignment"
        " does not help.",
        "",
        f"{study.n_actions} actions; values: {', '.join(t.dimension for t in study.tasks)};"
        f" language models: {models};"
        + (
            " alignment is with the half of the people that the human kernel is not"
            " made from."
            if study.cross_fit
            else " only means of all people are at hand."
        ),
        *(f"- {note}" for note in study.notes),
    ]
    for number, (part, found) in enumerate(parts, start=1):
        lines += ["", f"## {number}. {part.title}", ""]
        if found is None:
            lines.append(f"Left out: {left_out[part.title]}.")
        else:
            lines += found.lines
    lines += ["", "## What the paper does not tell, and what was taken", ""]
    heads = {"setting": "setting", "value": "here", "unknown": "not told by the paper"}
    lines += markdown(unknowns(study.settings), heads)
    return lines
