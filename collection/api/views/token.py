"""The token itself: a program asks first whether it is let in, and as whom."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from collection.api.base import ApiView
from collection.api.fields import TokenDocument


class Token(ApiView):
    """The token of this request."""

    tag = "token"

    @extend_schema(
        operation_id="getToken", summary="This token", responses={200: TokenDocument}
    )
    def get(self, request: Request) -> Response:
        """Whose the token is, what it may be used for, and until when."""
        return Response(TokenDocument(request.auth).data)
