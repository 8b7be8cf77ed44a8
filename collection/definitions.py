'''A study's definition: one TOML document, and a CSV of actions beside it.

`load_definition(path)` reads both into a frozen `StudyDefinition`, or raises a
`DefinitionError` that lists every fault with its place. All fields are described in
`collection/definition_parts.py`. The shape, with what has a default in brackets:

    slug = "everyday"                 # the study's address: /s/everyday/
    title = "Everyday actions"
    version = "1"
    language = "en"                   # [en]
    languages = ["en", "de"]          # [its own only]; collection/study_texts.py
    actions_file = "actions.csv"      # [actions.csv], beside this document
    group_mode = "disjoint"           # [disjoint] | same | counterbalanced
    quota = 300                       # [no limit], people of all groups
    stop_when_covered = true          # [false], once every judgment wanted is there
    instructions = """..."""          # blank lines part paragraphs
    debrief = """..."""

    [consent]                         # drafts may leave fields empty; openstudy refuses
    text = """..."""
    minimum_age = 18
    ethics = "none"                   # approval number, or "none"
    controller = "..."
    contact = "..."
    duration_minutes = 12
    pay = "none"
    content_warning = "..."           # or "none"
    withdrawal_until = 2027-12-31
    identity_days = 90                # [90], how long a platform's id is kept
    uses = [
      { key = "this_study", text = "...", required = true },
      { key = "open_release", text = "..." },
      { key = "simulated_agents", text = "..." },
    ]
    support = [{ label = "...", url = "https://..." }]

    [completion]                      # a code, an https redirect, or both
    code = "..."
    redirect = "https://..."

    [recruitment]                     # [a plain link]; collection/recruitment/sections.py

    [wording]                         # [the project's sentences]: pair, pair_low,
                                      # pair_high, triplet, not_understood
    [scale]
    input = "slider"                  # [slider] | buttons

    [exclusion]                       # whose judgments a snapshot leaves out
    require_finished = true           # [true]
    max_failed_checks = 0             # [0]
    max_repeat_difference = 30        # [no rule], mean |first - second| of 5 or more

    [[dimensions]]
    name = "morality"
    title = "Morality"                # [the name in words]
    definition = "How right or wrong ..."      # one sentence
    perspective = "self"              # self | others
    polarity = "bipolar"              # bipolar (needs midpoint) | unipolar
    low = "Very immoral"
    midpoint = "Neither"
    high = "Very moral"
    question = "In your own view, how moral or immoral is it to do this?"
    low_threshold = 50                # [50]
    harm = true

    [[questions]]
    key = "age-band"
    kind = "choice"                   # choice | number | text
    text = "How old are you?"
    options = [{ key = "18-29", text = "18 to 29" }, ...]
                                      # number: minimum, maximum; text: max_length [500]
    required = true                   # [true]
    prefer_not_to_say = true          # [true]
    purpose = "about"                 # [about] | comprehension | attention, the last
                                      # two with correct = "<option key>"; comprehension
                                      # may add also_correct = ["<option key>", ...]
    screen_out = ["under-18"]         # [none] options that end the session, paid as
                                      # recruitment says; for a number: screen_out_below,
                                      # screen_out_above. Only before all judgments

    [[blocks]]
    key = "values"
    kind = "value"
    assign = "dimension"              # [dimension] | cells (then trials_per_session)
    dimensions = ["morality"]         # [all]
    dimensions_per_session = 2        # [2]
    judgments_per_cell = 30           # complete vectors wanted per dimension
    polarity = "fixed"                # [fixed] | randomised
    repeats = 0                       # [0]
    instructions = "..."              # [""], shown before the block
    seconds_per_trial = 5             # [5; pair 6, triplet 7,
                                      # questions 10, arrangement 90]

    [[blocks]]
    key = "pairs"
    kind = "pair"
    trials_per_session = 60
    judgments_per_cell = 15           # ratings wanted per pair
    repeats = 0                       # [0]

    [[blocks]]
    key = "triplets"
    kind = "triplet"
    trials_per_session = 60
    judgments_wanted = 5000           # over all people
    sampler = "adaptive"              # [random] | adaptive, 15 % of it at random
    embedding_dimensions = 3          # [3], adaptive only

    [[blocks]]
    key = "arenas"
    kind = "arrangement"
    arenas_per_session = 6
    actions_per_arena = 12            # [12], 3 to 20
    judgments_per_cell = 8            # arenas wanted per pair, over all people
    question = "..."                  # [the project's sentence], above the arena

    [[blocks]]
    key = "about-you"
    kind = "questions"
    questions = ["age-band"]

    [[groups]]
    name = "similarity"
    blocks = ["pairs", "triplets", "about-you"]
    share = 1                         # [1], relative to the other groups
    quota = 150                       # [no limit], people of this group

The CSV's first columns are `action_id` and `text`; `area` and `valence` (good, neutral
or harmful) are known to the check; any other column is an attribute, kept as text.
'''

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Set
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from collection.actions_file import read_actions
from collection.definition_checks import Parts, cross_faults, opening_faults
from collection.definition_parts import (
    SLUG_MEANS,
    ActionText,
    Block,
    Completion,
    ConsentForm,
    Dimension,
    Exclusion,
    Group,
    Line,
    Question,
    Scale,
    Section,
    Slug,
    Wording,
)
from collection.errors import DefinitionError, Fault
from collection.plan import Plan, make_plan
from collection.recruitment.sections import Recruitment
from collection.study_texts import (
    Texts,
    read_translations,
    spoken,
    tag_faults,
    text_faults,
)
from collection.toml_file import read_toml


class StudyDefinition(Section):
    """What a study is, frozen: its documents read into one value."""

    slug: Slug = Field(description=f"The study's address: {SLUG_MEANS}.")
    title: Line = Field(description="Shown at the top of every page.")
    version: Line = Field(description="The document's own version, for its readers.")
    language: Line = Field(default="en", description="Language tag of all texts.")
    languages: tuple[Line, ...] = Field(
        default=(),
        description="Every language that people may choose, the study's own among "
        "them; that one alone if empty.",
    )
    translations: Mapping[str, Texts] = Field(
        default_factory=dict,
        description="Language -> the texts in it, from the files beside this document.",
    )
    actions_file: Line = Field(
        default="actions.csv", description="The CSV of actions beside this document."
    )
    group_mode: Literal["disjoint", "same", "counterbalanced"] = Field(
        default="disjoint",
        description="disjoint: who judges similarity never sees value questions. same: "
        "similarity first, then values. counterbalanced: half of each group does its "
        "judgment blocks in the opposite order.",
    )
    quota: int | None = Field(
        default=None,
        ge=1,
        description="People that the study may have over all groups, and no more; no "
        "limit if empty. Who leaves gives their place back (collection/quotas.py).",
    )
    stop_when_covered: bool = Field(
        default=False,
        description="Whether newcomers are turned away from groups whose blocks have "
        "every judgment that they want (judgments_per_cell, judgments_wanted). Whoever "
        "is at it finishes; should judgments be lost, newcomers are let in again.",
    )
    consent: ConsentForm = Field(description="What people agree to.")
    instructions: Line = Field(description="Shown after consent.")
    debrief: Line = Field(description="Shown at the end.")
    completion: Completion = Field(description="How a person who finished is thanked.")
    recruitment: Recruitment | None = Field(
        default=None, description="Where people come from; a plain link if left out."
    )
    wording: Wording = Field(default=Wording(), description="Questions and labels.")
    scale: Scale = Field(default=Scale(), description="How a rating is given.")
    exclusion: Exclusion = Field(
        default=Exclusion(), description="Whose judgments a snapshot leaves out."
    )
    dimensions: tuple[Dimension, ...] = Field(
        default=(), description="Value dimensions."
    )
    questions: tuple[Question, ...] = Field(
        default=(), description="Questions about the person."
    )
    blocks: tuple[Block, ...] = Field(min_length=1, description="What is asked.")
    groups: tuple[Group, ...] = Field(min_length=1, description="Who is asked what.")
    actions: tuple[ActionText, ...] = Field(
        min_length=3, description="From the actions file, in its order."
    )

    @model_validator(mode="after")
    def _sections_agree(self) -> StudyDefinition:
        faults = cross_faults(Parts.of(self))
        if self.languages or self.translations:
            faults += _language_faults(self.model_dump(mode="json"))
        if faults:
            raise ValueError("; ".join(map(str, faults)))
        return self

    @cached_property
    def sha256(self) -> str:
        """Hash of everything in the definition, actions included."""
        document = self.model_dump(mode="json")
        if self.recruitment is None:  # as before there was such a section
            del document["recruitment"]
        if not self.languages:  # nor other languages
            del document["languages"], document["translations"]
        if self.quota is None:  # nor quotas
            del document["quota"]
        if not self.stop_when_covered:
            del document["stop_when_covered"]
        canonical = json.dumps(
            document,
            sort_keys=True,
            ensure_ascii=False,
            separators=(",", ":"),
        )
        return hashlib.sha256(canonical.encode()).hexdigest()

    def dimension(self, name: str) -> Dimension:
        return _named(self.dimensions, "name", name)

    def block(self, key: str) -> Block:
        return _named(self.blocks, "key", key)

    def question(self, key: str) -> Question:
        return _named(self.questions, "key", key)

    def group(self, name: str) -> Group:
        return _named(self.groups, "name", name)

    @cached_property
    def action_ids(self) -> tuple[str, ...]:
        return tuple(action.action_id for action in self.actions)

    @property
    def offered_languages(self) -> tuple[str, ...]:
        """The languages that people may choose from, at least one."""
        return self.languages or (self.language,)

    def in_language(self, language: str) -> StudyDefinition:
        """What people read in this language: the same study, in other words.

        Only for showing it. A language that the study does not offer is answered in
        the study's own.
        """
        return self._translated.get(language, self)

    @cached_property
    def _translated(self) -> dict[str, StudyDefinition]:
        document = self.model_dump(mode="json", exclude={"languages", "translations"})
        return {
            language: StudyDefinition.model_validate(
                {**spoken(document, texts), "language": language}
            )
            for language, texts in self.translations.items()
        }

    def missing_before_opening(self) -> tuple[Fault, ...]:
        """What consent still lacks; an open study may lack nothing."""
        return opening_faults(self.consent)

    def plan(self) -> Plan:
        """Trials, minutes and sessions that the study needs."""
        return make_plan(self)


Named = TypeVar("Named")


def _named(sections: Iterable[Named], field: str, name: str) -> Named:
    for section in sections:
        if getattr(section, field) == name:
            return section
    raise KeyError(name)


def load_definition(path: Path) -> StudyDefinition:
    """Read `study.toml` at `path` and the actions file beside it.

    Raises:
        DefinitionError: with every fault of both documents.
    """
    definition, faults = _read(path)
    if definition is None:
        raise DefinitionError(faults)
    return definition


def check_definition(path: Path) -> list[Fault]:
    """Every fault of the two documents; empty if `load_definition` would succeed."""
    return _read(path)[1]


def stored_definition(
    sha256: str, stored: Callable[[], Mapping[str, Any]]
) -> StudyDefinition:
    """The definition that a study keeps, parsed once per process and hash.

    What is stored was checked when it was loaded, so a hash says all there is to say.
    """
    if sha256 not in _parsed:
        _parsed[sha256] = StudyDefinition.model_validate(stored())
    return _parsed[sha256]


_parsed: dict[str, StudyDefinition] = {}


def _read(path: Path) -> tuple[StudyDefinition | None, list[Fault]]:
    """The definition if it has no fault, and all faults otherwise."""
    raw, faults = read_toml(path)
    if raw is None:
        return None, faults
    if "actions" in raw:
        del raw["actions"]
        faults.append(
            Fault(
                f"{path.name}: actions",
                "actions stand in a CSV beside this document; name it in actions_file",
            )
        )
    if "translations" in raw:
        del raw["translations"]
        faults.append(
            Fault(
                f"{path.name}: translations",
                "other languages stand in files beside this document; name them in "
                "languages",
            )
        )
    actions_file = raw.get("actions_file", "actions.csv")
    rows: list[dict[str, Any]] = []
    translations: dict[str, dict[str, str]] = {}
    unreadable: list[Fault] = []
    if isinstance(actions_file, str) and not _is_plain(actions_file):
        # A document that somebody sends must not name other files of this machine.
        place = f"{path.name}: actions_file"
        faults.append(Fault(place, "names a file beside this document, in no folder"))
    else:
        if isinstance(actions_file, str) and actions_file.strip():
            rows, csv_faults = read_actions(path.parent / actions_file)
            faults += csv_faults
        translations, unreadable = read_translations(path.parent, raw)
        faults += unreadable
    whole = {**raw, "actions": rows, "translations": translations}
    definition = None
    try:
        definition = StudyDefinition.model_validate(whole)
    except ValidationError as error:
        faults += _schema_faults(error, path.name)
        # One bad field must not hide that a block names a dimension that is not there.
        faults += [
            Fault(f"{path.name}: {fault.place}", fault.message)
            for fault in cross_faults(Parts.loosely(raw, len(rows) or None))
        ]
        listed = {_file(fault) for fault in unreadable if ":" not in fault.place}
        faults += _faults_of_languages(whole, path.name, listed)
    return (None if faults else definition), faults


def _is_plain(file: str) -> bool:
    return Path(file).name == file and file not in (".", "..")


def _language_faults(document: Mapping[str, Any]) -> list[Fault]:
    wrong = tag_faults(document["language"], document["languages"])
    return [Fault("languages", message) for message in wrong] + text_faults(document)


def _faults_of_languages(
    whole: Mapping[str, Any], file: str, unreadable: Set[str]
) -> list[Fault]:
    """What the languages lack, once the study itself is clear.

    Args:
        unreadable: Files whose own faults are listed already.
    """
    own = {k: v for k, v in whole.items() if k not in ("languages", "translations")}
    try:
        document = StudyDefinition.model_validate(own).model_dump(mode="json")
    except ValidationError:
        return []
    languages = whole.get("languages")
    if not isinstance(languages, list) or not all(
        isinstance(tag, str) for tag in languages
    ):
        return []
    document |= {"languages": languages, "translations": whole["translations"]}
    return [
        Fault(f"{file}: {fault.place}", fault.message)
        if fault.place == "languages"
        else fault
        for fault in _language_faults(document)
        if _file(fault) not in unreadable
    ]


def _file(fault: Fault) -> str:
    """The file that a fault is in: `actions.de.csv` of `actions.de.csv line 3`."""
    return re.split(r"[: ]", fault.place, maxsplit=1)[0]


def _schema_faults(error: ValidationError, file: str) -> list[Fault]:
    faults = []
    for one in error.errors():
        location = one["loc"]
        if location[:1] in ((), ("actions",)):
            continue  # said better by cross_faults and by read_actions
        message = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message = "unknown field; is it misspelt?"
        elif one["type"] == "union_tag_invalid":
            kinds = one["ctx"]["expected_tags"].replace("'", "")
            location, message = (
                (*location, "kind", "kind"),
                f"must be one of {kinds}; got {one['ctx']['tag']!r}",
            )
        elif one["type"] == "string_pattern_mismatch":
            message = f"needs {SLUG_MEANS}; got {one['input']!r}"
        elif one["type"] not in ("missing", "value_error"):
            message = f"{message}; got {one['input']!r}"
        faults.append(Fault(f"{file}: {_place(location)}", message))
    return faults


def _place(location: tuple[int | str, ...]) -> str:
    """`dimensions[2].low` for ("dimensions", 2, "low"), without pydantic's union tag."""
    place = ""
    for depth, step in enumerate(location):
        if depth == 2 and location[0] == "blocks":
            continue
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            place += f".{step}" if place else step
    return place
