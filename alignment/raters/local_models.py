"""Models that run on this machine: which weights exactly, on which device.

Heavy packages are imported inside functions: raters are made long before they judge.
"""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from alignment.errors import AlignmentError

LIBRARIES = ("torch", "transformers", "sentence-transformers", "tokenizers")
DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Weights:
    """What a model's name stands for here.

    name: A folder, or a hub name. revision: The commit to load; None for a folder, or
        where nothing is on this machine yet. identity: A hash over the folder's files,
        or name and commit; "" where it is not known yet.
    """

    name: str
    revision: str | None
    identity: str


def find_weights(model: str, revision: str | None, *, rater: str) -> Weights:
    """Look on this machine only; asks no network.

    Raises:
        AlignmentError: A path that holds no model.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return Weights(str(folder), None, hash_of_folder(folder))
    if model.startswith((".", "/", "~")):
        raise AlignmentError(
            f"rater {rater}: there is no folder {model}; name a folder that holds a "
            "model, or one of the hub such as sentence-transformers/all-mpnet-base-v2"
        )
    package_folder("huggingface_hub", rater=rater)
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model, "config.json", revision=revision)
    except HFValidationError as error:
        raise AlignmentError(
            f"rater {rater}: {model} is no name of a model ({error}); give a folder or "
            "owner/name"
        ) from None
    if not isinstance(found, str):
        return Weights(model, revision, "")
    commit = Path(found).parent.name
    return Weights(model, commit, f"{model}@{commit}")


def shown(model: str) -> str:
    """A model as a report names it: of a folder the last part, not where it lies."""
    folder = Path(model).expanduser()
    return folder.resolve().name if folder.is_dir() else model


def hash_of_folder(folder: Path) -> str:
    """sha256 over the names and contents of all files but notes and hidden ones."""
    whole = sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and not hidden and path.suffix != ".md":
            with path.open("rb") as stream:
                digest = sha256()
                while block := stream.read(1 << 20):
                    digest.update(block)
            whole.update(f"{inside.as_posix()}\0{digest.hexdigest()}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def choose_device(wanted: str, *, rater: str) -> str:
    """The device to compute on; "auto" takes the fastest there is.

    Raises:
        AlignmentError: This machine has no such device.
    """
    import torch

    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        numbered = (f"cuda:{k}" for k in range(torch.cuda.device_count()))
        there = ["cuda", *numbered, *there]
    if wanted == "auto":
        return there[0]
    if wanted not in there:
        raise AlignmentError(
            f"rater {rater}: this machine has no device {wanted}, only "
            f"{', '.join(there)}; take one of these, or auto"
        )
    return wanted


def libraries() -> dict[str, str]:
    """Versions of what turns weights into numbers, as far as installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def package_folder(module: str, *, rater: str) -> Path:
    """Where an installed package lies, without importing it.

    Raises:
        AlignmentError: It is not installed.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise AlignmentError(
            f"rater {rater}: needs the package {module.replace('_', '-')}, which is "
            "not installed; install Attune with its demo extra (`make setup`) or "
            "leave this rater out"
        )
    return Path(next(iter(spec.submodule_search_locations)))


def right_padded(tokenizer: Any) -> Any:
    """The tokenizer, set to pad at the end, with something to pad with.

    A model that reads from left to right then sees every text as if it stood alone.
    """
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


@contextmanager
def no_loading_bar() -> Iterator[None]:
    """While the block runs, transformers draws no bar across our progress lines."""
    from transformers.utils import logging as said

    shown = said.is_progress_bar_enabled()
    said.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            said.enable_progress_bar()  # type: ignore[no-untyped-call]
