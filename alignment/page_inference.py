"""The report page's tests, comparisons, agreement, and effects of how models were asked."""

from collections.abc import Sequence
from html import escape
from math import isnan

from alignment.figure_style import shown_name
from alignment.page_tables import between, capital, chance, plain, table
from alignment.report_agreement import PAIRS, AgreementRow
from alignment.report_files import ReportData
from alignment.report_inference import Inference
from alignment.report_questions import QuestionRow


def tests_view(found: Inference) -> str:
    """Each model against chance, beyond text length, and against the ceiling."""
    tested = [row for row in found.models if not row.note]
    if not tested:
        return ""
    lines = [
        [
            escape(shown_name(row.rater)),
            between(row.value, row.low, row.high),
            chance(row.p_max_t),
            between(row.beyond_length, float("nan"), float("nan")),
            chance(row.p_beyond_length),
            between(row.below_ceiling, row.below_low, row.below_high),
            chance(row.p_ceiling_max_t),
        ]
        for row in sorted(tested, key=lambda row: -row.value)
    ]
    heads = [
        *("", "Alignment", "p, chance", "Beyond text length", "p, beyond it"),
        *("Minus the ceiling", "p, ceiling"),
    ]
    caption = (
        f"Tests of alignment: Spearman with its 95 % interval over {tested[0].over}; "
        "against chance (one-sided) and against the ceiling (two-sided), each p for the "
        "largest of all models' tests at once (max-T); and the partial correlation given "
        "how equally long the texts are."
    )
    left_out = [
        f"{shown_name(row.rater)}: {row.note}." for row in found.models if row.note
    ]
    notes = [*([f"{capital(found.note)}."] if found.note else []), *left_out]
    said = "".join(f'<p class="quiet">{escape(each)}</p>' for each in notes)
    return table(heads, lines, caption) + said


def comparisons_view(found: Inference) -> str:
    """Every pair of models."""
    if not found.comparisons:
        return ""
    lines = [
        [
            f"{escape(shown_name(row.first))} minus {escape(shown_name(row.second))}",
            between(row.difference, row.low, row.high),
            *(chance(p) for p in (row.p, row.p_holm, row.p_bh, row.p_max_t)),
        ]
        for row in sorted(found.comparisons, key=lambda row: row.p)
    ]
    inner = table(
        ["", "Difference", "p", "Holm", "Benjamini-Hochberg", "max-T"],
        lines,
        "Differences between models: with 95 % intervals over "
        f"{found.comparisons[0].over}; p two-sided, alone and corrected over all rows.",
    )
    return f"<details><summary>Every model with every other</summary>{inner}</details>"


def agreement_view(report: ReportData, rows: Sequence[AgreementRow]) -> str:
    """Agreement of people on pairs and on each dimension, and shares of variance."""
    if not rows:
        return ""
    lines = [
        [
            escape("Similarity of pairs" if row.what == PAIRS else row.what),
            between(row.alpha, row.alpha_low, row.alpha_high),
            between(row.icc_1, row.icc_1_low, row.icc_1_high),
            between(row.icc_k, row.icc_k_low, row.icc_k_high),
            *(_share(each) for each in (row.shared, row.level, row.unexplained)),
            "not known: nobody rated twice"
            if isnan(row.own)
            else f"{_share(row.own)} and {_share(row.noise)}",
        ]
        if not row.note
        else [
            escape("Similarity of pairs" if row.what == PAIRS else row.what),
            f'<span class="quiet">{escape(row.note)}</span>',
            *([""] * 6),
        ]
        for row in rows
    ]
    told = table(
        [
            *("", "Alpha", "ICC(1)", "ICC(k)", "Shared", "Level", "Rest"),
            "Rest: own view and chance",
        ],
        lines,
        "Agreement of raters: Krippendorff's alpha (interval) and intraclass correlations "
        "of one rating and of the mean, with 95 % intervals over what was rated; then "
        "what differences between ratings come from: what everybody sees alike, a "
        "rater's use of the scale, and the rest.",
    )
    ceilings = {row.what: row for row in report.reliability}
    low, high = (ceilings.get(f"rater_ceiling_{end}") for end in ("lower", "upper"))
    if low is None or high is None or isnan(low.value):
        return told
    return told + (
        "<p>The best possible model would agree with single people by between "
        f"{between(low.value, low.low, low.high)} and "
        f"{between(high.value, high.low, high.high)} on average (Spearman, lower and "
        "upper ceiling; 95 % intervals over raters).</p>"
    )


def question_view(rows: Sequence[QuestionRow]) -> str:
    """What paraphrase, order, reversal and repetition did to each model's answers."""
    if not rows:
        return ""
    lines = [
        [
            escape(f"{shown_name(row.rater)}, {_asked(row)}"),
            escape(row.factor),
            plain(row.variance),
            plain(row.shift),
            plain(row.between_items),
            f"{row.n:,}",
        ]
        for row in rows
    ]
    return table(
        ["", "What differed", "Variance", "Shift", "Between items", "Comparisons"],
        lines,
        "Effects of how a question was put: mean variance between answers to one item "
        "that differ in this alone (squared points of 100; for triplets the share that "
        "named different actions), the mean shift from the first form, and the variance "
        "between items to hold it against.",
    )


def _asked(row: QuestionRow) -> str:
    return f"{row.task} on {row.dimension}" if row.dimension else row.task


def _share(value: float) -> str:
    return f"{value:.0%}"
