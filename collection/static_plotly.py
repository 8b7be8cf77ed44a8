"""plotly.js as a static file of this site: the bundle that the plotly package brings.

Only that file is served, and the package is never imported: it would bring numpy into
the web process. The bundle runs under the strict policy; ``figures.js`` says how.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage

PLACE = "plotly/plotly.min.js"
_BUNDLE = "package_data/plotly.min.js"


@cache
def bundle() -> Path | None:
    """Where the bundle lies; None where the package is not installed."""
    found = find_spec("plotly")
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (file := Path(folder) / _BUNDLE).is_file():
            return file
    return None


class PlotlyFinder(BaseFinder):
    """Finds :data:`PLACE`, and nothing else of the package."""

    def check(self, **kwargs: Any) -> list[Any]:
        """Nothing to check: without the package figures stay pictures."""
        return []

    def find(self, path: str, *args: Any, **kwargs: Any) -> Any:
        """The bundle's path, in a list where all that match are asked for."""
        file = bundle() if path == PLACE else None
        all_of_them = kwargs.get("find_all") or kwargs.get("all")
        if file is None:
            return []
        return [str(file)] if all_of_them else str(file)

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, Any]]:
        """For ``collectstatic``: the bundle, under the name that it has on the site."""
        file = bundle()
        if file is not None:
            storage = FileSystemStorage(location=str(file.parent))
            storage.prefix = "plotly"  # type: ignore[attr-defined]
            yield file.name, storage
