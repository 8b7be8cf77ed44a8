"""What a page shows, to somebody who reads it with a program instead of with eyes.

Only what stands on the page counts: forms with their hooks (`data-kind`,
`data-action-id` ...), fields, and the completion code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin

from lxml import etree, html

_PARSER = html.HTMLParser(encoding="utf-8", remove_comments=True)
_FORMS = etree.XPath("//main//form[@method='post']")
_FIELDS = etree.XPath(".//input[@name] | .//textarea[@name] | .//button[@name]")
_ACTION_IDS = etree.XPath(".//@data-action-id")
_SLIDERS = etree.XPath(".//*[@data-slider]")
_COMPLETION = etree.XPath("//*[@data-completion-code]")
_COMPLAINT = etree.XPath("//*[@role='alert'][not(@hidden)]")
_FORWARD = etree.XPath("//main//a[@class='button'][@href]")


@dataclass(frozen=True)
class Field:
    """One field of a form: its name, its type and the value it stands for."""

    name: str
    kind: str
    value: str
    lowest: str = ""
    highest: str = ""


@dataclass(frozen=True)
class Form:
    """A form that can be sent.

    Attributes:
        address: Where it is sent.
        hooks: The `data-` attributes of the form, without that prefix.
        fields: Every named field, in the order of the page.
        action_ids: The actions shown in it, in shown order.
        slider: Whether a browser would show a line of 101 places to rate on.
    """

    address: str
    hooks: Mapping[str, str]
    fields: tuple[Field, ...]
    action_ids: tuple[str, ...]
    slider: bool

    @property
    def kind(self) -> str:
        """value, pair, triplet, question or consent; empty for any other form."""
        return self.hooks.get("kind", "")

    def offered(self, name: str, kind: str) -> list[str]:
        """Values of the fields of this name and type: options, ticks, buttons."""
        return [f.value for f in self.fields if (f.name, f.kind) == (name, kind)]

    def field(self, name: str) -> Field | None:
        """The first field of this name, or None."""
        return next((f for f in self.fields if f.name == name), None)

    def hidden(self) -> dict[str, str]:
        """What a browser sends without anybody doing anything."""
        return {f.name: f.value for f in self.fields if f.kind == "hidden"}


class Page:
    """One page as it was received."""

    def __init__(self, content: bytes, address: str) -> None:
        self.address = address
        self._tree = html.document_fromstring(content, parser=_PARSER)

    @cached_property
    def forms(self) -> list[Form]:
        """The forms of the page's main part."""
        return [
            Form(
                address=urljoin(self.address, form.get("action") or self.address),
                hooks={
                    name.removeprefix("data-"): value
                    for name, value in form.attrib.items()
                    if name.startswith("data-")
                },
                fields=tuple(_fields(form)),
                action_ids=tuple(map(str, _ACTION_IDS(form))),
                slider=bool(_SLIDERS(form)),
            )
            for form in _FORMS(self._tree)
        ]

    @property
    def completion_code(self) -> str | None:
        """The code on the debrief page; None on any other page."""
        found = _COMPLETION(self._tree)
        return "".join(found[0].itertext()).strip() if found else None

    @property
    def complaint(self) -> str:
        """What the page says is wrong, in one line; empty if nothing."""
        return " ".join(
            " ".join("".join(box.itertext()).split()) for box in _COMPLAINT(self._tree)
        )

    @property
    def forward(self) -> str | None:
        """Where the page's main button leads, if it is a link."""
        found = _FORWARD(self._tree)
        return urljoin(self.address, found[0].get("href")) if found else None


def _fields(form: html.HtmlElement) -> Iterator[Field]:
    for field in _FIELDS(form):
        kind = field.tag if field.tag != "input" else field.get("type", "text")
        yield Field(
            name=field.get("name"),
            kind=kind,
            value=field.get("value", ""),
            lowest=field.get("min", ""),
            highest=field.get("max", ""),
        )
