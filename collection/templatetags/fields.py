"""What a template must know of a form field to lay it out."""

from __future__ import annotations

from django import forms, template
from django.forms import BoundField

register = template.Library()


@register.filter
def is_many(field: BoundField) -> bool:
    """Whether it is several boxes, which need a legend and no label."""
    return isinstance(field.field.widget, forms.CheckboxSelectMultiple)


@register.filter
def is_box(field: BoundField) -> bool:
    """Whether it is one box, which stands before its label."""
    return isinstance(field.field.widget, forms.CheckboxInput)
