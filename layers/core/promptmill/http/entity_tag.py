"""Entity tags of jobs, RFC 9110 §8.8.3: the same as long as the answer says the same."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
# Links are made anew for every answer and end after 15 minutes; a tag lasts so much less that the links of a caller who
# is told "not modified" still work for ten.
LINKS_SECONDS = 5 * 60


def entity_tag(document: dict[str, Any], *, at_seconds: int) -> str:
    """The tag of a job's document. Links into S3 do not count, but their age does."""
    result = document["result"]
    if result is not None and "images" in result:
        kept = [{name: image[name] for name in image if not name.startswith("url")} for image in result["images"]]
        document = {**document, "result": {"images": kept, "links": at_seconds // LINKS_SECONDS}}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether an If-None-Match header names the tag, compared weakly, or any tag at all with ``*``."""
    header = (if_none_match or "").strip()
    return header == "*" or tag in _TAG.findall(header)
