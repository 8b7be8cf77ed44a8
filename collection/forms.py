"""What the participants' forms send, read with suspicion.

These forms only read. Whether an answer is complete and was offered is decided by
``participation.record_response``, for pages and programs alike.
"""

from __future__ import annotations

import json
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from collection.arranged import read_places
from collection.definition_parts import Use
from collection.participation import Answer

LONGEST_RT_MS: Final = 24 * 60 * 60 * 1000
LONGEST_TIMING: Final = 8000
LONGEST_EXTERNAL_ID: Final = 200
LONGEST_TEXT: Final = 5000
LONGEST_TOKEN: Final = 4000

PLATFORM_PARAMETERS: Final = {"PROLIFIC_PID": "prolific", "pid": "link"}
"""Where an arriving link names the participant, and the platform that means."""


class ArrivalForm(forms.Form):
    """Who arrives: nobody in particular, somebody of a platform, or a simulation."""

    PROLIFIC_PID = forms.CharField(
        required=False, max_length=LONGEST_EXTERNAL_ID, widget=forms.HiddenInput
    )
    pid = forms.CharField(
        required=False, max_length=LONGEST_EXTERNAL_ID, widget=forms.HiddenInput
    )
    STUDY_ID = forms.CharField(
        required=False, max_length=LONGEST_EXTERNAL_ID, widget=forms.HiddenInput
    )
    SESSION_ID = forms.CharField(
        required=False, max_length=LONGEST_EXTERNAL_ID, widget=forms.HiddenInput
    )
    # What the platform signed, and what this server then said of it (`recruitment`).
    prolific_token = forms.CharField(
        required=False, max_length=LONGEST_TOKEN, widget=forms.HiddenInput
    )
    confirmed = forms.CharField(
        required=False, max_length=LONGEST_TOKEN, widget=forms.HiddenInput
    )
    simulated = forms.CharField(
        required=False, max_length=1000, widget=forms.HiddenInput
    )
    # The language that was chosen (`languages.PARAMETER`).
    lang = forms.CharField(required=False, max_length=35, widget=forms.HiddenInput)

    def identity(self) -> tuple[str, str | None]:
        """(platform, external id); ("link", None) for a person whom nobody named."""
        for parameter, platform in PLATFORM_PARAMETERS.items():
            if external_id := self.cleaned_data[parameter]:
                return platform, external_id
        return "link", None


class ConsentForm(forms.Form):
    """The age gate, and one tick for each use of the data."""

    of_age = forms.BooleanField(
        required=True,
        error_messages={"required": _("Please confirm your age, or choose not to.")},
    )
    uses = forms.MultipleChoiceField(required=False)

    def __init__(self, data: Any, *, uses: tuple[Use, ...]) -> None:
        super().__init__(data)
        self.offered = uses
        field = self.fields["uses"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(use.key, use.text) for use in uses]

    def clean_uses(self) -> dict[str, bool]:
        """Use -> ticked, for every use offered; the required ones must be."""
        ticked = set(self.cleaned_data["uses"])
        if any(use.required and use.key not in ticked for use in self.offered):
            raise forms.ValidationError(
                _("Taking part needs your agreement to the use marked as needed.")
            )
        return {use.key: use.key in ticked for use in self.offered}


class AnswerForm(forms.Form):
    """The answer to a trial, as any of the trial pages sends it.

    ``rt_ms`` and ``timing`` are measurements, not answers: what cannot be believed is
    left out, and never costs a participant their answer.
    """

    trial_id = forms.UUIDField()
    rating = forms.FloatField(
        required=False,
        error_messages={"invalid": _("A rating is a number from 0 to 100.")},
    )
    choice = forms.CharField(required=False, max_length=80)
    text = forms.CharField(required=False, max_length=LONGEST_TEXT)
    not_understood = forms.BooleanField(required=False)
    rt_ms = forms.CharField(required=False)
    timing = forms.CharField(required=False)
    path = forms.CharField(required=False)

    def clean_rt_ms(self) -> int | None:
        """Whole milliseconds above zero, up to a day; None for anything else."""
        try:
            rt_ms = round(float(self.cleaned_data["rt_ms"]))
        except (ValueError, OverflowError):
            return None
        return rt_ms if 0 < rt_ms <= LONGEST_RT_MS else None

    def clean_timing(self) -> dict[str, Any] | None:
        """The browser's timeline, if it is a JSON object of modest size."""
        timing = _json(self.cleaned_data["timing"])
        return timing if isinstance(timing, dict) else None

    def clean_path(self) -> list[Any] | None:
        """The moves of an arrangement, if they are a JSON list of modest size."""
        path = _json(self.cleaned_data["path"])
        return path if isinstance(path, list) else None

    def clean(self) -> dict[str, Any]:
        """The path stands with the other times; the places are read as a whole."""
        cleaned: dict[str, Any] = super().clean() or {}
        if path := cleaned.pop("path", None):
            cleaned["timing"] = {**(cleaned.get("timing") or {}), "path": path}
        return {**cleaned, "positions": read_places(self.data)}

    def answer(self) -> Answer:
        """The answer; "I do not understand" beats whatever else was selected."""
        if self.cleaned_data["not_understood"]:
            return Answer(not_understood=True)
        return Answer(
            rating=self.cleaned_data["rating"],
            choice=self.cleaned_data["choice"],
            text=self.cleaned_data["text"],
            positions=self.cleaned_data["positions"],
        )


def _json(raw: str) -> Any:
    """What a measurement holds; None if it is too long, or PostgreSQL refuses it."""
    if not raw or len(raw) > LONGEST_TIMING:
        return None
    try:
        read = json.loads(raw)
        # What JSON in Python allows and PostgreSQL refuses: NaN, lone surrogates, NUL.
        again = json.dumps(read, allow_nan=False, ensure_ascii=False)
        again.encode()
    except (ValueError, RecursionError):
        return None
    return None if "\\u0000" in again else read
