"""Replies on disk, one JSON file each, found again by what was asked."""

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

    A request that must be told apart by more than what is sent (which server, which
    repeat) holds that too, under a name of its own; see `alignment.raters.chat`. A file
    is believed only if the request that it holds is the one asked for.

    folder: Made when the first reply is kept; None keeps nothing.
    """

    folder: Path | None = None

    def get(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The reply to this request, or None if it is not known."""
        if self.folder is None:
            return None
        try:
            entry = json.loads(_path(self.folder, request).read_text(encoding="utf-8"))
            same = entry["request"] == json.loads(_canonical(request))
            return dict(entry["reply"]) if same else None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # never asked, or not readable any more: ask again

    def put(self, request: Mapping[str, Any], reply: Mapping[str, Any]) -> None:
        """Keep a reply; the file appears whole or not at all."""
        if self.folder is None:
            return
        path = _path(self.folder, request)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}")
        entry = {"request": dict(request), "reply": dict(reply)}
        partial.write_text(
            json.dumps(entry, ensure_ascii=False, indent=1), encoding="utf-8"
        )
        partial.replace(path)


def _canonical(request: Mapping[str, Any]) -> str:
    return json.dumps(request, sort_keys=True, ensure_ascii=False)


def _path(folder: Path, request: Mapping[str, Any]) -> Path:
    key = sha256(_canonical(request).encode()).hexdigest()
    return folder / key[:2] / f"{key}.json"
