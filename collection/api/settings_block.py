"""The API's settings: ``settings.py`` imports them from here.

Only names of things stand here, so that reading the settings loads no part of the API.
"""

from __future__ import annotations

import os
from typing import Any

INSTALLED_APPS = ["rest_framework", "drf_spectacular", "drf_spectacular_sidecar"]

API_PER_MINUTE = int(os.environ.get("ATTUNE_API_PER_MINUTE", "600"))
"""Requests that one token may make in a minute."""

_API = "collection.api"

REST_FRAMEWORK: dict[str, Any] = {
    # Tokens only: a browser's session opens nothing here, so no page can misuse it.
    "DEFAULT_AUTHENTICATION_CLASSES": [f"{_API}.access.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": [f"{_API}.access.PerToken"],
    "DEFAULT_PARSER_CLASSES": [f"{_API}.bodies.SmallJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": f"{_API}.schema.Described",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": f"{_API}.errors.answer_to",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    # Half of a surrogate pair can stand in JSON, and cannot be sent as UTF-8.
    "UNICODE_JSON": False,
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Attune",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": (
        "The researcher's side of Attune for programs: studies, what people judged, and "
        "what was made of it.\n\n"
        "Make a token on the page *Access tokens* and send it with every request, as "
        "`Authorization: Bearer attune_...`. A token sees what its person sees, within "
        "its scopes: `read` for looking, `write` for starting and cancelling jobs and "
        "for opening and closing studies.\n\n"
        "A list comes in pages. `next` is the address of the page that follows, or null "
        "on the last one; `page_size` says how many rows one page holds. A row that is "
        "added meanwhile moves none of the others.\n\n"
        "Everything that is refused has one form, "
        '`{"error": {"code", "message", "fields"}}`: a stable code, a sentence, and what '
        "is wrong by its place. Times are in UTC. Participants go by random names that "
        "say nothing about them."
    ),
    "SCHEMA_PATH_PREFIX": "/api/1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "deepLinking": True,
        "persistAuthorization": False,  # a key must not stay behind in the browser
        "validatorUrl": None,  # nothing is asked of another site
        "defaultModelsExpandDepth": 0,
        "docExpansion": "list",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        f"{_API}.schema.with_refusals",
    ],
    "ENUM_NAME_OVERRIDES": {
        "JobStatus": "collection.models.JobRecord.Status",
        "StudyStatus": "collection.models.Study.Status",
        "SessionStatus": "collection.models.StudySession.Status",
        "JudgmentKind": f"{_API}.fields.JUDGMENT_KINDS",
        "Polarity": "collection.models.Trial.Polarity",
        "Role": "collection.access.Role",
        "Scope": "collection.models.Scope",
    },
    "COMPONENT_SPLIT_REQUEST": False,
    "SORT_OPERATIONS": False,
    "TAGS": [
        {"name": "studies", "description": "Studies, their actions, how far they are."},
        {"name": "people", "description": "Participants and what they judged."},
        {
            "name": "quality",
            "description": "Verdicts on attention. A flag excludes nobody.",
        },
        {"name": "jobs", "description": "Work that outlasts a request."},
        {
            "name": "results",
            "description": "Snapshots, reports, sweeps, datasets; their files.",
        },
        {"name": "token", "description": "The token itself."},
    ],
}
