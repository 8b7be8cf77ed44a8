"""The form that starts a pilot."""

from __future__ import annotations

from django import forms

MOST_SIMULATED = 200


class PilotForm(forms.Form):
    """How many simulated people walk through; none for colleagues alone."""

    sessions = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=MOST_SIMULATED,
        initial=0,
        label="Simulated participants",
        help_text=f"Up to {MOST_SIMULATED}, sent through the real pages by the worker. "
        "0 to try it out yourselves.",
    )
