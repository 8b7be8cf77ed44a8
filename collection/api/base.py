"""What every view does before its own work, and how a list is answered in pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.core import signing
from django.db.models import QuerySet
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from collection.access import Role, study_for
from collection.api.access import HOW, SAFE, require_scope
from collection.api.bodies import PageQuery, Query, asked
from collection.models import Study

UNKNOWN_CURSOR = "This cursor leads to no page of this list. Begin without one."


class ApiView(APIView):
    """An address of the API.

    asks: The query parameters of GET.
    tag: Under which heading of the document it stands.
    refusals: Method -> statuses of refusals, besides those that every operation has.
    """

    asks: ClassVar[type[Query]] = Query
    tag: ClassVar[str] = "studies"
    refusals: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    query: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who asks, how often, for what: each is refused before anything is looked up."""
        try:
            super().initial(request, *args, **kwargs)
        except exceptions.NotAuthenticated:
            raise exceptions.NotAuthenticated(HOW) from None
        method = str(request.method)
        if not hasattr(self, method.lower()) or method.lower() == "options":
            raise exceptions.MethodNotAllowed(method)
        require_scope(request)
        query = self.asks if method in SAFE else Query
        self.query = asked(request.query_params, query)

    @property
    def allowed_methods(self) -> list[str]:
        """For the Allow header; OPTIONS is answered by nothing here."""
        return [method for method in super().allowed_methods if method != "OPTIONS"]


class StudyView(ApiView):
    """An address below a study.

    roles: Method -> the least role of whoever may use it; looking needs a viewer.
    """

    roles: ClassVar[Mapping[str, Role]] = {}
    study: Study

    @classmethod
    def role_for(cls, method: str) -> Role:
        """The least role that may use a method: `VIEWER` to look, `EDITOR` to change."""
        return cls.roles.get(method, Role.VIEWER if method in SAFE else Role.EDITOR)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        least = self.role_for(str(request.method))
        self.study = study_for(request.user, kwargs["slug"], at_least=least)


def page(
    view: ApiView,
    rows: QuerySet[Any, Any],
    show: Callable[[Any], Mapping[str, Any]],
    *,
    by: str = "pk",
    key: Callable[[Any], Any] | None = None,
    descending: bool = False,
) -> Response:
    """One page of a list, and the address of the next one.

    Rows are found by where the last page ended, never by counting from the start, so
    that the millionth is as near as the first.

    Args:
        rows: In any order; `by` must be unique among them, and indexed.
        show: A row as JSON values.
        key: A row's value of `by`; its primary key when left out.
        descending: The largest first.

    Raises:
        NotFound: the cursor belongs to another list, or to none.
    """
    request, query = view.request, view.query
    size = query.get("page_size", PageQuery().fields["page_size"].default)
    # Bound to the address: a cursor of one study opens nothing in another.
    salt = f"attune.api.cursor:{request.path}"
    if "cursor" in query:
        try:
            after = signing.loads(query["cursor"], salt=salt)
        except signing.BadSignature as unknown:
            raise exceptions.NotFound(
                UNKNOWN_CURSOR, code="unknown-cursor"
            ) from unknown
        rows = rows.filter(**{f"{by}__{'lt' if descending else 'gt'}": after})
    ordered = rows.order_by(f"-{by}" if descending else by)
    found = list(ordered[: size + 1])
    shown = found[:size]
    following = None
    if len(found) > size:
        last = key(shown[-1]) if key else shown[-1].pk
        parameters = request.query_params.dict() | {
            "cursor": signing.dumps(last, salt=salt)
        }
        following = request.build_absolute_uri(
            f"{request.path}?{urlencode(parameters)}"
        )
    return Response({"results": [show(row) for row in shown], "next": following})
