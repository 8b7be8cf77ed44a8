"""Events that Prolific sends: believed when signed and fresh, taken in once.

The signature is base64(HMAC-SHA256(secret, timestamp + body)) over the bytes as they
came (docs.prolific.com, webhooks: verifying). ``X-Event-ID`` names an event through its
redeliveries. ``X-Timestamp`` is not signed, so order never hangs on it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from collection import limits
from collection.models import PlatformEvent
from collection.recruitment import submissions

SIGNATURE: Final = "X-Prolific-Request-Signature"
TIMESTAMP: Final = "X-Prolific-Request-Timestamp"
EVENT_ID: Final = "X-Event-ID"
REPLAY_WINDOW_S: Final = 300
SUBMISSION_CHANGED: Final = "submission.status.change"


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What the platform's signature of a body must be."""
    digest = hmac.new(secret.encode(), timestamp.encode() + body, hashlib.sha256)
    return base64.b64encode(digest.digest()).decode()


def genuine(
    secret: str, timestamp: str, body: bytes, signed: str, *, now: float
) -> bool:
    """Whether the platform signed this, and not long ago."""
    right = signature(secret, timestamp, body).encode()
    if not hmac.compare_digest(right, signed.encode(errors="replace")):
        return False
    try:
        age_s = now - float(timestamp)
    except ValueError:
        return False
    return abs(age_s) <= REPLAY_WINDOW_S


@csrf_exempt
@require_POST
def prolific(request: HttpRequest) -> HttpResponse:
    """Take in one event. 2xx says that it need not be sent again."""
    secret = settings.PROLIFIC_WEBHOOK_SECRET
    if not secret:
        return _refused("No webhook secret: set ATTUNE_PROLIFIC_WEBHOOK_SECRET.", 503)
    body = request.body
    timestamp = request.headers.get(TIMESTAMP, "")
    signed = request.headers.get(SIGNATURE, "")
    if not genuine(secret, timestamp, body, signed, now=time.time()):
        limits.take(limits.WEBHOOKS, limits.address(request))
        return _refused("The signature does not fit, or is too old.", 401)
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        return _refused("The body is not a JSON object.", 400)
    # Where no id came, the signed moment and body are the event's name.
    name = (
        request.headers.get(EVENT_ID)
        or hashlib.sha256(timestamp.encode() + body).hexdigest()
    )
    return JsonResponse({"effect": take_in(name[:200], event)})


def take_in(name: str, event: dict[str, Any]) -> str:
    """Apply an event once.

    Returns:
        applied; stale (something later is known); repeated; unknown (nobody here has
        that submission); or ignored (another kind of event, a status of the future).
    """
    kind = str(event.get("event_type", ""))[:60]
    status = str(event.get("status", "")).upper().replace("_", " ")[:40]
    with transaction.atomic():
        # Two deliveries at once: the second waits here for the first to commit.
        record, new = PlatformEvent.objects.get_or_create(
            event_id=name,
            defaults={"kind": kind, "status": status, "effect": "ignored"},
        )
        if not new:
            return "repeated"
        record.effect = _apply(kind, status, event)
        record.save(update_fields=["effect"])
    return record.effect


def _apply(kind: str, status: str, event: dict[str, Any]) -> str:
    if kind != SUBMISSION_CHANGED or status not in submissions.ORDER:
        return "ignored"
    code = submissions.session_of(
        str(event.get("resource_id", "")), str(event.get("participant_id", ""))
    )
    if code is None:
        return "unknown"
    return "applied" if submissions.learn(code, status) else "stale"


def _refused(message: str, status: int) -> JsonResponse:
    body = {"code": "webhook-refused", "message": message, "fields": {}}
    return JsonResponse({"error": body}, status=status)
