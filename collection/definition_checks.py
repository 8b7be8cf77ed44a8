"""Rules that look across the sections of a definition.

They also run while single sections are still faulty, so that a researcher sees every
fault at once: `Parts.loosely` keeps each section that stands on its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from alignment.adaptive_rules import MAX_COORDINATES
from collection.definition_parts import (
    ArrangementBlock,
    Block,
    ConsentForm,
    Group,
    PairBlock,
    Question,
    QuestionsBlock,
    TripletBlock,
    Use,
    ValueBlock,
)
from collection.errors import Fault

if TYPE_CHECKING:
    from collection.definitions import StudyDefinition

Names = Sequence[tuple[int, str]]
T = TypeVar("T")


@dataclass(frozen=True)
class Parts:
    """What the cross-section rules need, each section with its index in the document.

    Names are also those of sections that have faults of their own; `n_actions` is
    None where the actions file could not be read.
    """

    dimensions: Names
    questions: Names
    screening: frozenset[str]
    block_keys: Names
    group_names: Names
    blocks: Sequence[tuple[int, Block]]
    groups: Sequence[tuple[int, Group]]
    uses: Sequence[tuple[int, Use]]
    group_mode: str
    n_actions: int | None

    @classmethod
    def of(cls, definition: StudyDefinition) -> Parts:
        return cls(
            dimensions=_names(definition.dimensions, "name"),
            questions=_names(definition.questions, "key"),
            screening=frozenset(q.key for q in definition.questions if q.screens),
            block_keys=_names(definition.blocks, "key"),
            group_names=_names(definition.groups, "name"),
            blocks=list(enumerate(definition.blocks)),
            groups=list(enumerate(definition.groups)),
            uses=list(enumerate(definition.consent.uses)),
            group_mode=definition.group_mode,
            n_actions=len(definition.actions),
        )

    @classmethod
    def loosely(cls, raw: Mapping[str, Any], n_actions: int | None) -> Parts:
        """From a document as read, keeping each section that is valid by itself."""
        consent = raw.get("consent")
        uses = consent.get("uses") if isinstance(consent, dict) else None
        return cls(
            dimensions=_raw_names(raw.get("dimensions"), "name"),
            questions=_raw_names(raw.get("questions"), "key"),
            screening=frozenset(
                question.key
                for _, question in _valid(raw.get("questions"), TypeAdapter(Question))
                if question.screens
            ),
            block_keys=_raw_names(raw.get("blocks"), "key"),
            group_names=_raw_names(raw.get("groups"), "name"),
            blocks=_valid(raw.get("blocks"), TypeAdapter(Block)),
            groups=_valid(raw.get("groups"), TypeAdapter(Group)),
            uses=_valid(uses, TypeAdapter(Use)),
            group_mode=str(raw.get("group_mode", "disjoint")),
            n_actions=n_actions,
        )


def _names(sections: Iterable[object], field: str) -> Names:
    return [(index, getattr(section, field)) for index, section in enumerate(sections)]


def _only(names: Names) -> tuple[str, ...]:
    return tuple(name for _, name in names)


def _raw_names(sections: object, field: str) -> Names:
    if not isinstance(sections, list):
        return []
    return [
        (index, section[field])
        for index, section in enumerate(sections)
        if isinstance(section, dict) and isinstance(section.get(field), str)
    ]


def _valid(sections: object, adapter: TypeAdapter[T]) -> list[tuple[int, T]]:
    found = []
    for index, section in enumerate(sections if isinstance(sections, list) else []):
        try:
            found.append((index, adapter.validate_python(section)))
        except ValidationError:
            continue
    return found


def cross_faults(parts: Parts) -> list[Fault]:
    """Every fault that no section can see by itself, each with its place."""
    faults: list[Fault] = []
    for place, names in (
        ("dimensions[{}].name", parts.dimensions),
        ("questions[{}].key", parts.questions),
        ("blocks[{}].key", parts.block_keys),
        ("groups[{}].name", parts.group_names),
        ("consent.uses[{}].key", [(i, use.key) for i, use in parts.uses]),
    ):
        faults += _repeated(place, names)
    faults += _use_faults(parts.uses)
    for index, block in parts.blocks:
        faults += [
            Fault(f"blocks[{index}].{field}", message)
            for field, message in _block_messages(block, parts)
        ]
    faults += _group_faults(parts)
    return faults


def _repeated(place: str, names: Names) -> list[Fault]:
    first: dict[str, int] = {}
    faults = []
    for index, name in names:
        if name in first:
            faults.append(
                Fault(place.format(index), f"{name!r} is taken by number {first[name]}")
            )
        first.setdefault(name, index)
    return faults


def _use_faults(uses: Sequence[tuple[int, Use]]) -> list[Fault]:
    faults = []
    for index, use in uses:
        place = f"consent.uses[{index}].required"
        if use.key == "this_study" and not use.required:
            faults.append(
                Fault(place, "this_study must be required: without it, no data at all")
            )
        if use.key != "this_study" and use.required:
            faults.append(
                Fault(
                    place,
                    f"{use.key} must be a free choice; only this_study can be required",
                )
            )
    return faults


def _block_messages(block: Block, parts: Parts) -> list[tuple[str, str]]:
    if isinstance(block, ValueBlock):
        return _value_messages(block, parts)
    if isinstance(block, QuestionsBlock):
        return _unknown("questions", block.questions, "question", parts.questions)
    if isinstance(block, ArrangementBlock):
        return _arrangement_messages(block, parts.n_actions)
    messages: list[tuple[str, str]] = []
    if parts.n_actions is not None:
        size: Literal[2, 3] = 2 if isinstance(block, PairBlock) else 3
        possible = comb(parts.n_actions, size)
        what = "pairs" if size == 2 else "triplets"
        if block.trials_per_session > possible:
            messages.append(
                (
                    "trials_per_session",
                    f"{parts.n_actions} actions make {possible} {what}, and a person "
                    f"sees each once; got {block.trials_per_session}",
                )
            )
        if isinstance(block, TripletBlock) and block.sampler == "adaptive":
            messages += _adaptive_messages(block, parts.n_actions)
    if isinstance(block, PairBlock) and block.repeats > block.trials_per_session:
        messages.append(
            ("repeats", f"at most {block.trials_per_session} trials can be repeated")
        )
    return messages


def _arrangement_messages(
    block: ArrangementBlock, n_actions: int | None
) -> list[tuple[str, str]]:
    if n_actions is None:
        return []
    if block.actions_per_arena > n_actions:
        return [
            (
                "actions_per_arena",
                f"the study has {n_actions} actions; got {block.actions_per_arena}",
            )
        ]
    if block.actions_per_arena == n_actions and block.arenas_per_session > 1:
        return [
            (
                "arenas_per_session",
                f"an arena of {n_actions} holds every action, and a second one would "
                f"only repeat it; got {block.arenas_per_session}. Ask for 1 arena, or "
                "for fewer actions in each",
            )
        ]
    if block.arenas_per_session > comb(n_actions, 2):
        return [
            (
                "arenas_per_session",
                f"each arena is begun for another pair, and {n_actions} actions make "
                f"{comb(n_actions, 2)}; got {block.arenas_per_session}",
            )
        ]
    return []


def _adaptive_messages(block: TripletBlock, n_actions: int) -> list[tuple[str, str]]:
    wanted = block.embedding_dimensions
    most = min(n_actions - 1, MAX_COORDINATES // n_actions)
    if wanted <= most:
        return []
    if not most:
        message = (
            f"the adaptive sampler lays out at most {MAX_COORDINATES} actions, got "
            f'{n_actions}; use sampler = "random"'
        )
        return [("sampler", message)]
    return [
        (
            "embedding_dimensions",
            f"{n_actions} actions can be laid out in 1 to {most} dimensions; "
            f"got {wanted}",
        )
    ]


def _value_messages(block: ValueBlock, parts: Parts) -> list[tuple[str, str]]:
    if not parts.dimensions:
        return [("dimensions", "the study has no value dimensions; add [[dimensions]]")]
    messages = _unknown("dimensions", block.dimensions, "dimension", parts.dimensions)
    n_dimensions = len(block.dimensions or parts.dimensions)
    if block.assign == "dimension" and block.dimensions_per_session > n_dimensions:
        messages.append(
            (
                "dimensions_per_session",
                f"the block has {n_dimensions}; got {block.dimensions_per_session}",
            )
        )
    if parts.n_actions is None:
        return messages
    possible = parts.n_actions * n_dimensions
    if block.trials_per_session is not None and block.trials_per_session > possible:
        messages.append(
            (
                "trials_per_session",
                f"{parts.n_actions} actions on {n_dimensions} dimensions make "
                f"{possible} ratings; got {block.trials_per_session}",
            )
        )
    repeatable = block.trials_per_session or parts.n_actions
    if block.repeats > repeatable:
        messages.append(("repeats", f"at most {repeatable} trials can be repeated"))
    return messages


def _unknown(
    field: str, wanted: Sequence[str], what: str, known: Names
) -> list[tuple[str, str]]:
    names = [name for _, name in known]
    messages = [
        (field, f"unknown {what} {name!r}; the study has {', '.join(names) or 'none'}")
        for name in wanted
        if name not in names
    ]
    messages += [
        (field, f"{what} {name!r} stands twice")
        for name in sorted({name for name in wanted if wanted.count(name) > 1})
    ]
    return messages


def _group_faults(parts: Parts) -> list[Fault]:
    faults = []
    used: set[str] = set()
    blocks = {block.key: block for _, block in parts.blocks}
    for index, group in parts.groups:
        used.update(group.blocks)
        place = f"groups[{index}].blocks"
        messages = _unknown("", group.blocks, "block", parts.block_keys)
        faults += [Fault(place, message) for _, message in messages]
        own = [blocks[key] for key in group.blocks if key in blocks]
        faults += [Fault(place, m) for m in _capacity_messages(own, parts)]
        faults += [Fault(place, m) for m in _screening_messages(own, parts)]
        rule = _MODE_RULES.get(parts.group_mode)
        if rule is not None and (message := rule(own)):
            faults.append(Fault(place, message))
    if len(parts.groups) == len(parts.group_names):
        faults += [
            Fault(f"blocks[{index}].key", f"block {key!r} is in no group")
            for index, key in parts.block_keys
            if key not in used
        ]
    return faults


def _screening_messages(blocks: Sequence[Block], parts: Parts) -> list[str]:
    """Nobody judges first and is told then that they cannot take part."""
    messages = []
    judged = False
    for block in blocks:
        if not isinstance(block, QuestionsBlock):
            judged = True
            continue
        screening = [key for key in block.questions if key in parts.screening]
        if judged and screening:
            messages.append(
                f"block {block.key!r} screens people out ({', '.join(screening)}) who "
                "have judged already; put it before every block of judgments"
            )
    return messages


def _capacity_messages(blocks: Sequence[Block], parts: Parts) -> list[str]:
    """A person never sees a pair, triplet or dimension twice, over all their blocks."""
    messages = []
    asked: dict[str, str] = {}
    for block in blocks:
        if not isinstance(block, ValueBlock):
            continue
        for name in dict.fromkeys(block.dimensions or _only(parts.dimensions)):
            if name in asked:
                messages.append(
                    f"blocks {asked[name]!r} and {block.key!r} of one group share the "
                    f"dimension {name!r}; a person rates an action on it once"
                )
            asked.setdefault(name, block.key)
    for kind, size in ((PairBlock, 2), (TripletBlock, 3)):
        same = [cast("PairBlock", block) for block in blocks if isinstance(block, kind)]
        total = sum(block.trials_per_session for block in same)
        if len(same) > 1 and parts.n_actions and total > comb(parts.n_actions, size):
            messages.append(
                f"blocks {', '.join(block.key for block in same)} ask {total} trials "
                f"of one person, more than the {comb(parts.n_actions, size)} there are"
            )
    return messages


def _similarity_and_values(blocks: Sequence[Block]) -> tuple[list[int], list[int]]:
    """Places of the similarity blocks and of the value blocks in a group's order."""
    similarity = [
        place
        for place, block in enumerate(blocks)
        if isinstance(block, PairBlock | TripletBlock | ArrangementBlock)
    ]
    values = [p for p, block in enumerate(blocks) if isinstance(block, ValueBlock)]
    return similarity, values


def _disjoint(blocks: Sequence[Block]) -> str:
    similarity, values = _similarity_and_values(blocks)
    if similarity and values:
        return (
            'group_mode = "disjoint" keeps people who judge similarity from value '
            "questions; split the group, or set group_mode"
        )
    return ""


def _same(blocks: Sequence[Block]) -> str:
    similarity, values = _similarity_and_values(blocks)
    if similarity and values and max(similarity) > min(values):
        return 'group_mode = "same" puts every similarity block before values'
    return ""


def _counterbalanced(blocks: Sequence[Block]) -> str:
    similarity, values = _similarity_and_values(blocks)
    if len(similarity) + len(values) < 2:
        return 'group_mode = "counterbalanced" needs two judgment blocks in a group'
    return ""


_MODE_RULES: dict[str, Callable[[Sequence[Block]], str]] = {
    "disjoint": _disjoint,
    "same": _same,
    "counterbalanced": _counterbalanced,
}


def opening_faults(consent: ConsentForm) -> tuple[Fault, ...]:
    """What consent lacks before a study may open (science.md, 7), all at once."""
    needs = {
        "text": "the consent page",
        "minimum_age": "the age gate, in years",
        "ethics": 'the ethics approval number, or "none"',
        "controller": "who is responsible for the data",
        "contact": "whom to write to",
        "duration_minutes": "how long it takes",
        "pay": 'what people are paid, or "none"',
        "content_warning": 'what may upset someone, or "none"',
        "uses": "the data uses, each with a tick of its own",
        "withdrawal_until": "the last date for withdrawing data",
        "support": "support links for the debrief",
    }
    faults = [
        Fault(f"consent.{field}", f"is empty; say {meaning}")
        for field, meaning in needs.items()
        if getattr(consent, field) in (None, "", ())
    ]
    if consent.uses and not any(use.key == "this_study" for use in consent.uses):
        faults.append(Fault("consent.uses", "needs the use this_study"))
    return tuple(faults)
