"""Every sentence for participants goes through gettext, in every language delivered."""

from __future__ import annotations

import gettext
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from django.template.base import Lexer, TokenType

from tests.messages import (
    LANGUAGES,
    ROOT,
    catalog,
    compiled,
    participant_templates,
    said,
)

# What people read in an attribute.
READ_ATTRIBUTES = {"alt", "aria-label", "placeholder", "title"}
NAMES = {"Attune"}
WORD = re.compile(r"[^\W\d_]{2,}")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\b[A-Z]{4,}\b|\bN\b")
# Words in capitals that the scripts fill in.
FILLED_IN = {"VALUE", "NUMBER", "TOTAL", "TEXT", "DISTANCE", "N"}


class _Text(HTMLParser):
    """The words of a page that stand outside its tags, or in what is read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"style", "script"}:
            self._hidden = tag
        for name, value in attrs:
            if name in READ_ATTRIBUTES and WORD.search(value or ""):
                self.found.append(f"{name}={value}")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""

    def handle_data(self, data: str) -> None:
        words = [word for word in WORD.findall(data) if word not in NAMES]
        if words and not self._hidden:
            self.found.append(data.strip())


def untranslated(source: str) -> list[str]:
    """Text of a template that stands outside translate and blocktranslate tags."""
    source = re.sub(r"{% block \w+_class %}.*?{% endblock %}", "", source)
    kept, within = [], False
    for token in Lexer(source).tokenize():
        if token.token_type == TokenType.BLOCK:
            name = token.contents.split()[0]
            within = name == "blocktranslate" or (
                within and name != "endblocktranslate"
            )
        elif token.token_type == TokenType.TEXT and not within:
            kept.append(token.contents)
    parser = _Text()
    parser.feed("".join(kept))
    parser.close()
    return parser.found


@pytest.mark.parametrize("path", participant_templates(), ids=lambda path: path.name)
def test_no_sentence_of_a_template_stands_outside_translation(path: Path) -> None:
    assert untranslated(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>Hello</p>", ["Hello"]),
        ('<p aria-label="Hello">{% translate "x" %}</p>', ["aria-label=Hello"]),
        ("{% blocktranslate %}Hello{% endblocktranslate %} you", ["you"]),
        ('<p class="hello">{{ hello }} – Attune</p>', []),
    ],
)
def test_a_sentence_outside_translation_is_found(source: str, found: list[str]) -> None:
    assert untranslated(source) == found


@pytest.mark.parametrize("path", sorted((ROOT / "collection").glob("static/**/*.js")))
def test_scripts_take_their_words_from_the_page(path: Path) -> None:
    """Two words in one string would be a sentence; comments may hold sentences."""
    if path.name in {"job.js", "figures.js", "live.js"}:  # researchers' pages
        pytest.skip("a researchers' page")
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text("utf-8"), flags=re.DOTALL)
    strings = re.findall(r'"([^"\n]*)"', code)

    assert [s for s in strings if re.match(r"[A-Z][a-z]+ [a-z]+", s)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated(language: str) -> None:
    known = catalog(language)

    faults = []
    for sentence, files in said().items():
        message = known.get(sentence.id)
        if message is None:
            faults.append(f"{files[0]}: {sentence.singular!r} is not in the catalog")
        elif message.fuzzy:
            faults.append(f"{files[0]}: {sentence.singular!r} is fuzzy")
        elif not all(strings_of(message)):
            faults.append(f"{files[0]}: {sentence.singular!r} is empty")
        elif sentence.plural and len(strings_of(message)) != known.num_plurals:
            faults.append(f"{files[0]}: {sentence.singular!r} lacks a plural")

    assert faults == [], "run `make messages`, and translate what is empty"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_kept_that_nobody_says(language: str) -> None:
    ids = {sentence.id for sentence in said()}

    assert [m.id for m in catalog(language) if m.id and as_key(m) not in ids] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_fill_in_the_same(language: str) -> None:
    faults = [
        (one, string)
        for message in catalog(language)
        if message.id
        for one in [message.id if isinstance(message.id, str) else message.id[1]]
        for string in strings_of(message)
        if filled_in(string) != filled_in(one)
        or string.count("|") != one.count("|")
        or (one[-1] in ".:?") != (string[-1] in ".:?")
    ]

    assert faults == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalog_is_fresh(language: str) -> None:
    with compiled(language).open("rb") as file:
        read = gettext.GNUTranslations(file)

    for message in catalog(language):
        if not message.id:
            continue
        if isinstance(message.id, str):
            assert read.gettext(message.id) == message.string
        else:
            one, many = message.id
            assert [read.ngettext(one, many, n) for n in (1, 2)] == list(message.string)


def filled_in(text: str) -> set[str]:
    """What is put into a sentence: by Python, or by a script."""
    return {
        found
        for found in PLACEHOLDER.findall(text)
        if found.startswith("%") or found in FILLED_IN
    }


def strings_of(message: Message) -> tuple[str, ...]:
    string = message.string
    return (string,) if isinstance(string, str) else tuple(string)


def as_key(message: Message) -> str | tuple[str, str]:
    return message.id if isinstance(message.id, str) else tuple(message.id)
