"""Refusals of the alignment library. Every one of them is a ``ValueError``.

A message says what must hold, what was found, in whose data and, where it is not
obvious, what to do. Standard library only: the web process imports this module.
"""

from collections.abc import Sequence


class AlignmentError(ValueError):
    """Something was asked of the alignment library that it refuses."""


class MatrixError(AlignmentError):
    """A similarity matrix has the wrong size, order, range or gaps."""


class JudgmentsError(AlignmentError):
    """Judgments contradict each other, their actions or their scale."""


class FolderError(AlignmentError):
    """A folder is missing, of another kind, incomplete or changed."""


class FolderInUse(FolderError):
    """Another process is writing this folder."""


class TooFewRaters(AlignmentError):
    """A ceiling was asked for where judgments cannot give one."""


class RatersFileError(AlignmentError):
    """A raters.toml that cannot be used; every fault with its place.

    faults: (place, sentence), in the order of the file.
    """

    def __init__(self, path: object, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        told = [
            f"{place}: {sentence}" if place else sentence for place, sentence in faults
        ]
        head = f"{path}: " if len(told) == 1 else f"{path} has {len(told)} faults:\n  "
        super().__init__(head + "\n  ".join(told))
