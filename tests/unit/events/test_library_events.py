"""The events of the library are what the catalogue says."""

from __future__ import annotations

import pytest

from promptmill.clock import new_id
from promptmill.events.library_events import (
    Occurrence,
    prompt_event,
    template_forked_event,
    template_published_event,
)
from promptmill.events.names import EventName
from tests.support.builders import AT, AT_MS, TRACEPARENT
from tests.support.published import check_event

EVENT_ID = new_id("evt", AT_MS)
PROMPT_ID = new_id("prm", AT_MS)
TEMPLATE_ID, NEW_TEMPLATE_ID = new_id("tpl", AT_MS), new_id("tpl", AT_MS)
OWNER = f"usr_{'7' * 32}"
OCCURRENCE = Occurrence(EVENT_ID, AT_MS, OWNER, "req-1", TRACEPARENT)
METADATA = {
    "id": EVENT_ID,
    "version": "1",
    "occurred_at": AT,
    "owner": OWNER,
    "correlation_id": "req-1",
    "traceparent": TRACEPARENT,
}


@pytest.mark.parametrize("name", [name for name in EventName if name.startswith("prompt.")])
def test_what_happens_to_a_prompt_says_who_did_it_and_to_which(name: EventName) -> None:
    event = prompt_event(OCCURRENCE, PROMPT_ID)
    assert event == {"metadata": METADATA, "data": {"prompt_id": PROMPT_ID}}
    check_event(name, event)


def test_a_published_template_says_its_version() -> None:
    event = template_published_event(OCCURRENCE, TEMPLATE_ID, version=2)
    assert event == {"metadata": METADATA, "data": {"template_id": TEMPLATE_ID, "version": 2}}
    check_event(EventName.TEMPLATE_PUBLISHED, event)


def test_a_forked_template_says_what_it_was_made_of() -> None:
    event = template_forked_event(OCCURRENCE, NEW_TEMPLATE_ID, forked_from=TEMPLATE_ID)
    assert event == {"metadata": METADATA, "data": {"template_id": NEW_TEMPLATE_ID, "forked_from": TEMPLATE_ID}}
    check_event(EventName.TEMPLATE_FORKED, event)
