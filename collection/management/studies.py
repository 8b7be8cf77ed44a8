"""Find the study that a command names."""

from __future__ import annotations

from django.core.management.base import CommandError

from collection.models import Study


def study_named(slug: str) -> Study:
    """The study, or a refusal that names those there are."""
    study = Study.objects.filter(slug=slug).first()
    if study is None:
        known = ", ".join(Study.objects.values_list("slug", flat=True).order_by("slug"))
        raise CommandError(f"No study {slug!r}. Loaded studies: {known or 'none'}.")
    return study
