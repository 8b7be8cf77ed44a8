"""What the package's exceptions carry."""

from __future__ import annotations

from bandits.errors import BanditError, SpecError


def test_a_spec_error_lists_every_fault_with_its_place() -> None:
    faults = [("agents[1]", "unknown agent 'gp'"), ("seed", "needs to be an integer")]

    error = SpecError(faults)

    assert error.faults == faults
    assert str(error) == "agents[1]: unknown agent 'gp'\nseed: needs to be an integer"
    assert isinstance(error, BanditError)
    assert isinstance(error, ValueError)
