"""The OpenAPI document, and the page on which it is read and tried.

Both are open to everybody: they say what the program does, and nothing of any study.
"""

from __future__ import annotations

from typing import Any, Final

from django.http.response import HttpResponseBase
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from collection.policies import HEADER, policy

# The page's own style sheet holds small pictures.
_POLICY: Final = policy(img="data:")


class Document(SpectacularAPIView):
    """The OpenAPI document."""


class DocumentPage(SpectacularSwaggerSplitView):
    """The same to read and try, with nothing from another site and no inline script."""

    template_name = "api/docs.html"
    url_name = "api-schema"

    def finalize_response(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = super().finalize_response(*args, **kwargs)
        response[HEADER] = _POLICY
        return response
