"""The OpenAPI document, and the page on which it is read and tried.

Both are open to everybody: they say what the program does, and nothing of any study.
"""

from __future__ import annotations

from typing import Any, Final

from django.http.response import HttpResponseBase
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from collection.middleware import CONTENT_SECURITY_POLICY

# The page shows small pictures that its own style sheet holds.
_PAGE_POLICY: Final = CONTENT_SECURITY_POLICY.replace(
    "img-src 'self'", "img-src 'self' data:"
)


class Document(SpectacularAPIView):
    """The OpenAPI document."""


class DocumentPage(SpectacularSwaggerSplitView):
    """The same to read and try, with nothing from another site and no inline script."""

    template_name = "api/docs.html"
    url_name = "api-schema"

    def finalize_response(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = super().finalize_response(*args, **kwargs)
        response["Content-Security-Policy"] = _PAGE_POLICY
        return response
