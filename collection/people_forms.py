"""The forms of the people page: add somebody, invite somebody, choose a role."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User

from collection.models import Role, Study, Team

LONGEST_WHO = 254
# The lowest first: nobody becomes an owner by leaving a field as it was.
ROLES = [
    (Role.VIEWER.value, "Viewer: looks, and downloads"),
    (Role.EDITOR.value, "Editor: runs the study"),
    (Role.OWNER.value, "Owner: all, people and erasing included"),
]


class AddForm(forms.Form):
    """Somebody with an account here."""

    who = forms.CharField(
        max_length=LONGEST_WHO,
        label="Name or e-mail address",
        help_text="Of their account. Who has none can be invited on the next page.",
        error_messages={"required": "Type somebody’s name or e-mail address."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(label="Role", choices=ROLES)


class InviteForm(forms.ModelForm):  # type: ignore[type-arg]
    """Somebody without an account."""

    role = forms.ChoiceField(label="Role", choices=ROLES)

    class Meta:
        model = User
        fields = ("username", "email")
        labels = {"username": "Name to log in with", "email": "E-mail address"}
        help_texts = {"username": "Letters, digits and @ . + - _", "email": ""}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["auto_id"] = "invite-%s"
        super().__init__(*args, **kwargs)
        self.fields["email"].required = True
        for name in ("username", "email"):
            self.fields[name].widget.attrs |= {"autocomplete": "off"}
            self.fields[name].widget.attrs.pop("autofocus", None)

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError("This e-mail address has an account already.")
        return email


class TeamForm(forms.Form):
    """One of one's own teams that is not in the study yet."""

    team: Any = forms.ModelChoiceField(
        queryset=Team.objects.none(), label="Team", empty_label=None
    )
    role = forms.ChoiceField(label="Role", choices=ROLES)

    def __init__(self, *args: Any, user: Any, study: Study, **kwargs: Any) -> None:
        kwargs["auto_id"] = "team-%s"
        super().__init__(*args, **kwargs)
        mine = Team.objects.filter(places__user=user)
        self.fields["team"].queryset = mine.exclude(  # type: ignore[attr-defined]
            memberships__study=study
        )


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=ROLES)
