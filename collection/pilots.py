"""Pilots: a copy of a study that is tried out, so that no trial run counts in the study.

A copy has an address of its own (``<slug>-pilot-1``, ``-2`` ...) and the same people with
the same roles. Colleagues join by its link, or simulated people walk its real pages: never
both in one, as simulated people would mix with real ones. It is for trying: no quotas, and
nobody comes from a platform, so nobody is paid.
"""

from __future__ import annotations

import re
from typing import Any, Final

from django.db import transaction

from collection import access, audit, jobs
from collection.access import Role
from collection.definitions import StudyDefinition
from collection.errors import DefinitionError
from collection.loading import load_study, open_study
from collection.models import Study

_PILOT: Final = re.compile(r"(.+)-pilot-[0-9]+")
LONGEST_SLUG: Final = 60


def is_pilot(study: Study) -> bool:
    """Whether this is the copy of a study, by its address."""
    return _PILOT.fullmatch(study.slug) is not None


def of(study: Study) -> list[Study]:
    """The pilots of a study, the newest first."""
    copies = Study.objects.filter(slug__startswith=f"{_stem(study.slug)}-pilot-")
    return sorted(copies, key=lambda copy: -_number(copy.slug))


@transaction.atomic
def start(study: Study, *, simulated: int, by: Any) -> Study:
    """Open a new copy of a study; with people simulated, by a job that is enqueued.

    Args:
        simulated: How many simulated people come; 0 where colleagues do.
        by: The account that does it: an owner of the copy, whatever they are here.

    Raises:
        DefinitionError: the consent page still lacks what opening needs.
    """
    Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    own = study.definition_model()
    if missing := own.missing_before_opening():
        raise DefinitionError(missing)
    number = 1 + max((_number(copy.slug) for copy in of(study)), default=0)
    copy = load_study(_tried_out(own, f"{_stem(study.slug)}-pilot-{number}"), by=by)
    access.grant(copy, by, Role.OWNER, by=by)
    for place in study.memberships.select_related("user", "team"):
        if place.user_id != by.pk:
            access.grant(copy, place.user or place.team, Role(place.role), by=by)
    open_study(copy, by=by)
    audit.record(by, study, "study.piloted", pilot=copy.slug, simulated=simulated)
    if simulated:
        jobs.enqueue(copy, "simulate", {"sessions": simulated}, by=by)
    return copy


def _tried_out(own: StudyDefinition, slug: str) -> StudyDefinition:
    document = own.model_dump(mode="json")
    document |= {
        "slug": slug,
        "title": f"Pilot: {own.title}",
        "recruitment": None,
        "quota": None,
        "stop_when_covered": False,
    }
    for group in document["groups"]:
        group["quota"] = None
    # Who tried it out shall not be sent on to where people are paid.
    document["completion"] = {"code": "PILOT", "redirect": ""}
    return StudyDefinition.model_validate(document)


def _stem(slug: str) -> str:
    """What a pilot's address begins with: short enough for `-pilot-` and a number."""
    return slug[: LONGEST_SLUG - len("-pilot-000")].rstrip("-_")


def _number(slug: str) -> int:
    return int(slug.rpartition("-")[2]) if slug.rpartition("-")[2].isdigit() else 0
