"""What a page asks before it shows a button: may this person press it?

``{% may user "editor" study as may_edit %}``. Hiding is a courtesy: each view asks again.
"""

from __future__ import annotations

from typing import Any

from django import template

from collection.access import Role, allows, role_in
from collection.models import Study

register = template.Library()


@register.simple_tag
def may(user: Any, role: str, study: Study) -> bool:
    """Whether a person's role in a study is at least this one."""
    return allows(role_in(user, study), Role(role))
