"""Kernels' spectra are worked out once, and never for another kernel."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bandits.spectra import KEPT, remembered


def counted() -> tuple[list[Tensor], Callable[[Tensor], float]]:
    """A remembered function, and the kernels it was really asked of."""
    asked: list[Tensor] = []

    @remembered
    def trace_of(kernel: Tensor) -> float:
        asked.append(kernel)
        return float(kernel.trace())

    return asked, trace_of


def a_kernel(number: int = 0) -> Tensor:
    return torch.eye(5, dtype=torch.float64) + number


def test_a_kernel_is_known_again_by_its_entries() -> None:
    asked, trace_of = counted()

    assert trace_of(a_kernel()) == trace_of(a_kernel()) == 5

    assert len(asked) == 1


def test_a_kernel_changed_in_one_entry_is_another() -> None:
    asked, trace_of = counted()
    kernel = a_kernel()
    trace_of(kernel)

    kernel[4, 4] = 3  # in place: what is kept must be a copy

    assert trace_of(kernel) == 7
    assert trace_of(a_kernel()) == 5
    assert len(asked) == 2


def test_kernels_of_other_sizes_are_others() -> None:
    _, trace_of = counted()
    small, large = a_kernel()[:2, :2], a_kernel()

    assert trace_of(small) == 2
    assert trace_of(large) == 5


def test_only_the_last_kernels_are_kept() -> None:
    asked, trace_of = counted()
    for number in range(KEPT + 1):
        trace_of(a_kernel(number))
    trace_of(a_kernel(KEPT))
    assert len(asked) == KEPT + 1

    trace_of(a_kernel(0))

    assert len(asked) == KEPT + 2
