"""A figure's page: the figure, and every number in it as a table.

Who cannot see a figure reads the table; who wants the numbers saves the same file.
"""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from alignment.errors import FolderError
from collection.downloads import FIGURES
from collection.policies import allows
from collection.research import result_for
from collection.result_figures import Figure
from collection.result_kinds import RESULTS
from collection.superseded_pages import superseded_page
from collection.tables import Table, plain

ROWS_A_PAGE = 200


@login_required
@require_safe
@allows(img="data:")  # plotly.js draws a matrix as a picture of its own
def figure_page(
    request: HttpRequest, slug: str, kind: str, pk: int, stem: str
) -> HttpResponse:
    """One figure of a report, a sweep or a comparison, with its table."""
    record = result_for(request, slug, kind, pk)
    if record.superseded_at is not None:
        return superseded_page(request, record)
    folder = Path(record.result_folder)
    try:
        page = RESULTS[kind].page(folder)
    except FolderError as error:
        raise Http404(str(error)) from error
    figure = next(
        (one for group in page.figures for one in group.figures if one.stem == stem),
        None,
    )
    if figure is None:
        raise Http404("no such figure")
    asked = request.GET.get("page", "1")
    number = max(1, int(asked)) if asked.isdecimal() else 1
    table, n_rows = _table(folder, figure, number)
    context = {
        "study": record.study,
        "heading": f"A figure of {kind} {pk}",
        "job": record,
        "kind": kind,
        "page": page,
        "figures": [figure],
        "table": table,
        "number": number,
        "n_rows": n_rows,
        "n_pages": -(-n_rows // ROWS_A_PAGE),
    }
    return render(request, "research/figure.html", context)


def _table(folder: Path, figure: Figure, number: int) -> tuple[Table, int]:
    """One page of a figure's table, and how many rows it has in all.

    Read row by row: the table of large matrices does not fit a small web process.
    """
    if not figure.table:
        return Table("", (), ()), 0
    first = (number - 1) * ROWS_A_PAGE
    path = folder / FIGURES / f"{figure.stem}.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        before = sum(1 for _ in islice(reader, first))
        rows = list(islice(reader, ROWS_A_PAGE))
        n_rows = before + len(rows) + sum(1 for _ in reader)
    if number > 1 and not rows:
        raise Http404("the table has no such page")
    return plain(rows, caption=f"{figure.stem}.csv"), n_rows
