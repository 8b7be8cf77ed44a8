"""Which language somebody reads.

A study offers the languages that its definition names. The browser's wish decides at
first, then what the person chooses on the front page or the consent page; from consent on
it stays, so that a session was read in one language, and it is known in which. Pages that
belong to no study speak the site's languages (``settings.LANGUAGES``), and the
researchers' pages English.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.translation import get_language_info
from django.utils.translation.trans_real import parse_accept_lang_header

from collection.definitions import StudyDefinition
from collection.models import Study, StudySession

PARAMETER: Final = "lang"
"""Where an address or a form names the language that was chosen."""
ENGLISH_ONLY: Final = ("/research/", "/admin/", "/api/")


class LanguageMiddleware(LocaleMiddleware):
    """The browser's language for every page, where the site speaks it.

    A study's pages change it (`speak`); the researchers' pages are in English.
    """

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(ENGLISH_ONLY):
            translation.activate(settings.LANGUAGE_CODE)
            request.LANGUAGE_CODE = translation.get_language()
        else:
            super().process_request(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Leave the thread as it was found: its next request may be anybody's."""
        spoken = super().process_response(request, response)
        translation.deactivate()
        return spoken


@dataclass(frozen=True)
class Offered:
    """A language as the switcher shows it.

    name: In the language itself.
    query: The address that chooses it, from its question mark on.
    """

    tag: str
    name: str
    direction: str
    query: str
    current: bool


def language_of(session: StudySession) -> str:
    """The language that a session reads, or would, as far as is known."""
    return session.language or session.study.definition_model().language


def chosen(request: HttpRequest, whose: StudySession | Study) -> str:
    """The language for this page: one that the study offers."""
    session = whose if isinstance(whose, StudySession) else None
    study = session.study if session else whose
    assert isinstance(study, Study)
    definition = study.definition_model()
    if len(definition.offered_languages) == 1:
        return definition.language
    if session and session.status != StudySession.Status.ARRIVED:
        return language_of(session)
    asked = request.POST.get(PARAMETER) or request.GET.get(PARAMETER, "")
    if asked in definition.offered_languages:
        return asked
    if session and session.language:
        return session.language
    return preferred(
        request.headers.get("Accept-Language", ""),
        definition.offered_languages,
        definition.language,
    )


def preferred(header: str, offered: Sequence[str], default: str) -> str:
    """The first language of an Accept-Language header that is offered, or the default.

    "de-AT" is answered with "de", and "pt" with "pt-BR".
    """
    for wish, weight in parse_accept_lang_header(header):
        if weight <= 0:
            continue
        for tag in offered:
            if tag.casefold() == wish:
                return tag
        for tag in offered:
            if _base(tag) == _base(wish):
                return tag
    return default


def keep(session: StudySession, language: str) -> None:
    """Store the language that an arrived person chose; nothing after consent."""
    offered = session.study.definition_model().offered_languages
    if len(offered) == 1 or language not in offered or session.language == language:
        return
    arrived = StudySession.objects.filter(
        pk=session.pk, status=StudySession.Status.ARRIVED
    )
    if arrived.update(language=language):
        session.language = language


def speak(session: StudySession) -> StudyDefinition:
    """Turn to the session's language; the study's definition in it."""
    language = language_of(session)
    translation.activate(language)
    return session.study.definition_model().in_language(language)


def speak_to(code: UUID) -> None:
    """Turn to the language of the session of this code, if there is one."""
    session = (
        StudySession.objects.select_related("study")
        .defer("study__definition", "study__simulation")
        .filter(pk=code)
        .first()
    )
    if session is not None and session.study.definition_sha256:
        speak(session)


def switcher(
    request: HttpRequest, definition: StudyDefinition, current: str
) -> list[Offered]:
    """The languages to choose from; empty where there is one only."""
    tags = definition.offered_languages
    if len(tags) == 1:
        return []
    offered = []
    for tag in tags:
        query = request.GET.copy()
        query[PARAMETER] = tag
        offered.append(
            Offered(
                tag,
                name_of(tag),
                direction_of(tag),
                f"?{query.urlencode()}",
                tag == current,
            )
        )
    return offered


def name_of(tag: str) -> str:
    """What a language calls itself; its tag where that is not known."""
    try:
        name: str = get_language_info(tag)["name_local"]
    except KeyError:
        return tag
    return name[:1].upper() + name[1:]


def direction_of(tag: str) -> str:
    """Which way lines of a language run: ltr or rtl."""
    return "rtl" if _base(tag) in settings.LANGUAGES_BIDI else "ltr"


def _base(tag: str) -> str:
    return tag.split("-")[0].casefold()
