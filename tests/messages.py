"""The sentences that participants read, found in the code, and the catalogs of languages.

`python -m tests.messages` (or `make messages`) brings `collection/locale` up to date: new
sentences are added to every language's `django.po`, to be translated by hand; those that
no code says any more are dropped; and the `django.mo` beside it, which is what a server
reads, is compiled. Needs neither GNU gettext nor a database.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "collection" / "locale"
TEMPLATES = ROOT / "templates"
LANGUAGES = ("de", "es")
"""What Attune is delivered in, besides English."""

_ONE = {"_", "gettext", "gettext_lazy"}
_MANY = {"ngettext", "ngettext_lazy"}


class Sentence(NamedTuple):
    """A sentence as it stands in a catalog; `plural` is empty where nothing is counted."""

    singular: str
    plural: str = ""

    @property
    def id(self) -> str | tuple[str, str]:
        return (self.singular, self.plural) if self.plural else self.singular


def participant_templates() -> list[Path]:
    """Every template that a participant sees."""
    return [
        TEMPLATES / "base.html",
        *sorted((TEMPLATES / "participant").glob("*.html")),
        *sorted((TEMPLATES / "errors").glob("*.html")),
    ]


def said() -> dict[Sentence, list[str]]:
    """Every sentence that goes through gettext, and the files it stands in."""
    found: dict[Sentence, list[str]] = {}
    for path in participant_templates():
        for sentence in in_template(path):
            found.setdefault(sentence, []).append(str(path.relative_to(ROOT)))
    for path in sorted((ROOT / "collection").rglob("*.py")):
        for sentence in in_python(path):
            found.setdefault(sentence, []).append(str(path.relative_to(ROOT)))
    return found


def in_template(path: Path) -> Iterator[Sentence]:
    """The sentences of a template, as Django itself reads it."""
    from django.template import engines
    from django.template.backends.django import DjangoTemplates
    from django.template.base import Node
    from django.templatetags.i18n import BlockTranslateNode, TranslateNode

    engine = engines["django"]
    assert isinstance(engine, DjangoTemplates)
    template = engine.engine.from_string(path.read_text(encoding="utf-8"))
    for node in template.nodelist.get_nodes_by_type(Node):
        if isinstance(node, TranslateNode):
            yield Sentence(node.filter_expression.var.literal)
        elif isinstance(node, BlockTranslateNode):
            singular, _ = node.render_token_list(node.singular)
            plural, _ = node.render_token_list(node.plural or [])
            yield Sentence(singular, plural)


def in_python(path: Path) -> Iterator[Sentence]:
    """The sentences that a module passes to gettext as they stand."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        words = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        if node.func.id in _ONE and words:
            yield Sentence(str(words[0]))
        elif node.func.id in _MANY and len(words) >= 2:
            yield Sentence(str(words[0]), str(words[1]))


def catalog(language: str) -> Catalog:
    """A language's `django.po`."""
    with (_folder(language) / "django.po").open("rb") as file:
        return read_po(file, locale=language)


def compiled(language: str) -> Path:
    """What a server reads."""
    return _folder(language) / "django.mo"


def update(language: str) -> tuple[int, int]:
    """Bring a language up to date; (sentences, those not translated yet)."""
    old = catalog(language)
    new = Catalog(
        locale=language,
        project="Attune",
        version="0",
        msgid_bugs_address="none",
        last_translator="the authors of Attune",
        language_team=f"{language} (Attune)",
        charset="utf-8",
        fuzzy=False,
        header_comment=f"# Attune's sentences for participants: {language}.",
    )
    new.creation_date = new.revision_date = old.creation_date
    for sentence, files in sorted(said().items()):
        known = old.get(sentence.id)
        new.add(
            sentence.id,
            known.string if known is not None else None,
            locations=[(file, None) for file in dict.fromkeys(files)],
            flags=known.flags - {"fuzzy"} if known is not None else (),
        )
    path = _folder(language) / "django.po"
    with path.open("wb") as file:
        write_po(file, new, width=92, include_lineno=False)
    with compiled(language).open("wb") as file:
        write_mo(file, new)
    left = [m for m in new if m.id and not all(_strings(m.string))]
    return len(new), len(left)


def _strings(string: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """What a message says; a new sentence says nothing yet."""
    return (string or "",) if not isinstance(string, tuple) else string


def _folder(language: str) -> Path:
    return LOCALE / language / "LC_MESSAGES"


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "collection.settings")
    django.setup()
    for language in LANGUAGES:
        total, left = update(language)
        print(f"{language}: {total} sentences, {left} to translate")  # noqa: T201
