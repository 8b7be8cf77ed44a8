"""Embeddings on disk, found again by exactly what they were made from."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from alignment.matrices import FloatArray


@dataclass(frozen=True, eq=False)
class Embedded:
    """Vectors, (n_texts, n_features), and what is to be told of their making."""

    vectors: FloatArray
    about: Mapping[str, Any]


@dataclass(frozen=True)
class EmbeddingCache:
    """Vectors by the sha256 of their whole origin: weights, settings and texts.

    The origin stands in the file again and is compared when it is read, so a file
    that was renamed, cut short or written over is never believed.

    folder: Made when the first vectors are kept; None keeps nothing.
    """

    folder: Path | None = None

    def get(self, origin: Mapping[str, Any]) -> Embedded | None:
        """The vectors of this origin, or None if they are not known."""
        if self.folder is None:
            return None
        try:
            with np.load(_path(self.folder, origin), allow_pickle=False) as held:
                if str(held["origin"]) != _canonical(origin):
                    return None
                vectors = held["vectors"].astype(np.float64)
                about = json.loads(str(held["about"]))
        except (OSError, ValueError, KeyError, EOFError):
            return None  # never made, or not readable any more: make them again
        fits = vectors.ndim == 2 and len(vectors) == len(origin["texts"])
        return Embedded(vectors, about) if fits else None

    def put(self, origin: Mapping[str, Any], made: Embedded) -> None:
        """Keep vectors, in single precision; the file appears whole or not at all."""
        if self.folder is None:
            return
        path = _path(self.folder, origin)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        with partial.open("wb") as stream:
            np.savez(
                stream,
                vectors=made.vectors.astype(np.float32),
                origin=np.array(_canonical(origin)),
                about=np.array(json.dumps(dict(made.about))),
            )
        partial.replace(path)


def _canonical(origin: Mapping[str, Any]) -> str:
    return json.dumps(origin, sort_keys=True, ensure_ascii=False)


def _path(folder: Path, origin: Mapping[str, Any]) -> Path:
    key = sha256(_canonical(origin).encode()).hexdigest()
    return folder / key[:2] / f"{key}.npz"
