"""The report as one page that needs nothing else: `report.html`.

It opens from a disk without a network: style, script and data stand inside, and its own
policy allows nothing more. Matrices and map name their actions under the mouse, a finger
and the arrow keys; without script the pictures and all tables remain.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from math import isnan
from pathlib import Path

from alignment.figure_style import SIMULATED, shown_name
from alignment.page_inference import (
    agreement_view,
    comparisons_view,
    question_view,
    tests_view,
)
from alignment.page_tables import between, bullets, capital, plain, table
from alignment.page_views import map_view, matrix_views, page_data
from alignment.report_blocks import ALL, BLOCKS, CEILING, SIMILARITY, BlockRow
from alignment.report_files import ReportData
from alignment.report_parts import Parts

SHOWN = 8  # pairs of a rater that stand open


def write_page(report: ReportData, parts: Parts, path: Path, *, mark: str) -> None:
    """Write the page of a report.

    Args:
        mark: What the figures carry too, so that the page can be traced to its data.
    """
    path.write_text(page(report, parts, mark=mark), encoding="utf-8")


def page(report: ReportData, parts: Parts, *, mark: str) -> str:
    """The whole page as one text of HTML."""
    style, script = (_own(name) for name in ("report.css", "report.js"))
    title = (
        f"Alignment report: {report.manifest.get('title') or report.manifest['study']}"
    )
    sections: dict[str, tuple[str, str]] = {
        "alignment": ("Alignment with people", _alignment(parts)),
        "tests": (
            "What may be claimed",
            tests_view(parts.inference) + comparisons_view(parts.inference),
        ),
        "agreement": ("How far people agree", agreement_view(report, parts.agreement)),
        "values": ("Values", _values(report, parts)),
        "matrices": ("How alike each rater sees the actions", matrix_views(report)),
        "map": ("Map of the actions", map_view(report)),
        "differences": ("What models see differently", _differences(parts)),
        "questions": ("What the way of asking does", question_view(parts.questions)),
        "notes": ("Notes", _notes(report)),
    }
    sections = {key: each for key, each in sections.items() if each[1]}
    links = "".join(
        f'<li><a href="#{key}">{escape(heading)}</a></li>'
        for key, (heading, _) in sections.items()
    )
    body = "".join(
        f'<section aria-labelledby="{key}"><h2 id="{key}">{escape(heading)}</h2>{inner}'
        "</section>"
        for key, (heading, inner) in sections.items()
    )
    stamp = f'<p class="stamp">{SIMULATED}</p>' if report.simulated else ""
    # "<" cannot end the element from within a string.
    data = json.dumps(page_data(report), ensure_ascii=False).replace("<", "\\u003c")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header>{stamp}<h1>{escape(title)}</h1>"
        f'<p class="quiet">{len(report.actions):,} actions. {escape(mark)}.</p>'
        f'<nav aria-label="Parts of the report"><ul>{links}</ul></nav></header>\n'
        f"<main>{body}</main>\n"
        f'<script type="application/json" id="data">{data}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _alignment(parts: Parts) -> str:
    mine = [row for row in parts.blocks if row.target == SIMILARITY]
    if not mine:
        return "<p>Nobody judged similarity: no rater can be compared with people.</p>"
    told = (
        "Spearman correlation with the similarities of "
        f"{escape(shown_name(parts.reference))}, with 95 % intervals over actions. A "
        "sweep splits the actions: an agent learns on pairs within its personalization "
        "actions, and what it can carry over hangs on pairs between those and the "
        "others. Blocks are means over the splits of its replicates."
    )
    return f"<p>{told}</p>" + _block_table(mine, "Alignment by block") + _pooled(parts)


def _pooled(parts: Parts) -> str:
    """Alignment under every way of pooling people's ratings."""
    found = {(row.pooling, row.rater): row for row in parts.poolings}
    if not found:
        return ""
    ways, raters = (list(dict.fromkeys(names)) for names in zip(*found, strict=True))
    lines = [
        [
            escape(shown_name(rater)),
            *(plain(found[way, rater].value) for way in ways),
        ]
        for rater in raters
    ]
    return table(
        ["", *(escape(capital(way)) for way in ways)],
        lines,
        "Three poolings of people's ratings: Spearman with each pair's mean, with raters' "
        "levels taken out first, and with pairs drawn to the mean of all by how few "
        "ratings they have. What changes between them hangs on who rated what.",
    )


def _block_table(rows: Sequence[BlockRow], caption: str) -> str:
    """A line for each rater and pooling, a column for each block; the ceiling first."""
    found = {(row.rater, row.pooling, row.block): row for row in rows}
    poolings = list(dict.fromkeys(row.pooling for row in rows))

    def height(who: tuple[str, str]) -> float:
        row = found.get((*who, ALL))
        return -2.0 if row is None or isnan(row.value) else row.value

    people = list(dict.fromkeys((row.rater, row.pooling) for row in rows))
    people.sort(key=lambda who: (who[0] != CEILING, -height(who)))
    span = _span(rows)
    lines = []
    for who in people:
        name = "Noise ceiling" if who[0] == CEILING else shown_name(who[0])
        pooled = f" ({who[1]})" if len(poolings) > 1 and who[0] != CEILING else ""
        cells = [_cell(found.get((*who, block)), span) for block in BLOCKS]
        lines.append([escape(name + pooled), *cells])
    heads = ["", *(capital(name) for name in BLOCKS.values())]
    return table(heads, lines, caption)


def _cell(row: BlockRow | None, span: tuple[float, float]) -> str:
    if row is None:
        return '<span class="quiet">none</span>'
    if isnan(row.value):
        return f'<span class="quiet">{escape(row.note or "undefined")}</span>'
    return _number(row) + _dots(row, span)


def _number(row: BlockRow) -> str:
    return between(row.value, row.low, row.high)


def _dots(row: BlockRow, span: tuple[float, float]) -> str:
    """Value and interval as a small picture of what the number says."""

    def x(value: float) -> str:
        return f"{4 + 132 * (value - span[0]) / (span[1] - span[0]):.1f}"

    bar = ""
    if not isnan(row.low):
        bar = (
            f'<line x1="{x(row.low)}" x2="{x(row.high)}" y1="8" y2="8" '
            'stroke="#0072B2" stroke-width="3" opacity=".45"/>'
        )
    return (
        '<svg class="dots" viewBox="0 0 140 16" aria-hidden="true">'
        f'<line x1="{x(0)}" x2="{x(0)}" y1="0" y2="16" stroke="#6b6b6b"/>{bar}'
        f'<circle cx="{x(row.value)}" cy="8" r="3.6" fill="#0072B2"/></svg>'
    )


def _values(report: ReportData, parts: Parts) -> str:
    if not parts.values:
        return ""
    rows = [row for row in parts.blocks if row.target != SIMILARITY]
    found = {(row.target, row.rater): row for row in rows if row.block == ALL}
    raters = [
        name for name in dict.fromkeys(row.rater for row in rows) if name != CEILING
    ]
    reliable = [
        [
            _named(report, each.dimension),
            f"{each.n_raters:,}",
            f"{each.raters_per_action:g}",
            *(
                plain(number)
                for number in (each.reliability, each.ceiling, each.icc_1, each.icc_k)
            ),
        ]
        for each in parts.values
    ]
    heads = ["", "People", "Per action", "Reliability", "Ceiling", "ICC(1)", "ICC(k)"]
    told = table(
        heads,
        reliable,
        "People's values: reliability of the mean of all (split halves, stepped up), the "
        "highest correlation with that mean to expect, and intraclass correlations of "
        "one rating and of the mean.",
    )
    if not raters:
        return told + _model_values(parts)
    follows = [
        [
            escape(each.dimension),
            *(
                _number(row) if (row := found.get((each.dimension, name))) else "none"
                for name in raters
            ),
            plain(row.value)
            if (row := found.get((each.dimension, CEILING)))
            else "none",
        ]
        for each in parts.values
    ]
    following = table(
        ["", *(escape(shown_name(name)) for name in raters), "Ceiling"],
        follows,
        "How far each rater's similarity follows differences in people's values: "
        "Spearman over all pairs, with 95 % intervals over actions. People's own "
        "similarity stands first; the ceiling is what people's noise in the value allows.",
    )
    blocks = "".join(
        f"<details><summary>{escape(each.dimension)} by block</summary>"
        + _block_table(
            [row for row in rows if row.target == each.dimension],
            f"Similarity and differences on {each.dimension}, by block",
        )
        + "</details>"
        for each in parts.values
    )
    return told + _model_values(parts) + following + blocks


def _model_values(parts: Parts) -> str:
    """Models' own ratings beside people's, where a model was asked for them."""
    if not parts.model_values:
        return ""
    lines = [
        [
            f"{escape(row.dimension)}, {escape(shown_name(row.rater))}",
            between(row.value, row.low, row.high)
            if not row.note
            else f'<span class="quiet">{escape(row.note)}</span>',
            plain(row.higher_by),
            f"{row.n_actions:,}",
            f"{row.n_lost:,}",
        ]
        for row in parts.model_values
    ]
    return table(
        ["", "Order", "Higher by", "Actions", "Refused"],
        lines,
        "Models' own values: Spearman with people's means and its 95 % interval over "
        "actions, how much higher the model rates on the 0-100 scale, and how many "
        "actions it gave no rating for when asked.",
    )


def _named(report: ReportData, dimension: str) -> str:
    definition = report.dimensions[dimension].definition
    more = f'<br><span class="quiet">{escape(definition)}</span>' if definition else ""
    return escape(dimension) + more


def _differences(parts: Parts) -> str:
    raters = list(dict.fromkeys(each.rater for each in parts.differences.pairs))
    if not raters:
        return ""
    known = any(not isnan(each.noise) for each in parts.differences.pairs)
    told = (
        "Ranks are compared, since raters use their scales differently. First stand "
        + (
            "the differences that exceed most what the noise in people's mean could do."
            if known
            else "the largest; how much of them is noise cannot be said, since only "
            "means are known."
        )
    )
    inner = ""
    for rater in raters:
        pairs, actions = parts.differences.of(rater)
        inner += (
            f"<h3>{escape(shown_name(rater))}</h3>"
            + bullets([each.sentence for each in pairs[:SHOWN]])
            + f"<details><summary>More of {escape(shown_name(rater))}: actions, and the "
            "numbers of all pairs</summary>"
            + bullets([each.sentence for each in actions])
            + table(
                ["Pair", "People", "Model", "People's rank", "Its rank", "Noise"],
                [
                    [
                        f"{escape(each.action_a)}, {escape(each.action_b)}",
                        *(
                            plain(number)
                            for number in (
                                each.people,
                                each.model,
                                each.people_rank,
                                each.model_rank,
                                each.noise,
                            )
                        ),
                    ]
                    for each in pairs
                ],
                f"Pairs that {rater} sees most differently: similarities, ranks from 0 "
                "(least alike) to 1, and the standard deviation of people's rank.",
            )
            + "</details>"
        )
    return f"<p>{told}</p>{inner}"


def _notes(report: ReportData) -> str:
    ceilings = [row.note for row in report.reliability if row.note]
    raters = table(
        ["", "Kind", "Pairs judged", "What it is"],
        [
            [
                escape(shown_name(row.rater)),
                escape(row.kind),
                f"{row.n_pairs - row.n_missing:,} of {row.n_pairs:,}",
                escape(row.description),
            ]
            for row in report.raters
        ],
        "Raters",
    )
    return (
        bullets([capital(note) for note in (*ceilings, *report.notes)], "ul") + raters
    )


def _span(rows: Sequence[BlockRow]) -> tuple[float, float]:
    reach = [
        number
        for row in rows
        for number in (row.value, row.low, row.high)
        if not isnan(number)
    ]
    return min([0.0, *reach]), max([0.1, *reach])


def _own(name: str) -> str:
    return files("alignment").joinpath("page", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
