"""Each kernel against the same kernel with the values dealt out to the actions anew."""

from __future__ import annotations

from pathlib import Path

from bandits.paper.dealt import ERROR, HARM, KERNELS
from bandits.paper.drawing import BAND, INK, Page, panel, point
from bandits.paper.parts import shown_p
from bandits.policies import AGENTS


def draw(page_of: Page) -> list[Path]:
    """Draw it, if the part was done."""
    rows = page_of.rows(KERNELS)
    if not rows:
        return []
    study = page_of.study
    agent = AGENTS[study.settings.primary_agent].label
    kernels = page_of.rows(KERNELS, outcome=ERROR)
    caption = [
        f"Unseen actions, matched kernels. Grey: where 95 % of"
        f" {int(rows[0]['n_deals'])} random deals of the same values lie, the kernel as it"
        " is; a line in it: their middle. p: how rarely a deal does as well, by Holm over"
        " the kernels. The error is theory's for one reward of every learned action; the"
        f" share is simulated ({agent}).",
    ]
    if study.simulated:
        caption.append("Participants are simulated.")
    tall = 0.34 * len(kernels) + 0.1
    figure, bottom = page_of.blank(tall + 0.6, caption)
    panels = (
        (ERROR, "Expected error (points)", "Theory: less is better"),
        (HARM, f"Share {study.primary.word}", "Simulated: less is better"),
    )
    for number, (outcome, x, title) in enumerate(panels):
        place = (1.15 + 4.95 * number, bottom + 0.5, 2.75, tall)
        axes = panel(figure, place, title, x=x)
        axes.grid(axis="y", visible=False)
        mine = page_of.rows(KERNELS, outcome=outcome)
        for line, row in enumerate(mine):
            wide = row["null_high"] - row["null_low"]
            axes.barh(line, wide, left=row["null_low"], height=0.5, color=BAND)
            middle = [row["null"]] * 2
            axes.plot(middle, [line - 0.25, line + 0.25], color="white", linewidth=1.2)
            point(axes, row["value"], line, row["role"])
            axes.text(
                1.02,
                line,
                f"p {shown_p(row['holm'])}",
                transform=axes.get_yaxis_transform(),
                va="center",
                fontsize=7.5,
                color=INK,
            )
        axes.set_ylim(len(mine) - 0.5, -0.5)
        axes.set_yticks(range(len(mine)))
        axes.set_yticklabels([row["kernel"] for row in mine])
    return page_of.save(
        figure,
        "shuffled_values",
        "Does a kernel do better than with values that mean nothing?",
        f"Values: {study.primary.dimension}; red: people's kernel; blue: models;"
        " hollow: baselines",
    )
