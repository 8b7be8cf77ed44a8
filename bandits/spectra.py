"""Eigenvalues and roots of kernels, worked out once for each kernel.

A sweep runs every agent and every value with the same few kernels, and an eigenvalue
decomposition of a thousand actions takes as long as hundreds of steps.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import TypeVar

import torch
from torch import Tensor

from bandits import beliefs

Found = TypeVar("Found")
MANY_ARMS = 300
"""Above so many arms a root of low rank is worth its own draws."""


def remembered(
    n_kept: int,
) -> Callable[[Callable[[Tensor], Found]], Callable[[Tensor], Found]]:
    """Decorator: what a function found of the last `n_kept` kernels, by their entries.

    What is found is shared: nobody may change it.
    """

    def remember(function: Callable[[Tensor], Found]) -> Callable[[Tensor], Found]:
        kept: OrderedDict[bytes, Found] = OrderedDict()
        lock = Lock()

        @wraps(function)
        def once(kernel: Tensor) -> Found:
            entries = kernel.contiguous().numpy().data
            key = hashlib.blake2b(entries, digest_size=16).digest()
            with lock:
                if key in kept:
                    kept.move_to_end(key)
                    return kept[key]
            found = function(kernel)
            with lock:
                kept[key] = found
                while len(kept) > n_kept:
                    kept.popitem(last=False)
            return found

        return once

    return remember


@remembered(64)
def least_eigenvalue(kernel: Tensor) -> float:
    """The smallest eigenvalue of a symmetric float64 matrix on the CPU."""
    return float(torch.linalg.eigvalsh(kernel)[0])


@remembered(4)
def thin_root(kernel: Tensor) -> Tensor:
    """A root of the kernel with as few rows as it needs, (n_rows, n_arms), float64.

    The symmetric one, as in torch, unless that would be wasteful: of more than
    `MANY_ARMS` arms whose kernel has a rank below half their number, the scaled
    eigenvectors. A row less is a normal number less in every sample, so that runs then
    equal torch's in law alone; nothing is approximated.
    """
    n_arms = len(kernel)
    if n_arms > MANY_ARMS:
        eigenvalues, vectors = torch.linalg.eigh(kernel)
        kept = eigenvalues > n_arms * torch.finfo(kernel.dtype).eps * eigenvalues[-1]
        if 2 * int(kept.sum()) < n_arms:
            rows = (vectors[:, kept] * eigenvalues[kept].sqrt()).T.flip(0)
            # An eigenvector's sign is arbitrary: its largest entry is made positive.
            largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
            thin: Tensor = rows * largest.sign()
            return thin
    return beliefs.symmetric_root(kernel)
