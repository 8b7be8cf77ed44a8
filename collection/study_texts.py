'''What people read of a study, in each of its languages.

A study in several languages names them all (`languages = ["en", "de"]`), and two files for
each but its own stand beside its document, so that a translator works on texts alone:

`texts.de.toml`, the study's texts under the names that the study gives them:

    title = "Alltägliche Handlungen"
    instructions = """..."""
    debrief = """..."""

    [consent]                         # text, pay, ethics, content_warning;
    text = """..."""                  # [the study's own]: controller, contact
    pay = "keine"

    [consent.uses]
    this_study = "..."

    [consent.support.1]               # by its number; url [the study's own]
    label = "..."
    url = "https://..."

    [wording]                         # what the study asks of: pair, pair_low, ...
    pair = "..."

    [dimensions.morality]             # title, definition, low, midpoint, high, question
    low = "Sehr unmoralisch"

    [questions.age-band]
    text = "Wie alt sind Sie?"

    [questions.age-band.options]
    18-29 = "18 bis 29"

    [blocks.pairs]                    # instructions; question, of an arrangement
    instructions = "..."

`actions.de.csv` (named like the actions file): `action_id` and `text`; other columns may
stand there, and are not read.

Whatever the study says must be said in every language, and nothing else: a text that is
missing, or that the study does not have, is a fault with its place. A language changes
what is read and nothing that is stored: action ids, option keys and ratings stay.
'''

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from collection.actions_file import read_actions
from collection.errors import Fault
from collection.toml_file import read_toml

Texts = Mapping[str, str]
"""Name -> text: `dimensions.morality.low`, `actions.return-wallet`."""

_TAG: Final = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_CONSENT: Final = ("text", "ethics", "controller", "contact", "pay", "content_warning")
_OPTIONAL: Final = ("controller", "contact")
_DIMENSION: Final = ("title", "definition", "low", "midpoint", "high", "question")
_ASKED_OF: Final = {
    "pair": ("pair", "pair_low", "pair_high"),
    "triplet": ("triplet",),
}
_SHORTEST: Final = 60
"""Letters of the study's own text that a fault quotes."""


@dataclass(frozen=True)
class Place:
    """Where a text stands in a definition's document, and what stands there."""

    steps: tuple[str | int, ...]
    text: str
    required: bool = True


def places(document: Mapping[str, Any]) -> dict[str, Place]:
    """Every text of a definition that people read, by its name.

    Args:
        document: `StudyDefinition.model_dump(mode="json")`.
    """
    return {
        name: place
        for name, place in _all_places(document)
        # A dimension without a title goes by its name, which is of the study's language.
        if place.text or (name.startswith("dimensions.") and name.endswith(".title"))
    }


def _all_places(document: Mapping[str, Any]) -> Iterator[tuple[str, Place]]:
    for name in ("title", "instructions", "debrief"):
        yield name, Place((name,), document[name])
    consent = document["consent"]
    for name in _CONSENT:
        text = consent[name]
        if name == "content_warning" and says_none(text):
            continue
        yield (
            f"consent.{name}",
            Place(("consent", name), text, name not in _OPTIONAL),
        )
    for i, use in enumerate(consent["uses"]):
        steps = ("consent", "uses", i, "text")
        yield f"consent.uses.{use['key']}", Place(steps, use["text"])
    for i, link in enumerate(consent["support"]):
        for name in ("label", "url"):
            yield (
                f"consent.support.{i + 1}.{name}",
                Place(("consent", "support", i, name), link[name], name == "label"),
            )
    kinds = {block["kind"] for block in document["blocks"]}
    asked = {name for kind in kinds for name in _ASKED_OF.get(kind, ())}
    if kinds - {"questions"}:
        asked.add("not_understood")
    for name, text in document["wording"].items():
        yield f"wording.{name}", Place(("wording", name), text, name in asked)
    for i, dimension in enumerate(document["dimensions"]):
        for name in _DIMENSION:
            yield (
                f"dimensions.{dimension['name']}.{name}",
                Place(("dimensions", i, name), dimension[name] or ""),
            )
    for i, question in enumerate(document["questions"]):
        prefix = f"questions.{question['key']}"
        yield f"{prefix}.text", Place(("questions", i, "text"), question["text"])
        for j, option in enumerate(question["options"]):
            yield (
                f"{prefix}.options.{option['key']}",
                Place(("questions", i, "options", j, "text"), option["text"]),
            )
    for i, block in enumerate(document["blocks"]):
        for name in ("instructions", "question"):
            yield (
                f"blocks.{block['key']}.{name}",
                Place(("blocks", i, name), block.get(name, "")),
            )
    for i, action in enumerate(document["actions"]):
        yield (
            f"actions.{action['action_id']}",
            Place(("actions", i, "text"), action["text"]),
        )


def says_none(text: str) -> bool:
    """Whether a content warning says that there is nothing to warn of."""
    return text.lower().rstrip(".") == "none"


def spoken(document: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    """The document with its texts in another language; the rest is as it was."""
    changed: dict[str, Any] = copy.deepcopy(dict(document))
    known = places(document)
    for name, text in texts.items():
        inner: Any = changed
        *way, last = known[name].steps
        for step in way:
            inner = inner[step]
        inner[last] = text
    return changed


def tag_faults(own: str, languages: Sequence[str]) -> list[str]:
    """What is wrong with a study's list of languages."""
    if not languages:
        return []
    messages = [
        f"{tag!r} is no language tag; write it like 'de' or 'pt-BR'"
        for tag in languages
        if not _TAG.fullmatch(tag)
    ]
    if own not in languages:
        messages.append(f"must name the study's own language, {own!r}")
    messages += [
        f"{tag!r} stands twice"
        for tag in sorted({tag for tag in languages if languages.count(tag) > 1})
    ]
    return messages


def text_faults(document: Mapping[str, Any]) -> list[Fault]:
    """Every text that a language lacks, or has too many, with the file it belongs to.

    Args:
        document: A definition's, with `languages` and `translations`.
    """
    known = places(document)
    translations: Mapping[str, Texts] = document["translations"]
    faults = []
    for language in document["languages"]:
        if language == document["language"]:
            continue
        texts = translations.get(language, {})
        for name, place in known.items():
            if place.required and not texts.get(name):
                where = _where(name, language, document["actions_file"])
                said = (
                    place.text
                    if len(place.text) <= _SHORTEST
                    else (place.text[: _SHORTEST - 1].rstrip() + "…")
                )
                says = f"; the study says {said!r}" if said else ""
                faults.append(Fault(where, f"is missing{says}"))
        faults += [
            Fault(
                _where(name, language, document["actions_file"]),
                "the study has no such text; is it misspelt?",
            )
            for name in texts
            if name not in known
        ]
    faults += [
        Fault("translations", f"{language!r} is not among the study's languages")
        for language in translations
        if language not in document["languages"] or language == document["language"]
    ]
    return faults


def read_translations(
    folder: Path, raw: Mapping[str, Any]
) -> tuple[dict[str, dict[str, str]], list[Fault]]:
    """The texts of every language that a study names, and what cannot be read of them.

    Args:
        folder: Where the study's document lies.
        raw: That document as read, whatever is wrong with it.
    """
    languages = raw.get("languages")
    if not isinstance(languages, list):
        return {}, []
    own = raw.get("language", "en")
    actions_file = str(raw.get("actions_file", "actions.csv"))
    translations: dict[str, dict[str, str]] = {}
    faults: list[Fault] = []
    for tag in languages:
        # Other tags are refused later, and name no file meanwhile.
        if tag == own or not isinstance(tag, str) or not _TAG.fullmatch(tag):
            continue
        texts, wrong = _read_texts(folder / texts_file(tag))
        rows, wrong_rows = read_actions(folder / actions_file_in(tag, actions_file))
        faults += [*wrong, *wrong_rows]
        translations[tag] = texts | {
            f"actions.{row['action_id']}": row["text"] for row in rows
        }
    return translations, faults


def texts_file(language: str) -> str:
    """The file of a language's texts."""
    return f"texts.{language}.toml"


def actions_file_in(language: str, actions_file: str) -> str:
    """The file of a language's actions: `actions.de.csv` beside `actions.csv`."""
    path = Path(actions_file)
    return str(path.with_name(f"{path.stem}.{language}{path.suffix}"))


def _read_texts(path: Path) -> tuple[dict[str, str], list[Fault]]:
    document, faults = read_toml(path)
    texts: dict[str, str] = {}
    if document is None:
        return texts, faults
    for name, text in _flat(document):
        if not isinstance(text, str):
            faults.append(Fault(f"{path.name}: {name}", f"is no text; got {text!r}"))
        elif name.startswith("actions."):
            faults.append(
                Fault(f"{path.name}: {name}", "actions stand in the CSV beside it")
            )
        else:
            texts[name] = text.strip()
    return texts, faults


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _where(name: str, language: str, actions_file: str) -> str:
    """The file in which a text stands, and its name there."""
    action_id = name.removeprefix("actions.")
    if action_id != name:
        return f"{actions_file_in(language, actions_file)}: action {action_id}"
    return f"{texts_file(language)}: {name}"
