"""The preregistration as a file, from a button on the study's page."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from bandits.spec import SweepSpec, built_in_specs, read_document
from collection.access import study_for
from collection.preregistration import preregistration


@login_required
@require_safe
def download(request: HttpRequest, slug: str) -> HttpResponse:
    """The text, for the sweep named in the address (``?sweep=default``) or for none."""
    study = study_for(request.user, slug)
    name = request.GET.get("sweep", "")
    if name and name not in built_in_specs():
        raise Http404("no such sweep")
    # Not `read_spec`: it looks names up in the tables of agents, which need numpy.
    spec = SweepSpec.model_validate(read_document(name)) if name else None
    answer = HttpResponse(
        preregistration(study, spec), content_type="text/markdown; charset=utf-8"
    )
    answer["Content-Disposition"] = f'attachment; filename="{slug}-preregistration.md"'
    return answer
