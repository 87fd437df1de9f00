"""Every operation that is the admins' alone, on what nobody has."""

from __future__ import annotations

ABSENT = "key_01JD0000000000000000000000"
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
