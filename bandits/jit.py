"""numba, found when it is first needed, with a cache that never goes stale.

numba's own cache looks at the file of the function it compiled, not at those of the
functions it calls; an edit there would go unseen. And it wants to write beside the
source, which an installed package may forbid. So the machine code is kept in a folder
named by a digest of every compiled module and of this one: `NUMBA_CACHE_DIR` where
set, else the user's cache folder, else a temporary one. Compiling costs seconds, once a
machine.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba  # type: ignore[import-untyped,unused-ignore]

Function = TypeVar("Function", bound=Callable[..., object])

FUSED = {"contract", "nsz"}
"""A product and a sum may become one rounding; sums keep their order, so that the width
of a processor's vectors changes no bit."""
NO_NAN = {"nnan", "nsz", "reassoc"}
"""For largest and smallest of many, which come out the same in any order."""


def cache_folder() -> str | None:
    """Where machine code is kept; None where nothing can be written, and it is not."""
    digest = hashlib.sha256()
    here = Path(__file__)
    for source in (here, *sorted(here.parent.glob("compiled*.py"))):
        digest.update(source.read_bytes())
    for base in _bases():
        folder = base / f"attune-{digest.hexdigest()[:16]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return str(folder)
        except OSError:
            continue
    return None


def _bases() -> list[Path]:
    named = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    others = [Path(home) / "attune", Path(tempfile.gettempdir()) / _of_this_user()]
    return [Path(named), *others] if named else others


def _of_this_user() -> str:
    # Nobody else's: machine code is run as it is found.
    return f"attune-cache-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


_FOLDER = cache_folder()
# Any: numba fills its settings in as it loads, where no type checker sees them.
_SETTINGS: Any = numba.config
# Any: its types leave out `_nrt`, whether references to arrays are counted.
_njit: Any = numba.njit


def compiled(flags: set[str] | None = None) -> Callable[[Function], Function]:
    """Decorator: compile when first called, for one thread, without Python's lock.

    No compiled function makes arrays: it is handed the room that it needs. So none
    counts references, which would cost a small function as much as its work.

    Args:
        flags: What rounding the compiler may change (`FUSED`, `NO_NAN`); None for
            nothing at all.
    """

    def compile_it(function: Function) -> Function:
        kept = _SETTINGS.CACHE_DIR
        _SETTINGS.CACHE_DIR = _FOLDER or kept
        try:
            made = _njit(
                nogil=True,
                cache=_FOLDER is not None,
                fastmath=flags or False,
                error_model="numpy",
                boundscheck=False,
                _nrt=False,
            )(function)
        finally:
            _SETTINGS.CACHE_DIR = kept
        return cast(Function, made)

    return compile_it
