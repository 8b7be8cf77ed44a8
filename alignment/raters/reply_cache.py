"""Chat replies on disk, one JSON file each, found again by what was asked."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import get_ident
from typing import Any


@dataclass(frozen=True)
class ReplyCache:
    """Replies by the sha256 of the whole request: model, messages and parameters.

    The endpoint's address is no part of the key, so a model that moves to another
    port keeps its replies; two different models must not share a name.

    folder: Made when the first reply is kept; None keeps nothing.
    """

    folder: Path | None = None

    def get(self, request: Mapping[str, Any]) -> str | None:
        """The reply to this request, or None if it is not known."""
        if self.folder is None:
            return None
        try:
            entry = json.loads(_path(self.folder, request).read_text(encoding="utf-8"))
            return str(entry["reply"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # never asked, or not readable any more: ask again

    def put(self, request: Mapping[str, Any], reply: str) -> None:
        """Keep a reply; the file appears whole or not at all."""
        if self.folder is None:
            return
        path = _path(self.folder, request)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}")
        entry = {"request": dict(request), "reply": reply}
        partial.write_text(
            json.dumps(entry, ensure_ascii=False, indent=1), encoding="utf-8"
        )
        partial.replace(path)


def _path(folder: Path, request: Mapping[str, Any]) -> Path:
    canonical = json.dumps(request, sort_keys=True, ensure_ascii=False)
    key = sha256(canonical.encode()).hexdigest()
    return folder / key[:2] / f"{key}.json"
