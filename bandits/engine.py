"""Engine: what computes the runs. Part of what a sweep is, and of its manifest.

Runs are bit-equal on one engine for any batching, number of processes and resumption.
On another they are equal in law only (`design.md`, section 5), so that shards of two
engines are never mixed.
"""

from __future__ import annotations

import sys
from importlib import metadata
from importlib.util import find_spec
from typing import Literal, NamedTuple, get_args

import torch

from bandits.backends import Backend
from bandits.errors import BanditError

Precision = Literal["float64", "float32"]
Device = Literal["cpu", "cuda"]
BACKENDS: tuple[str, ...] = get_args(Backend)
PRECISIONS: tuple[str, ...] = get_args(Precision)
DEVICES: tuple[str, ...] = get_args(Device)
_LIBRARIES = ("numpy", "torch", "numba", "pyarrow")
"""Whose version can change the last digit of a run, or the bytes of a table."""


class Engine(NamedTuple):
    """A backend, a precision and a device, all by name; `open_engine` makes one.

    backend: "torch", or "numba": for the agents it has, torch for the others.
    """

    backend: str
    dtype: str
    device: str

    @property
    def torch_dtype(self) -> torch.dtype:
        """What the tensors are made of."""
        return torch.float32 if self.dtype == "float32" else torch.float64

    @property
    def asks(self) -> Backend:
        """What `simulate` is asked for."""
        return "auto" if self.backend == "numba" else "torch"


def open_engine(
    backend: str = "auto", dtype: str = "float64", device: str = "cpu"
) -> Engine:
    """The engine of those names, with "auto" made definite.

    Raises:
        BanditError: A name that is not known, or a GPU that is not there.
    """
    for field, given, known in (
        ("backend", backend, BACKENDS),
        ("dtype", dtype, PRECISIONS),
        ("device", device, DEVICES),
    ):
        if given not in known:
            raise BanditError(
                f"{field}: needs to be one of {', '.join(known)}; got {given!r}"
            )
    if device == "cuda" and not torch.cuda.is_available():
        raise BanditError(
            "device: cuda was asked for, and torch sees no GPU here; use --device cpu"
        )
    if backend == "numba" and device != "cpu":
        raise BanditError(f"backend: numba computes on the cpu alone, not on {device}")
    there = find_spec("numba") is not None
    if backend == "numba" and not there:
        raise BanditError(
            "backend: numba is not installed; pip install 'attune[bandits]', or take"
            " --backend torch"
        )
    compiled = backend != "torch" and device == "cpu" and there
    return Engine("numba" if compiled else "torch", dtype, device)


def library_versions() -> dict[str, str]:
    """Versions that a shard must share with the others of its sweep."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
