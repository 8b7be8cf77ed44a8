"""The live view of a running study, and its numbers as a file."""

from __future__ import annotations

import csv

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from collection import (
    coverage,
    live,
    live_asking,
    live_maps,
    live_triplets,
    raters_needed,
)
from collection.access import study_for
from collection.models import StudySession


@never_cache
@login_required
@require_safe
def view(request: HttpRequest, slug: str) -> HttpResponse:
    """What is covered, who came, what was flagged and what it cost, as of now."""
    study = study_for(request.user, slug)
    cells = live.cell_counts(study)
    people = live.populations(study)
    definition = study.definition_model()
    labels = {one.name: one.label for one in definition.dimensions}
    blocks = coverage.coverage_by_block(study)
    triplets = live_triplets.triplet_pairs(study, live_triplets.n_answered(blocks))
    live_asking.keep_fresh(study, [one.simulated for one in people])
    width = raters_needed.width_asked(request.GET.get("width", ""))
    context = {
        "study": study,
        "simulated": any(one.simulated for one in people),
        "mixed": len(people) == 2,
        "at": timezone.now(),
        "statuses": StudySession.Status.labels,
        "people": people,
        "blocks": blocks,
        "maps": live_maps.heat_maps(cells + triplets, len(definition.actions), labels),
        "cells": cells,
        "width": width,
        "agreements": [
            (one, live.agreement_rows(one), raters_needed.needed(one.rows, width))
            for one in live_asking.newest(study)
        ],
        "flagged": live.flagged(study),
        "costs": live.costs(study),
    }
    return render(request, "research/live.html", context)


@never_cache
@login_required
@require_safe
def counts_csv(request: HttpRequest, slug: str) -> HttpResponse:
    """Every count that the page shows or maps."""
    study = study_for(request.user, slug)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{slug}-coverage.csv"'
    writer = csv.writer(answer)
    writer.writerow(live.COLUMNS)
    blocks = coverage.coverage_by_block(study)
    triplets = live_triplets.triplet_pairs(study, live_triplets.n_answered(blocks))
    writer.writerows(live.rows(live.cell_counts(study) + triplets))
    return answer
