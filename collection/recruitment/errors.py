"""What recruiting refuses, and what a platform does not answer."""

from __future__ import annotations

from collection.errors import CollectionError


class ArrivalUnconfirmed(CollectionError):
    """Whoever arrives could not be confirmed; nothing was stored about them.

    Args:
        reason: A stable word for the researcher's count.
        message: What the participant reads: what happened and what to do.
        again: Whether trying again by itself can help.
    """

    code = "arrival-unconfirmed"
    status = 403

    def __init__(self, reason: str, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.again = again


class LabCodeUnknown(CollectionError):
    """A start code that was never given, was used, or is too old."""

    code = "lab-code-unknown"
    status = 404


class RejectionRefused(CollectionError):
    """A rejection that the platform does not allow; says every rule it breaks."""

    code = "rejection-refused"
    status = 409


class PlatformError(CollectionError):
    """The platform's API did not do what was asked. The message names no person."""

    code = "platform-error"
    status = 502


class PlatformUnavailable(PlatformError):
    """No answer, or none that counts: a timeout, a 429 or a 5xx to the end.

    Args:
        undone: Whether it is certain that the platform did nothing.
    """

    code = "platform-unavailable"
    status = 503

    def __init__(self, message: str, *, undone: bool = False) -> None:
        super().__init__(message)
        self.undone = undone


class NotOnPlatform(PlatformError):
    """The platform has no such thing, or not for this workspace."""

    code = "not-on-platform"
    status = 404
