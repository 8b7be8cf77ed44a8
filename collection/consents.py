"""The text that people agree to: shown, hashed, and kept word for word for every version.

The version of a consent is the hash of what the page said: the definition's text, the
facts, every tick, and the site's own sentences around them. When any of that changes,
by another definition or by a new release of this program, it is another version, and the
old text stays where those who agreed to it can be shown it.
"""

from __future__ import annotations

import hashlib

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from collection.definition_parts import ConsentForm
from collection.definitions import StudyDefinition
from collection.errors import ConsentTextChanged
from collection.models import ConsentVersion, Study
from collection.study_texts import says_none


def shown(definition: StudyDefinition, language: str | None = None) -> str:
    """What the consent page says, as HTML, in one language (the study's own)."""
    language = language or definition.language
    definition = definition.in_language(language)
    with translation.override(language):
        html = render_to_string(
            "participant/consent_shown.html",
            {"definition": definition, "warning": warning(definition.consent)},
        )
    lines = (line.strip() for line in html.splitlines())
    return "\n".join(line for line in lines if line) + "\n"


def version_of(html: str) -> str:
    """The version that a text is: sha256, 64 hexadecimal digits."""
    return hashlib.sha256(html.encode()).hexdigest()


def keep(
    study: Study, *, read: str | None = None, language: str | None = None
) -> ConsentVersion:
    """The text that the study shows now, stored at the first consent to it.

    Args:
        read: The version that the person had before them, where that is known.

    Raises:
        ConsentTextChanged: they had read another text.
    """
    own = study.definition_model()
    language = language or own.language
    definition = own.in_language(language)
    html = shown(own, language)
    version = version_of(html)
    if read is not None and read != version:
        raise ConsentTextChanged(
            _(
                "The text of this page was changed while you were reading it. Please "
                "read it once more before you decide."
            )
        )
    kept, _is_new = ConsentVersion.objects.get_or_create(
        study=study,
        version=version,
        defaults={
            "language": language,
            "shown": html,
            "definition": definition.consent.model_dump(mode="json"),
        },
    )
    return kept


def warning(consent: ConsentForm) -> str:
    """The content warning; empty where the definition says that there is none."""
    text = consent.content_warning
    return "" if says_none(text) else text
