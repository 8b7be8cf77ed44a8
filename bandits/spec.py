"""The sweep's document: what is simulated, with whose kernels, on whose values.

A spec is a TOML file. Every field is described here, unknown fields are refused, and
all faults are listed at once, each with its place (`agents[2]`, `phases.learn`). Names
that only a report can know (kernels, dimensions, participants) are checked against it by
`bandits.kernels_axis.name_faults`, in the same list.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, ValidationError

from bandits.errors import SpecError
from bandits.spec_learner import Learner
from bandits.spec_parts import (
    Corruption,
    Ends,
    Part,
    People,
    Phases,
    RewardSettings,
    YardstickSettings,
)

Form = Literal["as_given", "matched"]
Threshold = float | Literal["study", "median"]
Disputed = Literal["counted", "set_aside"]
Fault = tuple[str, str]
MIN_SHUFFLES = 19
"""As `bandits.shuffled_values`, which loads numpy; a spec's shape must not wait for it."""

_EXPLAINED = {
    "missing": "is required and was not given",
    "extra_forbidden": "is not a field of {}",
    "too_short": "needs at least one entry",
}


def _shuffles(given: object) -> int:
    """None, or as many as can reach p = .05."""
    if type(given) is int and (given == 0 or MIN_SHUFFLES <= given <= 10_000):
        return given
    raise ValueError(
        f"shuffles are 0 (none), or {MIN_SHUFFLES} to 10,000: with fewer, no p could be"
        " .05"
    )


def _threshold(given: object) -> Threshold:
    """One error per entry: a union would list one for each of its branches."""
    if given == "study" or given == "median":
        return "study" if given == "study" else "median"
    if isinstance(given, int | float) and not isinstance(given, bool):
        if 0 <= given <= 100:
            return float(given)
        raise ValueError("a threshold lies on the 0-100 value scale")
    raise ValueError('a threshold is "study", "median" or a number from 0 to 100')


class Confirmatory(Part):
    """The one primary outcome, declared before the first run; all else is exploratory.

    It is one row of effects.csv: this metric of this agent in this phase, with this
    measure of alignment, over models.
    """

    agent: str = Field(description="One of the sweep's agents that sees a kernel.")
    dimension: str = Field(description="One of the sweep's dimensions.")
    phase: Literal["personalization", "generalization"]
    metric: str = Field(description="What the phase is measured by, say unsafe_share.")
    measure: str = Field(default="spearman", description="Of alignment.")
    form: Form = "matched"
    values_from: str = "group"
    threshold: Annotated[Threshold, PlainValidator(_threshold)] = "study"
    shuffles: Annotated[int, PlainValidator(_shuffles, json_schema_input_type=int)] = (
        Field(
            default=0,
            description="How often the values are dealt out to the actions anew and this"
            " outcome is simulated for every model, for a p that does not take models for"
            " exchangeable: 200, say. 0: the permutation of models stands alone.",
        )
    )


class SweepSpec(Part):
    """All cells of a sweep: every combination of the axes below."""

    title: str = ""
    seed: int = Field(default=1, ge=0, lt=2**32, description="Key of all luck.")
    n_runs: int = Field(ge=2, le=1_000_000, description="Replicates of every cell.")
    agents: tuple[str, ...] = Field(
        min_length=1,
        description="Rows of the agents table. The uniform agent is always added:"
        " outcomes are given relative to it.",
    )
    kernels: tuple[str, ...] = Field(
        default=("all",),
        min_length=1,
        description='"human" (from one half of the participants), names of raters, or'
        ' "all": the human kernel and every rater whose matrix is complete.',
    )
    forms: tuple[Form, ...] = Field(
        default=("as_given", "matched"),
        min_length=1,
        description="Kernels as given, or with off-diagonals quantile-mapped to the"
        " human kernel's, so that only the order of the pairs differs.",
    )
    dimensions: tuple[str, ...] = Field(min_length=1, description="Whose values pay.")
    values_from: tuple[str, ...] = Field(
        default=("group",),
        min_length=1,
        description='"group" (the mean) or the id of a rater who judged every action.',
    )
    thresholds: tuple[Annotated[Threshold, PlainValidator(_threshold)], ...] = Field(
        default=("study",),
        min_length=1,
        description='Below it an action is unsafe: "study" (the dimension\'s own),'
        ' "median" (of the values used) or a number.',
    )
    disputed: tuple[Disputed, ...] = Field(
        default=("counted",),
        min_length=1,
        description="Actions whose 95 % interval of the mean straddles the threshold:"
        " counted on the side of their mean, or set aside, never unsafe.",
    )
    cross_harm: str | None = Field(
        default=None,
        description="A harm dimension whose unsafe actions are counted as well, while"
        " the agent learns another one.",
    )
    completion: Literal["mean"] | None = Field(
        default=None,
        description="How pairs nobody judged are filled in. Unset: such a matrix is"
        ' refused. Never applied to raters that enter only through "all".',
    )
    repair: Literal["clip", "higham"] = Field(
        default="clip",
        description="How a matrix becomes positive semi-definite: eigenvalues below 0"
        " clipped and the diagonal brought back to 1, or the nearest correlation matrix"
        " (Higham, 2002). How much that changed stands beside every kernel.",
    )
    measures: tuple[str, ...] = Field(
        default=("spearman",),
        min_length=1,
        description="Measures of alignment; the first one is drawn and tested.",
    )
    alignment_resamples: int = Field(default=200, ge=2, le=100_000)
    corruption: Corruption = Corruption()
    ends: Ends = Ends()
    people: People = People()
    rewards: RewardSettings = RewardSettings()
    phases: Phases = Phases()
    learner: Learner = Learner()
    yardsticks: YardstickSettings = YardstickSettings()
    confirmatory: Confirmatory | None = Field(
        default=None,
        description="The primary outcome. Unset: the whole sweep is exploratory.",
    )

    @property
    def sha256(self) -> str:
        """Hash of everything that changes a result; the title does not."""
        content = self.model_dump(mode="json", exclude={"title"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_document(path: Path | str) -> dict[str, Any]:
    """The TOML document at `path`, or of the built-in spec of that name.

    Raises:
        SpecError: No such file or built-in spec, or not TOML.
    """
    text = _built_in(str(path))
    if text is None:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            reason = getattr(problem, "strerror", None) or "not UTF-8 text"
            raise SpecError(
                [
                    (
                        str(path),
                        f"cannot be read ({reason}); give a TOML file or a built-in"
                        f" spec: {', '.join(built_in_specs())}",
                    )
                ]
            ) from problem
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise SpecError([(str(path), f"is not TOML: {problem}")]) from problem


def parse_spec(document: Mapping[str, Any]) -> tuple[SweepSpec | None, list[Fault]]:
    """The spec, or none, and every fault that can be seen without a report."""
    spec, faults = read_shape(document)
    faults += unknown_names("agents", strings(document, "agents"), _agents(), "agent")
    faults += unknown_names(
        "measures", strings(document, "measures"), _measures(), "measure of alignment"
    )
    for field in (
        "agents",
        "kernels",
        "forms",
        "dimensions",
        "values_from",
        "disputed",
    ):
        faults += _repeats(field, strings(document, field))
    for part, field in (("corruption", "kinds"), ("rewards", "sources")):
        inside = document.get(part)
        if isinstance(inside, Mapping):
            faults += _repeats(f"{part}.{field}", strings(inside, field))
    return spec, faults + _confirmatory_faults(document)


def read_shape(document: Mapping[str, Any]) -> tuple[SweepSpec | None, list[Fault]]:
    """The spec, or none, and every fault of its fields' types and ranges.

    Loads neither numpy nor torch; names of agents and measures are not looked up.
    """
    try:
        return SweepSpec.model_validate(document), []
    except ValidationError as problem:
        return None, [_fault(error) for error in problem.errors()]


def read_spec(path: Path | str) -> SweepSpec:
    """Read and check one spec.

    Args:
        path: A TOML file, or the name of a built-in spec (`default`).

    Raises:
        SpecError: With every fault and its place.
    """
    spec, faults = parse_spec(read_document(path))
    if spec is None or faults:
        raise SpecError(faults)
    return spec


def built_in_specs() -> list[str]:
    """Names of the specs that come with the package."""
    folder = resources.files("bandits") / "specs"
    return sorted(
        entry.name.removesuffix(".toml")
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    )


def to_toml(spec: SweepSpec) -> str:
    """The spec as a TOML document with every field written out."""
    content = spec.model_dump(mode="json", exclude_none=True)
    lines = [f"{k} = {_toml(v)}" for k, v in content.items() if not isinstance(v, dict)]
    for name, table in content.items():
        if isinstance(table, dict):
            lines += ["", f"[{name}]"]
            lines += [f"{key} = {_toml(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def strings(document: Mapping[str, Any], field: str) -> list[str | None]:
    """The text entries of a list, in place; None where an entry is no text.

    A field that is no list has none: its fault is already told by the types.
    """
    given = document.get(field, [])
    if not isinstance(given, list | tuple):
        return []
    return [entry if isinstance(entry, str) else None for entry in given]


def unknown_names(
    field: str, given: Sequence[str | None], known: Sequence[str], noun: str
) -> list[Fault]:
    """A fault for every entry that is not known, naming what is."""
    article = "an" if noun[0] in "aeiou" else "a"
    listed = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
    return [
        (f"{field}[{place}]", f'"{name}" is not {article} {noun}; known: {listed}')
        for place, name in enumerate(given)
        if name is not None and name not in known
    ]


def _repeats(field: str, given: Sequence[str | None]) -> list[Fault]:
    return [
        (f"{field}[{place}]", f'"{name}" is already listed')
        for place, name in enumerate(given)
        if name is not None and name in given[:place]
    ]


def _fault(error: Any) -> Fault:
    part = _PARTS.get(str(error["loc"][0]), SweepSpec)
    return explained(error, tuple(part.model_fields), "a sweep spec")


def explained(error: Any, fields: Sequence[str], of: str) -> Fault:
    """One of pydantic's errors as a place and a sentence.

    Args:
        fields: What there is at that place, for a field that is not.
        of: What document it is: "a sweep spec".
    """
    place = ""
    for step in error["loc"]:
        place += f"[{step}]" if isinstance(step, int) else f".{step}"
    sentence = _EXPLAINED.get(error["type"])
    if sentence is None:
        said = error["msg"].removeprefix("Value error, ")
        said = said[:1].lower() + said[1:]
        sentence = f"{said.replace('input should', 'must')}; got {error['input']!r}"
    elif error["type"] == "extra_forbidden":
        sentence = sentence.format(of) + f"; fields there: {', '.join(fields)}"
    return place.removeprefix("."), sentence


_PARTS: dict[str, type[Part]] = {
    "corruption": Corruption,
    "ends": Ends,
    "people": People,
    "rewards": RewardSettings,
    "phases": Phases,
    "learner": Learner,
    "yardsticks": YardstickSettings,
    "confirmatory": Confirmatory,
}


def _agents() -> list[str]:
    # Imported here: reading a spec's shape must not wait for torch to load.
    from bandits.policies import AGENTS

    return list(AGENTS)


def _confirmatory_faults(document: Mapping[str, Any]) -> list[Fault]:
    from bandits.confirmatory import confirmatory_faults

    return confirmatory_faults(document)


def _measures() -> list[str]:
    from alignment.measures.table import MATRIX_MEASURES

    return list(MATRIX_MEASURES)


def _built_in(name: str) -> str | None:
    if name not in built_in_specs():
        return None
    file = resources.files("bandits") / "specs" / f"{name}.toml"
    return file.read_text(encoding="utf-8")


def _toml(value: object) -> str:
    # JSON's text, numbers, booleans and lists of them are TOML as well.
    return json.dumps(value, ensure_ascii=False)
