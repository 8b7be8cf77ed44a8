"""raters.toml: which models are asked, how, and what is known of them.

    [asking]                      # for all that are asked in words
    paraphrases = 3
    n_triplets = 100

    [[rewording]]                 # other sentences that ask the same as a study's own
    of = "How similar are these two actions?"
    as = ["How alike are these two actions?"]

    [[rater]]
    name = "mpnet"
    kind = "embedding"            # or causal, chat, recorded, builtin
    model = "sentence-transformers/all-mpnet-base-v2"
    family = "MPNet"
    ...

All faults are listed at once, each with its place. A key never stands in this file: a
chat model names the environment variable that holds it, and no message repeats what was
written where a key could have been put by mistake.
"""

import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from alignment.errors import RatersFileError
from alignment.raters.endpoint import checked_url

SHIPPED = "raters.toml"
Training = Literal[
    "contrastive",
    "masked language model",
    "causal language model",
    "instruction-tuned",
    "static",
    "other",
]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=60)]
Text = Annotated[str, Field(min_length=1)]
# What is said of these fields never repeats what was written there.
SECRET_PLACES = re.compile(r"key|endpoint|token|secret|password", re.IGNORECASE)
_EXPLAINED = {
    "missing": "is required and was not given",
    "extra_forbidden": "is no field of it",
    "union_tag_not_found": "needs a kind: embedding, causal, chat, recorded or builtin",
    "union_tag_invalid": "its kind must be embedding, causal, chat, recorded or builtin",
    "too_short": "needs at least one entry",
}


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )


class Asking(_Part):
    """How models are asked that are asked in words; an entry may say otherwise."""

    paraphrases: int = Field(default=3, ge=1, le=30)
    both_orders: bool = True
    reversed_scale: bool = True
    repeats: int = Field(default=1, ge=1, le=1000)
    n_pairs: int | None = Field(default=None, ge=1, description="None: all pairs.")
    n_triplets: int | None = Field(default=100, ge=0)
    values: bool = True
    seed: int = Field(default=0, ge=0)


class Rewording(_Part):
    """Other sentences that ask the same as one of the study's."""

    of: Text
    sentences: tuple[Text, ...] = Field(alias="as", min_length=1)


class _Entry(_Part):
    name: Name
    family: Text
    note: str = ""


class _Model(_Entry):
    """What is known of a model. parameters: Weights, as its maker counts them."""

    model: Text
    parameters: int | None = Field(default=None, gt=0)
    training: Training
    licence: Text

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return self.model_dump(include={"parameters", "training", "licence", "note"})


class _InWords(_Model):
    """What an entry may say otherwise than [asking]."""

    repeats: int | None = Field(default=None, ge=1, le=1000)
    n_pairs: int | None = Field(default=None, ge=1)
    n_triplets: int | None = Field(default=None, ge=0)
    values: bool | None = None
    seconds_per_request: float = Field(default=1.0, gt=0)


class EmbeddingEntry(_Model):
    """layers: Each becomes a rater of its own, all of one family."""

    kind: Literal["embedding"]
    revision: str | None = None
    layers: tuple[int, ...] = ()
    pooling: Literal["mean", "cls", "last"] | None = None
    prefix: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = "auto"
    batch_size: int = Field(default=32, ge=1)


class CausalEntry(_InWords):
    """A causal model of transformers, whose probabilities are read."""

    kind: Literal["causal"]
    revision: str | None = None
    gguf_file: str | None = None
    template: Literal["auto", "chat", "plain"] = "auto"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = "auto"


class ChatEntry(_InWords):
    """A model behind an OpenAI-compatible address. Prices are of a million tokens."""

    kind: Literal["chat"]
    endpoint: str
    api_key_env: str | None = None
    served_by: str = ""
    reply_as: Literal["text", "integer", "object"] = "text"
    temperature: float = Field(default=0.0, ge=0, le=2)
    max_tokens: int = Field(default=16, ge=1)
    logprobs: bool = False
    send_seed: bool = True
    parallel: int = Field(default=4, ge=1, le=256)
    attempts: int = Field(default=6, ge=1)
    timeout_s: float = Field(default=120.0, gt=0)
    price_in: float = Field(default=0.0, ge=0)
    price_out: float = Field(default=0.0, ge=0)
    currency: str = "USD"

    @field_validator("endpoint")
    @classmethod
    def _address(cls, url: str) -> str:
        return checked_url(url)

    @field_validator("api_key_env")
    @classmethod
    def _variable(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            raise ValueError(
                "must be the name of an environment variable, such as EXAMPLE_KEY, "
                "never the key itself"
            )
        return name


class RecordedEntry(_Entry):
    """Judgments in files; paths are taken from the place of raters.toml."""

    kind: Literal["recorded"]
    files: tuple[Path, ...] = Field(min_length=1)
    parameters: int | None = Field(default=None, gt=0)
    training: Training | None = None
    licence: str = ""


class BuiltInEntry(_Part):
    """A rater that comes with Attune, by its name."""

    kind: Literal["builtin"]
    name: Literal["minilm", "wordllama", "smollm2", "length", "words"]


Entry = Annotated[
    EmbeddingEntry | CausalEntry | ChatEntry | RecordedEntry | BuiltInEntry,
    Field(discriminator="kind"),
]


class RatersFile(_Part):
    """The whole of a raters.toml."""

    asking: Asking = Asking()
    rewording: tuple[Rewording, ...] = ()
    rater: tuple[Entry, ...]

    @model_validator(mode="after")
    def _each_once(self) -> "RatersFile":
        if not self.rater:  # a minimum length would also count entries with faults
            raise ValueError("needs at least one [[rater]]")
        names = [name for entry in self.rater for name in names_of(entry)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two raters are called {name}; give one another name")
        sentences = [each.of for each in self.rewording]
        for sentence in sentences:
            if sentences.count(sentence) > 1:
                raise ValueError(
                    f"{sentence!r} is reworded twice; put it into one place"
                )
        return self


def names_of(
    entry: EmbeddingEntry | CausalEntry | ChatEntry | RecordedEntry | BuiltInEntry,
) -> list[str]:
    """The raters that an entry becomes: one, or one for each layer."""
    if isinstance(entry, EmbeddingEntry) and entry.layers:
        return [f"{entry.name}-layer{layer}" for layer in entry.layers]
    return [entry.name]


def read_raters_file(path: Path) -> RatersFile:
    """Read and check a raters.toml.

    Args:
        path: If it is just "raters.toml" and there is none, the one that ships with
            Attune is read.

    Raises:
        RatersFileError: With every fault and its place.
    """
    try:
        text = place_of(Path(path)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = getattr(problem, "strerror", None) or "not UTF-8 text"
        raise RatersFileError(path, [("", f"cannot be read ({reason})")]) from None
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise RatersFileError(path, [("", f"is not TOML: {problem}")]) from None
    try:
        return RatersFile.model_validate(document)
    except ValidationError as problem:
        # Not "from": what pydantic quotes may hold a key.
        faults = [_fault(error, document) for error in problem.errors()]
    raise RatersFileError(path, faults)


def place_of(path: Path) -> Path:
    """The file that is read for `path`: itself, or the one that ships with Attune."""
    if str(path) == SHIPPED and not path.exists():
        return Path(str(resources.files("alignment.raters") / SHIPPED))
    return path


def _fault(error: Any, document: Mapping[str, Any]) -> tuple[str, str]:
    loc = [step for step in error["loc"] if step != "_"]
    place = _place(loc, document)
    sentence = _EXPLAINED.get(error["type"])
    if sentence is None:
        said = error["msg"].removeprefix("Value error, ")
        sentence = (said[:1].lower() + said[1:]).replace("input should", "must")
        told = error["type"] != "value_error"
        if told and not SECRET_PLACES.search(str(loc[-1] if loc else "")):
            sentence += f"; got {error['input']!r}"
    return place, sentence


def _place(loc: list[Any], document: Mapping[str, Any]) -> str:
    if not loc:
        return ""
    part, *rest = loc
    if not rest or not isinstance(rest[0], int):
        return ".".join(map(str, loc))
    number, *rest = rest
    place = f"{part} {number + 1}"
    entry = document[part][number]
    if isinstance(entry, dict):
        if isinstance(entry.get("name"), str):
            place += f" ({entry['name']})"
        # The union names its branch; a reader of the file knows the kind.
        rest = rest[1:] if rest and rest[0] == entry.get("kind") else rest
    return place + (", " + ".".join(map(str, rest)) if rest else "")
