"""Find the person who asks for something, by whatever they can name themselves with."""

from __future__ import annotations

import re
from contextlib import suppress
from uuid import UUID

from collection import withdrawal
from collection.errors import NobodyFound, UnknownWithdrawalCode
from collection.models import Participant, Study

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def found_by(study: Study, said: str) -> Participant:
    """The participant of this study whom `said` names.

    A withdrawal code, a session's address or code, a rater id, or the id on a platform.

    Raises:
        NobodyFound: nobody, or (an id on two platforms) more than one person.
    """
    said = said.strip()
    people = Participant.objects.filter(study=study).select_related("study")
    found = list(people.filter(rater_id=said)) if said else []
    if not found and (code := _UUID.search(said)):
        found = list(people.filter(sessions__code=UUID(code.group())))
    if not found and said:
        with suppress(UnknownWithdrawalCode):
            key = withdrawal.session_of(said).participant_id
            found = list(people.filter(pk=key))
    if not found and said:
        found = list(people.filter(identity__external_id=said))
    if len(found) == 1:
        return found[0]
    if found:
        raise NobodyFound(
            "People on more than one platform have this id. Ask for their withdrawal "
            "code, or take their rater id."
        )
    raise NobodyFound(
        f"Nobody in study {study.slug} is known by that. Ask for the withdrawal code of "
        "their last page, or the address of any page of theirs; ids of platforms are "
        "deleted after a while."
    )
