"""The operator's tables: what happened, and who did it.

Answers and identities are not registered: nobody reads or edits them by hand.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from collection.models import (
    AuditRecord,
    Erasure,
    Incident,
    JobRecord,
    SnapshotRecord,
    Study,
)


@admin.register(Study)
class StudyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Nothing is changed here: who sees a study is said on its people's page."""

    list_display = ("slug", "title", "status", "opened_at")
    fields = ("slug", "title", "status", "created_at", "opened_at")
    readonly_fields = ("slug", "title", "status", "created_at", "opened_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """To look at, not to change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Incident)
class IncidentAdmin(ReadOnly):
    list_display = ("at", "code")
    list_filter = ("code",)
    fields = ("at", "code", "detail")


@admin.register(Erasure)
class ErasureAdmin(ReadOnly):
    list_display = ("at", "study", "by", "reason", "reference")
    list_filter = ("study", "reason")


@admin.register(JobRecord)
class JobAdmin(ReadOnly):
    list_display = ("pk", "kind", "study", "status", "created_at")
    list_filter = ("kind", "status")


@admin.register(SnapshotRecord)
class SnapshotAdmin(ReadOnly):
    list_display = ("study", "number", "n_judgments", "simulated", "created_at")


@admin.register(AuditRecord)
class AuditAdmin(ReadOnly):
    list_display = ("at", "study", "by", "verb")
    list_filter = ("verb",)
