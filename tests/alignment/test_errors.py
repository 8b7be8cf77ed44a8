"""`alignment.errors`: one family, so that a caller can catch it whole."""

import pytest

from alignment import errors

REFUSALS = [
    errors.MatrixError,
    errors.JudgmentsError,
    errors.FolderError,
    errors.FolderInUse,
    errors.TooFewRaters,
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_every_refusal_is_an_alignment_error_and_a_value_error(
    refusal: type[Exception],
) -> None:
    assert issubclass(refusal, errors.AlignmentError)
    assert issubclass(refusal, ValueError)


def test_a_folder_in_use_can_be_caught_as_a_folder_error() -> None:
    assert issubclass(errors.FolderInUse, errors.FolderError)
