"""What Attune refuses, and the sentence it says when it does.

A :class:`CollectionError` is shown to a participant as a page and to an API client as
JSON (``middleware.py``). A :class:`DefinitionError` lists every fault of a document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from django.utils.translation import gettext as _


class CollectionError(Exception):
    """A refusal with a stable code, an HTTP status and a sentence for a person."""

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UnknownTrial(CollectionError):
    """The trial was never shown in this session (a forged or foreign id)."""

    code = "unknown-trial"
    status = 404


class AlreadyAnswered(CollectionError):
    """A second, different answer to a trial; the first one stands."""

    code = "already-answered"
    status = 409


class RatingOutOfRange(CollectionError):
    """A rating outside the scale."""

    code = "rating-out-of-range"


class PositionOutside(RatingOutOfRange):
    """A place in an arrangement that is no place, or lies outside the arena."""

    code = "position-outside"


class AnswerMissing(CollectionError):
    """The page was sent without an answer; nothing was stored."""

    code = "answer-missing"


class AnswerNotOffered(CollectionError):
    """The choice is not one of those that the trial showed."""

    code = "answer-not-offered"


class StudyClosed(CollectionError):
    """The study does not take part in collection now."""

    code = "study-closed"
    status = 403


class StudyFull(StudyClosed):
    """The study, or every group of it, has all the people it needs."""

    code = "study-full"


class ConsentMissing(CollectionError):
    """The session has not given the consent that the next page needs."""

    code = "consent-missing"
    status = 403


class SessionOver(CollectionError):
    """The session was finished or withdrawn; it takes no more answers."""

    code = "session-over"
    status = 409


class NotSimulated(CollectionError):
    """A token that claims a simulated participant and was not made by this server."""

    code = "not-simulated"
    status = 403


class SnapshotRefused(CollectionError):
    """A snapshot that would mislead: mixed people, no judgments."""

    code = "snapshot-refused"
    status = 409


class SessionErased(CollectionError):
    """Everything of this person was erased; nothing is left to go on with."""

    code = "session-erased"
    status = 410

    def __init__(self, message: str = "") -> None:
        super().__init__(
            message
            or _(
                "Everything that you gave in this study was erased. Nothing more is "
                "asked of you, and nothing more is stored."
            )
        )


class ConsentTextChanged(CollectionError):
    """The consent page was changed between reading it and agreeing to it."""

    code = "consent-text-changed"
    status = 409


class ComprehensionFailed(CollectionError):
    """The instructions were missed twice; the session is asked to be returned."""

    code = "comprehension-failed"
    status = 403


class UnknownWithdrawalCode(CollectionError):
    """A withdrawal code that leads to no session."""

    code = "unknown-withdrawal-code"
    status = 404


class NobodyFound(CollectionError):
    """No participant of the study, or more than one, is known by what was said."""

    code = "nobody-found"
    status = 404


class SupersededResult(CollectionError):
    """A result made from data that were erased since."""

    code = "superseded"
    status = 410


class UnknownRater(CollectionError):
    """A model rater that this server does not offer."""

    code = "unknown-rater"
    status = 400


class ReleaseRefused(CollectionError):
    """Data that would tell somebody apart if they were released."""

    code = "release-refused"
    status = 409


class DatasetRefused(CollectionError):
    """A dataset that cannot be written as asked, or a package that does not fit."""

    code = "dataset-refused"
    status = 409

    def __init__(self, faults: Sequence[tuple[str, str]] | str) -> None:
        self.faults = () if isinstance(faults, str) else tuple(faults)
        if not isinstance(faults, str):
            count = f"{len(self.faults)} fault" + ("s" if len(self.faults) != 1 else "")
            said = [f"{place}: {message}" for place, message in self.faults]
            faults = "\n".join([count, *said])
        super().__init__(faults)


class LedgerDamaged(CollectionError):
    """The file of erasures cannot be read as it was written."""

    code = "ledger-damaged"
    status = 500


class BackupRefused(CollectionError):
    """A backup that cannot be made, or not be brought back."""

    code = "backup-refused"
    status = 409


class ScoringRefused(CollectionError):
    """Triplets cannot be chosen for a study."""

    code = "scoring-refused"
    status = 409


class NothingToJudge(CollectionError):
    """A quality run over a study in which nobody has answered enough."""

    code = "nothing-to-judge"
    status = 409


class DecisionRefused(CollectionError):
    """A decision on pay or exclusion without a reason, or on a ground that is none."""

    code = "decision-refused"


class NotAllowed(CollectionError):
    """Somebody of the study whose role is too low for this."""

    code = "not-allowed"
    status = 403


class NotOneAccount(CollectionError):
    """What was typed names no account here, or more than one."""

    code = "not-one-account"
    status = 404


class NotInvited(CollectionError):
    """An invitation cannot be made anew: it was used, or opens too much."""

    code = "not-invited"
    status = 409


class LastLead(CollectionError):
    """The last person who leads a team cannot stop, while there are others in it."""

    code = "last-lead"
    status = 409


class StateRefused(CollectionError):
    """A study cannot go from the state it is in to the one asked for."""

    code = "state-refused"
    status = 409


class LastOwner(CollectionError):
    """The last owner of a study cannot go, nor become less."""

    code = "last-owner"
    status = 409


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a document, and where."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class DefinitionError(ValueError):
    """Every fault of a study's documents, listed at once."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        count = f"{len(self.faults)} fault" + ("s" if len(self.faults) != 1 else "")
        super().__init__("\n".join([count, *map(str, self.faults)]))
