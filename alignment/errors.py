"""Refusals of the alignment library. Every one of them is a ``ValueError``.

A message says what must hold, what was found, in whose data and, where it is not
obvious, what to do. Standard library only: the web process imports this module.
"""


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
