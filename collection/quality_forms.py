"""The two forms under a session: what it is paid, and whether it is left out."""

from __future__ import annotations

from typing import Any

from django import forms

from collection.ledgers import LONGEST_REASON
from collection.models import ExclusionDecision, Ground, PaymentDecision

# Nothing is chosen beforehand: a decision is not made by leaving a field as it was.
CHOOSE = [("", "Choose …")]


class DecisionForm(forms.Form):
    """A decision, its ground and its reason. Dissent is not among the grounds."""

    legend = ""
    explained = ""
    decision = forms.ChoiceField(label="Decision")
    ground = forms.ChoiceField(label="Ground", choices=[*CHOOSE, *Ground.choices])
    reason = forms.CharField(
        label="Reason",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="In a sentence. It may be exported: no names.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Two forms stand on one page: their fields' ids must differ.
        kwargs["auto_id"] = f"{self.legend.split()[0].lower()}-%s"
        super().__init__(*args, **kwargs)


class PaymentForm(DecisionForm):
    legend = "Payment"
    explained = (
        "The lists of approvals and bonuses follow it; it leaves no judgment out. An "
        "amount is noted apart: manage.py recruitment owe."
    )
    decision = forms.ChoiceField(
        label="Decision", choices=[*CHOOSE, *PaymentDecision.Decided.choices]
    )


class ExclusionForm(DecisionForm):
    legend = "Exclusion"
    explained = "Holds for the next snapshots: it changes nothing of the pay."
    decision = forms.ChoiceField(
        label="Decision", choices=[*CHOOSE, *ExclusionDecision.Decided.choices]
    )
