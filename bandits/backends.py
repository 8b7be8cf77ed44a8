"""Backends: which code takes a cell's runs through time.

Torch is the reference and the path of a GPU. Numba's (`compiled.py`) is several times
faster on a CPU for the agents it has. What a run does is the same on both but for
rounding; bit for bit it is the same within one of them alone, so that a sweep names its
backend in its manifest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Literal, get_args

from torch import Tensor

from bandits.cell import Cell
from bandits.errors import BanditError
from bandits.noise import Phase

Backend = Literal["auto", "torch", "numba"]
"""auto: numba on a CPU for the agents it has, torch otherwise."""


def backend_of(cell: Cell, backend: str) -> Literal["torch", "numba"]:
    """What `backend` means for a cell.

    Raises:
        BanditError: No such backend, or numba asked for where it cannot be.
    """
    if backend not in get_args(Backend):
        known = ", ".join(get_args(Backend))
        raise BanditError(f"backend: needs to be one of {known}; got {backend!r}")
    # Importing numba takes a second, and a GPU has no use for it.
    if backend == "torch" or (backend == "auto" and cell.values.device.type != "cpu"):
        return "torch"
    try:
        from bandits import compiled
    except ImportError as missing:
        if backend == "auto":
            return "torch"
        raise BanditError(
            f"backend: numba needs the package {missing.name}, got none; install "
            "attune[bandits], or take torch"
        ) from missing
    if compiled.covers(cell):
        return "numba"
    if backend == "auto":
        return "torch"
    raise BanditError(
        f"backend: numba has no form of agent {cell.agent.label!r} on "
        f"{cell.values.device}; take auto, or torch"
    )


class Player(ABC):
    """Some of a cell's runs, that go through time by themselves."""

    @abstractmethod
    def play(
        self, phase: Phase
    ) -> Iterable[tuple[Tensor, Tensor, Tensor, Tensor | None]]:
        """Take the runs through a phase: the fields of `simulate.Block`, in order."""

    @abstractmethod
    def believes(self) -> tuple[Tensor, Tensor | None]:
        """Mean and, where there is one, variance of all arms: (n_runs, n_arms)."""


def players(cell: Cell) -> Callable[[slice], Player]:
    """The compiled form of a cell's agent, for any of its runs."""
    from bandits.compiled import players

    return players(cell)
