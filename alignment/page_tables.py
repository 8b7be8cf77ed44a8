"""Tables, lists and numbers of the report's page."""

from collections.abc import Sequence
from html import escape
from math import isnan

Line = Sequence[str]


def table(heads: Line, lines: Sequence[Line], caption: str) -> str:
    """A table that scrolls by itself; cells are HTML, the caption is text."""
    top = "".join(
        f'<th scope="col">{head}</th>' if head else "<td></td>" for head in heads
    )
    rows = "".join(
        f'<tr><th scope="row">{line[0]}</th>'
        + "".join(f"<td>{each}</td>" for each in line[1:])
        + "</tr>"
        for line in lines
    )
    label = escape(caption.split(":")[0], quote=True)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def bullets(sentences: Sequence[str], kind: str = "ol") -> str:
    """A list of sentences, or nothing."""
    lines = "".join(f"<li>{escape(each)}</li>" for each in sentences)
    return f"<{kind}>{lines}</{kind}>" if lines else ""


def plain(number: float) -> str:
    """A number with two places; a dash for NaN."""
    if isnan(number):
        return "–"
    # What rounds to 0 has no sign.
    return f"{round(number, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def between(value: float, low: float, high: float) -> str:
    """A number with its interval, where it has one."""
    ends = "" if isnan(low) else f" [{plain(low)}, {plain(high)}]"
    return plain(value) + ends


def chance(p: float) -> str:
    """A p value: three places, and never 0."""
    if isnan(p):
        return "–"
    return "&lt; .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")
