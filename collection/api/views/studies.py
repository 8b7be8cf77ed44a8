"""Studies: which there are, what they ask about, how far they are, open or closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from collection import coverage, loading
from collection.access import role_in, studies_of
from collection.api.base import ApiView, StudyView, page
from collection.api.bodies import PageQuery, Strict
from collection.api.errors import GONE_OR_HIDDEN
from collection.api.fields import (
    JUDGMENT_KINDS,
    ActionRow,
    CellRow,
    CoverageDocument,
    StudyRow,
)
from collection.api.schema import page_of
from collection.models import Action, Cell, Study, StudySession

_CHANGES: dict[str, Callable[..., Study]] = {
    "open": loading.open_study,
    "paused": loading.pause_study,
    "closed": loading.close_study,
}


class StatusRequest(Strict):
    """Whether people can join."""

    status = serializers.ChoiceField(
        [(value, label) for value, label in Study.Status.choices if value in _CHANGES]
    )


class CellQuery(PageQuery):
    """Which cells."""

    kind = serializers.ChoiceField(
        JUDGMENT_KINDS, required=False, help_text="Of this kind alone."
    )
    dimension = serializers.SlugField(
        required=False, help_text="Of this value dimension alone."
    )


class Studies(ApiView):
    """The studies that are open to the token's person."""

    asks = PageQuery

    @extend_schema(
        operation_id="listStudies",
        summary="My studies",
        responses=page_of(StudyRow),
    )
    def get(self, request: Request) -> Response:
        """The studies that you may see, by their slugs."""
        return page(
            self,
            _counted(studies_of(request.user)),
            lambda study: shown(study, request.user),
            by="slug",
            key=lambda study: study.slug,
        )


class OneStudy(StudyView):
    """One study."""

    @extend_schema(
        operation_id="getStudy", summary="A study", responses={200: StudyRow}
    )
    def get(self, request: Request, slug: str) -> Response:
        """What a study is, and whether people can join."""
        study = _counted(Study.objects.filter(pk=self.study.pk)).get()
        return Response(shown(study, request.user))


class Definition(StudyView):
    """The document that says what a study is."""

    @extend_schema(
        operation_id="getDefinition",
        summary="Its definition",
        responses={200: OpenApiTypes.OBJECT},
    )
    def get(self, request: Request, slug: str) -> Response:
        """The whole document that says what the study is, with its actions."""
        return Response(self.study.definition)


class Status(StudyView):
    """Whether people can join a study."""

    refusals = {"PUT": (409, 422)}

    @extend_schema(
        operation_id="setStatus",
        summary="Open, pause or close it",
        request=StatusRequest,
        responses={200: StudyRow},
    )
    def put(self, request: Request, slug: str) -> Response:
        """Let people join, or let nobody new join; who began may finish.

        Safe to repeat. A study whose definition is not ready to be opened is left as it
        is, and everything that is missing is listed.
        """
        wanted = StatusRequest(data=request.data)
        wanted.is_valid(raise_exception=True)
        change(self.study, wanted.validated_data["status"], by=request.user)
        study = _counted(Study.objects.filter(pk=self.study.pk)).get()
        return Response(shown(study, request.user))


class Actions(StudyView):
    """What a study asks about."""

    asks = PageQuery

    @extend_schema(
        operation_id="listActions",
        summary="Its actions",
        responses=page_of(ActionRow),
    )
    def get(self, request: Request, slug: str) -> Response:
        """The study's actions, in the order of every matrix."""
        return page(
            self,
            self.study.actions.all(),
            lambda action: ActionRow(action).data,
            by="position",
            key=lambda action: action.position,
        )


class OneAction(StudyView):
    """One action."""

    @extend_schema(
        operation_id="getAction", summary="An action", responses={200: ActionRow}
    )
    def get(self, request: Request, slug: str, action_id: str) -> Response:
        """One action of the study."""
        action = Action.objects.filter(study=self.study, action_id=action_id).first()
        if action is None:
            raise NotFound(GONE_OR_HIDDEN)
        return Response(ActionRow(action).data)


class Coverage(StudyView):
    """How far a study is."""

    @extend_schema(
        operation_id="getCoverage",
        summary="How far it is",
        responses={200: CoverageDocument},
    )
    def get(self, request: Request, slug: str) -> Response:
        """Judgments completed against those wanted, and sessions by their status."""
        found = {
            "simulated": coverage.has_simulated_people(self.study),
            "blocks": coverage.coverage_by_block(self.study),
            "groups": coverage.progress_by_group(self.study),
        }
        return Response(CoverageDocument(found).data)


class Cells(StudyView):
    """Each pair, dimension or single rating that is wanted so many times."""

    asks = CellQuery

    @extend_schema(
        operation_id="listCells",
        summary="What is wanted, cell by cell",
        responses=page_of(CellRow),
    )
    def get(self, request: Request, slug: str) -> Response:
        """How often each pair or value was judged. Random triplets have no cells."""
        asked = {k: v for k, v in self.query.items() if k in ("kind", "dimension")}
        cells = Cell.objects.filter(study=self.study, **asked)
        return page(self, cells.select_related("action_a", "action_b"), _cell)


def change(study: Study, status: str, *, by: Any) -> None:
    """Open, pause or close a study. Safe to repeat.

    Raises:
        DefinitionError: it is to be opened and is not ready; everything missing is named.
        StateRefused: it is to be paused and is not open.
    """
    with transaction.atomic():
        locked = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
        _CHANGES[status](locked, by=by)


def shown(study: Study, user: Any) -> dict[str, Any]:
    """A study as a person sees it."""
    study.role = role_in(user, study)  # type: ignore[attr-defined]
    return dict(StudyRow(study).data)


def _counted(studies: QuerySet[Study]) -> QuerySet[Any]:
    people = StudySession.objects.filter(study=OuterRef("pk"), simulated=True)
    # The document is large, and is asked for at its own address.
    return studies.defer("definition").annotate(
        n_actions=Count("actions", distinct=True), simulated=Exists(people)
    )


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "kind": cell.kind,
        "key": cell.key,
        "dimension": cell.dimension,
        "action_a": cell.action_a.action_id if cell.action_a else None,
        "action_b": cell.action_b.action_id if cell.action_b else None,
        "wanted": cell.wanted,
        "completed": cell.completed,
        "in_flight": cell.in_flight,
    }
