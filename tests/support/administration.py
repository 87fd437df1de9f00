"""Every operation that is the admins' alone, on what nobody has."""

from __future__ import annotations

ABSENT = "key_01JD0000000000000000000000"
ABSENT_WEBHOOK = "whk_01JD0000000000000000000000"
ABSENT_EVENT = "evt_01JD0000000000000000000000"
CALLS = [
    ("POST", "/v1/keys"),
    ("GET", "/v1/keys"),
    ("GET", f"/v1/keys/{ABSENT}"),
    ("POST", f"/v1/keys/{ABSENT}/rotate"),
    ("DELETE", f"/v1/keys/{ABSENT}"),
    ("GET", f"/v1/limits/{ABSENT}"),
    ("PUT", f"/v1/limits/{ABSENT}"),
    ("DELETE", f"/v1/limits/{ABSENT}"),
]
_WEBHOOK = f"/v1/webhooks/{ABSENT_WEBHOOK}"
WEBHOOK_CALLS = [
    ("POST", "/v1/webhooks"),
    ("GET", "/v1/webhooks"),
    ("GET", _WEBHOOK),
    ("PATCH", _WEBHOOK),
    ("DELETE", _WEBHOOK),
    ("POST", f"{_WEBHOOK}/rotate"),
    ("POST", f"{_WEBHOOK}/test"),
    ("GET", f"{_WEBHOOK}/deliveries"),
    ("GET", f"{_WEBHOOK}/deliveries/{ABSENT_EVENT}"),
    ("POST", f"{_WEBHOOK}/deliveries/{ABSENT_EVENT}/redeliver"),
]
